package web

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"kua/fieldclient"
	"kua/syncproto"
)

// courierDone is what an export, import or delivery did.
type courierDone struct {
	What   string // exported, imported or delivered
	Path   string
	Report fieldclient.BundleReport
	Wrong  string // key of what was wrong with the path
	Detail string

	Carried fieldclient.CarriedAttachments
	Left    int // sealed originals that are here and at no server, and did not go along
}

// sticks returns folders where removable media are mounted.
func sticks() []string {
	var patterns []string
	switch runtime.GOOS {
	case "darwin":
		patterns = []string{"/Volumes/*"}
	case "windows":
		for d := 'D'; d <= 'Z'; d++ {
			patterns = append(patterns, string(d)+`:\`)
		}
	default:
		user := os.Getenv("USER")
		patterns = []string{"/media/" + user + "/*", "/run/media/" + user + "/*", "/mnt/*"}
	}
	var out []string
	for _, p := range patterns {
		found, err := filepath.Glob(p)
		if err == nil {
			out = append(out, found...)
		}
	}
	return slices.DeleteFunc(out, func(dir string) bool {
		info, err := os.Stat(dir)
		return err != nil || !info.IsDir()
	})
}

// bundleName says nothing but what made the file; the random part keeps two of them apart.
func (s *Server) bundleName() string {
	var b [4]byte
	s.random(b[:])
	return fmt.Sprintf("kua-%x.bundle", b)
}

func (a *ask) courierWrong(what, path, wrong string, err error) error {
	d := &courierDone{What: what, Path: path, Wrong: wrong}
	if err != nil {
		d.Detail = err.Error()
	}
	return a.syncing(d)
}

// courierExport writes what no server has signed for to a new file in a folder.
func courierExport(a *ask) error {
	dir := a.PostFormValue("folder")
	if info, err := os.Stat(dir); err != nil || !info.IsDir() || !filepath.IsAbs(dir) {
		return a.courierWrong("exported", dir, "courier.nofolder", err)
	}
	path := filepath.Join(dir, a.s.bundleName())
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return a.courierWrong("exported", dir, "courier.nofolder", err)
	}
	rep, err := a.client.ExportBundle(a.Context(), f, nil, a.PostFormValue("all") == "yes")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	done := &courierDone{What: "exported", Path: path, Report: rep}
	if a.PostFormValue("attachments") == "yes" {
		done.Carried, err = a.client.ExportAttachments(a.Context(), path+fieldclient.BesideBundle, nil, a.PostFormValue("all") == "yes")
	} else {
		done.Left, err = a.unstored()
	}
	if err != nil {
		return err
	}
	return a.syncing(done)
}

// unstored counts the sealed originals that no server has.
func (a *ask) unstored() (int, error) {
	all := 0
	for _, s := range a.client.Replica().Scopes() {
		n, _, err := a.client.Unstored(a.Context(), s.Scope)
		if err != nil {
			return all, err
		}
		all += n
	}
	return all, nil
}

// courierImport takes in a bundle of another laptop, or the server's receipts.
func courierImport(a *ask) error {
	path := a.PostFormValue("file")
	f, err := os.Open(path)
	if err != nil {
		return a.courierWrong("imported", path, "courier.nofile", err)
	}
	defer f.Close()
	rep, err := a.client.ImportBundle(a.Context(), f)
	if err != nil {
		return a.courierWrong("imported", path, "courier.notbundle", err)
	}
	done := &courierDone{What: "imported", Path: path, Report: rep}
	if _, err := os.Stat(path + fieldclient.BesideBundle); err == nil {
		if done.Carried, err = a.client.ImportAttachments(a.Context(), path+fieldclient.BesideBundle); err != nil {
			return err
		}
	}
	return a.syncing(done)
}

// maxBundle bounds what is read into memory for a delivery.
const maxBundle = 256 << 20

// courierDeliver brings a bundle to the server for whoever wrote it, and leaves the receipts beside it for the way back.
func courierDeliver(a *ask) error {
	path := a.PostFormValue("file")
	f, err := os.Open(path)
	if err != nil {
		return a.courierWrong("delivered", path, "courier.nofile", err)
	}
	defer f.Close()
	bundle, err := io.ReadAll(io.LimitReader(f, maxBundle+1))
	if err != nil || len(bundle) > maxBundle {
		return a.courierWrong("delivered", path, "courier.nofile", err)
	}
	remote, err := a.client.Remote()
	if err != nil {
		return err
	}
	d, err := a.client.Deliver(a.Context(), remote, bundle)
	if err != nil {
		return err
	}
	out := path + ".receipts"
	if err := os.WriteFile(out, d.Receipts, 0o600); err != nil {
		return a.courierWrong("delivered", out, "courier.nofolder", err)
	}
	rep := fieldclient.BundleReport{Complete: d.Complete}
	_, err = syncproto.ReadBundle(bytes.NewReader(d.Receipts), func(item syncproto.BundleItem) error {
		if item.Kind == syncproto.ItemReceipt {
			rep.Receipts++
		}
		return nil
	})
	if err != nil {
		return err
	}
	return a.syncing(&courierDone{What: "delivered", Path: out, Report: rep})
}
