package seal

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/chacha20poly1305"
)

// A sealed attachment (docs/protocol.md §7) is a header and chunks, after the STREAM construction (Hoang, Reyhanitabar,
// Rogaway, Vizár, CRYPTO 2015):
//
//	header   magic 8 ‖ salt 24
//	content  original ‖ zeros ‖ length of the original as 8 bytes; altogether attachmentSize bytes
//	chunk i  XChaCha20-Poly1305 of the next 64 KiB of the content, the last chunk of what is left
//	nonce    15 zeros ‖ i as 8 bytes ‖ 1 for the last chunk, otherwise 0
//
// The stream key is HKDF-SHA256(attachment key, salt, "kua/attachment/1" ‖ scope): each attachment has a key of its own,
// so that counted nonces never meet twice.
const (
	// MaxAttachment is the largest original in bytes: 200 MiB.
	MaxAttachment = 200 << 20

	attachmentMagic  = "KuaAtt\x00\x01" // its last byte is the version
	attachmentSalt   = 24
	attachmentHeader = len(attachmentMagic) + attachmentSalt
	attachmentChunk  = 64 << 10
	sealedChunk      = attachmentChunk + chacha20poly1305.Overhead
	attachmentInfo   = "kua/attachment/1"
	lengthSize       = 8
)

// ErrTooLarge says that an original is larger than MaxAttachment.
var ErrTooLarge = fmt.Errorf("it is larger than %d MiB: split it, or keep it elsewhere and note where", MaxAttachment>>20)

// attachmentSize returns the length of the padded content of an original of n bytes: Padmé over the original and its
// length, and at least one chunk. It is a multiple of 2048, so that the length never straddles two chunks.
func attachmentSize(n int64) int64 {
	return int64(padme(uint(n)+lengthSize, attachmentChunk))
}

// AttachmentSize returns the length in bytes of the sealed form of an original of n bytes. Above a chunk it is at most
// 1/16 more; what is smaller all looks alike.
func AttachmentSize(n int64) int64 {
	content := attachmentSize(n)
	chunks := (content + attachmentChunk - 1) / attachmentChunk
	return int64(attachmentHeader) + content + chunks*chacha20poly1305.Overhead
}

// stream seals or opens the chunks of one attachment.
type stream struct{ aead cipher.AEAD }

func newStream(key AttachmentKey, scope [16]byte, salt []byte) (stream, error) {
	secret := key.secret()
	if secret == nil {
		return stream{}, errNoAttachmentKey
	}
	derived, err := hkdf.Key(sha256.New, secret[:], salt, attachmentInfo+string(scope[:]), KeySize)
	if err != nil {
		return stream{}, err
	}
	defer clear(derived)
	aead, err := chacha20poly1305.NewX(derived)
	return stream{aead}, err
}

func chunkNonce(i int64, last bool) []byte {
	nonce := make([]byte, chacha20poly1305.NonceSizeX)
	binary.BigEndian.PutUint64(nonce[15:], uint64(i))
	if last {
		nonce[23] = 1
	}
	return nonce
}

// AttachmentWriter seals an original as it is written. Close writes what makes it whole; without that it does not open.
type AttachmentWriter struct {
	w      io.Writer
	stream stream
	plain  []byte // of the chunk that is being filled
	sealed []byte
	chunk  int64
	size   int64 // of the original so far
	err    error // the first failure; everything after it gives the same
}

// NewAttachmentWriter begins a sealed attachment of a scope: it writes the header, with a salt from rand, to w. A key seals
// one attachment.
func NewAttachmentWriter(rand io.Reader, key AttachmentKey, scope [16]byte, w io.Writer) (*AttachmentWriter, error) {
	header := append([]byte(attachmentMagic), make([]byte, attachmentSalt)...)
	salt := header[len(attachmentMagic):]
	if _, err := io.ReadFull(rand, salt); err != nil {
		return nil, fmt.Errorf("sealing an attachment: drawing salt: %w", err)
	}
	s, err := newStream(key, scope, salt)
	if err != nil {
		return nil, fmt.Errorf("sealing an attachment: %w", err)
	}
	if _, err := w.Write(header); err != nil {
		return nil, err
	}
	return &AttachmentWriter{w: w, stream: s, plain: make([]byte, 0, attachmentChunk)}, nil
}

// Size returns how many bytes of the original have been written.
func (a *AttachmentWriter) Size() int64 { return a.size }

// Write seals a part of the original. Beyond MaxAttachment it fails with ErrTooLarge.
func (a *AttachmentWriter) Write(p []byte) (int, error) {
	if a.err == nil && a.size+int64(len(p)) > MaxAttachment {
		a.fail(ErrTooLarge)
	}
	a.add(p)
	if a.err != nil {
		return 0, a.err
	}
	a.size += int64(len(p))
	return len(p), nil
}

// Close pads and ends the attachment. It does not close the underlying writer.
func (a *AttachmentWriter) Close() error {
	zeros := make([]byte, attachmentChunk)
	for left := attachmentSize(a.size) - a.size - lengthSize; left > 0 && a.err == nil; {
		n := min(left, attachmentChunk)
		a.add(zeros[:n])
		left -= n
	}
	a.add(binary.BigEndian.AppendUint64(nil, uint64(a.size)))
	a.flush(true)
	if a.err != nil {
		return a.err
	}
	a.fail(errors.New("sealing an attachment: it is closed"))
	return nil
}

// Abort ends an attachment that will never be whole, and overwrites what it holds in clear. After Close it does nothing.
func (a *AttachmentWriter) Abort() {
	if a.err == nil {
		a.fail(errors.New("sealing an attachment: it was given up"))
	}
}

// fail ends the writer and overwrites what it holds in clear.
func (a *AttachmentWriter) fail(err error) {
	a.err = err
	clear(a.plain[:cap(a.plain)])
}

// add fills chunks. A full one is sealed only when more comes: it may be the last.
func (a *AttachmentWriter) add(p []byte) {
	for len(p) > 0 && a.err == nil {
		if len(a.plain) == attachmentChunk {
			a.flush(false)
			continue
		}
		n := min(attachmentChunk-len(a.plain), len(p))
		a.plain = append(a.plain, p[:n]...)
		p = p[n:]
	}
}

func (a *AttachmentWriter) flush(last bool) {
	if a.err != nil {
		return
	}
	a.sealed = a.stream.aead.Seal(a.sealed[:0], chunkNonce(a.chunk, last), a.plain, nil)
	a.plain = a.plain[:0]
	a.chunk++
	if _, err := a.w.Write(a.sealed); err != nil {
		a.fail(err)
	}
}
