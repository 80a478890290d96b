package fieldclient

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"kua/internal/replica"
	"kua/syncproto"
)

// Consent is what the person of an interview allowed for one use.
type Consent struct {
	Record    syncproto.EntityID `json:"record"`
	Use       string             `json:"use"`
	Level     string             `json:"level"` // of different ones beside each other the lowest
	Recipient string             `json:"recipient,omitempty"`
	By        string             `json:"by,omitempty"`
	Explained string             `json:"explained,omitempty"`
	Withdrawn bool               `json:"withdrawn"` // taken back by anybody, ever: whatever else was written
	Name      string             `json:"name"`      // of the member who asked
	Asked     int64              `json:"asked"`     // Unix milliseconds by that member's clock
	Gate      bool               `json:"gate,omitempty"`
	View      View               `json:"-"`
}

// Consents returns what was asked in an interview, the oldest first. A consent that anybody has ever said to be taken back
// stays taken back: work that was quarantined counts, an answer that replaced it does not, and to be told so late
// changes nothing (docs/vocabulary.md, consent.withdrawn).
func (c *Client) Consents(ctx context.Context, scope syncproto.ScopeID, interview syncproto.EntityID) ([]Consent, error) {
	c.whole.RLock()
	defer c.whole.RUnlock()
	return c.consents(ctx, scope, interview)
}

// consents is Consents for a caller that holds whole.
func (c *Client) consents(ctx context.Context, scope syncproto.ScopeID, interview syncproto.EntityID) ([]Consent, error) {
	kind, _ := syncproto.KindNamed("consent")
	withdrawn, err := kind.FieldNamed("withdrawn")
	if err != nil {
		return nil, err
	}
	var out []Consent
	err = c.rep.Records(ctx, scope, kind.ID, func(r replica.RecordView) error {
		v, err := c.view(ctx, r)
		if err != nil || !slices.Contains(v.values("interview"), interview.String()) || v.Removed {
			return err
		}
		one := consentOf(v)
		one.Withdrawn, err = c.everSaid(ctx, r, withdrawn, "yes")
		out = append(out, one)
		return err
	})
	slices.SortStableFunc(out, func(a, b Consent) int { return int(min(max(a.Asked-b.Asked, -1), 1)) })
	return out, err
}

func consentOf(v View) Consent {
	last := func(name string) string {
		if all := v.values(name); len(all) > 0 {
			return all[len(all)-1]
		}
		return ""
	}
	one := Consent{Record: v.Entity, Use: last("use"), Level: LowestConsent(v.values("level")), Recipient: last("recipient"),
		By: last("by"), Explained: last("explained"), View: v}
	for _, f := range v.Fields {
		for _, h := range f.Heads {
			one.Gate = one.Gate || h.Gate
			if f.Name == "interview" && one.Asked == 0 {
				one.Name, one.Asked = h.Name, h.Written
			}
		}
	}
	return one
}

// LowestConsent returns the lowest of several levels C0 to C5. Where none is said it is C1, the level that the methodology
// begins with: the visiting group only.
func LowestConsent(levels []string) string {
	if levels = slices.DeleteFunc(slices.Clone(levels), func(l string) bool { return len(l) != 2 || l < "C0" || l > "C5" }); len(levels) == 0 {
		return "C1"
	}
	return slices.Min(levels)
}

// values returns the different values that stand on a field.
func (v View) values(name string) (out []string) {
	for _, f := range v.Fields {
		for _, h := range f.Heads {
			if f.Name == name && h.Value != "" && !slices.Contains(out, h.Value) {
				out = append(out, h.Value)
			}
		}
	}
	return out
}

// everSaid reports whether anybody has ever stated a value on a field, whatever became of the statement.
func (c *Client) everSaid(ctx context.Context, r replica.RecordView, spec *syncproto.FieldSpec, value string) (bool, error) {
	for _, l := range r.Log {
		for _, o := range l.Ops {
			if o.Field != spec.ID || !o.Kind.Settles() {
				continue
			}
			raw, err := c.value(ctx, syncproto.OpRef{Changeset: l.Changeset, Index: o.Index})
			if err != nil {
				return false, fmt.Errorf("reading %s: %w", spec.Name, err)
			}
			if raw != nil && spec.FormatValue(raw) == value {
				return true, nil
			}
		}
	}
	return false, nil
}

// ErrNoRecord says that the person of a conversation allowed no record: of what they said nothing is written down.
var ErrNoRecord = errors.New("the person allowed no record (C0): only a count, times and themes are kept")

// ErrNoUse says that the person of a conversation refused a use of what was to be linked to it, or took it back.
var ErrNoUse = errors.New("the person refused this use, or took it back")

// unrecorded are the fields of an interview that a person who allows no record is not written down in.
var unrecorded = []string{"summary", "risk", "urgent", "medical", "privacy", "present", "place", "conditions", "interpreter", "language", "vulnerability"}

// MayRecord returns ErrNoRecord where nothing of what was said in an interview may be written down: the person allows no
// record (C0), took it back, or what they said of it does not open on this laptop and has to be asked again. Of any
// other record it returns nil.
func (c *Client) MayRecord(ctx context.Context, scope syncproto.ScopeID, interview syncproto.EntityID) error {
	c.whole.RLock()
	defer c.whole.RUnlock()
	return c.mayUse(ctx, scope, interview, "record")
}

// mayUse is MayRecord for the record and further uses, for a caller that holds whole. A use that nobody asked about is
// not refused; ErrNoUse where one was, or was taken back.
func (c *Client) mayUse(ctx context.Context, scope syncproto.ScopeID, interview syncproto.EntityID, uses ...string) error {
	allowed, is, err := c.levelAllows(ctx, scope, interview)
	if err != nil || !is {
		return err
	}
	if !allowed {
		return ErrNoRecord
	}
	list, err := c.consents(ctx, scope, interview)
	if err != nil {
		return err
	}
	for _, use := range uses {
		if consentsAllow(list, use) {
			continue
		}
		if use == "record" {
			return ErrNoRecord
		}
		return ErrNoUse
	}
	return nil
}

// levelAllows looks at the level that the interview itself carries; is is false for any other record.
func (c *Client) levelAllows(ctx context.Context, scope syncproto.ScopeID, interview syncproto.EntityID) (allowed, is bool, err error) {
	r, err := c.rep.Record(ctx, scope, interview)
	if errors.Is(err, ErrNotFound) {
		return true, false, nil
	}
	if err != nil {
		return false, false, err
	}
	if k, ok := syncproto.LookupKind(r.State.Kind); !ok || k.Name != "interview" {
		return true, false, nil
	}
	v, err := c.levels(ctx, r)
	return !v.Unknown("consent") && LowestConsent(v.values("consent")) != "C0", true, err
}

// levels is the view of an interview with nothing but what was said of its level, of the records that stand for it too:
// the rest of it hangs on that.
func (c *Client) levels(ctx context.Context, r replica.RecordView) (View, error) {
	v := View{Scope: r.Scope, Entity: r.Entity}
	c.rmu.RLock()
	same := slices.Clone(c.aliases[aliasKey{r.Scope, r.Entity}])
	c.rmu.RUnlock()
	for _, id := range same {
		o, err := c.rep.Record(ctx, r.Scope, id)
		if err != nil {
			return v, err
		}
		if to, err := c.aliasOf(ctx, o); err != nil {
			return v, err
		} else if to == nil || *to != r.Entity || o.State.Removed {
			continue
		}
		if err := c.addLevel(ctx, &v, o); err != nil {
			return v, err
		}
	}
	return v, c.addLevel(ctx, &v, r)
}

func (c *Client) addLevel(ctx context.Context, v *View, r replica.RecordView) error {
	for i := range r.State.Fields {
		if r.State.Fields[i].Field != consentLevel {
			continue
		}
		f, err := c.fieldView(ctx, r, &r.State.Fields[i])
		if err != nil {
			return err
		}
		v.Fields = append(v.Fields, f)
	}
	return nil
}

// consentsAllow looks at what the person was asked about a use.
func consentsAllow(list []Consent, use string) bool {
	for _, one := range list {
		if !slices.Contains(one.View.values("use"), use) && !one.View.Unknown("use") {
			continue
		}
		if one.Withdrawn || one.Level == "C0" || one.View.Unknown("level") || one.View.unreadable("withdrawn") {
			return false
		}
	}
	return true
}

// Unknown reports whether something stands on a field that does not open on this laptop, or was erased, and nothing that
// can be read was said after it: what is asked again is known again, until what was sealed stands beside it.
func (v View) Unknown(name string) bool {
	if !v.unreadable(name) {
		return false
	}
	sealed, read := int64(0), int64(-1)
	for _, f := range v.Fields {
		for _, h := range f.Heads {
			switch {
			case f.Name != name:
			case h.Locked || h.Fate == syncproto.FateErased.String():
				sealed = max(sealed, h.Written)
			case h.Value != "":
				read = max(read, h.Written)
			}
		}
	}
	return read < sealed
}

// unreadable reports whether something that stands on a field does not open on this laptop, or was erased.
func (v View) unreadable(name string) bool {
	return slices.ContainsFunc(v.Fields, func(f FieldView) bool {
		return f.Name == name && slices.ContainsFunc(f.Heads, func(h Statement) bool {
			return h.Locked || h.Fate == syncproto.FateErased.String()
		})
	})
}

// soundInterview refuses content of an interview that may not be recorded.
func (c *Client) soundInterview(ctx context.Context, t Target, value []byte) error {
	kind, spec, ok := syncproto.LookupField(t.Field.ID)
	if !ok || kind.Name != "interview" || !slices.Contains(unrecorded, spec.Name) || len(value) == 0 || spec.FormatValue(value) == "" {
		return nil
	}
	return c.MayRecord(ctx, t.Scope, t.Entity)
}

// sound refuses what the methodology does not allow to be said, judged by what this laptop knows: what others write
// meanwhile shows as it is.
func (c *Client) sound(ctx context.Context, t Target, value []byte) error {
	if err := c.veiledAt(ctx, t); err != nil {
		return err
	}
	if err := c.soundFinding(ctx, t, value); err != nil {
		return err
	}
	return c.soundInterview(ctx, t, value)
}

// soundNew is sound for a record that is being made.
func soundNew(kind string, fields map[string]string) error {
	switch {
	case kind == "finding" && fields["standing"] == "established" && len(strings.Fields(strings.ReplaceAll(fields["sources"], ",", " "))) < 2:
		return ErrOneSource
	case kind == "interview" && fields["consent"] == "C0" && slices.ContainsFunc(unrecorded, func(name string) bool { return fields[name] != "" }):
		return ErrNoRecord
	}
	return nil
}
