package replica

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"fmt"
	"slices"

	"kua/syncproto"
)

// Digest returns a hash over the merged state of a scope in terms that every replica shares: two stores that hold the
// same set of changesets give the same digest, however the changesets came (docs/protocol.md §11, I1).
func (r *Replica) Digest(ctx context.Context, id syncproto.ScopeID) (syncproto.Hash, error) {
	ids := map[uint64]syncproto.ChangesetID{}
	err := each(ctx, r.reader(), `SELECT c.id, c.cs FROM changeset c JOIN scope s ON s.id = c.scope WHERE s.scope = $1`, []any{id[:]}, func(rows *sql.Rows) error {
		var row uint64
		var cs []byte
		if err := rows.Scan(&row, &cs); err != nil {
			return err
		}
		ids[row] = syncproto.ChangesetID(cs)
		return nil
	})
	if err != nil {
		return syncproto.Hash{}, fmt.Errorf("digesting scope %s: %w", id, err)
	}
	var parts [][]byte
	err = r.Records(ctx, id, 0, func(v RecordView) error {
		parts = append(parts, digestRecord(v, ids))
		return nil
	})
	if err != nil {
		return syncproto.Hash{}, fmt.Errorf("digesting scope %s: %w", id, err)
	}
	slices.SortFunc(parts, bytes.Compare)
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return syncproto.Hash(h.Sum(nil)), nil
}

// digestRecord writes a record's state with global names, in an order that does not depend on rows.
func digestRecord(v RecordView, ids map[uint64]syncproto.ChangesetID) []byte {
	name := func(ref syncproto.OpRef) []byte {
		id := ids[ref.Changeset]
		return binary.BigEndian.AppendUint32(id[:], uint32(ref.Index))
	}
	b := append([]byte(nil), v.Entity[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(v.State.Kind))
	b = append(b, byte(v.State.Attention))
	var lines [][]byte
	for _, f := range v.State.Fields {
		head := binary.BigEndian.AppendUint32([]byte("f"), uint32(f.Field))
		head = append(head, f.Person[:]...)
		for _, h := range f.Heads {
			lines = append(lines, slices.Concat(head, []byte("h"), name(h.OpRef)))
		}
		for _, rv := range f.Reviews {
			lines = append(lines, slices.Concat(head, []byte("r"), name(rv.By), name(rv.Replaced)))
		}
	}
	for ref, fate := range v.State.Fates {
		line := slices.Concat([]byte{'o', byte(fate.Kind)}, name(ref))
		var by [][]byte
		for _, x := range fate.By {
			by = append(by, name(x))
		}
		slices.SortFunc(by, bytes.Compare)
		lines = append(lines, slices.Concat(append([][]byte{line}, by...)...))
	}
	slices.SortFunc(lines, bytes.Compare)
	for _, l := range lines {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(l))), l...)
	}
	sum := sha256.Sum256(b)
	return sum[:]
}
