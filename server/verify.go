package server

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"kua/internal/replica"
	"kua/internal/sqldb"
	"kua/server/tilelog"
	"kua/syncproto"
)

const mostFaults = 20

// Report is what Verify found.
type Report struct {
	Server      syncproto.DeviceID `json:"server"`
	Epoch       syncproto.Hash     `json:"epoch"`
	Origin      string             `json:"origin"`
	Roster      int                `json:"roster"` // records
	Scopes      int64              `json:"scopes"`
	Feeds       int64              `json:"feeds"`
	Changesets  int64              `json:"changesets"`
	Held        int64              `json:"held"`
	Quarantined int64              `json:"quarantined"`
	Forked      int64              `json:"forked"`
	Erasures    int64              `json:"erasures"`
	Entries     int64              `json:"logEntries"`
	Root        string             `json:"logRoot"`
	Checkpoints int64              `json:"checkpoints"`
	Attachments int64              `json:"attachments"`
	Faults      []string           `json:"faults"` // the first ones
}

// Good reports whether nothing is wrong.
func (r *Report) Good() bool { return len(r.Faults) == 0 }

func (r *Report) fault(format string, args ...any) {
	if len(r.Faults) < mostFaults {
		r.Faults = append(r.Faults, fmt.Sprintf(format, args...))
	}
}

// verification is the state of Verify.
type verification struct {
	Report
	cfg    Config
	db     *sqldb.DB
	key    ed25519.PrivateKey
	roster *syncproto.Roster
}

// Verify checks the data of a server that does not run, without writing: the database's form; every roster record and
// packet with signature, chain and right; that positions are dense; that the log has a leaf for each changeset and that
// tiles, root and checkpoints follow from its entries; that derived tables follow from the log; and attachments. It
// returns an error where it could not look, and faults in the report where something is wrong.
func Verify(ctx context.Context, cfg Config) (*Report, error) {
	v := verification{cfg: cfg, Report: Report{Faults: []string{}}}
	if err := v.run(ctx); err != nil {
		return nil, fmt.Errorf("verifying %s: %w", cfg.Dir, err)
	}
	return &v.Report, nil
}

func (v *verification) run(ctx context.Context) (err error) {
	lock, err := lockFolder(v.cfg.Dir)
	if err != nil {
		return err
	}
	defer unlock(lock)
	if v.key, err = readKey(filepath.Join(v.cfg.Dir, keyFile)); err != nil {
		return err
	}
	v.Server = syncproto.DeviceIDOf(v.key.Public().(ed25519.PublicKey))
	if v.db, err = sqldb.Open(ctx, sqldb.Config{Path: filepath.Join(v.cfg.Dir, databaseFile), ReadOnly: true}); err != nil {
		return err
	}
	defer v.db.Close()
	faults, err := integrity(ctx, v.db.Read)
	if err != nil {
		return err
	}
	for _, f := range faults {
		v.fault("database: %s", f)
	}
	for _, step := range []func(context.Context) error{v.meta, v.checkRoster, v.changesets, v.counts, v.log, v.derived, v.attachments} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (v *verification) meta(ctx context.Context) error {
	epoch, err := readMeta(ctx, v.db.Read, metaEpoch)
	if err != nil {
		return err
	}
	copy(v.Epoch[:], epoch)
	if len(epoch) != len(v.Epoch) {
		v.fault("the database has no epoch")
	}
	return nil
}

func (v *verification) checkRoster(ctx context.Context) error {
	v.roster = &syncproto.Roster{}
	return v.each(ctx, `SELECT position, id, record FROM roster ORDER BY position`, func(rows *sql.Rows) error {
		var at int
		var id, record []byte
		if err := rows.Scan(&at, &id, &record); err != nil {
			return err
		}
		if err := v.roster.Append(record); err != nil {
			v.fault("roster record %d: %v", at, err)
			return nil
		}
		if head := v.roster.Head(); at != v.roster.Len()-1 || string(id) != string(head[:]) {
			v.fault("roster record %d: it is stored as %x, and is record %d, %s", at, id, v.roster.Len()-1, v.roster.Head())
		}
		v.Roster = v.roster.Len()
		return nil
	})
}

// branch is the end of one changeset, which the next of its feed must continue.
type branch struct {
	feed    syncproto.FeedID
	n, next uint64
}

// changesets checks each packet by itself, and that it continues its feed. What follows from all of them together is
// for derived.
func (v *verification) changesets(ctx context.Context) error {
	ends := map[syncproto.ChangesetID]branch{}
	positions := map[int64]uint64{}
	return v.each(ctx, `SELECT cs, scope, position, body, packet FROM changeset ORDER BY id`, func(rows *sql.Rows) error {
		var id, body, packet []byte
		var scope int64
		var position uint64
		if err := rows.Scan(&id, &scope, &position, &body, &packet); err != nil {
			return err
		}
		v.Changesets++
		if positions[scope]++; position != positions[scope] {
			v.fault("changeset %x: position %d where %d must follow", id, position, positions[scope])
			positions[scope] = position
		}
		cs, err := v.packet(packet)
		if err != nil {
			v.fault("changeset %x: %v", id, err)
			return nil
		}
		if string(id) != string(cs.ID[:]) {
			v.fault("changeset %x: its packet is that of %s", id, cs.ID)
		}
		if h := cs.Packet.BodyHash(); string(body) != string(h[:]) {
			v.fault("changeset %s: its body is not the one that the receipt names", cs.ID)
		}
		h := &cs.Header
		if was, ok := ends[h.Prev]; h.N > 1 && (!ok || was != branch{h.Feed(), h.N - 1, h.Seq0}) {
			v.fault("changeset %s: it does not continue its feed %s", cs.ID, h.Feed())
		}
		ends[cs.ID] = branch{h.Feed(), h.N, h.LastSeq() + 1}
		return nil
	})
}

// packet parses a packet and checks its signature, and that the roster knows whom it cites.
func (v *verification) packet(b []byte) (*syncproto.Changeset, error) {
	p, err := syncproto.DecodePacket(b)
	if err != nil {
		return nil, err
	}
	cs, err := syncproto.ParsePacket(p)
	if err != nil {
		return nil, err
	}
	d, ok := v.roster.Device(cs.Header.Device)
	if !ok {
		return nil, fmt.Errorf("its device %s is not in the roster", cs.Header.Device)
	}
	if err := cs.Verify(d.Signing); err != nil {
		return nil, err
	}
	if _, ok := v.roster.IndexOf(cs.Header.RosterHead); !ok {
		return nil, fmt.Errorf("it cites the roster record %s, which is not there", cs.Header.RosterHead)
	}
	return cs, nil
}

func (v *verification) counts(ctx context.Context) error {
	return v.db.Read.QueryRowContext(ctx, `
		SELECT (SELECT COUNT(*) FROM scope), (SELECT COUNT(*) FROM feed), (SELECT COUNT(*) FROM held),
			(SELECT COUNT(*) FROM changeset WHERE code <> '' AND admitted = 0), (SELECT COUNT(*) FROM feed WHERE forked = 1),
			(SELECT COUNT(*) FROM erasure), (SELECT COUNT(*) FROM tilelog_checkpoint), (SELECT COUNT(*) FROM blob WHERE complete = 1)`).
		Scan(&v.Scopes, &v.Feeds, &v.Held, &v.Quarantined, &v.Forked, &v.Erasures, &v.Checkpoints, &v.Attachments)
}

// log checks the transparency log, and that what it published before is in it.
func (v *verification) log(ctx context.Context) error {
	origin, err := readMeta(ctx, v.db.Read, metaOrigin)
	if err != nil {
		return err
	}
	l, err := tilelog.Open(ctx, v.db.Read, tilelog.Config{Origin: string(origin), Key: v.key, HighWater: v.cfg.highWater()})
	if err != nil {
		v.fault("%v", err)
		return nil
	}
	v.Origin = l.Origin()
	tree, err := l.Tree(ctx, v.db.Read)
	if err != nil {
		v.fault("%v", err)
		return nil
	}
	v.Entries, v.Root = tree.N, tree.Hash.String()
	faults, err := l.Check(ctx, v.db.Read, mostFaults)
	if err != nil {
		return err
	}
	for _, f := range faults {
		v.fault("log: %s", f)
	}
	return v.leaves(ctx)
}

// leaves compares the log's entries with the changesets that point at them, both ways.
func (v *verification) leaves(ctx context.Context) error {
	err := v.each(ctx, `
		SELECT c.cs, c.leaf, e.body FROM changeset c LEFT JOIN tilelog_entry e ON e.idx = c.leaf ORDER BY c.id`, func(rows *sql.Rows) error {
		var id, body []byte
		var leaf int64
		if err := rows.Scan(&id, &leaf, &body); err != nil {
			return err
		}
		if string(body) != string(entryOf(syncproto.ChangesetID(id))) {
			v.fault("changeset %x: the log's entry %d is not its", id, leaf)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return v.each(ctx, `
		SELECT e.idx, (SELECT COUNT(*) FROM changeset c WHERE c.leaf = e.idx) FROM tilelog_entry e
		WHERE (SELECT COUNT(*) FROM changeset) <> (SELECT COUNT(*) FROM tilelog_entry)
			AND NOT EXISTS (SELECT 1 FROM changeset c WHERE c.leaf = e.idx) ORDER BY e.idx LIMIT 3`, func(rows *sql.Rows) error {
		var idx, n int64
		if err := rows.Scan(&idx, &n); err != nil {
			return err
		}
		v.fault("the log's entry %d stands for a changeset that is not here", idx)
		return nil
	})
}

// derived compares the tables that follow from the log with what follows from it, in memory.
func (v *verification) derived(ctx context.Context) error {
	if !v.Good() {
		return nil // it would fail for the same reason
	}
	scratch, err := sqldb.Open(ctx, sqldb.Config{Memory: true})
	if err != nil {
		return err
	}
	defer scratch.Close()
	if err := sqldb.Migrate(ctx, scratch.Write, "replica", replica.Migrations, "migrations/"+sqldb.SQLite.String()); err != nil {
		return err
	}
	found, err := replica.CheckDerived(ctx, v.db.Read, scratch.Write, mostFaults)
	if err != nil {
		v.fault("%v", err)
	}
	for _, f := range found {
		v.fault("derived: %s (run `kua-server rebuild`)", f)
	}
	return nil
}

// attachments checks that what is complete is there with the right bytes.
func (v *verification) attachments(ctx context.Context) error {
	return v.each(ctx, `SELECT hash, file, size FROM blob WHERE complete = 1`, func(rows *sql.Rows) error {
		var h []byte
		var name string
		var size int64
		if err := rows.Scan(&h, &name, &size); err != nil {
			return err
		}
		f, err := os.OpenInRoot(filepath.Join(v.cfg.Dir, blobFolder), name)
		if err != nil {
			v.fault("attachment %x: %v", h, pathless(err))
			return nil
		}
		defer f.Close()
		if err := checkBlob(f, syncproto.Hash(h)); err != nil {
			v.fault("attachment %x: its bytes are not those that its name says", h)
		}
		return nil
	})
}

// pathless leaves the path out of an error: a report may be sent on.
func pathless(err error) error {
	if e, ok := err.(*fs.PathError); ok {
		return e.Err
	}
	return err
}

func (v *verification) each(ctx context.Context, query string, fn func(*sql.Rows) error) error {
	rows, err := v.db.Read.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := fn(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Rebuild makes everything that is derived from the log anew, in the data of a server that does not run.
func Rebuild(ctx context.Context, cfg Config) error {
	lock, err := lockFolder(cfg.Dir)
	if err != nil {
		return err
	}
	defer unlock(lock)
	db, err := openDatabase(ctx, filepath.Join(cfg.Dir, databaseFile))
	if err != nil {
		return err
	}
	defer db.Close()
	r, err := replica.Open(ctx, replica.Config{DB: db.Write, Read: db.Read, Packets: true})
	if err != nil {
		return err
	}
	return r.Rebuild(ctx)
}
