package server

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"kua/internal/replica"
	"kua/internal/setupcode"
	"kua/internal/sqldb"
	"kua/server/tilelog"
	"kua/syncproto"
)

// Migrations holds the tables of this package, in a folder for each dialect.
//
//go:embed migrations
var Migrations embed.FS

// Names of the meta table.
const (
	metaEpoch  = "epoch"  // 32 random bytes: the life of this database
	metaOrigin = "origin" // the log's name without its number
	metaSetup  = "setup"  // SHA-256 of the setup code's secret; gone once it was used
	metaURL    = "url"
)

// Init makes the data folder of a new server and returns the one-time setup code, which is kept nowhere.
func Init(ctx context.Context, cfg Config) (string, error) {
	code, err := initialise(ctx, cfg)
	if err != nil {
		return "", fmt.Errorf("making a server in %s: %w", cfg.Dir, err)
	}
	return code.String(), nil
}

func initialise(ctx context.Context, cfg Config) (code setupcode.Code, err error) {
	public, err := checkURL(cfg.PublicURL)
	if err != nil {
		return code, err
	}
	if err := makeFolder(cfg.Dir); err != nil {
		return code, err
	}
	seed := make([]byte, ed25519.SeedSize)
	var epoch syncproto.Hash
	for _, b := range [][]byte{seed, epoch[:], code.Secret[:]} {
		if _, err := io.ReadFull(cfg.Rand, b); err != nil {
			return code, err
		}
	}
	key := ed25519.NewKeyFromSeed(seed)
	code.Server = syncproto.DeviceIDOf(key.Public().(ed25519.PublicKey))
	if err := writeKey(filepath.Join(cfg.Dir, keyFile), seed); err != nil {
		return code, err
	}
	db, err := openDatabase(ctx, filepath.Join(cfg.Dir, databaseFile))
	if err != nil {
		return code, err
	}
	secret := sha256.Sum256(code.Secret[:])
	err = sqldb.InTx(ctx, db.Write, func(tx *sql.Tx) error {
		return writeMeta(ctx, tx, map[string][]byte{
			metaEpoch: epoch[:], metaOrigin: []byte(originOf(public, code.Server)), metaSetup: secret[:], metaURL: []byte(public),
		})
	})
	return code, errors.Join(err, db.Close())
}

// originOf names the log of a server so that no two servers share a name, even on one machine.
func originOf(public string, id syncproto.DeviceID) string {
	u, _ := url.Parse(public) // checked by checkURL
	return u.Hostname() + "/" + hex.EncodeToString(id[:4])
}

// makeFolder makes the data folder, or takes an empty one.
func makeFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if len(entries) > 0 {
		return fmt.Errorf("the folder holds %s already: choose an empty one, or `kua-server serve` what is there", entries[0].Name())
	}
	return os.Mkdir(filepath.Join(dir, blobFolder), 0o700)
}

const keyBlock = "KUA SERVER KEY" // PEM type: 32 bytes of Ed25519 seed

func writeKey(path string, seed []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = pem.Encode(f, &pem.Block{Type: keyBlock, Bytes: seed})
	return errors.Join(err, f.Sync(), f.Close())
}

func readKey(path string) (ed25519.PrivateKey, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: run `kua-server init` first", err)
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != keyBlock || len(block.Bytes) != ed25519.SeedSize {
		return nil, fmt.Errorf("%s is not the key of a server: put it back from the backup", path)
	}
	return ed25519.NewKeyFromSeed(block.Bytes), nil
}

// migrate brings the tables of every owner in the server's database up to date.
func migrate(ctx context.Context, db *sql.DB) error {
	for _, owner := range []struct {
		name string
		fsys fs.FS
	}{{"replica", replica.Migrations}, {"tilelog", tilelog.Migrations}, {"server", Migrations}} {
		if err := sqldb.Migrate(ctx, db, owner.name, owner.fsys, "migrations/"+sqldb.SQLite.String()); err != nil {
			return err
		}
	}
	return nil
}

func readMeta(ctx context.Context, q tilelog.Querier, name string) (value []byte, err error) {
	err = q.QueryRowContext(ctx, `SELECT value FROM meta WHERE name = $1`, name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", name, err)
	}
	return value, nil
}

func writeMeta(ctx context.Context, tx *sql.Tx, values map[string][]byte) error {
	for name, value := range values {
		_, err := tx.ExecContext(ctx, `INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value)
		if err != nil {
			return fmt.Errorf("writing %q: %w", name, err)
		}
	}
	return nil
}
