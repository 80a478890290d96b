package tilelog

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// checker recomputes a log from its entries.
type checker struct {
	l      *Log
	q      Querier
	most   int
	faults []string
	levels [][]byte // hashes of the tile that is filling, for each level
	filled []int64  // full tiles before it
	size   int64
}

func (c *checker) fault(format string, args ...any) {
	if len(c.faults) < c.most {
		c.faults = append(c.faults, fmt.Sprintf(format, args...))
	}
}

// Check recomputes every tile and the root of every published checkpoint from the entries, and returns what differs,
// at most most of it, in words. It returns an error only where it could not look. Memory does not grow with the log.
func (l *Log) Check(ctx context.Context, q Querier, most int) ([]string, error) {
	state, err := readState(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("checking log: %w", err)
	}
	marks, err := l.checkpoints(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("checking log: %w", err)
	}
	c := checker{l: l, q: q, most: most}
	if err := c.run(ctx, state, marks); err != nil {
		return nil, fmt.Errorf("checking log: %w", err)
	}
	return c.faults, nil
}

// publishedTree is one row of tilelog_checkpoint.
type publishedTree struct {
	number int64
	tlog.Tree
	note []byte
}

func (l *Log) checkpoints(ctx context.Context, q Querier) (out []publishedTree, err error) {
	rows, err := q.QueryContext(ctx, `SELECT number, size, root, note FROM tilelog_checkpoint ORDER BY size, number`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var p publishedTree
		var root []byte
		if err := rows.Scan(&p.number, &p.N, &root, &p.note); err != nil {
			return nil, err
		}
		copy(p.Hash[:], root)
		out = append(out, p)
	}
	return out, rows.Err()
}

func (c *checker) run(ctx context.Context, s state, marks []publishedTree) error {
	const page = 4 * TileWidth
	marks = c.marksAt(marks)
	for c.size < s.size {
		bodies, err := entryPage(ctx, c.q, c.size, page)
		if err != nil {
			return err
		}
		if len(bodies) == 0 {
			c.fault("entry %d is missing", c.size)
			return nil
		}
		for _, body := range bodies {
			if c.size == s.size {
				c.fault("there are entries behind the end, %d", s.size)
				return nil
			}
			if err := c.add(ctx, 0, tlog.RecordHash(body)); err != nil {
				return err
			}
			c.size++
			marks = c.marksAt(marks)
		}
	}
	for _, m := range marks {
		c.fault("a checkpoint of %d entries was published, there are %d", m.N, s.size)
	}
	for level, hashes := range c.levels { // what is not full yet
		if err := c.compare(ctx, level, c.filled[level], hashes); err != nil {
			return err
		}
	}
	return nil
}

func entryPage(ctx context.Context, q Querier, from int64, most int) (bodies [][]byte, err error) {
	rows, err := q.QueryContext(ctx, `SELECT idx, body FROM tilelog_entry WHERE idx >= $1 ORDER BY idx LIMIT $2`, from, most)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var idx int64
		var body []byte
		if err := rows.Scan(&idx, &body); err != nil {
			return nil, err
		}
		if idx != from+int64(len(bodies)) {
			break
		}
		bodies = append(bodies, body)
	}
	return bodies, rows.Err()
}

// add appends a hash to a level and carries the root of a tile that is full to the level above.
func (c *checker) add(ctx context.Context, level int, h tlog.Hash) error {
	if level == len(c.levels) {
		c.levels, c.filled = append(c.levels, nil), append(c.filled, 0)
	}
	c.levels[level] = append(c.levels[level], h[:]...)
	tile := c.levels[level]
	if len(tile) < TileWidth*tlog.HashSize {
		return nil
	}
	if err := c.compare(ctx, level, c.filled[level], tile); err != nil {
		return err
	}
	c.levels[level] = nil
	c.filled[level]++
	return c.add(ctx, level+1, subtree(tile))
}

func (c *checker) compare(ctx context.Context, level int, n int64, want []byte) error {
	var have []byte
	err := c.q.QueryRowContext(ctx, `SELECT hashes FROM tilelog_tile WHERE level = $1 AND n = $2`, level, n).Scan(&have)
	if err != nil && err != sql.ErrNoRows {
		return err
	}
	if !bytes.Equal(have, want) && len(want)+len(have) > 0 {
		c.fault("tile %d/%d does not follow from the entries", level, n)
	}
	return nil
}

// root returns the root over what was added so far.
func (c *checker) root() tlog.Hash {
	if c.size == 0 {
		h, _ := tlog.TreeHash(0, nil)
		return h
	}
	var right *tlog.Hash
	for level := range c.levels { // from the lowest, which is furthest right
		hashes := c.levels[level]
		for end := len(hashes) / tlog.HashSize; end > 0; {
			width := end & -end // the last complete subtree of the tile
			h := subtree(hashes[(end-width)*tlog.HashSize : end*tlog.HashSize])
			if right != nil {
				h = tlog.NodeHash(h, *right)
			}
			right, end = &h, end-width
		}
	}
	return *right
}

// marksAt checks the checkpoints of the present size and returns the rest.
func (c *checker) marksAt(marks []publishedTree) []publishedTree {
	for len(marks) > 0 && marks[0].N <= c.size {
		m := marks[0]
		marks = marks[1:]
		if m.Hash != c.root() {
			c.fault("the published root of %d entries does not follow from them", m.N)
			continue
		}
		s, err := newSigner(c.l.cfg, m.number)
		if err != nil {
			c.fault("checkpoint of %d entries: %v", m.N, err)
			continue
		}
		opened, err := note.Open(m.note, note.VerifierList(s.verify))
		if err != nil {
			c.fault("checkpoint of %d entries: %v", m.N, err)
			continue
		}
		if want := fmt.Sprintf("%s\n%d\n%s\n", s.name, m.N, m.Hash); opened.Text != want {
			c.fault("checkpoint of %d entries says something else than its row", m.N)
		}
	}
	return marks
}
