package fieldclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"kua/internal/replica"
	"kua/syncproto"
	"kua/syncproto/seal"
)

// EvidenceView is one piece of evidence as a person sees it in a list.
type EvidenceView struct {
	Scope      syncproto.ScopeID    `json:"scope"`
	Record     syncproto.EntityID   `json:"record"`
	Kind       string               `json:"kind"`
	Name       string               `json:"name,omitempty"`
	Media      string               `json:"media,omitempty"`
	Size       int64                `json:"size"` // bytes of the original
	Hash       string               `json:"hash"` // SHA-256 of the original
	Blob       string               `json:"blob"` // SHA-256 of the sealed original
	Caption    string               `json:"caption,omitempty"`
	Links      []syncproto.EntityID `json:"links,omitempty"`
	Consent    string               `json:"consent,omitempty"`
	By         string               `json:"by"`
	Restricted bool                 `json:"restricted,omitempty"`
	MayOpen    bool                 `json:"mayOpen"`
	Barred     bool                 `json:"barred,omitempty"`  // somebody whom it belongs to allows it no more: see Client.barred
	Held       bool                 `json:"held"`              // the sealed original is on this laptop
	State      string               `json:"state"`             // saved or stored: how far the sealed original has come
	Removed    bool                 `json:"removed,omitempty"` // the record was
	Locked     bool                 `json:"locked,omitempty"`  // the visit key has not come to this laptop, or the key was erased
	Altered    bool                 `json:"altered,omitempty"` // somebody later stated another original; this is the first

	Waiting bool `json:"quarantined,omitempty"` // until a person decides on the work that made it

	wrapped []byte // the key, as the record has it
	barred  error  // why, where it is barred
}

// ErrRestricted says that evidence is for health experts only.
var ErrRestricted = errors.New("this is for health experts only")

// Evidence returns the evidence of a visit.
func (c *Client) Evidence(ctx context.Context, scope syncproto.ScopeID) ([]EvidenceView, error) {
	c.whole.RLock()
	defer c.whole.RUnlock()
	out, listed := []EvidenceView{}, map[syncproto.EntityID]bool{}
	err := c.rep.Records(ctx, scope, evidenceKind, func(r replica.RecordView) error {
		v, err := c.evidenceView(ctx, r)
		out, listed[r.Entity] = append(out, v), true
		return err
	})
	if err != nil {
		return nil, err
	}
	waiting, err := c.waitingEvidence(ctx, scope, listed)
	return append(out, waiting...), err
}

// waitingEvidence returns evidence that only quarantined work made: whoever decides on it must be able to look.
func (c *Client) waitingEvidence(ctx context.Context, scope syncproto.ScopeID, listed map[syncproto.EntityID]bool) (out []EvidenceView, err error) {
	names, err := c.blobNames(ctx)
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		if n.scope != scope || listed[n.entity] {
			continue
		}
		listed[n.entity] = true
		r, err := c.rep.Record(ctx, scope, n.entity)
		if err != nil {
			return nil, err
		}
		if !isEvidence(r) {
			continue
		}
		v, err := c.evidenceView(ctx, r)
		if err != nil {
			return nil, err
		}
		v.Waiting = true
		out = append(out, v)
	}
	return out, nil
}

// isEvidence reports whether a record is evidence, or is made so by work in quarantine.
func isEvidence(r replica.RecordView) bool {
	return r.State.Kind == evidenceKind || r.State.Kind == 0 && slices.ContainsFunc(r.Log, func(l syncproto.Contribution) bool {
		return slices.ContainsFunc(l.Ops, func(o syncproto.MergeOp) bool { return o.Kind == syncproto.KindCreate && o.Field == evidenceKind })
	})
}

// evidenceOf returns one piece of evidence.
func (c *Client) evidenceOf(ctx context.Context, scope syncproto.ScopeID, id syncproto.EntityID) (EvidenceView, error) {
	c.whole.RLock()
	defer c.whole.RUnlock()
	r, err := c.rep.Record(ctx, scope, id)
	if err != nil {
		return EvidenceView{}, err
	}
	if !isEvidence(r) {
		return EvidenceView{}, fmt.Errorf("record %s is no evidence: %w", id, ErrNotFound)
	}
	return c.evidenceView(ctx, r)
}

func (c *Client) evidenceView(ctx context.Context, r replica.RecordView) (v EvidenceView, err error) {
	v = EvidenceView{Scope: r.Scope, Record: r.Entity, Removed: r.State.Removed, Locked: true}
	if err := c.original(ctx, r, &v); err != nil {
		return v, err
	}
	if err := c.described(ctx, r, &v); err != nil {
		return v, err
	}
	if v.Restricted, err = c.isRestricted(ctx, r); err != nil {
		return v, err
	}
	v.barred = c.barred(ctx, &v)
	if v.Barred = v.barred != nil; v.Barred && !errors.Is(v.barred, ErrNoRecord) && !errors.Is(v.barred, ErrNoUse) {
		return v, v.barred
	}
	v.MayOpen = !v.Locked && !v.Barred && (!v.Restricted || c.hasRight(r.Scope, syncproto.RightMedical))
	for field, words := range map[syncproto.Field]*string{evidenceName: &v.Name, evidenceCaption: &v.Caption} {
		veiled, err := c.veiled(ctx, r, field)
		if err != nil {
			return v, err
		}
		if veiled {
			*words = ""
		}
	}
	if h, ok := parseBlob(v.Blob); ok {
		_, v.Held = c.vault.HasBlob(h)
		if v.State, err = c.attachmentState(ctx, v.Scope, h); err != nil {
			return v, err
		}
	}
	return v, nil
}

func (c *Client) hasRight(scope syncproto.ScopeID, right syncproto.Rights) bool {
	me, err := c.Person()
	st, ok := c.rep.Scope(scope)
	return err == nil && ok && c.rep.Roster().RightsNow(me.Person, &st.Standing).Has(right)
}

// original fills in what the changeset says that created the record: original, hashes and key belong together, and nobody
// exchanges one of them later. Work in quarantine speaks only where there is no other.
func (c *Client) original(ctx context.Context, r replica.RecordView, v *EvidenceView) error {
	first := true
	for _, quarantined := range []bool{false, true} {
		for _, l := range r.Log {
			if l.Quarantined != quarantined {
				continue
			}
			values, creates, err := c.saidIn(ctx, l)
			if err != nil {
				return err
			}
			switch {
			case first && creates && values["blob"] != nil:
				first = false
				v.fill(values)
				m, _ := c.rep.Roster().Member(l.Person)
				v.By = m.Name
			case !first && v.differs(values):
				v.Altered = true
			}
		}
	}
	return nil
}

// saidIn returns what one changeset says on a record of evidence, by the names of fields.
func (c *Client) saidIn(ctx context.Context, l syncproto.Contribution) (values map[string][]byte, creates bool, err error) {
	values = map[string][]byte{}
	for _, o := range l.Ops {
		if o.Kind == syncproto.KindCreate && o.Field == evidenceKind {
			creates = true
		}
		kind, f, ok := syncproto.LookupField(o.Field)
		if !ok || kind.ID != evidenceKind || o.Kind != syncproto.KindSet && o.Kind != syncproto.KindResolve {
			continue
		}
		raw, err := c.value(ctx, syncproto.OpRef{Changeset: l.Changeset, Index: o.Index})
		if err != nil {
			return nil, creates, err
		}
		values[f.Name] = raw
	}
	return values, creates, nil
}

func (v *EvidenceView) fill(values map[string][]byte) {
	text := func(name string) string { return syncproto.TextOf(values[name]) }
	v.Kind, v.Name, v.Media, v.Hash, v.Blob = text("kind"), text("name"), text("media"), text("hash"), text("blob")
	if f, err := evidenceSpec("size"); err == nil && values["size"] != nil {
		fmt.Sscan(f.FormatValue(values["size"]), &v.Size)
	}
	v.wrapped, v.Locked = syncproto.BytesOf(values["key"])
	v.Locked = !v.Locked
}

// differs reports whether a later changeset states another original.
func (v *EvidenceView) differs(values map[string][]byte) bool {
	for name, have := range map[string]string{"hash": v.Hash, "blob": v.Blob} {
		if raw := values[name]; raw != nil && syncproto.TextOf(raw) != have {
			return true
		}
	}
	key, ok := syncproto.BytesOf(values["key"])
	return ok && !bytes.Equal(key, v.wrapped)
}

func evidenceSpec(name string) (*syncproto.FieldSpec, error) {
	kind, _ := syncproto.LookupKind(evidenceKind)
	return kind.FieldNamed(name)
}

// described fills in what may be said anew: caption, links and consent, as they stand. Different captions stand beside
// each other.
func (c *Client) described(ctx context.Context, r replica.RecordView, v *EvidenceView) error {
	var captions, consents []string
	for _, f := range []struct {
		name string
		take func(raw []byte)
	}{
		{"caption", func(raw []byte) { captions = append(captions, syncproto.TextOf(raw)) }},
		{"consent", func(raw []byte) { consents = append(consents, syncproto.TextOf(raw)) }},
		{"links", func(raw []byte) {
			for _, word := range strings.Split(syncproto.TextOf(raw), ", ") {
				if id, err := syncproto.ParseEntityID(word); err == nil && !slices.Contains(v.Links, id) {
					v.Links = append(v.Links, id)
				}
			}
		}},
	} {
		spec, err := evidenceSpec(f.name)
		if err != nil {
			return err
		}
		heads, err := c.standing(ctx, r, spec.ID)
		if err != nil {
			return err
		}
		for _, h := range heads {
			f.take(h.raw)
		}
	}
	v.Caption, v.Consent = strings.Join(slices.Compact(captions), " | "), strings.Join(slices.Compact(consents), " | ")
	return nil
}

// stands is one value that stands on a field, with the rights of its author.
type stands struct {
	raw    []byte
	rights syncproto.Rights
}

func (c *Client) standing(ctx context.Context, r replica.RecordView, field syncproto.Field) (out []stands, err error) {
	f := r.State.Field(field)
	if f == nil {
		return nil, nil
	}
	for _, h := range f.Heads {
		raw, err := c.value(ctx, h.OpRef)
		if err != nil {
			return nil, err
		}
		s := stands{raw: raw}
		if i := slices.IndexFunc(r.Log, func(l syncproto.Contribution) bool { return l.Changeset == h.Changeset }); i >= 0 {
			s.rights = r.Log[i].Rights
		}
		out = append(out, s)
	}
	return out, nil
}

// isRestricted reports whether evidence is for health experts only: somebody said so, or said something that does not open
// here or was erased, and no health expert has lifted it with a "no" that opens here. What cannot be read counts as yes.
func (c *Client) isRestricted(ctx context.Context, r replica.RecordView) (bool, error) {
	ever, err := c.everRestricted(ctx, r)
	if err != nil || !ever {
		return ever, err
	}
	heads, err := c.standing(ctx, r, evidenceRestricted)
	if err != nil {
		return true, err
	}
	lifted := len(heads) > 0
	for _, h := range heads {
		lifted = lifted && h.raw != nil && !isYes(h.raw) && h.rights.Has(syncproto.RightMedical)
	}
	return !lifted, nil
}

// everRestricted reports whether anybody ever stated "yes", or something that nobody can read here.
func (c *Client) everRestricted(ctx context.Context, r replica.RecordView) (bool, error) {
	for _, l := range r.Log {
		for _, o := range l.Ops {
			if o.Field != evidenceRestricted || o.Kind != syncproto.KindSet && o.Kind != syncproto.KindResolve {
				continue
			}
			raw, err := c.value(ctx, syncproto.OpRef{Changeset: l.Changeset, Index: o.Index})
			if err != nil || raw == nil || isYes(raw) {
				return true, err
			}
		}
	}
	return false, nil
}

func isYes(raw []byte) bool {
	f, err := evidenceSpec("restricted")
	return err == nil && raw != nil && f.FormatValue(raw) == "yes"
}

// attachmentKey opens the key of evidence with whichever key of the visit sealed it.
func (c *Client) attachmentKey(v *EvidenceView, blob [32]byte) (key seal.AttachmentKey, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	err = errNoKey
	if s := c.scopes[v.Scope]; s != nil {
		for _, name := range sortedHashes(s.keys) {
			if key, err = seal.UnwrapAttachmentKey(s.keys[name], v.Scope, blob, v.wrapped); err == nil {
				return key, nil
			}
		}
	}
	return key, err
}
