package tilelog

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// checkpoint is a signed tree head (C2SP tlog-checkpoint) in its parts.
type checkpoint struct {
	tlog.Tree
	note []byte // as signed; nil: none
}

// Checkpoint returns the newest published checkpoint, a signed note, or ErrNotFound before the first.
func (l *Log) Checkpoint(ctx context.Context, q Querier) ([]byte, error) {
	c, err := l.latest(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("reading checkpoint: %w", err)
	}
	if c.note == nil {
		return nil, fmt.Errorf("reading checkpoint: none was signed yet: %w", ErrNotFound)
	}
	return c.note, nil
}

// Sign publishes a checkpoint over all committed entries and returns it. If there is nothing new it returns the
// newest one. It first recomputes the root of the newest published size, and fails with ErrRestored if the log no
// longer has it; the new checkpoint is in the file and in the table before anybody can see it.
//
// It takes the database and no transaction, because entries that may still roll back must not be signed.
func (l *Log) Sign(ctx context.Context, db *sql.DB) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, err := l.sign(ctx, db)
	if err != nil {
		return nil, fmt.Errorf("signing checkpoint: %w", err)
	}
	return c, nil
}

func (l *Log) sign(ctx context.Context, db *sql.DB) ([]byte, error) {
	state, err := readState(ctx, db)
	if err != nil {
		return nil, err
	}
	if state.number != l.number {
		return nil, fmt.Errorf("the origin is now number %d, not %d: open the log again", state.number, l.number)
	}
	newest, err := l.newest(ctx, db, state)
	if err != nil {
		return nil, err
	}
	next := newest
	if newest.note == nil || newest.N < state.size {
		if next, err = l.make(ctx, db, state.size); err != nil {
			return nil, err
		}
	}
	if l.settled != nil && bytes.Equal(next.note, l.settled) {
		return l.settled, nil
	}
	// The file goes first: after a crash between the two, the file names a tree that the database has. The other
	// way round, the first checkpoint in the table without a file would look like a restored backup.
	if l.cfg.HighWater != "" {
		if err := writeHighWater(l.cfg.HighWater, next.note); err != nil {
			return nil, err
		}
	}
	_, err = db.ExecContext(ctx, `
		INSERT INTO tilelog_checkpoint (number, size, root, note) VALUES ($1, $2, $3, $4)
		ON CONFLICT (number, size) DO NOTHING`, l.number, next.N, next.Hash[:], next.note)
	if err != nil {
		return nil, fmt.Errorf("storing checkpoint: %w", err)
	}
	l.settled = next.note
	return next.note, nil
}

func (l *Log) make(ctx context.Context, q Querier, size int64) (checkpoint, error) {
	root, err := tlog.TreeHash(size, Hashes(ctx, q))
	if err != nil {
		return checkpoint{}, err
	}
	text := fmt.Sprintf("%s\n%d\n%s\n", l.signer.name, size, root)
	signed, err := note.Sign(&note.Note{Text: text}, l.signer)
	if err != nil {
		return checkpoint{}, err
	}
	return checkpoint{tlog.Tree{N: size, Hash: root}, signed}, nil
}

// newest returns the newest checkpoint that was published under the log's number, by the table and by the file,
// after it has found that the database continues both.
func (l *Log) newest(ctx context.Context, q Querier, s state) (checkpoint, error) {
	c, err := l.latest(ctx, q)
	if err != nil {
		return checkpoint{}, err
	}
	if err := extends(ctx, q, s, c); err != nil {
		return checkpoint{}, err
	}
	if l.cfg.HighWater == "" {
		return c, nil
	}
	mark, err := readHighWater(l.cfg.HighWater)
	switch {
	case err != nil:
		return checkpoint{}, err
	case mark == nil && c.note != nil:
		return checkpoint{}, fmt.Errorf("%s is missing though checkpoints were published: %w", l.cfg.HighWater, ErrRestored)
	case mark == nil:
		return c, nil
	}
	origin, number, tree, err := parseMark(mark)
	switch {
	case err != nil:
		return checkpoint{}, fmt.Errorf("reading %s: %w", l.cfg.HighWater, err)
	case origin != l.cfg.Origin:
		return checkpoint{}, fmt.Errorf("reading %s: it is of log %q, not %q: correct the origin or the path in the configuration", l.cfg.HighWater, origin, l.cfg.Origin)
	case number > l.number:
		return checkpoint{}, fmt.Errorf("origin number %d was published, the database knows %d: %w", number, l.number, ErrRestored)
	case number < l.number:
		return c, nil // written before the last restart
	}
	if _, err := note.Open(mark, note.VerifierList(l.signer.verify)); err != nil {
		return checkpoint{}, fmt.Errorf("reading %s: not signed by this log's key (bring back the key, or run `kua-server restore` to go on under a new log origin): %w", l.cfg.HighWater, err)
	}
	marked := checkpoint{tree, mark}
	if err := extends(ctx, q, s, marked); err != nil {
		return checkpoint{}, err
	}
	if marked.N > c.N || c.note == nil {
		return marked, nil
	}
	return c, nil
}

// extends reports as ErrRestored that the tree of q does not begin with that of c.
func extends(ctx context.Context, q Querier, s state, c checkpoint) error {
	if c.note == nil {
		return nil
	}
	if c.N > s.size {
		return fmt.Errorf("size %d was published, the database has %d: %w", c.N, s.size, ErrRestored)
	}
	root, err := tlog.TreeHash(c.N, Hashes(ctx, q))
	if err != nil {
		return err
	}
	if root != c.Hash {
		return fmt.Errorf("root at size %d was published as %s, the database has %s: %w", c.N, c.Hash, root, ErrRestored)
	}
	return nil
}

// latest returns the newest checkpoint in the table, whose note is nil if there is none.
func (l *Log) latest(ctx context.Context, q Querier) (c checkpoint, err error) {
	var root []byte
	err = q.QueryRowContext(ctx, `
		SELECT size, root, note FROM tilelog_checkpoint WHERE number = $1
		ORDER BY size DESC LIMIT 1`, l.number).Scan(&c.N, &root, &c.note)
	if errors.Is(err, sql.ErrNoRows) {
		return checkpoint{}, nil
	}
	if err != nil {
		return checkpoint{}, fmt.Errorf("reading newest checkpoint: %w", err)
	}
	if len(root) != tlog.HashSize {
		return checkpoint{}, fmt.Errorf("reading newest checkpoint: root has %d bytes", len(root))
	}
	c.Hash = tlog.Hash(root)
	return c, nil
}

func (l *Log) publishedSize(ctx context.Context, q Querier) (int64, error) {
	c, err := l.latest(ctx, q)
	return c.N, err
}

// Restart gives the log a new origin number, one more than the largest of those in the database, in the high-water
// file and the number known from elsewhere (a witness, a published checkpoint; 0 if none). It is the remedy for
// ErrRestored: the entries stay, and the log goes on under a name that nobody has seen with other content. Open
// the log again after the transaction.
func Restart(ctx context.Context, tx *sql.Tx, cfg Config, known int64) (number int64, err error) {
	if cfg.HighWater != "" {
		mark, err := readHighWater(cfg.HighWater)
		if err != nil {
			return 0, fmt.Errorf("restarting log: %w", err)
		}
		if mark != nil {
			_, marked, _, err := parseMark(mark)
			if err != nil {
				return 0, fmt.Errorf("restarting log: reading %s: %w; give the number of the newest origin and move the file away", cfg.HighWater, err)
			}
			known = max(known, marked)
		}
	}
	err = tx.QueryRowContext(ctx, `
		UPDATE tilelog_tree SET number = CASE WHEN number < $1 THEN $1 ELSE number END + 1
		WHERE id = 1 RETURNING number`, known).Scan(&number)
	if err != nil {
		return 0, fmt.Errorf("restarting log: %w", err)
	}
	return number, nil
}

// parseMark reads the three lines of a checkpoint of ours, without looking at signatures.
func parseMark(mark []byte) (origin string, number int64, tree tlog.Tree, err error) {
	lines := strings.SplitN(string(mark), "\n", 4)
	if len(lines) < 4 || !strings.HasPrefix(lines[3], "\n") {
		return "", 0, tlog.Tree{}, errors.New("not a checkpoint of three lines")
	}
	cut := strings.LastIndexByte(lines[0], '/')
	if cut < 0 {
		return "", 0, tlog.Tree{}, errors.New("origin has no number")
	}
	if number, err = decimal(lines[0][cut+1:]); err != nil {
		return "", 0, tlog.Tree{}, fmt.Errorf("origin number: %w", err)
	}
	if tree.N, err = decimal(lines[1]); err != nil {
		return "", 0, tlog.Tree{}, fmt.Errorf("tree size: %w", err)
	}
	if tree.Hash, err = tlog.ParseHash(lines[2]); err != nil {
		return "", 0, tlog.Tree{}, fmt.Errorf("root: %w", err)
	}
	return lines[0][:cut], number, tree, nil
}
