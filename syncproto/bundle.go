package syncproto

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/klauspost/compress/zstd"
)

// A courier bundle is what travels where there is no network (docs/protocol.md §10): a CBOR sequence of a manifest,
// byte strings that each hold one zstd frame of items, and a trailer that the exporter signed. Every changeset in it
// verifies alone, so that a half-copied stick still gives all that is whole.

// BundleKind says which way a bundle goes.
type BundleKind string

// The kinds of bundle.
const (
	BundleChangesets BundleKind = "changesets" // from a laptop, to a server or another laptop
	BundleReceipts   BundleKind = "receipts"   // the server's answer, for the way back
)

// BundleVersion is the version of the file's shape; it is not that of the changesets within.
const BundleVersion = 1

// Limits of a bundle.
const (
	MaxBundleFrame = 1 << 20                // decompressed bytes of one frame
	MaxBundleItem  = 512 << 10              // bytes of one item
	bundleFill     = 64 << 10               // a frame is closed at this size: damage costs one frame
	maxFrameSize   = MaxBundleFrame + 1<<10 // compressed bytes: zstd adds less than this to what it cannot compress
	maxManifest    = 256
	maxTrailer     = 512
)

// BundleManifest opens a bundle. It names no scope and no person: whoever finds the stick learns only whose laptop
// wrote it, and how much.
type BundleManifest struct {
	Version   uint64     `cbor:"1,keyasint"`
	Exporter  DeviceID   `cbor:"2,keyasint"`
	Kind      BundleKind `cbor:"3,keyasint"`
	Items     uint64     `cbor:"4,keyasint"` // that the exporter meant to write, for progress
	RosterLen uint64     `cbor:"5,keyasint"` // records of the roster that the exporter knew
}

// bundleTrailer closes a bundle.
type bundleTrailer struct {
	Sum    Hash   `cbor:"1,keyasint"` // SHA-256 of every byte before the trailer
	Frames uint64 `cbor:"2,keyasint"`
	Items  uint64 `cbor:"3,keyasint"`
}

// BundleItemKind says what an item of a bundle is. Readers pass over kinds that they do not know.
type BundleItemKind uint64

// The kinds of item.
const (
	ItemRoster    BundleItemKind = 1 // a signed roster record
	ItemPacket    BundleItemKind = 2 // a packet, as Packet.Encode gives it; its header names the scope
	ItemReceipt   BundleItemKind = 3 // a signed receipt
	ItemRedaction BundleItemKind = 4 // a Redaction message
)

// BundleItem is one item of a bundle.
type BundleItem struct {
	Kind    BundleItemKind
	Content []byte
}

// BundleWriter writes a bundle in bounded memory. It is not safe for concurrent use.
type BundleWriter struct {
	w        io.Writer
	key      ed25519.PrivateKey
	zstd     *zstd.Encoder
	sum      hash.Hash
	buf, out []byte
	total    bundleTrailer
	err      error // the first failure; everything after it gives the same
}

// NewBundleWriter writes the manifest to w. Version and Exporter are filled in; the exporter is the device of key.
func NewBundleWriter(w io.Writer, m BundleManifest, key ed25519.PrivateKey) (*BundleWriter, error) {
	if m.Kind != BundleChangesets && m.Kind != BundleReceipts {
		return nil, fmt.Errorf("beginning a bundle: unknown kind %q", m.Kind)
	}
	m.Version, m.Exporter = BundleVersion, DeviceIDOf(key.Public().(ed25519.PublicKey))
	manifest, err := EncodeMessage(m)
	if err != nil {
		return nil, err
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("beginning a bundle: %w", err)
	}
	b := &BundleWriter{w: w, key: key, zstd: enc, sum: sha256.New()}
	b.write(manifest)
	return b, b.err
}

// Add appends one item. The content is copied.
func (b *BundleWriter) Add(item BundleItem) error {
	if b.err == nil && len(item.Content) > MaxBundleItem {
		return Refuse(CodeTooLarge, "adding to a bundle: an item of %d bytes, the limit is %d", len(item.Content), MaxBundleItem)
	}
	if len(b.buf)+len(item.Content) > bundleFill {
		b.flush()
	}
	if b.err != nil {
		return b.err
	}
	b.buf = appendBytes(appendUint(appendArray(b.buf, 2), uint64(item.Kind)), item.Content)
	b.total.Items++
	return nil
}

// Close writes what is left and the signed trailer. It does not close the underlying writer: the caller still has to
// sync the file.
func (b *BundleWriter) Close() error {
	b.flush()
	if b.err != nil {
		return b.err
	}
	b.total.Sum = Hash(b.sum.Sum(nil))
	payload, err := EncodeMessage(b.total)
	if err != nil {
		return err
	}
	trailer, _ := Sign(b.key, ContextBundle, payload)
	b.write(trailer)
	if b.err != nil {
		return b.err
	}
	b.err = errors.New("writing a bundle: it is closed")
	return nil
}

func (b *BundleWriter) flush() {
	if len(b.buf) == 0 || b.err != nil {
		return
	}
	b.out = b.zstd.EncodeAll(b.buf, b.out[:0])
	b.write(appendHead(nil, majorBytes, uint64(len(b.out))))
	b.write(b.out)
	b.buf = b.buf[:0]
	b.total.Frames++
}

func (b *BundleWriter) write(p []byte) {
	if b.err != nil {
		return
	}
	if _, err := b.w.Write(p); err != nil {
		b.err = fmt.Errorf("writing a bundle: %w", err)
	}
	b.sum.Write(p)
}
