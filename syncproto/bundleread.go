package syncproto

import (
	"bufio"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/klauspost/compress/zstd"
)

// BundleInfo is what a bundle says of itself, and how much of it was whole.
type BundleInfo struct {
	Manifest BundleManifest
	Items    uint64 // read
	Complete bool   // the trailer is there and agrees with all bytes before it
	Damage   error  // why Complete is false; what came before the damage was read and is good
	trailer  Signed
}

// Verify checks that the exporter whose key is pub signed the trailer. It matters for trust in the courier alone:
// roster records, changesets and receipts each carry their own signature.
func (i BundleInfo) Verify(pub ed25519.PublicKey) error {
	if !i.Complete {
		return Refuse(CodeMalformed, "verifying a bundle: it is not complete: copy it again, or go on with what was read")
	}
	if DeviceIDOf(pub) != i.Manifest.Exporter {
		return Refuse(CodeBadSignature, "verifying a bundle: the key is not that of its exporter %s", i.Manifest.Exporter)
	}
	return i.trailer.Verify(pub)
}

// bundleReader is the state of ReadBundle.
type bundleReader struct {
	r      *bufio.Reader
	zstd   *zstd.Decoder
	sum    hash.Hash
	frames uint64
	info   BundleInfo
}

// damage is an error of the medium: reading stops, what was read stays.
type damage struct{ error }

// ReadBundle reads a bundle and calls fn for each item, in memory bounded by one frame. Content may be kept.
//
// A file that was cut off or damaged is no error: every frame before the damage is read, and BundleInfo says what is
// wrong. Errors are those of fn, and refusals of what is not a bundle (CodeMalformed), is of an unknown version
// (CodeVersion) or is over a limit (CodeTooLarge).
func ReadBundle(r io.Reader, fn func(BundleItem) error) (BundleInfo, error) {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(MaxDecoded), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return BundleInfo{}, fmt.Errorf("reading a bundle: %w", err)
	}
	defer dec.Close()
	b := bundleReader{r: bufio.NewReaderSize(r, 4<<10), zstd: dec, sum: sha256.New()}
	if err := b.manifest(); err != nil {
		return b.info, err
	}
	for !b.info.Complete {
		err := b.next(fn)
		if d, ok := err.(damage); ok {
			b.info.Damage = d.error
			return b.info, nil
		}
		if err != nil {
			return b.info, err
		}
	}
	return b.info, nil
}

func (b *bundleReader) manifest() error {
	head, _ := b.r.Peek(maxManifest) // a short file gives what there is
	c := cursor{b: head}
	raw, err := c.raw()
	if err != nil {
		return Refuse(CodeMalformed, "reading a bundle: it does not begin with a manifest: choose a file that Kua exported (%w)", err)
	}
	if err := DecodeMessage(raw, &b.info.Manifest); err != nil {
		return err
	}
	if v := b.info.Manifest.Version; v != BundleVersion {
		return Refuse(CodeVersion, "reading a bundle of version %d: this program reads version %d: update Kua", v, BundleVersion)
	}
	b.sum.Write(raw)
	_, err = b.r.Discard(len(raw))
	return err
}

// next reads one frame, or the trailer.
func (b *bundleReader) next(fn func(BundleItem) error) error {
	head, err := b.r.Peek(9) // the longest head of a byte string
	if len(head) == 0 {
		return damage{fmt.Errorf("the bundle is cut off after %d items: %w", b.info.Items, noEOF(err))}
	}
	if head[0] == coseSign1Tag {
		return b.close()
	}
	c := cursor{b: head}
	size, err := c.want(majorBytes)
	if err != nil {
		return damage{fmt.Errorf("the bundle is damaged after %d items: %w", b.info.Items, err)}
	}
	if size > maxFrameSize {
		return Refuse(CodeTooLarge, "reading a bundle: a frame of %d bytes, the limit is %d", size, maxFrameSize)
	}
	frame := make([]byte, c.off+int(size))
	if _, err := io.ReadFull(b.r, frame); err != nil {
		return damage{fmt.Errorf("the bundle is cut off after %d items: %w", b.info.Items, noEOF(err))}
	}
	b.sum.Write(frame)
	b.frames++
	return b.frame(frame[c.off:], fn)
}

func (b *bundleReader) frame(compressed []byte, fn func(BundleItem) error) error {
	content, err := b.zstd.DecodeAll(compressed, nil)
	if errors.Is(err, zstd.ErrDecoderSizeExceeded) || errors.Is(err, zstd.ErrWindowSizeExceeded) || len(content) > MaxBundleFrame {
		return Refuse(CodeTooLarge, "reading a bundle: a frame unpacks to more than %d bytes", MaxBundleFrame)
	}
	if err != nil {
		return damage{fmt.Errorf("the bundle is damaged after %d items: %w", b.info.Items, err)}
	}
	c := cursor{b: content}
	for !c.done() {
		item, err := parseBundleItem(&c)
		if err != nil {
			return damage{fmt.Errorf("the bundle is damaged after %d items: %w", b.info.Items, err)}
		}
		if len(item.Content) > MaxBundleItem {
			return Refuse(CodeTooLarge, "reading a bundle: an item of %d bytes, the limit is %d", len(item.Content), MaxBundleItem)
		}
		b.info.Items++
		if err := fn(item); err != nil {
			return err
		}
	}
	return nil
}

func parseBundleItem(c *cursor) (item BundleItem, err error) {
	if n, err := c.array(2); err != nil || n != 2 {
		return item, fmt.Errorf("want [kind, content] (%w)", orShort(err))
	}
	kind, err := c.uint()
	if err != nil {
		return item, err
	}
	item.Kind = BundleItemKind(kind)
	item.Content, err = c.bytes()
	return item, err
}

// close reads the trailer and compares it with what was read.
func (b *bundleReader) close() error {
	message, err := io.ReadAll(io.LimitReader(b.r, maxTrailer+1))
	if err != nil {
		return damage{fmt.Errorf("reading the trailer: %w", err)}
	}
	signed, err := ParseSigned(message, ContextBundle)
	if err != nil {
		return damage{fmt.Errorf("reading the trailer: %w", err)}
	}
	var t bundleTrailer
	if err := DecodeMessage(signed.Payload, &t); err != nil {
		return damage{err}
	}
	if t != (bundleTrailer{Hash(b.sum.Sum(nil)), b.frames, b.info.Items}) {
		return damage{errors.New("the trailer is not that of these bytes: the bundle was altered or put together from two")}
	}
	b.info.Complete, b.info.trailer = true, signed
	return nil
}

func noEOF(err error) error {
	if err == nil || err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
