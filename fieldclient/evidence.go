package fieldclient

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"

	"kua/fieldclient/vault"
	"kua/syncproto"
	"kua/syncproto/seal"
)

// MaxEvidence is the largest original in bytes: 200 MiB, some two hours of speech.
const MaxEvidence = seal.MaxAttachment

// Fields of the kind evidence that the program itself reads (docs/vocabulary.md).
const (
	evidenceKind       syncproto.Field = 2700
	evidenceName       syncproto.Field = 2702
	evidenceBlob       syncproto.Field = 2706
	evidenceKey        syncproto.Field = 2707
	evidenceCaption    syncproto.Field = 2708
	evidenceLinks      syncproto.Field = 2709
	evidenceRestricted syncproto.Field = 2711
)

// ErrTooLarge says that an original is larger than MaxEvidence.
var ErrTooLarge = seal.ErrTooLarge

// Evidence says what a photo, sound or file is.
type Evidence struct {
	Kind       string // photo, audio or file; "" is told from Media
	Name       string // file name; a folder before it is left out
	Media      string // media type; "" is told from the first bytes
	Caption    string // what it shows, no names
	Links      []syncproto.EntityID
	Consent    string // given, refused, not-needed, not-asked, or "" where nobody said
	Restricted bool   // opens for health experts only
	Partial    bool   // its beginning is worth keeping, as of a sound: see AddEvidence
}

// AddEvidence seals an original as it is read, at most MaxEvidence bytes, and saves its record. When it returns without an
// error, the sealed original, then the record with the key are durable. The original is never on the disk in clear, and
// what a crash or an error leaves is a sealed file without a key, which is swept. ErrNoRecord where it is linked to an
// interview that may not be recorded, ErrNoUse where the person refused a photo or a sound, also when that was said while the original came.
// On a full disk it fails with vault.ErrFull, and nothing is left; of what is Partial it keeps as much as there was room for,
// and returns its id together with that error.
func (c *Client) AddEvidence(ctx context.Context, scope syncproto.ScopeID, e Evidence, r io.Reader) (syncproto.EntityID, error) {
	id, cut, err := c.addEvidence(ctx, scope, e, r)
	if err != nil {
		return syncproto.EntityID{}, fmt.Errorf("adding evidence: %w", err)
	}
	if cut != nil {
		return id, fmt.Errorf("adding evidence: its end is missing: %w", cut)
	}
	return id, nil
}

func (c *Client) addEvidence(ctx context.Context, scope syncproto.ScopeID, e Evidence, r io.Reader) (id syncproto.EntityID, cut, err error) {
	visitKey, err := c.mayAddTo(scope)
	if err != nil {
		return id, nil, err
	}
	if err := c.MayLink(ctx, scope, e.Links, e.fields()["kind"]); err != nil {
		return id, nil, err
	}
	if id, err = syncproto.RandomID(c.cfg.Rand); err != nil {
		return id, nil, err
	}
	if _, err := createChanges("evidence", id, e.fields()); err != nil { // before a long original is read
		return id, nil, err
	}
	s, err := c.sealOriginal(ctx, scope, r, e.Partial)
	if err != nil {
		return id, nil, err
	}
	defer s.key.Wipe()
	if e.Media == "" {
		e.Media = s.media
	}
	changes, err := s.changes(c.cfg.Rand, visitKey, scope, id, e)
	if err != nil {
		return id, nil, errors.Join(err, s.file.Discard())
	}
	return id, s.cut, c.keepEvidence(ctx, scope, s, e, changes)
}

// mayAddTo returns the key that seals the attachment's key now, if this person may write in the scope.
func (c *Client) mayAddTo(scope syncproto.ScopeID) (key seal.VisitKey, err error) {
	me, err := c.Person()
	if err != nil {
		return key, err
	}
	st, ok := c.rep.Scope(scope)
	if !ok {
		return key, ErrNotFound
	}
	if !c.rep.Roster().RightsNow(me.Person, &st.Standing).Has(syncproto.RightWrite) {
		return key, ErrNoRight
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if key, ok = c.scopes[scope].now(); !ok {
		return key, errNoKey
	}
	return key, nil
}

// fields returns what a person said of the evidence, as it is typed.
func (e Evidence) fields() map[string]string {
	kind := e.Kind
	if kind == "" {
		switch typ, _, _ := strings.Cut(e.Media, "/"); typ {
		case "image":
			kind = "photo"
		case "audio":
			kind = "audio"
		default:
			kind = "file"
		}
	}
	fields := map[string]string{"kind": kind, "name": baseName(e.Name), "media": e.Media, "caption": e.Caption, "consent": e.Consent}
	for name, text := range fields {
		if text == "" {
			delete(fields, name)
		}
	}
	if len(e.Links) > 0 {
		links := make([]string, len(e.Links))
		for i, l := range e.Links {
			links[i] = l.String()
		}
		fields["links"] = strings.Join(links, ",")
	}
	if e.Restricted {
		fields["restricted"] = "yes"
	}
	return fields
}

// baseName leaves out the folder: it tells who owns a camera or a laptop.
func baseName(name string) string {
	if name == "" {
		return ""
	}
	return path.Base(strings.ReplaceAll(name, `\`, "/"))
}

// sealedOriginal is an original that is sealed on the disk and not yet named.
type sealedOriginal struct {
	file  *vault.BlobWriter
	key   seal.AttachmentKey
	blob  vault.BlobHash
	hash  [sha256.Size]byte // of the original
	size  int64
	media string
	cut   error // why its end is missing; nil where it is whole
}

// sealOriginal reads an original to its end. Only sealed bytes leave the memory.
func (c *Client) sealOriginal(ctx context.Context, scope syncproto.ScopeID, r io.Reader, partial bool) (*sealedOriginal, error) {
	key, err := seal.NewAttachmentKey(c.cfg.Rand)
	if err != nil {
		return nil, err
	}
	file, err := c.vault.NewBlob()
	if err != nil {
		return nil, err
	}
	s := &sealedOriginal{file: file, key: key}
	if err := s.fill(ctx, c.cfg.Rand, scope, r, partial); err != nil {
		key.Wipe()
		return nil, errors.Join(err, file.Discard())
	}
	return s, nil
}

func (s *sealedOriginal) fill(ctx context.Context, rand io.Reader, scope syncproto.ScopeID, r io.Reader, partial bool) error {
	w, err := seal.NewAttachmentWriter(rand, s.key, scope, s.file)
	if err != nil {
		return err
	}
	sum := sha256.New()
	var room func() error
	if partial {
		room = func() error {
			return s.file.Reserve(seal.AttachmentSize(w.Size()+2*pourAtOnce) - s.file.Size() + recordRoom)
		}
		if err := room(); err != nil {
			w.Abort()
			return err
		}
	}
	if s.media, err = pour(ctx, w, sum, r, room); partial && errors.Is(err, vault.ErrFull) && w.Size() > 0 {
		s.cut, err = err, nil
	}
	if err = errors.Join(err, s.file.Release()); err != nil {
		w.Abort()
		return err
	}
	if s.size = w.Size(); s.size == 0 {
		return errors.New("it is empty")
	}
	if err := w.Close(); err != nil {
		return err
	}
	s.hash = [sha256.Size]byte(sum.Sum(nil))
	s.blob, err = s.file.Sync()
	return err
}

const (
	pourAtOnce = 64 << 10
	recordRoom = 1 << 20 // for the record of what was sealed, in bytes
)

// pour copies an original into w and sum, and tells its media type by the first bytes. It asks for room, where that
// is not nil, before each further piece; where there is no more, the piece that it has is the last.
func pour(ctx context.Context, w io.Writer, sum hash.Hash, r io.Reader, room func() error) (media string, err error) {
	buf := make([]byte, pourAtOnce)
	defer clear(buf)
	for {
		if err := ctx.Err(); err != nil {
			return media, err
		}
		n, err := io.ReadFull(r, buf)
		if media == "" {
			media, _, _ = strings.Cut(http.DetectContentType(buf[:n]), ";")
		}
		sum.Write(buf[:n])
		if _, err := w.Write(buf[:n]); err != nil {
			return media, err
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return media, nil
		}
		if err == nil && room != nil {
			if err := room(); err != nil {
				return media, err
			}
		}
		if err != nil {
			return media, fmt.Errorf("reading it: %w", err)
		}
	}
}

// changes makes the record: all of it in one changeset, so that it counts whole or not at all.
func (s *sealedOriginal) changes(rand io.Reader, visit seal.VisitKey, scope syncproto.ScopeID, id syncproto.EntityID, e Evidence) ([]Change, error) {
	wrapped, err := seal.WrapAttachmentKey(rand, visit, scope, s.blob, s.key)
	if err != nil {
		return nil, err
	}
	fields := e.fields()
	fields["size"] = strconv.FormatInt(s.size, 10)
	fields["hash"] = hex.EncodeToString(s.hash[:])
	fields["blob"] = s.blob.String()
	changes, err := createChanges("evidence", id, fields)
	return append(changes, Change{Kind: syncproto.KindSet, Entity: id, Field: evidenceKey, Value: syncproto.BytesValue(wrapped)}), err
}
