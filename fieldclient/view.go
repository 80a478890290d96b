package fieldclient

import (
	"context"
	"errors"
	"slices"

	"kua/internal/replica"
	"kua/syncproto"
)

// Statement is one operation on a field as a person reads it.
type Statement struct {
	Changeset syncproto.ChangesetID `json:"changeset"`
	Index     int                   `json:"index"`
	Kind      syncproto.Kind        `json:"kind"`
	Person    syncproto.PersonID    `json:"person"`
	Name      string                `json:"name"`
	Device    syncproto.DeviceID    `json:"device"`
	Value     string                `json:"value"`
	Locked    bool                  `json:"locked,omitempty"` // the visit key has not come to this laptop
	Veiled    bool                  `json:"veiled,omitempty"` // there are words, and they are not for this person
	Gate      bool                  `json:"gate,omitempty"`   // locked, because it was sealed at the gate: see ReleaseGate
	Written   int64                 `json:"written"`          // Unix milliseconds by the author's clock
	Corrected int64                 `json:"corrected"`        // the same by the author's last contact with a server; 0 unknown
	ErrorMs   int64                 `json:"correctedError"`   // half width of Corrected, milliseconds
	Received  int64                 `json:"received"`         // Unix milliseconds by the server's clock; 0 before it came from there
	Fate      string                `json:"fate"`
	By        []string              `json:"by,omitempty"` // what replaced or erased it
	Reason    string                `json:"reason,omitempty"`
	State     string                `json:"state"` // saved, carried, stored or proven
	ref       syncproto.OpRef
	raw       []byte
}

// FieldView is one field of a record.
type FieldView struct {
	Name     string      `json:"field"`
	Class    string      `json:"class"`
	Heads    []Statement `json:"heads"`
	Conflict bool        `json:"conflict"` // a shared field with different values
	Agreed   bool        `json:"agreed"`   // several people, one value
	Review   []ReviewRow `json:"review,omitempty"`
	id       syncproto.Field
	person   syncproto.PersonID
}

// ReviewRow is a foreign retirement that waits for an endorsement.
type ReviewRow struct {
	By       Statement `json:"by"`
	Replaced Statement `json:"replaced"`
}

// View is one record as a person reads it.
type View struct {
	Scope     syncproto.ScopeID  `json:"scope"`
	Entity    syncproto.EntityID `json:"record"`
	Kind      string             `json:"kind"`
	Removed   bool               `json:"removed"`
	Edited    int                `json:"editedAfterRemoval,omitempty"`
	ReadOnly  bool               `json:"readOnly,omitempty"` // holds something that a newer Kua must show
	Waiting   bool               `json:"quarantined,omitempty"`
	Fields    []FieldView        `json:"fields"`
	Attention []string           `json:"attention,omitempty"`

	AliasOf *syncproto.EntityID  `json:"aliasOf,omitempty"` // the record that this one stands for
	Aliases []syncproto.EntityID `json:"aliases,omitempty"` // the records that stand for this one; their statements are among Fields
}

// Record returns one record.
func (c *Client) Record(ctx context.Context, scope syncproto.ScopeID, e syncproto.EntityID) (View, error) {
	c.whole.RLock()
	defer c.whole.RUnlock()
	v, err := c.rep.Record(ctx, scope, e)
	if err != nil {
		return View{}, err
	}
	return c.view(ctx, v)
}

// Records returns the records of a scope, of one kind or, with kind "", of all.
func (c *Client) Records(ctx context.Context, scope syncproto.ScopeID, kind string) ([]View, error) {
	c.whole.RLock()
	defer c.whole.RUnlock()
	var id syncproto.Field
	if kind != "" {
		k, ok := syncproto.KindNamed(kind)
		if !ok {
			return nil, errors.New("there is no kind of record called " + kind)
		}
		id = k.ID
	}
	return c.views(ctx, func(fn func(replica.RecordView) error) error { return c.rep.Records(ctx, scope, id, fn) })
}

// Attention returns the records of a scope that wait for a person. Several heads with one value are agreement, not
// conflict, and are left out.
func (c *Client) Attention(ctx context.Context, scope syncproto.ScopeID) ([]View, error) {
	c.whole.RLock()
	defer c.whole.RUnlock()
	all, err := c.views(ctx, func(fn func(replica.RecordView) error) error {
		if err := c.rep.Attention(ctx, scope, fn); err != nil {
			return err
		}
		return c.aliased(ctx, scope, fn) // two records that differ only once they are seen as one
	})
	slices.SortFunc(all, func(a, b View) int { return slices.Compare(a.Entity[:], b.Entity[:]) })
	all = slices.CompactFunc(all, func(a, b View) bool { return a.Entity == b.Entity })
	return slices.DeleteFunc(all, func(v View) bool { return len(v.Attention) == 0 }), err
}

func (c *Client) views(ctx context.Context, walk func(func(replica.RecordView) error) error) ([]View, error) {
	out := []View{}
	err := walk(func(r replica.RecordView) error {
		v, err := c.view(ctx, r)
		out = append(out, v)
		return err
	})
	return out, err
}

func (c *Client) view(ctx context.Context, r replica.RecordView) (View, error) {
	v := View{Scope: r.Scope, Entity: r.Entity, Fields: []FieldView{}, Removed: r.State.Removed, Edited: len(r.State.Edited),
		ReadOnly: r.State.Attention&syncproto.AttentionCritical != 0, Waiting: r.State.Attention&syncproto.AttentionWaiting != 0}
	if k, ok := syncproto.LookupKind(r.State.Kind); ok {
		v.Kind = k.Name
	}
	for i := range r.State.Fields {
		f, err := c.fieldView(ctx, r, &r.State.Fields[i])
		if err != nil {
			return v, err
		}
		if f.Name == "" {
			continue
		}
		v.Fields = append(v.Fields, f)
	}
	var err error
	if v.AliasOf, err = c.aliasOf(ctx, r); err != nil {
		return v, err
	}
	if err := c.addAliases(ctx, &v); err != nil {
		return v, err
	}
	v.Attention = attention(r.State.Attention, v.Fields)
	return v, nil
}

// attention names the reasons in the words of the wire; "conflict" only where values really differ.
func attention(a syncproto.Attention, fields []FieldView) []string {
	var out []string
	if slices.ContainsFunc(fields, func(f FieldView) bool { return f.Conflict }) {
		out = append(out, "conflict")
	}
	for _, name := range a.Reasons() {
		if name != "several-heads" {
			out = append(out, name)
		}
	}
	return out
}

func (c *Client) fieldView(ctx context.Context, r replica.RecordView, s *syncproto.FieldState) (FieldView, error) {
	f := FieldView{id: s.Field, person: s.Person, Class: string(syncproto.Shared)}
	if s.Personal {
		f.Class = string(syncproto.Personal)
	}
	_, spec, ok := syncproto.LookupField(s.Field)
	switch {
	case ok:
		f.Name = spec.Name
	case s.Field == syncproto.FieldExistence:
		f.Name = "existence"
	default:
		return f, nil // reasons beside decisions, and fields of a newer vocabulary
	}
	for _, h := range s.Heads {
		st, err := c.statement(ctx, r, h.OpRef, spec)
		if err != nil {
			return f, err
		}
		f.Heads = append(f.Heads, st)
	}
	f.Conflict = !s.Personal && s.Field != syncproto.FieldExistence && s.Conflict(func(ref syncproto.OpRef) []byte {
		for _, st := range f.Heads {
			if st.ref == ref {
				return st.raw
			}
		}
		return nil
	})
	f.Agreed = len(f.Heads) > 1 && !f.Conflict && !s.Personal
	for _, rv := range s.Reviews {
		by, err := c.statement(ctx, r, rv.By, spec)
		if err != nil {
			return f, err
		}
		replaced, err := c.statement(ctx, r, rv.Replaced, spec)
		if err != nil {
			return f, err
		}
		f.Review = append(f.Review, ReviewRow{by, replaced})
	}
	return f, nil
}

// actsOn reports whether an operation belongs to a field's history. Creations carry the kind of record as their field.
func actsOn(kind syncproto.Kind, on, field syncproto.Field) bool {
	switch kind {
	case syncproto.KindCreate, syncproto.KindRemove, syncproto.KindRestore:
		return field == syncproto.FieldExistence
	}
	return on == field
}

// History returns every operation on a field, oldest first by its author's clock: who wrote, replaced, resolved,
// endorsed, when it was written and when the server received it, side by side.
func (c *Client) History(ctx context.Context, t Target) ([]Statement, error) {
	c.whole.RLock()
	defer c.whole.RUnlock()
	r, err := c.rep.Record(ctx, t.Scope, t.Entity)
	if err != nil {
		return nil, err
	}
	out := []Statement{}
	for _, contribution := range r.Log {
		for _, o := range contribution.Ops {
			if !actsOn(o.Kind, o.Field, t.Field.ID) {
				continue
			}
			st, err := c.statement(ctx, r, syncproto.OpRef{Changeset: contribution.Changeset, Index: o.Index}, t.Field)
			if err != nil {
				return nil, err
			}
			out = append(out, st)
		}
	}
	slices.SortStableFunc(out, func(a, b Statement) int { return int(a.Written - b.Written) })
	return out, nil
}

func (c *Client) statement(ctx context.Context, r replica.RecordView, ref syncproto.OpRef, spec *syncproto.FieldSpec) (Statement, error) {
	l, err := c.rep.Row(ctx, ref.Changeset)
	if err != nil {
		return Statement{}, err
	}
	a, err := c.arrivalOf(ctx, l)
	if err != nil {
		return Statement{}, err
	}
	cs := a.cs
	st := Statement{Changeset: l.ID, Index: ref.Index, Kind: cs.Ops[ref.Index].Kind, Person: l.Person, Device: l.Device, ref: ref,
		State: c.State(l.ID)}
	if r, _ := c.receipt(l.ID); r.signsAnother(l) {
		st.State = StateSaved
	}
	m, _ := c.rep.Roster().Member(l.Person)
	st.Name = m.Name
	st.times(cs, ref.Index)
	if a.server != 0 { // it came from the server, so the server has it
		st.Received = int64(a.server)
		if st.State == StateSaved || st.State == StateCarried {
			st.State = StateStored
		}
	}
	if rc, ok := c.receipt(l.ID); ok && rc.entry.Received != 0 {
		st.Received = int64(rc.entry.Received)
	}
	fate := r.State.Fates[ref]
	st.Fate = fate.Kind.String()
	for _, by := range fate.By {
		b, err := c.rep.Row(ctx, by.Changeset)
		if err != nil {
			return st, err
		}
		st.By = append(st.By, b.ID.String())
	}
	if spec != nil {
		if st.Veiled, err = c.veiled(ctx, r, spec.ID); err != nil {
			return st, err
		}
	}
	if err := c.fill(ctx, &st, cs, l, spec, fate.Kind); err != nil || st.Reason == "" {
		return st, err
	}
	veiled, err := c.veiled(ctx, r, ReasonField)
	if veiled || st.Veiled {
		st.Reason = ""
	}
	return st, err
}

// times writes device time and corrected time side by side, never one blended figure (docs/protocol.md §4).
func (st *Statement) times(cs *syncproto.Changeset, index int) {
	st.Written = (cs.Header.HLC0 + syncproto.HLC(cs.Ops[index].Delta)).Time().UnixMilli()
	if e := cs.Header.Clock; e != nil {
		st.Corrected, st.ErrorMs = st.Written+e.OffsetMillis, e.ErrorMillis
	}
}

// fill adds the value, and the reason of a decision, which stands beside it in the same changeset.
func (c *Client) fill(ctx context.Context, st *Statement, cs *syncproto.Changeset, l replica.Logged, spec *syncproto.FieldSpec, fate syncproto.FateKind) error {
	raw, err := c.value(ctx, st.ref)
	if err != nil {
		return err
	}
	st.raw, st.Veiled = raw, st.Veiled && raw != nil
	if raw != nil && spec != nil && !st.Veiled {
		st.Value = spec.FormatValue(raw)
		if spec.ID == evidenceKey {
			st.Value = "(sealed)"
		}
	}
	if raw == nil {
		if st.Locked, st.Gate, err = c.closed(ctx, st.ref, fate); err != nil {
			return err
		}
	}
	if next := st.Index + 1; st.Kind == syncproto.KindResolve && next < len(cs.Ops) && cs.Ops[next].Field == ReasonField {
		reason, err := c.value(ctx, syncproto.OpRef{Changeset: uint64(l.Row), Index: next})
		if err != nil {
			return err
		}
		st.Reason = syncproto.TextOf(reason)
	}
	return nil
}
