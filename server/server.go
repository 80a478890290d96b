// Package server is the central service: it stores, orders, reconciles and proves what laptops bring, and reads none
// of it (docs/protocol.md §9). Its state is one folder: server.db, server.key and blobs.
package server

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/time/rate"

	"kua/internal/dpop"
	"kua/internal/replica"
	"kua/internal/sqldb"
	"kua/server/tilelog"
	"kua/server/token"
	"kua/syncproto"
	"kua/syncproto/prooflog"
)

// The names inside a data folder.
const (
	databaseFile  = "server.db"
	keyFile       = "server.key"
	highWaterFile = "highwater"
	blobFolder    = "blobs"
)

// Config says where a server lives and what it may use.
type Config struct {
	// Dir is the data folder, mode 0700.
	Dir string
	// PublicURL is the absolute URL by which laptops reach the server, without a path. Proofs of possession are made
	// for it. Open takes what Init was told where it is empty.
	PublicURL string
	// HighWater is the file with the newest published checkpoint. It should lie outside what is backed up with Dir;
	// empty means Dir/highwater.
	HighWater string
	Logger    *slog.Logger
	Now       func() time.Time
	Rand      io.Reader
	Version   string // build, for the status page
	Limits    Limits // zero fields take the values of DefaultLimits
}

// Limits bound what a server does for others. Rates are requests per second.
type Limits struct {
	Device, Address, Enrol                rate.Limit
	DeviceBurst, AddressBurst, EnrolBurst int
	Pushes                                int // that are unpacked and stored at once; each takes up to 10 MiB

	Blob, DeviceBlobs, AllBlobs int64 // most bytes of one attachment, of those a device brought, and of all
}

// DefaultLimits returns limits for an organisation of a few hundred laptops, many of them behind one office address.
func DefaultLimits() Limits {
	return Limits{
		Device: 50, DeviceBurst: 200,
		Address: 200, AddressBurst: 1000,
		Enrol: rate.Every(10 * time.Second), EnrolBurst: 10,
		Pushes: 16,
		Blob:   256 << 20, DeviceBlobs: 8 << 30, AllBlobs: 256 << 30,
	}
}

func (l Limits) orDefault() Limits {
	d := DefaultLimits()
	for _, p := range []struct{ v, d *rate.Limit }{{&l.Device, &d.Device}, {&l.Address, &d.Address}, {&l.Enrol, &d.Enrol}} {
		if *p.v == 0 {
			*p.v = *p.d
		}
	}
	for _, p := range []struct{ v, d *int }{{&l.DeviceBurst, &d.DeviceBurst}, {&l.AddressBurst, &d.AddressBurst}, {&l.EnrolBurst, &d.EnrolBurst}, {&l.Pushes, &d.Pushes}} {
		if *p.v == 0 {
			*p.v = *p.d
		}
	}
	for _, p := range []struct{ v, d *int64 }{{&l.Blob, &d.Blob}, {&l.DeviceBlobs, &d.DeviceBlobs}, {&l.AllBlobs, &d.AllBlobs}} {
		if *p.v == 0 {
			*p.v = *p.d
		}
	}
	return l
}

// Server is an open server. Handler serves it; Close waits for what it has begun.
type Server struct {
	cfg     Config
	log     *slog.Logger
	url     string   // PublicURL without a slash at its end
	lock    *os.File // held on Dir
	db      *sqldb.DB
	blobs   *blobs
	chunks  *chunks
	key     ed25519.PrivateKey
	id      syncproto.DeviceID
	epoch   syncproto.Hash
	replica *replica.Replica
	tiles   *tilelog.Log
	tokens  *token.Issuer
	writer  *writer
	moved   *bell // rings after every commit that may have moved a scope or the roster
	limits  *limiters
	metrics *metrics
	zstd    *zstd.Encoder
	turns   chan struct{} // one for each push that may be unpacked at once

	sign     chan struct{} // wakes the goroutine that signs checkpoints
	stopping chan struct{} // closed when long polls must end
	once     sync.Once     // guards closing it
	stop     context.CancelFunc
	done     sync.WaitGroup
}

// Open opens the server of a data folder that Init made.
func Open(ctx context.Context, cfg Config) (*Server, error) {
	s, err := open(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("opening server: %w", err)
	}
	return s, nil
}

func open(ctx context.Context, cfg Config) (_ *Server, err error) {
	s := &Server{cfg: cfg, log: cfg.Logger, moved: newBell(), sign: make(chan struct{}, 1), stopping: make(chan struct{})}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.key, err = readKey(filepath.Join(cfg.Dir, keyFile)); err != nil {
		return nil, err
	}
	s.id = syncproto.DeviceIDOf(s.key.Public().(ed25519.PublicKey))
	if s.lock, err = lockFolder(cfg.Dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			unlock(s.lock)
		}
	}()
	path := filepath.Join(cfg.Dir, databaseFile)
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%w: run `kua-server init` first", err)
	}
	if s.db, err = openDatabase(ctx, path); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.db.Close()
		}
	}()
	if err := s.readMeta(ctx); err != nil {
		return nil, err
	}
	if err := s.openStores(ctx); err != nil {
		return nil, err
	}
	if err := sweepSpools(cfg.Dir); err != nil {
		return nil, err
	}
	if s.blobs, err = openBlobs(filepath.Join(cfg.Dir, blobFolder)); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.blobs.close()
		}
	}()
	s.chunks = newChunks()
	if s.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest)); err != nil {
		return nil, err
	}
	limits := cfg.Limits.orDefault()
	s.cfg.Limits = limits
	s.turns = make(chan struct{}, limits.Pushes)
	s.limits = newLimiters(limits, cfg.Now)
	s.metrics = newMetrics(s)
	if err := s.sweepBlobs(ctx); err != nil {
		return nil, err
	}
	s.start()
	return s, nil
}

// readMeta reads what Init wrote down.
func (s *Server) readMeta(ctx context.Context) error {
	epoch, err := readMeta(ctx, s.db.Read, metaEpoch)
	if err != nil {
		return err
	}
	if len(epoch) != len(s.epoch) {
		return errors.New("the database has no epoch: it was not made by `kua-server init`")
	}
	s.epoch = syncproto.Hash(epoch)
	url, err := readMeta(ctx, s.db.Read, metaURL)
	if err != nil {
		return err
	}
	if s.cfg.PublicURL != "" {
		url = []byte(s.cfg.PublicURL)
	}
	if s.url, err = checkURL(string(url)); err != nil {
		return err
	}
	return nil
}

func (s *Server) openStores(ctx context.Context) error {
	origin, err := readMeta(ctx, s.db.Read, metaOrigin)
	if err != nil {
		return err
	}
	s.tiles, err = tilelog.Open(ctx, s.db.Read, tilelog.Config{Origin: string(origin), Key: s.key, HighWater: s.cfg.highWater()})
	if err != nil {
		return err
	}
	s.replica, err = replica.Open(ctx, replica.Config{DB: s.db.Write, Read: s.db.Read, Packets: true, Leaves: s.leaves})
	if err != nil {
		return err
	}
	s.tokens, err = token.New(token.Config{
		Issuer: s.id.String(), Audience: s.url, TokenURL: s.url + tokenPath, Key: s.key,
		Device: s.deviceKey, Now: s.cfg.Now, Rand: s.cfg.Rand,
	})
	return err
}

func (c *Config) highWater() string {
	if c.HighWater != "" {
		return c.HighWater
	}
	return filepath.Join(c.Dir, highWaterFile)
}

// deviceKey answers the token issuer. Revoked devices get sessions too: routes.go says which doors those open.
func (s *Server) deviceKey(_ context.Context, id dpop.DeviceID) (ed25519.PublicKey, error) {
	d, ok := s.replica.Roster().Device(syncproto.DeviceID(id))
	if !ok {
		return nil, token.ErrNoDevice
	}
	return d.Signing, nil
}

// leaves puts stored changesets into the log, in the transaction that stores them.
func (s *Server) leaves(ctx context.Context, tx *sql.Tx, ids []syncproto.ChangesetID) (int64, error) {
	entries := make([][]byte, len(ids))
	for i, id := range ids {
		entries[i] = entryOf(id)
	}
	return s.tiles.Append(ctx, tx, entries)
}

func entryOf(id syncproto.ChangesetID) []byte { return prooflog.Entry(leafKind, id) }

// leafKind is the kind of log entry that a stored changeset gets.
const leafKind = "changeset"

// start begins the goroutines of the server. Close ends them.
func (s *Server) start() {
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	s.writer = newWriter(s)
	s.done.Add(2)
	go func() { defer s.done.Done(); s.writer.run(ctx) }()
	go func() { defer s.done.Done(); s.signCheckpoints(ctx) }()
	s.committed()
}

// committed tells everybody who waits for it that something was stored.
func (s *Server) committed() {
	s.moved.ring()
	select {
	case s.sign <- struct{}{}:
	default:
	}
}

// Stopping ends requests that wait for something to happen, so that a graceful shutdown need not wait for them.
func (s *Server) Stopping() { s.once.Do(func() { close(s.stopping) }) }

// Close ends what runs in the background, signs a last checkpoint and closes the database. Requests must have ended.
func (s *Server) Close() error {
	s.Stopping()
	s.stop()
	s.done.Wait()
	return errors.Join(s.db.Close(), s.blobs.close(), unlock(s.lock))
}

// URL returns the URL by which laptops reach the server.
func (s *Server) URL() string { return s.url }

func openDatabase(ctx context.Context, path string) (*sqldb.DB, error) {
	db, err := sqldb.Open(ctx, sqldb.Config{Path: path})
	if err != nil {
		return nil, err
	}
	if err := errors.Join(migrate(ctx, db.Write), tune(ctx, db.Write)); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// tune gives the writer room: records are touched all over the file, and SQLite's own 2 MiB of cache and 4 MiB of
// write-ahead log cost half the speed at a million operations: 128 MiB each hold its pace. It holds for the pool's one connection; if that is
// ever lost, only speed is.
func tune(ctx context.Context, writer *sql.DB) error {
	for _, pragma := range []string{`PRAGMA cache_size = -131072`, `PRAGMA wal_autocheckpoint = 32000`} {
		if _, err := writer.ExecContext(ctx, pragma); err != nil {
			return fmt.Errorf("tuning the database: %w", err)
		}
	}
	return nil
}

func checkURL(raw string) (string, error) {
	target, err := dpop.Target(raw)
	if err != nil {
		return "", fmt.Errorf("reading the public URL %q: %w", raw, err)
	}
	url := strings.TrimSuffix(target, "/")
	if strings.Count(url, "/") != 2 {
		return "", fmt.Errorf("reading the public URL %q: it must have no path", raw)
	}
	return url, nil
}
