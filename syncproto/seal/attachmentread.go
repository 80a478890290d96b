package seal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/chacha20poly1305"
)

// AttachmentReader opens a sealed attachment chunk by chunk, from any place on. What it returns was authenticated; that the
// attachment is whole was checked before the first byte. It is not safe for concurrent use.
type AttachmentReader struct {
	src    io.ReaderAt
	stream stream
	chunks int64
	last   int64 // sealed bytes of the last chunk
	size   int64 // of the original
	at     int64
	plain  []byte // the chunk that was opened last
	chunk  int64  // its number; -1 for none
	sealed []byte
}

// OpenAttachment opens the sealed attachment of a scope, of which src holds exactly size bytes. It reads header and last
// chunk: an attachment that was cut, lengthened or sealed otherwise is ErrDamaged.
func OpenAttachment(key AttachmentKey, scope [16]byte, src io.ReaderAt, size int64) (*AttachmentReader, error) {
	a, err := openAttachment(key, scope, src, size)
	if err != nil {
		return nil, fmt.Errorf("opening an attachment: %w", err)
	}
	return a, nil
}

func openAttachment(key AttachmentKey, scope [16]byte, src io.ReaderAt, size int64) (*AttachmentReader, error) {
	body := size - int64(attachmentHeader)
	if body <= chacha20poly1305.Overhead || size > AttachmentSize(MaxAttachment) {
		return nil, fmt.Errorf("%w (%d bytes)", ErrDamaged, size)
	}
	header := make([]byte, attachmentHeader)
	if _, err := src.ReadAt(header, 0); err != nil {
		return nil, short(err)
	}
	if string(header[:len(attachmentMagic)]) != attachmentMagic {
		return nil, fmt.Errorf("%w (no attachment of version 1)", ErrDamaged)
	}
	s, err := newStream(key, scope, header[len(attachmentMagic):])
	if err != nil {
		return nil, err
	}
	a := &AttachmentReader{src: src, stream: s, chunks: (body + sealedChunk - 1) / sealedChunk, chunk: -1}
	a.last = body - (a.chunks-1)*sealedChunk
	content := body - a.chunks*chacha20poly1305.Overhead
	if a.last < chacha20poly1305.Overhead+lengthSize {
		return nil, fmt.Errorf("%w (%d bytes)", ErrDamaged, size)
	}
	if err := a.open(a.chunks - 1); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint64(a.plain[len(a.plain)-lengthSize:])
	if n > MaxAttachment || attachmentSize(int64(n)) != content {
		return nil, fmt.Errorf("%w (its length is not the one that was sealed)", ErrDamaged)
	}
	a.size = int64(n)
	return a, nil
}

// Size returns the length of the original in bytes.
func (a *AttachmentReader) Size() int64 { return a.size }

// open reads and opens chunk i.
func (a *AttachmentReader) open(i int64) error {
	n := int64(sealedChunk)
	if i == a.chunks-1 {
		n = a.last
	}
	if int64(cap(a.sealed)) < n {
		a.sealed = make([]byte, sealedChunk)
	}
	a.sealed, a.chunk = a.sealed[:n], -1
	if _, err := a.src.ReadAt(a.sealed, int64(attachmentHeader)+i*sealedChunk); err != nil {
		return short(err)
	}
	plain, err := a.stream.aead.Open(a.plain[:0], chunkNonce(i, i == a.chunks-1), a.sealed, nil)
	if err != nil {
		return fmt.Errorf("%w (chunk %d)", ErrDamaged, i)
	}
	a.plain, a.chunk = plain, i
	return nil
}

// short turns an early end into damage: the size was given.
func short(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w (it is cut)", ErrDamaged)
	}
	return err
}

// Read returns the next bytes of the original.
func (a *AttachmentReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if a.at >= a.size {
		return 0, io.EOF
	}
	if i := a.at / attachmentChunk; i != a.chunk {
		if err := a.open(i); err != nil {
			return 0, err
		}
	}
	start := a.chunk * attachmentChunk
	n := copy(p, a.plain[a.at-start:min(int64(len(a.plain)), a.size-start)])
	a.at += int64(n)
	return n, nil
}

// Seek goes to a place in the original.
func (a *AttachmentReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += a.at
	case io.SeekEnd:
		offset += a.size
	}
	if offset < 0 || whence < io.SeekStart || whence > io.SeekEnd {
		return 0, errors.New("seeking in an attachment: there is no such place")
	}
	a.at = offset
	return offset, nil
}

// Wipe overwrites what was opened last.
func (a *AttachmentReader) Wipe() {
	clear(a.plain[:cap(a.plain)])
	a.chunk = -1
}
