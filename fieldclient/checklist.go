package fieldclient

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"kua/fieldclient/form"
	"kua/fieldclient/form/expr"
	"kua/internal/replica"
	"kua/syncproto"
)

var (
	// ErrNotApproved says that a template may not be used for new visits.
	ErrNotApproved = errors.New("this template is not approved")
	// ErrOtherVersion says that the checklist stands in the visit already, under another version of its template.
	ErrOtherVersion = errors.New("the visit has fixed another version of this checklist")
)

// ChecklistInfo is a checklist in a visit. Its version is fixed when it is opened; see Checklist.Move.
type ChecklistInfo struct {
	Scope    syncproto.ScopeID   `json:"visit"`
	ID       syncproto.EntityID  `json:"checklist"`
	Template syncproto.EntityID  `json:"template"`
	Form     string              `json:"form"`
	Title    string              `json:"title"`
	Version  string              `json:"version"`
	Subject  *syncproto.EntityID `json:"subject,omitempty"` // the interview that it belongs to
	Area     string              `json:"area,omitempty"`    // block, ward or unit
}

// OpenChecklist opens a checklist in a visit, or finds it there: whoever opens the same form for the same subject and
// area, on whichever laptop, gets the same one. The error is ErrOtherVersion, with the checklist's id, where it stands
// there under another version, and ErrNotApproved where nobody has approved the template.
func (c *Client) OpenChecklist(ctx context.Context, scope syncproto.ScopeID, template syncproto.EntityID, subject *syncproto.EntityID, area string) (syncproto.EntityID, error) {
	t, _, err := c.Template(ctx, template)
	if err != nil {
		return syncproto.EntityID{}, fmt.Errorf("opening a checklist: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	id, err := c.openChecklist(ctx, scope, t, template, subject, area)
	if err != nil {
		return id, fmt.Errorf("opening a checklist: %w", err)
	}
	return id, nil
}

func (c *Client) openChecklist(ctx context.Context, scope syncproto.ScopeID, t *form.Template, template syncproto.EntityID, subject *syncproto.EntityID, area string) (id syncproto.EntityID, err error) {
	about := ""
	if subject != nil {
		about = subject.String()
		if err := c.MayRecord(ctx, scope, *subject); err != nil {
			return id, err
		}
	}
	if id, err = c.itemID(scope, "checklist\x00"+t.ID+"\x00"+area, about); err != nil {
		return id, err
	}
	v, err := c.rep.Record(ctx, scope, id)
	if err == nil && v.State.Exists {
		values, err := c.shared(ctx, v)
		if err != nil || values["template"] == template.String() {
			return id, err
		}
		if values["template"] != "" {
			return id, ErrOtherVersion
		}
		// It was opened under a key that is not here, as at the gate: said again, it can be read and goes on.
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		return id, err
	}
	r, err := c.rep.Record(ctx, c.Roster().Registry(), template)
	if err != nil {
		return id, err
	}
	if info, err := c.templateInfo(ctx, r); err != nil || info.State != "approved" {
		return id, errors.Join(ErrNotApproved, err)
	}
	fields := map[string]string{"template": template.String(), "form": oneLine(t.ID)}
	if subject != nil {
		fields["subject"] = about
	}
	if area != "" {
		fields["area"] = area
	}
	changes, err := createChanges("checklist", id, fields)
	if err == nil {
		_, err = c.saveAll(ctx, scope, changes)
	}
	return id, err
}

// Checklists returns the checklists of a visit, in the order in which they came.
func (c *Client) Checklists(ctx context.Context, scope syncproto.ScopeID) ([]ChecklistInfo, error) {
	c.whole.RLock()
	defer c.whole.RUnlock()
	kind, _ := syncproto.KindNamed("checklist")
	out := []ChecklistInfo{}
	err := c.rep.Records(ctx, scope, kind.ID, func(v replica.RecordView) error {
		if !v.State.Exists {
			return nil
		}
		info, err := c.checklistInfo(ctx, v)
		out = append(out, info)
		return err
	})
	return out, err
}

func (c *Client) checklistInfo(ctx context.Context, v replica.RecordView) (ChecklistInfo, error) {
	values, err := c.shared(ctx, v)
	if err != nil {
		return ChecklistInfo{}, err
	}
	info := ChecklistInfo{Scope: v.Scope, ID: v.Entity, Form: values["form"], Title: values["form"], Area: values["area"]}
	if id, err := syncproto.ParseEntityID(values["template"]); err == nil {
		info.Template = id
	}
	if id, err := syncproto.ParseEntityID(values["subject"]); err == nil {
		info.Subject = &id
	}
	r, err := c.rep.Record(ctx, c.Roster().Registry(), info.Template)
	if errors.Is(err, ErrNotFound) {
		return info, nil // the registry has not come yet
	}
	if err != nil {
		return info, err
	}
	t, err := c.templateInfo(ctx, r)
	info.Title, info.Version = t.Title, t.Version
	return info, err
}

// Checklist is a checklist as the person of this laptop fills it in: their own answers, evaluated, beside those of the
// others. Two members who answer one item do not conflict. Its methods may be called from several goroutines.
type Checklist struct {
	c     *Client
	scope syncproto.ScopeID
	id    syncproto.EntityID

	mu    sync.Mutex // guards what follows; it is taken before the client's mu
	info  ChecklistInfo
	t     *form.Template
	g     *form.Graph
	keys  *itemKeys
	langs []string
	moves uint64 // of the scope, when it was read; 0 forces a new reading
	me    syncproto.PersonID
	rows  map[syncproto.EntityID]*row
	said  map[syncproto.EntityID]*saidItem
	items map[itemKey]*saidItem // the same by item and instance
	// counts finds the rows of repeats that follow a count.
	counts map[countedKey]syncproto.EntityID
	strays []*saidItem // what claims to be of this checklist and is filed nowhere in it
	mine   *sheet
	group  *sheet // nil until asked for
	// defaults are answers that the form gives a person by itself; they are saved with the next answer.
	defaults []form.Ref
}

type checklistCache struct {
	mu    sync.Mutex
	open  map[checklistKey]*Checklist
	moves map[syncproto.ScopeID]uint64 // counts what is merged in a scope, from 1
	base  uint64                       // goes up when everything is read again
}

type checklistKey struct {
	scope syncproto.ScopeID
	id    syncproto.EntityID
}

func newTemplates() templates {
	return templates{held: map[syncproto.EntityID]*form.Graph{}, form: map[syncproto.EntityID]*form.Template{}}
}

func newChecklistCache() checklistCache {
	return checklistCache{open: map[checklistKey]*Checklist{}, moves: map[syncproto.ScopeID]uint64{}, base: 1}
}

func (k *checklistCache) moved(scope syncproto.ScopeID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.moves[scope]++
}

func (k *checklistCache) movedAll() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.base += 1 << 32
}

// forget drops the checklists of a visit, which hold its answers in clear.
func (k *checklistCache) forget(scope syncproto.ScopeID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for key := range k.open {
		if key.scope == scope {
			delete(k.open, key)
		}
	}
}

func (k *checklistCache) at(scope syncproto.ScopeID) uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.base + k.moves[scope]
}

// Checklist returns a checklist of a visit, up to date. langs are those that the person reads, the best first, such as
// "kk"; they are matched with the form's own.
func (c *Client) Checklist(ctx context.Context, scope syncproto.ScopeID, id syncproto.EntityID, langs ...string) (*Checklist, error) {
	c.checklists.mu.Lock()
	k := c.checklists.open[checklistKey{scope, id}]
	if k == nil {
		k = &Checklist{c: c, scope: scope, id: id}
		c.checklists.open[checklistKey{scope, id}] = k
	}
	c.checklists.mu.Unlock()
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.refresh(ctx); err != nil {
		return nil, fmt.Errorf("reading checklist %s: %w", id, err)
	}
	k.speak(langs)
	return k, nil
}

// refresh reads the checklist again where something was merged into the visit since. The client's mu is taken for a
// moment.
func (k *Checklist) refresh(ctx context.Context) error {
	now := k.c.checklists.at(k.scope)
	if k.moves == now {
		return nil
	}
	k.c.mu.Lock()
	name := k.c.namerOf(k.scope)
	k.c.mu.Unlock()
	return k.readAt(ctx, now, name)
}

func (k *Checklist) readAt(ctx context.Context, now uint64, name namer) error {
	k.moves = 0
	if err := k.read(ctx, name); err != nil {
		return err
	}
	k.moves = now
	return nil
}

// writing runs a change under the client's mu, on a checklist that is up to date: nothing is merged between what a
// change is made of and its save. Where it fails, the form in memory may be ahead of what was saved, and is read again.
func (k *Checklist) writing(ctx context.Context, change func() error) error {
	if err := k.refresh(ctx); err != nil { // what takes long holds nobody else up
		return err
	}
	c := k.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.checklists.at(k.scope); k.moves != now {
		if err := k.readAt(ctx, now, c.namerOf(k.scope)); err != nil {
			return err
		}
	}
	err := change()
	if err != nil {
		k.moves = 0
	}
	return err
}

// speak chooses the form's languages by the codes at the end of their names, as in "Қазақша (kk)".
func (k *Checklist) speak(langs []string) {
	var names []string
	for _, l := range langs {
		for _, name := range k.t.Languages {
			if name == l || len(name) > len(l)+2 && name[len(name)-len(l)-2:] == "("+l+")" {
				names = append(names, name)
			}
		}
	}
	if slices.Equal(names, k.langs) {
		return
	}
	k.langs = names
	k.mine.in.SetLanguages(names...)
	if k.group != nil {
		k.group.in.SetLanguages(names...)
	}
}

// env is what the form's expressions see of this laptop. username is the member's name as the roster has it; see
// shownUser. interview is the id of the interview that the checklist belongs to, empty where it belongs to none.
func (k *Checklist) env() form.Env {
	return form.Env{Languages: k.langs, Expr: expr.Env{Now: k.c.cfg.Now, Zone: time.Local, Random: k.c.cfg.Rand,
		Property: func(name string) (string, bool) {
			switch name {
			case "deviceid":
				return k.c.keys.device.ID.String(), true
			case "username":
				return k.shownUser(k.me), true
			case "interview": // whose pseudonym need not be asked
				if k.info.Subject != nil {
					return k.info.Subject.String(), true
				}
			}
			return "", false
		}}}
}

// shownUser is what a question for the username shows. What is saved is the member's id: names stay in the roster.
func (k *Checklist) shownUser(p syncproto.PersonID) string {
	m, _ := k.c.rep.Roster().Member(p)
	return m.Name
}

// asksUser reports whether a question is answered by the laptop with the member who fills the form in.
func asksUser(n *form.Node) bool { return n.Type == "username" }

// Info says which checklist it is.
func (k *Checklist) Info() ChecklistInfo {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.info
}

// Template returns the version of the form that is filled in.
func (k *Checklist) Template() *form.Template {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.t
}
