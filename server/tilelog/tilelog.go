// Package tilelog is the append-only log of everything the server accepted, in the form of C2SP tlog-tiles, kept in
// the server's own SQL database so that an entry and what it stands for are committed together.
//
// The hashes are stored as the very tiles that are served: one row for up to 256 hashes. An append reads the last
// tile of each level, adds to it, and writes it back.
package tilelog

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"strings"
	"sync"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Migrations holds the tables: migrations/sqlite/*.sql and migrations/postgres/*.sql.
//
//go:embed migrations
var Migrations embed.FS

const (
	// TileWidth is the number of hashes in a full tile and of entries in a full bundle.
	TileWidth = 256
	// MaxEntry is the largest entry in bytes: its length must fit the uint16 before it in a bundle.
	MaxEntry = 1<<16 - 1

	tileHeight = 8
	maxLevel   = 5 // the last that tlog-tiles lets a path name
)

var (
	// ErrRestored says that the database is older than, or differs from, what this log has published. Signing on
	// would show two histories under one name.
	ErrRestored = errors.New("the log differs from what was published: this looks like a restored backup; run `kua-server restore` to go on under a new log origin")
	// ErrNotFound says that a tile, a bundle or a checkpoint is not published (yet).
	ErrNotFound = errors.New("not in the published log")
)

// Config names the log and its key.
type Config struct {
	// Origin is the log's name without its number, for example "ledger.npm.example"; the full origin is
	// "ledger.npm.example/1", and each restore counts up the number. No spaces, no plus.
	Origin string
	// Key signs checkpoints.
	Key ed25519.PrivateKey
	// HighWater is a small file outside the database, and outside what is backed up with it, that holds the newest
	// published checkpoint. With "" a restored backup goes unnoticed.
	HighWater string
}

// Querier reads; *sql.DB, *sql.Conn and *sql.Tx are such.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Log appends, serves and signs. It is safe for concurrent use; what it serves is read from the Querier given,
// which for Tile, Entries and Checkpoint may be any.
type Log struct {
	cfg    Config
	number int64 // of the origin; a restart of the log needs a new Open
	signer signer

	mu      sync.Mutex // one signature at a time, so that the file and the table only grow
	settled []byte     // what this process last put into both; guarded by mu
}

// Open reads the log's number and checks the database against the newest checkpoint published. It fails with
// ErrRestored when the one does not continue the other.
func Open(ctx context.Context, q Querier, cfg Config) (*Log, error) {
	if len(cfg.Key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("opening log: signing key has %d bytes instead of %d", len(cfg.Key), ed25519.PrivateKeySize)
	}
	if cfg.Origin == "" || strings.ContainsAny(cfg.Origin, "+ \t\r\n") {
		return nil, fmt.Errorf("opening log: origin %q is empty or has a space or a plus", cfg.Origin)
	}
	state, err := readState(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("opening log: %w", err)
	}
	s, err := newSigner(cfg, state.number)
	if err != nil {
		return nil, fmt.Errorf("opening log: %w", err)
	}
	l := &Log{cfg: cfg, number: state.number, signer: s}
	if _, err := l.newest(ctx, q, state); err != nil {
		return nil, fmt.Errorf("opening log: %w", err)
	}
	return l, nil
}

// Origin returns the log's full name, with its number.
func (l *Log) Origin() string { return l.signer.name }

// VerifierKey returns the key of the log as a note verifier string (name+hash+key), for witnesses and policies.
func (l *Log) VerifierKey() string { return l.signer.vkey }

// Tree returns the size and root of all entries that q sees, signed or not.
func (l *Log) Tree(ctx context.Context, q Querier) (tlog.Tree, error) {
	state, err := readState(ctx, q)
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("reading tree: %w", err)
	}
	root, err := tlog.TreeHash(state.size, Hashes(ctx, q))
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("reading tree: %w", err)
	}
	return tlog.Tree{N: state.size, Hash: root}, nil
}

// state is the row of tilelog_tree.
type state struct{ size, number int64 }

func readState(ctx context.Context, q Querier) (s state, err error) {
	err = q.QueryRowContext(ctx, `SELECT size, number FROM tilelog_tree WHERE id = 1`).Scan(&s.size, &s.number)
	if err != nil {
		return s, fmt.Errorf("reading log size: %w", err)
	}
	return s, nil
}

// signer signs notes under one full origin.
type signer struct {
	name   string
	vkey   string
	key    ed25519.PrivateKey
	verify note.Verifier
}

func newSigner(cfg Config, number int64) (signer, error) {
	name := fmt.Sprintf("%s/%d", cfg.Origin, number)
	vkey, err := note.NewEd25519VerifierKey(name, cfg.Key.Public().(ed25519.PublicKey))
	if err != nil {
		return signer{}, err
	}
	verify, err := note.NewVerifier(vkey)
	if err != nil {
		return signer{}, err
	}
	return signer{name: name, vkey: vkey, key: cfg.Key, verify: verify}, nil
}

func (s signer) Name() string                    { return s.name }
func (s signer) KeyHash() uint32                 { return s.verify.KeyHash() }
func (s signer) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(s.key, msg), nil }
