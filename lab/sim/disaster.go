package sim

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"kua/server"
)

func (w *World) name(prefix string) string {
	w.facts.files++
	return filepath.Join(w.Dir, fmt.Sprintf("%s%d", prefix, w.facts.files))
}

// copyData keeps a copy of a laptop's data, as backup programs do.
func (w *World) copyData(l *laptop) string {
	l.lock()
	s := snapshot{data: w.name("copy"), state: w.name("copy"), has: maps.Clone(l.has)}
	w.must(copyTree(l.cfg.Vault.Dir, s.data))
	w.must(copyTree(l.cfg.Vault.StateDir, s.state))
	l.copies = append(l.copies, s)
	return fmt.Sprintf("holds %d", len(s.has))
}

// putBack puts an old copy of the data in the place of what is there.
func (w *World) putBack(l *laptop) string {
	if len(l.copies) == 0 || l == w.lead && w.stale {
		return "no copy"
	}
	s := pick(w.rng, l.copies)
	l.lock()
	w.must(os.RemoveAll(l.cfg.Vault.Dir))
	w.must(copyTree(s.data, l.cfg.Vault.Dir))
	l.rolledBack(s)
	l.unlock()
	if l.c.Restored() == "" {
		w.failf("I8: an old copy of %s was put back, and nobody noticed", l.name)
	}
	return l.c.Restored()
}

// putBackImage puts the whole disk back, the state outside the data folder included, as a virtual machine's snapshot
// does. Nothing on the laptop can tell. What it writes before it meets its old feed again forks that feed.
func (w *World) putBackImage(l *laptop) string {
	if len(l.copies) == 0 || l == w.lead && w.stale {
		return "no copy"
	}
	s := pick(w.rng, l.copies)
	l.lock()
	w.must(overwriteTree(s.data, l.cfg.Vault.Dir))
	w.must(overwriteTree(s.state, l.cfg.Vault.StateDir))
	l.rolledBack(s)
	l.unlock()
	w.facts.imaged[l.device] = true
	return fmt.Sprintf("unnoticed %v", l.c.Restored() == "")
}

// rolledBack forgets what a laptop no longer holds. What nobody else holds is gone.
func (l *laptop) rolledBack(s snapshot) {
	l.has = maps.Clone(s.has)
	l.w.mourn()
}

// mourn finds what no installation holds any more: nobody can bring it back, and nothing is promised of it.
func (w *World) mourn() {
	held := w.stored()
	for _, l := range w.laptops {
		maps.Copy(held, l.has)
	}
	for id := range w.facts.acked {
		if !held[id] {
			w.facts.gone[id] = true
		}
	}
}

// makeTwin puts a copy of a laptop on another machine. Both go on.
func (w *World) makeTwin(l *laptop) string {
	if len(l.copies) == 0 || w.facts.twins >= 2 || l == w.lead {
		return "no copy"
	}
	w.facts.twins++
	s := pick(w.rng, l.copies)
	t := &laptop{w: w, name: l.name + "'", role: l.role, region: l.region, person: l.person, device: l.device, twin: true, revoked: l.revoked,
		has: maps.Clone(s.has), carried: maps.Clone(l.carried), skew: l.skew}
	t.configure(filepath.Join(w.Dir, fmt.Sprintf("laptop%d", len(w.laptops))))
	l.twin = true
	w.must(os.MkdirAll(filepath.Dir(t.cfg.Vault.Dir), 0o700))
	w.must(copyTree(s.data, t.cfg.Vault.Dir))
	if chance(w.rng, 50) {
		w.must(copyTree(s.state, t.cfg.Vault.StateDir))
	}
	w.laptops = append(w.laptops, t)
	t.unlock()
	if t.c.Restored() == "" {
		w.failf("I8: a copy of %s was opened elsewhere, and did not notice", l.name)
	}
	t.learn()
	return t.c.Restored()
}

func (w *World) restartServer(_ *laptop) string {
	if w.server == nil {
		w.start()
		return "up"
	}
	w.stop()
	if chance(w.rng, 40) {
		return "down"
	}
	w.start()
	return "up again"
}

func (w *World) backupServer(_ *laptop) string {
	file := w.name("backup")
	b, err := server.MakeBackup(context.Background(), w.cfg, file, false)
	w.must(err)
	w.backups = append(w.backups, file)
	return fmt.Sprintf("%d changesets", b.Changesets)
}

// putBackServer restores the server from a backup by the documented procedure.
func (w *World) putBackServer(_ *laptop) string {
	if len(w.backups) == 0 || w.lead.behind() {
		return "no backup"
	}
	file := pick(w.rng, w.backups)
	w.stop()
	r, err := server.Restore(context.Background(), w.cfg, file)
	w.must(err)
	w.start()
	w.stale = true
	w.mourn()
	return r.Origin
}

// behind reports whether a laptop's roster may lack records that only the server holds.
func (l *laptop) behind() bool {
	for _, o := range l.w.laptops {
		if o.c != nil && l.roster().Len() < o.c.Roster().Len() {
			return true
		}
	}
	return l.c == nil || l.w.facts.rosterLen > l.c.Roster().Len()
}

func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(from, path)
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		return copyInto(path, filepath.Join(to, rel))
	})
}

// copyInto writes the content of one file over another, which stays the same file.
func copyInto(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	_, err = io.Copy(out, in)
	return err
}

// overwriteTree makes a folder hold what another holds, file by file in place.
func overwriteTree(from, to string) error {
	entries, err := os.ReadDir(to)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if _, err := os.Lstat(filepath.Join(from, e.Name())); err != nil {
			if err := os.Remove(filepath.Join(to, e.Name())); err != nil {
				return err
			}
		}
	}
	return copyTree(from, to)
}
