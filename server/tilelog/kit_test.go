package tilelog

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	_ "modernc.org/sqlite"
)

var ctx = context.Background()

func openDB(t testing.TB, path string) *sql.DB {
	t.Helper()
	dsn := "file:" + path + "?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)" +
		"&_pragma=synchronous(FULL)&_pragma=temp_store(MEMORY)"
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func newDB(t testing.TB, path string) *sql.DB {
	t.Helper()
	db := openDB(t, path)
	files, err := fs.Glob(Migrations, "migrations/sqlite/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("no migrations: %v", err)
	}
	for _, name := range files {
		ddl, err := Migrations.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.ExecContext(ctx, string(ddl)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return db
}

func config(dir string) Config {
	return Config{
		Origin: "ledger.npm.example", Key: ed25519.NewKeyFromSeed(make([]byte, 32)),
		HighWater: filepath.Join(dir, "published"),
	}
}

func openLog(t testing.TB, db *sql.DB, cfg Config) *Log {
	t.Helper()
	l, err := Open(ctx, db, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// newLog returns an empty log in a directory of its own.
func newLog(t testing.TB) (*Log, *sql.DB) {
	t.Helper()
	dir := t.TempDir()
	db := newDB(t, filepath.Join(dir, "log.db"))
	return openLog(t, db, config(dir)), db
}

func appendAll(l *Log, db *sql.DB, entries [][]byte) (int64, error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback()
	first, err := l.Append(ctx, tx, entries)
	if err != nil {
		return 0, err
	}
	return first, tx.Commit()
}

func entry(i int64) []byte { return fmt.Appendf(nil, "kua-entry/v1\nchangeset\n%d\n", i) }

func entries(first, n int64) [][]byte {
	list := make([][]byte, n)
	for i := range list {
		list[i] = entry(first + int64(i))
	}
	return list
}

// client knows a log only by what it serves.
type client struct {
	l    *Log
	q    Querier
	tree tlog.Tree
}

func newClient(l *Log, q Querier) (*client, error) {
	signed, err := l.Checkpoint(ctx, q)
	if err != nil {
		return nil, err
	}
	v, err := note.NewVerifier(l.VerifierKey())
	if err != nil {
		return nil, err
	}
	n, err := note.Open(signed, note.VerifierList(v))
	if err != nil {
		return nil, err
	}
	_, _, tree, err := parseMark([]byte(n.Text + "\n"))
	return &client{l, q, tree}, err
}

func (c *client) Height() int                     { return tileHeight }
func (c *client) SaveTiles([]tlog.Tile, [][]byte) {}
func (c *client) reader() tlog.HashReader         { return tlog.TileHashReader(c.tree, c) }
func (c *client) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, t := range tiles {
		var err error
		if data[i], err = c.l.Tile(ctx, c.q, t.L, t.N, t.W); err != nil {
			return nil, err
		}
	}
	return data, nil
}

func wide(hashes []tlog.Hash) [][]byte {
	list := make([][]byte, len(hashes))
	for i := range hashes {
		list[i] = hashes[i][:]
	}
	return list
}

// included checks the proof of entry i with both libraries.
func (c *client) included(i int64, body []byte) error {
	p, err := tlog.ProveRecord(c.tree.N, i, c.reader())
	if err != nil {
		return err
	}
	h := tlog.RecordHash(body)
	if err := tlog.CheckRecord(p, c.tree.N, c.tree.Hash, i, h); err != nil {
		return err
	}
	return proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(i), uint64(c.tree.N), h[:], wide(p), c.tree.Hash[:])
}

// consistent checks the proof that the tree continues an older one with both libraries.
func (c *client) consistent(old tlog.Tree) error {
	if old.N == 0 {
		return nil
	}
	p, err := tlog.ProveTree(c.tree.N, old.N, c.reader())
	if err != nil {
		return err
	}
	if err := tlog.CheckTree(p, c.tree.N, c.tree.Hash, old.N, old.Hash); err != nil {
		return err
	}
	return proof.VerifyConsistency(rfc6962.DefaultHasher, uint64(old.N), uint64(c.tree.N), wide(p), old.Hash[:], c.tree.Hash[:])
}

// bundle reads the entries of a bundle back.
func bundle(data []byte) (list [][]byte, err error) {
	for len(data) > 0 {
		if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
			return nil, errors.New("bundle ends inside an entry")
		}
		n := 2 + int(binary.BigEndian.Uint16(data))
		list, data = append(list, data[2:n]), data[n:]
	}
	return list, nil
}

// root computes the root in a third way: a compact range over the entries.
func root(t testing.TB, list [][]byte) tlog.Hash {
	r := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	for _, e := range list {
		if err := r.Append(rfc6962.DefaultHasher.HashLeaf(e), nil); err != nil {
			t.Fatal(err)
		}
	}
	h, err := r.GetRootHash(nil)
	if err != nil {
		t.Fatal(err)
	}
	if h == nil {
		h = rfc6962.DefaultHasher.EmptyRoot()
	}
	return tlog.Hash(h)
}
