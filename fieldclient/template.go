package fieldclient

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"kua/fieldclient/form"
	"kua/internal/replica"
	"kua/syncproto"
)

// ErrTemplateAway says that a template is known here but its content has not all come yet.
var ErrTemplateAway = errors.New("the content of this checklist template has not come to this laptop yet")

// ErrNoTable says that a form looks things up in a table that did not come with it.
var ErrNoTable = errors.New("the form needs a table that is not with it")

var errTemplateSpoiled = errors.New("its content is not what was imported: import the form again")

// TemplateInfo is one version of a checklist's form in the registry. Its content never changes: the record's id is the
// beginning of the content's hash.
type TemplateInfo struct {
	ID      syncproto.EntityID `json:"template"`
	Title   string             `json:"title"`
	Form    string             `json:"form"`    // the same in all versions
	Version string             `json:"version"` // as its author numbers it
	Content string             `json:"content"` // SHA-256 of the canonical bytes
	State   string             `json:"state"`   // draft, approved or withdrawn
}

// TemplateID is the id of the registry's record of a form.
func TemplateID(t *form.Template) syncproto.EntityID {
	h := t.Hash()
	return syncproto.EntityID(h[:16])
}

const (
	templatePart = 128 << 10 // canonical bytes of one part, which is compressed by itself
	maxTemplate  = 8 << 20   // canonical bytes
)

// templates are the forms that were read since the unlock, ready to be filled in.
type templates struct {
	mu   sync.Mutex
	held map[syncproto.EntityID]*form.Graph
	form map[syncproto.EntityID]*form.Template
}

// ImportTemplate puts a form into the registry as a draft, with its content in parts. A form that is there already is
// left as it is. It takes a right to write in the registry.
func (c *Client) ImportTemplate(ctx context.Context, t *form.Template) (TemplateInfo, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id := TemplateID(t)
	scope := c.Roster().Registry()
	v, err := c.rep.Record(ctx, scope, id)
	here := err == nil && v.State.Exists
	if err != nil && !errors.Is(err, ErrNotFound) {
		return TemplateInfo{}, err
	}
	if here {
		if _, err := c.templateContent(ctx, id); err == nil {
			return c.templateInfo(ctx, v)
		}
	}
	changes, err := c.templateChanges(ctx, scope, t, here)
	if err == nil {
		_, err = c.saveAll(ctx, scope, changes)
	}
	if err == nil {
		v, err = c.rep.Record(ctx, scope, id)
	}
	if err != nil {
		return TemplateInfo{}, fmt.Errorf("importing a template: %w", err)
	}
	return c.templateInfo(ctx, v)
}

// templateChanges are the parts first, so that whoever sees the template has its content. Where the template is known
// and its content is spoiled, they mend the parts.
func (c *Client) templateChanges(ctx context.Context, scope syncproto.ScopeID, t *form.Template, mend bool) ([]Change, error) {
	canonical := t.Canonical()
	if len(canonical) > maxTemplate {
		return nil, fmt.Errorf("the form has %d bytes, the limit is %d", len(canonical), maxTemplate)
	}
	id := TemplateID(t)
	kind, _ := syncproto.KindNamed("template-part")
	content, err := kind.FieldNamed("content")
	if err != nil {
		return nil, err
	}
	var changes []Change
	parts := 0
	for chunk := range slices.Chunk(canonical, templatePart) {
		part := templatePartID(id, parts)
		if !mend {
			more, err := createChanges(kind.Name, part, map[string]string{"template": id.String(), "number": strconv.Itoa(parts)})
			if err != nil {
				return nil, err
			}
			changes = append(changes, more...)
		}
		heads, err := c.heads(ctx, Target{Scope: scope, Entity: part, Field: content})
		if err != nil {
			return nil, err
		}
		packed, err := compressBytes(chunk)
		if err != nil {
			return nil, err
		}
		op := syncproto.KindSet
		if len(heads) > 0 {
			op = syncproto.KindResolve
		}
		changes = append(changes, Change{Kind: op, Entity: part, Field: content.ID, Value: syncproto.BytesValue(packed), Refers: heads})
		parts++
	}
	if mend {
		return changes, nil
	}
	hash := t.Hash()
	more, err := createChanges("template", id, map[string]string{
		"title": oneLine(t.Title), "content": hex.EncodeToString(hash[:]), "form": oneLine(t.ID), "version": oneLine(t.Version), "state": "draft", "parts": strconv.Itoa(parts)})
	return append(changes, more...), err
}

// templatePartID is the same on every laptop, so that a form that two people import is one.
func templatePartID(template syncproto.EntityID, n int) (id syncproto.EntityID) {
	h := sha256.New()
	fmt.Fprintf(h, "kua/template-part/1\x00%s\x00%d", template, n)
	copy(id[:], h.Sum(nil))
	return id
}

// ApproveTemplate lets a template be used for new visits; WithdrawTemplate ends that. Visits that use it keep it. What
// cannot be filled in is not approved: the error is ErrTemplateAway or ErrNoTable.
func (c *Client) ApproveTemplate(ctx context.Context, id syncproto.EntityID) error {
	t, _, err := c.Template(ctx, id)
	if err == nil && len(t.MissingTables()) > 0 {
		err = fmt.Errorf("%w: %s", ErrNoTable, strings.Join(t.MissingTables(), ", "))
	}
	if err != nil {
		return fmt.Errorf("approving a template: %w", err)
	}
	return c.setTemplateState(ctx, id, "approved")
}

// WithdrawTemplate says that a template is not to be used for new visits.
func (c *Client) WithdrawTemplate(ctx context.Context, id syncproto.EntityID) error {
	return c.setTemplateState(ctx, id, "withdrawn")
}

func (c *Client) setTemplateState(ctx context.Context, id syncproto.EntityID, state string) error {
	kind, _ := syncproto.KindNamed("template")
	f, err := kind.FieldNamed("state")
	if err != nil {
		return err
	}
	value, err := f.ParseValue(state)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t := Target{Scope: c.Roster().Registry(), Entity: id, Field: f}
	if _, err := c.rep.Record(ctx, t.Scope, id); err != nil {
		return fmt.Errorf("template %s: %w", id, err)
	}
	heads, err := c.heads(ctx, t)
	if err != nil {
		return err
	}
	// A decision of the office replaces the one before, whoever took it: it settles.
	_, err = c.saveAll(ctx, t.Scope, []Change{{Kind: syncproto.KindResolve, Entity: id, Field: f.ID, Value: value, Refers: heads}})
	return err
}

// Templates returns the templates of the registry by form, of each form the one whose state was decided last first. That
// is the order in which the registry's signed changes were made, the same on every laptop: what authors call their
// versions says nothing of it.
func (c *Client) Templates(ctx context.Context) ([]TemplateInfo, error) {
	c.whole.RLock()
	defer c.whole.RUnlock()
	kind, _ := syncproto.KindNamed("template")
	state := fieldOf("template", "state")
	type decided struct {
		TemplateInfo
		at moment
	}
	var all []decided
	err := c.rep.Records(ctx, c.Roster().Registry(), kind.ID, func(v replica.RecordView) error {
		if !v.State.Exists {
			return nil
		}
		info, err := c.templateInfo(ctx, v)
		if err != nil {
			return err
		}
		d := decided{TemplateInfo: info}
		if f := v.State.Field(state.ID); f != nil && len(f.Heads) > 0 {
			h, err := c.newest(ctx, f.Heads)
			if err != nil {
				return err
			}
			if d.at, err = c.momentOf(ctx, h); err != nil {
				return err
			}
		}
		all = append(all, d)
		return nil
	})
	slices.SortFunc(all, func(a, b decided) int {
		return cmp.Or(strings.Compare(a.Form, b.Form), b.at.compare(a.at), strings.Compare(a.Content, b.Content))
	})
	out := make([]TemplateInfo, len(all))
	for i := range all {
		out[i] = all[i].TemplateInfo
	}
	return out, err
}

// Approved returns the templates of a form that new visits may use, or of all forms with "". The one that was approved
// last comes first: it is what a visit is begun with unless somebody asks for another one.
func (c *Client) Approved(ctx context.Context, form string) ([]TemplateInfo, error) {
	all, err := c.Templates(ctx)
	return slices.DeleteFunc(all, func(t TemplateInfo) bool { return t.State != "approved" || form != "" && t.Form != form }), err
}

func (c *Client) templateInfo(ctx context.Context, v replica.RecordView) (TemplateInfo, error) {
	values, err := c.shared(ctx, v)
	return TemplateInfo{ID: v.Entity, Title: values["title"], Form: values["form"], Version: values["version"], Content: values["content"], State: values["state"]}, err
}

// shared returns what stands on the shared fields of a record, by field name; of several heads the one that a person
// would see first.
func (c *Client) shared(ctx context.Context, v replica.RecordView) (map[string]string, error) {
	out := map[string]string{}
	for i := range v.State.Fields {
		s := &v.State.Fields[i]
		_, spec, ok := syncproto.LookupField(s.Field)
		if !ok || s.Personal || len(s.Heads) == 0 {
			continue
		}
		head, err := c.newest(ctx, s.Heads)
		if err != nil {
			return nil, err
		}
		raw, err := c.value(ctx, head.OpRef)
		if err != nil {
			return nil, err
		}
		if raw != nil && head.Kind != syncproto.KindClear {
			out[spec.Name] = spec.FormatValue(raw)
		}
	}
	return out, nil
}

// newest returns the head that was written last by its author's clock, and of two of the same time the one with the
// greater changeset id: the same on every laptop.
func (c *Client) newest(ctx context.Context, heads []syncproto.Head) (syncproto.Head, error) {
	best := heads[0]
	if len(heads) == 1 {
		return best, nil
	}
	var bestAt moment
	for i, h := range heads {
		at, err := c.momentOf(ctx, h)
		if err != nil {
			return best, err
		}
		if i == 0 || at.compare(bestAt) > 0 {
			best, bestAt = h, at
		}
	}
	return best, nil
}

// moment is when an operation was made, by its author's clock, which goes behind everything that the author had seen.
// Of two of the same time the changeset decides, and within one the place.
type moment struct {
	at        syncproto.HLC
	changeset syncproto.ChangesetID
	index     int
}

func (m moment) compare(o moment) int {
	return cmp.Or(cmp.Compare(m.at, o.at), slices.Compare(m.changeset[:], o.changeset[:]), cmp.Compare(m.index, o.index))
}

func (c *Client) momentOf(ctx context.Context, h syncproto.Head) (moment, error) {
	l, err := c.rep.Row(ctx, h.Changeset)
	if err != nil {
		return moment{}, err
	}
	a, err := c.arrivalOf(ctx, l)
	if err != nil {
		return moment{}, err
	}
	return moment{a.cs.Header.HLC0 + syncproto.HLC(a.cs.Ops[h.Index].Delta), l.ID, h.Index}, nil
}

// Template returns a template by its registry id, with its graph, after checking its content against the id. The error
// is ErrTemplateAway where parts are missing.
func (c *Client) Template(ctx context.Context, id syncproto.EntityID) (*form.Template, *form.Graph, error) {
	c.whole.RLock()
	defer c.whole.RUnlock()
	return c.templateHeld(ctx, id)
}

// templateHeld is Template for a caller that holds whole.
func (c *Client) templateHeld(ctx context.Context, id syncproto.EntityID) (*form.Template, *form.Graph, error) {
	c.templates.mu.Lock()
	defer c.templates.mu.Unlock()
	if g := c.templates.held[id]; g != nil {
		return c.templates.form[id], g, nil
	}
	canonical, err := c.templateContent(ctx, id)
	if err != nil {
		return nil, nil, fmt.Errorf("reading template %s: %w", id, err)
	}
	t, err := form.Decode(canonical)
	if err != nil {
		return nil, nil, fmt.Errorf("reading template %s: %w", id, err)
	}
	g, err := form.NewGraph(t)
	if err != nil {
		return nil, nil, fmt.Errorf("reading template %s: %w", id, err)
	}
	c.templates.held[id], c.templates.form[id] = g, t
	return t, g, nil
}

// templateContent puts the parts together, as many as make up the content: the id is its hash. Who may write in the
// registry can spoil a part, but put no other content in its place. Importing the form again mends it.
func (c *Client) templateContent(ctx context.Context, id syncproto.EntityID) ([]byte, error) {
	scope := c.Roster().Registry()
	if _, err := c.rep.Record(ctx, scope, id); err != nil {
		return nil, err
	}
	var canonical []byte
	h := sha256.New()
	for i := 0; len(canonical) <= maxTemplate; i++ {
		part, err := c.templatePart(ctx, scope, templatePartID(id, i))
		if err != nil {
			return nil, err
		}
		plain, err := decompress(part)
		if err != nil || len(plain) > templatePart || len(plain) == 0 {
			return nil, errTemplateSpoiled
		}
		canonical = append(canonical, plain...)
		h.Write(plain)
		if sum := h.Sum(nil); syncproto.EntityID(sum[:16]) == id {
			return canonical, nil
		}
		if len(plain) < templatePart {
			return nil, errTemplateSpoiled // only the last part is shorter
		}
	}
	return nil, errTemplateSpoiled
}

func (c *Client) templatePart(ctx context.Context, scope syncproto.ScopeID, part syncproto.EntityID) ([]byte, error) {
	v, err := c.rep.Record(ctx, scope, part)
	if errors.Is(err, ErrNotFound) {
		return nil, ErrTemplateAway
	}
	if err != nil {
		return nil, err
	}
	kind, _ := syncproto.KindNamed("template-part")
	spec, err := kind.FieldNamed("content")
	if err != nil {
		return nil, err
	}
	f := v.State.Field(spec.ID)
	if f == nil || len(f.Heads) == 0 {
		return nil, ErrTemplateAway
	}
	head, err := c.newest(ctx, f.Heads)
	if err != nil {
		return nil, err
	}
	raw, err := c.value(ctx, head.OpRef)
	if err != nil {
		return nil, err
	}
	b, ok := syncproto.BytesOf(raw)
	if !ok {
		return nil, ErrTemplateAway
	}
	return b, nil
}

// oneLine makes a text fit a one-line field of at most 500 bytes.
func oneLine(s string) string {
	out := make([]rune, 0, len(s))
	size := 0
	for _, r := range s {
		if r == '\n' || r == '\r' {
			r = ' '
		}
		if size += len(string(r)); size > 500 {
			break
		}
		out = append(out, r)
	}
	return string(out)
}
