package fieldclient

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"kua/fieldclient/picture"
	"kua/fieldclient/vault"
	"kua/syncproto"
	"kua/syncproto/seal"
)

// ErrNotHeld says that a sealed original is not on this laptop.
var ErrNotHeld = errors.New("the original is not on this laptop")

// Original is an opened original. What it returns was authenticated; read from beginning to end, it ends with an error
// instead of io.EOF where the record tells another hash. Locking the laptop ends it.
type Original struct {
	client *Client
	file   *os.File
	reader *seal.AttachmentReader
	key    seal.AttachmentKey
	sum    hash.Hash // of the bytes up to summed
	summed int64
	at     int64
	want   string
}

// OpenEvidence opens an original. Restricted evidence opens for health experts only (ErrRestricted), and what belongs to a
// conversation whose person does not allow it any more for nobody (ErrNoRecord, ErrNoUse).
func (c *Client) OpenEvidence(ctx context.Context, scope syncproto.ScopeID, id syncproto.EntityID) (*Original, EvidenceView, error) {
	v, err := c.evidenceOf(ctx, scope, id)
	if err == nil && v.Restricted && !c.hasRight(scope, syncproto.RightMedical) {
		err = ErrRestricted
	}
	if err == nil {
		err = v.barred
	}
	var o *Original
	if err == nil {
		o, err = c.open(&v)
	}
	if err != nil {
		return nil, v, fmt.Errorf("opening evidence %s: %w", id, err)
	}
	return o, v, nil
}

// open opens an original for whoever may see it: the caller has asked.
func (c *Client) open(v *EvidenceView) (*Original, error) {
	h, ok := parseBlob(v.Blob)
	if !ok || v.Locked {
		return nil, fmt.Errorf("its key is not here: it was erased, or the visit key has not come (%w)", errNoKey)
	}
	key, err := c.attachmentKey(v, h)
	if err != nil {
		return nil, err
	}
	f, size, err := c.vault.OpenBlob(h)
	if errors.Is(err, vault.ErrNotFound) {
		return nil, ErrNotHeld
	}
	if err != nil {
		return nil, err
	}
	o := &Original{client: c, file: f, key: key, sum: sha256.New(), want: v.Hash}
	if err = vault.CheckBlob(f, h); err == nil {
		o.reader, err = seal.OpenAttachment(key, v.Scope, f, size)
	}
	if err != nil {
		key.Wipe()
		return nil, errors.Join(err, f.Close())
	}
	return o, nil
}

func parseBlob(s string) (h vault.BlobHash, ok bool) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(h) {
		return h, false
	}
	return vault.BlobHash(b), true
}

// Size returns the length of the original in bytes.
func (o *Original) Size() int64 { return o.reader.Size() }

// Read returns the next bytes of the original.
func (o *Original) Read(p []byte) (int, error) {
	if o.client.vault.Closed() {
		o.reader.Wipe()
		return 0, vault.ErrClosed
	}
	n, err := o.reader.Read(p)
	if o.at == o.summed {
		o.sum.Write(p[:n])
		o.summed += int64(n)
	}
	o.at += int64(n)
	if errors.Is(err, io.EOF) && o.summed == o.reader.Size() {
		if got := hex.EncodeToString(o.sum.Sum(nil)); got != o.want {
			return n, fmt.Errorf("the original has the SHA-256 %s, its record says %s: %w", got, o.want, vault.ErrDamaged)
		}
	}
	return n, err
}

// Seek goes to a place in the original.
func (o *Original) Seek(offset int64, whence int) (int64, error) {
	at, err := o.reader.Seek(offset, whence)
	if err == nil {
		o.at = at
	}
	return at, err
}

// Close closes the sealed file and overwrites what was opened.
func (o *Original) Close() error {
	o.reader.Wipe()
	o.key.Wipe()
	return o.file.Close()
}

// prove reads an original to its end, where its hash is compared, and goes back to its beginning: a decoder stops where the
// picture does, and would show one that its record does not speak of.
func (o *Original) prove() error {
	if _, err := io.Copy(io.Discard, o); err != nil {
		return err
	}
	_, err := o.Seek(0, io.SeekStart)
	return err
}

// DerivedView returns a picture of evidence without anything that its file carries beside it, such as the place, the time and the
// camera: decoded and encoded anew in memory, turned upright, its longest side at most maxPixels pixels (0: as it is).
// Sounds and other files have no such view (picture.ErrNone): only the original can be had, by OpenEvidence.
func (c *Client) DerivedView(ctx context.Context, scope syncproto.ScopeID, id syncproto.EntityID, maxPixels int) (b []byte, media string, err error) {
	o, _, err := c.OpenEvidence(ctx, scope, id)
	if err != nil {
		return nil, "", err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	if err = o.prove(); err == nil {
		b, media, err = picture.Derive(o, maxPixels)
	}
	if err != nil {
		return nil, "", fmt.Errorf("deriving a view of evidence %s: %w", id, err)
	}
	return b, media, nil
}
