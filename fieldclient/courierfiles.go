package fieldclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"kua/fieldclient/vault"
	"kua/syncproto"
	"kua/syncproto/seal"
)

// CarriedAttachments says what a folder of sealed originals beside a bundle carried.
type CarriedAttachments struct {
	Taken   int   `json:"taken"` // written to the folder, or taken in from it
	Bytes   int64 `json:"bytes"` // of these
	Known   int   `json:"known"` // that were here already
	Unknown int   `json:"unknown"`
	Bad     int   `json:"bad"` // other bytes than their name says
}

// BesideBundle is what the folder of sealed originals adds to the name of the bundle that it goes with.
const BesideBundle = ".attachments"

// ExportAttachments writes the sealed originals of the given visits, or of all where none is given, that no server has
// acknowledged yet into a new folder; all includes what a server has. Each file is named for its SHA-256, and whoever finds
// the folder learns only how many there are and how large.
func (c *Client) ExportAttachments(ctx context.Context, dir string, scopes []syncproto.ScopeID, all bool) (rep CarriedAttachments, err error) {
	held, err := c.heldBlobs(ctx)
	if err != nil {
		return rep, fmt.Errorf("exporting attachments: %w", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return rep, fmt.Errorf("exporting attachments: %w", err)
	}
	var done []vault.BlobHash
	for _, b := range held {
		wanted := len(scopes) == 0 || slices.Contains(scopes, b.scope)
		if !wanted || !all && b.state == StateStored || slices.Contains(done, b.hash) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return rep, err
		}
		if err := c.exportBlob(filepath.Join(dir, b.hash.String()), b.hash); err != nil {
			return rep, fmt.Errorf("exporting attachment %s: %w", b.hash, err)
		}
		done = append(done, b.hash)
		rep.Taken++
		rep.Bytes += b.size
	}
	return rep, nil
}

func (c *Client) exportBlob(path string, h vault.BlobHash) error {
	in, _, err := c.vault.OpenBlob(h)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = vault.CheckBlob(io.TeeReader(in, out), h)
	if err == nil {
		err = out.Sync()
	}
	if err = closing(out, err); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// ImportAttachments takes in sealed originals from a folder. Only those are taken that a record here names, so that a stick
// fills no disk: import its bundle first. Each is compared with its name.
func (c *Client) ImportAttachments(ctx context.Context, dir string) (rep CarriedAttachments, err error) {
	c.whole.RLock()
	names, err := c.blobNames(ctx)
	c.whole.RUnlock()
	if err != nil {
		return rep, fmt.Errorf("importing attachments: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return rep, fmt.Errorf("importing attachments: %w", err)
	}
	c.fetching.Lock()
	defer c.fetching.Unlock()
	for _, e := range entries {
		h, ok := parseBlob(e.Name())
		if !ok || !e.Type().IsRegular() {
			continue
		}
		if err := ctx.Err(); err != nil {
			return rep, err
		}
		_, held := c.vault.HasBlob(h)
		switch {
		case held:
			rep.Known++
			continue
		case !slices.ContainsFunc(names, func(n blobName) bool { return n.hash == h }):
			rep.Unknown++
			continue
		}
		n, err := c.importBlob(filepath.Join(dir, e.Name()), h)
		if errors.Is(err, vault.ErrDamaged) {
			rep.Bad++
			continue
		}
		if err != nil {
			return rep, fmt.Errorf("importing attachment %s: %w", h, err)
		}
		rep.Taken++
		rep.Bytes += n
	}
	return rep, nil
}

func (c *Client) importBlob(path string, h vault.BlobHash) (n int64, err error) {
	in, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	w, err := c.vault.NewBlob()
	if err != nil {
		return 0, err
	}
	n, err = io.Copy(w, io.LimitReader(in, seal.AttachmentSize(MaxEvidence)+1))
	if err == nil {
		var got vault.BlobHash
		if got, err = w.Sync(); err == nil && got != h {
			err = fmt.Errorf("it has the SHA-256 %s: %w", got, vault.ErrDamaged)
		}
	}
	if err != nil {
		return n, errors.Join(err, w.Discard())
	}
	_, err = w.Keep()
	return n, err
}
