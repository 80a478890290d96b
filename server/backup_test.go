package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kua/internal/sqldb"
	"kua/syncproto"
	"kua/syncproto/prototest"
)

// busySite is a site with one of everything in its store.
func busySite(t *testing.T) (*site, *prototest.Visit) {
	s := newSite(t)
	v, opening := s.Monitor.OpenVisit(prototest.Region, s.Monitor.Owner, s.Monitor2.Owner)
	l := s.laptop(s.Monitor)
	e := s.Entity()
	one := s.Monitor.Feed(v).Sign(prototest.Create(e, 2200), prototest.Set(e, 2201, "beds"))
	l.push(opening, one, s.Monitor2.Feed(v).Sign(prototest.Set(e, 2201, "no beds").Seeing(prototest.OpOf(one, 1))))
	fork := s.Monitor.Feed(v).Fork()
	l.push(s.Monitor.Feed(v).Sign(prototest.Set(e, 2201, "few beds")))
	l.push(fork.Sign(prototest.Set(e, 2201, "two beds")))
	s.laptop(s.Protection).push(s.Protection.Feed(v).Sign(prototest.Erase(e, prototest.OpOf(one, 1))))
	s.laptop(s.Monitor).push(s.Health.Feed(v).Sign(prototest.Create(s.Entity(), 2300))) // quarantined
	data := []byte("sealed attachment")
	l.put(blobPath(sha256.Sum256(data), v.Scope), 0, len(data), data)
	s.server.signNow(t.Context())
	var many []*syncproto.Changeset
	for i := range 300 {
		many = append(many, s.Monitor2.Feed(v).Sign(prototest.Set(e, 2202, strings.Repeat("z", i))))
	}
	l.push(many...)
	return s, v
}

// stop ends the server; its folder stays.
func (s *site) stop() {
	s.t.Helper()
	s.http.Close()
	if err := s.server.Close(); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) verify() *Report {
	s.t.Helper()
	r, err := Verify(context.Background(), s.config())
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

func TestVerifyFindsNothingWrongInASoundStore(t *testing.T) {
	s, _ := busySite(t)
	if _, err := Verify(context.Background(), s.config()); !errors.Is(err, ErrInUse) {
		t.Fatalf("verifying beside a running server: %v", err)
	}
	if err := Rebuild(context.Background(), s.config()); !errors.Is(err, ErrInUse) {
		t.Fatalf("rebuilding beside a running server: %v", err)
	}
	s.stop()
	before, err := os.ReadFile(filepath.Join(s.dir, databaseFile))
	if err != nil {
		t.Fatal(err)
	}
	r := s.verify()
	if !r.Good() || r.Changesets != 307 || r.Entries != 307 || r.Forked != 1 || r.Quarantined != 1 || r.Erasures != 1 || r.Attachments != 1 || r.Checkpoints == 0 {
		t.Fatalf("report = %+v", r)
	}
	after, err := os.ReadFile(filepath.Join(s.dir, databaseFile))
	if err != nil || !bytes.Equal(before, after) {
		t.Fatal("verifying changed the database")
	}
	if err := Rebuild(context.Background(), s.config()); err != nil {
		t.Fatal(err)
	}
	if again := s.verify(); !again.Good() {
		t.Fatalf("after a rebuild: %q", again.Faults)
	}
}

func TestVerifyNamesWhatIsWrong(t *testing.T) {
	s, _ := busySite(t)
	s.stop()
	path := filepath.Join(s.dir, databaseFile)
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, damage := range []struct{ name, sql, want string }{
		{"a byte of a packet", `UPDATE changeset SET packet = CAST(SUBSTR(packet, 1, 200) || X'00' || SUBSTR(packet, 202) AS BLOB) WHERE id = 5`, "changeset"},
		{"a lost changeset", `DELETE FROM changeset WHERE id = 20`, "position"},
		{"a swapped position", `UPDATE changeset SET position = 1000 WHERE id = 20`, "position"},
		{"another body hash", `UPDATE changeset SET body = ZEROBLOB(32) WHERE id = 20`, "body"},
		{"another leaf", `UPDATE changeset SET leaf = 3 WHERE id = 20`, "entry 3"},
		{"a quarantine that was lifted by hand", `UPDATE changeset SET code = ''`, "derived: changeset"},
		{"a head that was changed by hand", `UPDATE record SET attention = 0`, "derived: record"},
		{"a fork that was hidden", `UPDATE feed SET forked = 0`, "derived: feed"},
		{"an erasure that was dropped", `DELETE FROM erasure`, "derived: erasure"},
		{"a team member who was slipped in", `INSERT INTO team SELECT scope, ZEROBLOB(16), changeset FROM team LIMIT 1`, "derived: team"},
		{"another entry of the log", `UPDATE tilelog_entry SET body = CAST('x' AS BLOB) WHERE idx = 7`, "log"},
		{"a tile", `UPDATE tilelog_tile SET hashes = ZEROBLOB(LENGTH(hashes)) WHERE level = 0 AND n = 0`, "tile 0/0"},
		{"a cut log", `UPDATE tilelog_tree SET size = size - 1`, "log"},
		{"a checkpoint", `UPDATE tilelog_checkpoint SET root = ZEROBLOB(32) WHERE size = (SELECT MIN(size) FROM tilelog_checkpoint WHERE size > 0)`, "published root"},
		{"a roster record", `DELETE FROM roster WHERE position = 3`, "roster record"},
		{"an attachment", `UPDATE blob SET file = 'nowhere'`, "attachment"},
	} {
		t.Run(damage.name, func(t *testing.T) {
			if err := os.WriteFile(path, sound, 0o600); err != nil {
				t.Fatal(err)
			}
			db, err := sqldb.Open(t.Context(), sqldb.Config{Path: path})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.Write.ExecContext(t.Context(), damage.sql); err != nil {
				t.Fatal(err)
			}
			db.Close()
			if r := s.verify(); r.Good() || !strings.Contains(strings.Join(r.Faults, "\n"), damage.want) {
				t.Fatalf("faults = %q, want one about %q", r.Faults, damage.want)
			}
		})
	}
}

func TestBackupIsConsistentAndHoldsNoKey(t *testing.T) {
	s, _ := busySite(t)
	file := filepath.Join(t.TempDir(), "kua.backup")
	b, err := MakeBackup(context.Background(), s.config(), file, false)
	if err != nil || b.Changesets != 307 || b.Attachments != 1 || b.Server != s.server.id {
		t.Fatalf("backup = %+v, %v", b, err)
	}
	for _, path := range []string{file, b.Blobs} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Fatalf("%s: %v, %v", path, info.Mode(), err)
		}
		content, err := os.ReadFile(path)
		if err != nil || bytes.Contains(content, s.server.key.Seed()) || bytes.Contains(content, []byte(keyBlock)) {
			t.Fatalf("%s holds the server's key (%v)", path, err)
		}
	}
	left, _ := filepath.Glob(file + "*")
	if len(left) != 2 {
		t.Fatalf("left beside the backup: %q", left)
	}
	if _, err := MakeBackup(context.Background(), s.config(), file, false); err == nil {
		t.Fatal("a backup was written over")
	}
	if _, err := Restore(context.Background(), Config{Dir: t.TempDir(), Now: s.config().Now, Rand: s.config().Rand}, file); err == nil || !strings.Contains(err.Error(), keyFile) {
		t.Fatalf("a backup without a key was restored into an empty folder: %v", err)
	}
}

func TestRestoredServerGetsBackWhatItLost(t *testing.T) {
	s, v := busySite(t)
	file := filepath.Join(t.TempDir(), "kua.backup")
	if _, err := MakeBackup(context.Background(), s.config(), file, true); err != nil {
		t.Fatal(err)
	}
	e := s.Entity()
	lost := s.Monitor2.Feed(v).Sign(prototest.Create(e, 2200))
	s.laptop(s.Monitor).push(lost)
	epoch, origin := s.server.epoch, s.server.tiles.Origin()
	want := digest(t, s.server.replica, v.Scope)
	if _, err := Restore(context.Background(), s.config(), file); !errors.Is(err, ErrInUse) {
		t.Fatalf("restoring beside a running server: %v", err)
	}
	s.stop()
	r, err := Restore(context.Background(), s.config(), file)
	if err != nil || r.Epoch == epoch || r.Origin == origin || r.Kept == "" || r.Missing != 0 {
		t.Fatalf("restored = %+v, %v", r, err)
	}
	if kept, err := sqldb.Open(context.Background(), sqldb.Config{Path: r.Kept, ReadOnly: true}); err != nil {
		t.Fatal(err)
	} else {
		var n int
		if err := kept.Read.QueryRow(`SELECT COUNT(*) FROM changeset`).Scan(&n); err != nil || n != 308 {
			t.Fatalf("the database before has %d changesets, %v", n, err)
		}
		kept.Close()
	}
	if report := s.verify(); !report.Good() || report.Changesets != 307 {
		t.Fatalf("after the restore: %+v", report)
	}
	again := s.reopened(s.dir)
	if again.server.epoch != r.Epoch || again.server.tiles.Origin() != r.Origin || again.server.id != s.server.id {
		t.Fatalf("the server runs as %s in epoch %s under %s", again.server.id, again.server.epoch, again.server.tiles.Origin())
	}
	var offer syncproto.OfferAnswer
	l := again.laptop(s.Monitor)
	l.send(request{method: "POST", path: scopePath(v.Scope, "offer"), body: message(t, syncproto.Offer{
		Heads: []syncproto.FeedHead{s.Monitor2.Feed(v).Head()}, Cursor: syncproto.Cursor{Epoch: epoch, Position: 308},
	})}).decode(t, &offer)
	if offer.CursorOK || len(offer.Want) != 1 || offer.Want[0].From != lost.Header.N {
		t.Fatalf("offer answer = %+v", offer)
	}
	l.push(lost)
	if digest(t, again.server.replica, v.Scope) != want {
		t.Fatal("after the laptops brought what was lost the state is another")
	}
	again.stop()
	if report := again.verify(); !report.Good() {
		t.Fatalf("in the end: %q", report.Faults)
	}
}

// reopened serves a folder anew.
func (s *site) reopened(dir string) *site {
	s.t.Helper()
	c := &site{Cast: s.Cast, t: s.t, dir: dir, logged: s.logged, limits: s.limits, given: s.given}
	c.http = httptest.NewUnstartedServer(nil)
	c.url = "http://" + c.http.Listener.Addr().String()
	c.open()
	c.http.Config.Handler = c.server.Handler()
	c.http.Start()
	s.t.Cleanup(func() {
		c.http.Close()
		c.server.Close()
	})
	return c
}

func TestRestoreIntoANewFolder(t *testing.T) {
	s, v := busySite(t)
	file := filepath.Join(t.TempDir(), "kua.backup")
	if _, err := MakeBackup(context.Background(), s.config(), file, true); err != nil {
		t.Fatal(err)
	}
	want := digest(t, s.server.replica, v.Scope)
	s.stop()
	cfg := s.config()
	cfg.Dir = filepath.Join(t.TempDir(), "new")
	r, err := Restore(context.Background(), cfg, file)
	if err != nil || r.Missing != 1 || r.Kept != "" {
		t.Fatalf("restored = %+v, %v", r, err)
	}
	again := s.reopened(cfg.Dir)
	if digest(t, again.server.replica, v.Scope) != want {
		t.Fatal("the restored state is another")
	}
	var n int
	if err := again.server.db.Read.QueryRow(`SELECT COUNT(*) FROM meta WHERE name = $1`, metaKey).Scan(&n); err != nil || n != 0 {
		t.Fatalf("the key is still in the database (%v)", err)
	}
	again.stop()
}

func TestRestoreRefusesWhatIsNoBackup(t *testing.T) {
	s := newSite(t)
	s.stop()
	other := newSite(t)
	foreign := filepath.Join(t.TempDir(), "foreign")
	if _, err := MakeBackup(context.Background(), other.config(), foreign, false); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	os.WriteFile(text, []byte(strings.Repeat("no database ", 1000)), 0o600)
	empty := filepath.Join(dir, "empty")
	db, err := sqldb.Open(t.Context(), sqldb.Config{Path: empty})
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
	before, _ := os.ReadFile(filepath.Join(s.dir, databaseFile))
	for _, file := range []string{text, empty, foreign, filepath.Join(dir, "absent")} {
		if _, err := Restore(context.Background(), s.config(), file); err == nil {
			t.Fatalf("%s was restored", filepath.Base(file))
		}
		if after, _ := os.ReadFile(filepath.Join(s.dir, databaseFile)); !bytes.Equal(before, after) {
			t.Fatalf("a refused restore of %s changed the database", filepath.Base(file))
		}
	}
	if left, _ := filepath.Glob(filepath.Join(s.dir, "restoring*")); len(left) != 0 {
		t.Fatalf("left behind: %q", left)
	}
}
