package fieldclient

import (
	"context"
	"database/sql"
	"fmt"

	"kua/internal/replica"
	"kua/syncproto"
)

// read builds everything from the records.
func (k *Checklist) read(ctx context.Context, name namer) error {
	c := k.c
	c.whole.RLock()
	defer c.whole.RUnlock()
	me, err := c.Person()
	if err != nil {
		return err
	}
	v, err := c.rep.Record(ctx, k.scope, k.id)
	if err != nil {
		return err
	}
	info, err := c.checklistInfo(ctx, v)
	if err != nil {
		return err
	}
	if info.Template == (syncproto.EntityID{}) && name == nil {
		return errNoKey
	}
	if k.t == nil || info.Template != k.info.Template {
		t, g, err := c.templateHeld(ctx, info.Template)
		if err != nil {
			return err
		}
		k.t, k.g, k.keys = t, g, keysOf(t)
	}
	k.info, k.me = info, me.Person
	if err := k.load(ctx, name); err != nil {
		return err
	}
	k.begin()
	return nil
}

// load reads the records and fills in the form of the person of this laptop. The caller holds whole.
func (k *Checklist) load(ctx context.Context, name namer) error {
	r := &checklistReader{c: k.c, k: k, name: name, rows: map[syncproto.EntityID]*row{}, said: map[syncproto.EntityID]*saidItem{}, ids: map[uint64]syncproto.ChangesetID{}}
	if err := r.read(ctx); err != nil {
		return err
	}
	k.rows, k.said, k.strays, k.group = r.rows, r.said, r.strays, nil
	k.items = make(map[itemKey]*saidItem, len(r.said))
	for _, s := range r.said {
		k.items[itemKey{s.item, s.row}] = s
	}
	k.counts = map[countedKey]syncproto.EntityID{}
	for _, r := range k.rows {
		k.count(r)
	}
	k.mine = k.sheet(k.isMine(), func(s *saidItem) (Said, bool) {
		said := s.by[k.me]
		if said == nil || !said.answered() {
			return Said{}, false
		}
		return *said, true
	})
	return nil
}

type checklistReader struct {
	c      *Client
	k      *Checklist
	name   namer // nil where the visit's first key has not come: then nothing can be checked, and nothing be saved
	values map[syncproto.OpRef][]byte
	rows   map[syncproto.EntityID]*row
	said   map[syncproto.EntityID]*saidItem
	strays []*saidItem
	ids    map[uint64]syncproto.ChangesetID // by row
	named  map[syncproto.EntityID]itemKey   // what the ids of this form's answers would be; nil until asked for
}

func (r *checklistReader) read(ctx context.Context) (err error) {
	r.values = map[syncproto.OpRef][]byte{}
	rowKind, _ := syncproto.KindNamed("row")
	if err := r.each(ctx, rowKind, r.row); err != nil {
		return err
	}
	answer, _ := syncproto.KindNamed("answer")
	return r.each(ctx, answer, r.answer)
}

// each calls fn for every record that has values of a kind's fields. What somebody else says of the record's kind
// (docs/protocol.md §3) takes no answer away.
func (r *checklistReader) each(ctx context.Context, kind *syncproto.EntityKind, fn func(context.Context, replica.RecordView) error) error {
	touched, err := r.c.valuesIn(ctx, r.k.scope, kind, r.values)
	if err != nil {
		return err
	}
	err = r.c.rep.Records(ctx, r.k.scope, kind.ID, func(v replica.RecordView) error {
		delete(touched, v.Entity)
		return fn(ctx, v)
	})
	for e := range touched {
		if err != nil {
			return err
		}
		var v replica.RecordView
		if v, err = r.c.rep.Record(ctx, r.k.scope, e); err == nil {
			err = fn(ctx, v)
		}
	}
	return err
}

// valuesIn reads the values of all fields of a kind in a scope, in one pass, and returns the records that they are of.
func (c *Client) valuesIn(ctx context.Context, scope syncproto.ScopeID, kind *syncproto.EntityKind, into map[syncproto.OpRef][]byte) (map[syncproto.EntityID]bool, error) {
	rows, err := c.mem.Write.QueryContext(ctx, `SELECT changeset, place, entity, value FROM value WHERE scope = $1 AND field BETWEEN $2 AND $3`,
		scope[:], int64(kind.Fields[0].ID), int64(kind.Fields[len(kind.Fields)-1].ID))
	if err != nil {
		return nil, err
	}
	touched, err := scanValues(rows, into)
	if err != nil {
		return nil, fmt.Errorf("reading values: %w", err)
	}
	return touched, nil
}

func scanValues(rows *sql.Rows, into map[syncproto.OpRef][]byte) (map[syncproto.EntityID]bool, error) {
	defer rows.Close()
	touched := map[syncproto.EntityID]bool{}
	for rows.Next() {
		var ref syncproto.OpRef
		var entity, value []byte
		if err := rows.Scan(&ref.Changeset, &ref.Index, &entity, &value); err != nil {
			return nil, err
		}
		into[ref] = value
		if len(entity) == len(syncproto.EntityID{}) {
			touched[syncproto.EntityID(entity)] = true
		}
	}
	return touched, rows.Err()
}

// head returns what stands among heads, and whether it is a value; see Client.newest.
func (r *checklistReader) head(ctx context.Context, heads []syncproto.Head) ([]byte, bool, error) {
	if len(heads) == 0 {
		return nil, false, nil
	}
	h, err := r.c.newest(ctx, heads)
	if err != nil || h.Kind == syncproto.KindClear {
		return nil, false, err
	}
	b := r.values[h.OpRef]
	return b, b != nil, nil
}
