package sim

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing/synctest"
	"time"

	"kua/fieldclient"
	"kua/internal/replica"
	"kua/syncproto"
)

// action is one thing that may happen. It returns its outcome for the trace.
type action struct {
	name   string
	weight int
	do     func(w *World, l *laptop) string
}

// actions is everything that may happen, each as often as its weight says.
var actions = []action{
	{"set", 24, (*World).set},
	{"clear", 3, (*World).clear},
	{"overwrite", 4, (*World).overwrite},
	{"answer", 6, (*World).answer},
	{"create", 7, (*World).create},
	{"remove", 3, (*World).remove},
	{"restore", 3, (*World).restore},
	{"resolve", 5, (*World).resolve},
	{"endorse", 4, (*World).endorse},
	{"visit", 4, (*World).visit},
	{"team", 3, (*World).team},
	{"erase", 2, (*World).erase},
	{"decide", 3, (*World).decide},
	{"sync", 26, (*World).sync},
	{"export", 4, (*World).export},
	{"import", 5, (*World).importStick},
	{"deliver", 2, (*World).deliver},
	{"relock", 4, (*World).relock},
	{"clock", 4, (*World).clock},
	{"copy", 2, (*World).copyData},
	{"put-back", 2, (*World).putBack},
	{"put-back-image", 1, (*World).putBackImage},
	{"twin", 1, (*World).makeTwin},
	{"revoke", 1, (*World).revoke},
	{"join", 1, (*World).join},
	{"server-restart", 2, (*World).restartServer},
	{"server-backup", 2, (*World).backupServer},
	{"server-put-back", 1, (*World).putBackServer},
}

// Step lets one random thing happen.
func (w *World) Step() {
	w.now = w.now.Add(time.Duration(w.rng.Int64N(int64(2 * time.Hour))))
	total := 0
	for _, a := range actions {
		total += a.weight
	}
	k := w.rng.IntN(total)
	for _, a := range actions {
		if k -= a.weight; k >= 0 {
			continue
		}
		l := pick(w.rng, w.laptops)
		l.unlock()
		outcome := a.do(w, l)
		time.Sleep(5 * time.Second) // costs nothing; the server signs a checkpoint meanwhile
		synctest.Wait()
		w.note("%s %s: %s", l.name, a.name, outcome)
		l.learn()
		return
	}
}

func (l *laptop) roster() *syncproto.Roster {
	if l.c == nil {
		return l.w.facts.roster
	}
	return l.c.Roster()
}

// scope picks one visit that is open on a laptop.
func (l *laptop) scope() (syncproto.ScopeID, bool) {
	scopes := slices.DeleteFunc(l.c.Replica().Scopes(), func(s replica.ScopeState) bool { return s.Standing.Registry })
	if len(scopes) == 0 {
		return syncproto.ScopeID{}, false
	}
	return pick(l.w.rng, scopes).Scope, true
}

// records returns the records of the kinds that people edit.
func (l *laptop) records(scope syncproto.ScopeID) (out []replica.RecordView) {
	err := l.c.Replica().Records(context.Background(), scope, 0, func(v replica.RecordView) error {
		if k, ok := syncproto.LookupKind(v.State.Kind); ok && len(k.Fields) > 0 {
			out = append(out, v)
		}
		return nil
	})
	l.w.must(err)
	return out
}

// target picks a field of a record.
func (l *laptop) target() (fieldclient.Target, bool) {
	scope, ok := l.scope()
	if !ok {
		return fieldclient.Target{}, false
	}
	list := l.records(scope)
	if len(list) == 0 {
		return fieldclient.Target{}, false
	}
	v := pick(l.w.rng, list)
	k, _ := syncproto.LookupKind(v.State.Kind)
	fields := k.Fields[:min(len(k.Fields), 12)]
	if chance(l.w.rng, 60) { // often the same ones: that is where people meet
		fields = fields[len(fields)-2:]
	}
	return fieldclient.Target{Scope: scope, Entity: v.Entity, Field: &fields[l.w.rng.IntN(len(fields))]}, true
}

func (w *World) value(f *syncproto.FieldSpec) []byte {
	text := map[syncproto.ValueType]string{
		syncproto.TypeInt: fmt.Sprint(w.rng.IntN(3)), syncproto.TypeDate: "2026-11-02", syncproto.TypeTime: "09:30", syncproto.TypeBool: "yes",
		syncproto.TypeRef: strings.Repeat("0", 31) + "1", syncproto.TypeAnswer: pick(w.rng, []string{"yes", "no", w.word()}),
		syncproto.TypeDecimal: "4.5",
	}[f.Type]
	switch {
	case len(f.Codes) > 0:
		text = pick(w.rng, f.Codes)
	case text == "":
		text = w.word()
	}
	v, err := f.ParseValue(text)
	w.must(err)
	return v
}

func (w *World) saved(s fieldclient.Saved, err error, allowed ...string) string {
	w.T.Helper()
	if err != nil {
		return w.said(err, append(allowed, "the visit key has not come")...)
	}
	var b strings.Builder
	for _, id := range s.Changesets {
		fmt.Fprintf(&b, "%x ", id[:4])
	}
	return b.String()
}

func (w *World) set(l *laptop) string {
	t, ok := l.target()
	if !ok {
		return "nothing to write on"
	}
	s, err := l.c.Set(context.Background(), t, w.value(t.Field))
	return fmt.Sprintf("%s %s", t.Field.Name, w.saved(s, err))
}

func (w *World) clear(l *laptop) string {
	t, ok := l.target()
	if !ok {
		return "nothing to clear"
	}
	s, err := l.c.Clear(context.Background(), t)
	return fmt.Sprintf("%s %s", t.Field.Name, w.saved(s, err))
}

// field picks a field that select holds for, on any record of a visit.
func (l *laptop) field(holds func(*syncproto.FieldState) bool) (t fieldclient.Target, ok bool) {
	scope, ok := l.scope()
	if !ok {
		return t, false
	}
	var found []fieldclient.Target
	for _, v := range l.records(scope) {
		for i := range v.State.Fields {
			if _, spec, ok := syncproto.LookupField(v.State.Fields[i].Field); ok && holds(&v.State.Fields[i]) {
				found = append(found, fieldclient.Target{Scope: scope, Entity: v.Entity, Field: spec})
			}
		}
	}
	if len(found) == 0 {
		return t, false
	}
	return pick(l.w.rng, found), true
}

func (w *World) overwrite(l *laptop) string {
	t, ok := l.field(func(f *syncproto.FieldState) bool {
		return !f.Personal && slices.ContainsFunc(f.Heads, func(h syncproto.Head) bool { return h.Person != l.person })
	})
	if !ok {
		return "nobody else's answer is here"
	}
	s, err := l.c.Set(context.Background(), t, w.value(t.Field))
	return fmt.Sprintf("%s %s", t.Field.Name, w.saved(s, err))
}

func (w *World) answer(l *laptop) string {
	scope, ok := l.scope()
	if !ok {
		return "no visit"
	}
	values := map[string][]byte{"value": fieldclientAnswer(pick(w.rng, []string{"yes", "no", w.word()}))}
	if chance(w.rng, 30) {
		values["agreed"] = fieldclientAnswer(pick(w.rng, []string{"yes", "no"}))
	}
	_, s, err := l.c.Answer(context.Background(), scope, fmt.Sprintf("item-%d", w.rng.IntN(4)), "", values)
	return w.saved(s, err)
}

func fieldclientAnswer(s string) []byte { return syncproto.AnswerValue(s) }

func (w *World) create(l *laptop) string {
	scope, ok := l.scope()
	if !ok {
		return "no visit"
	}
	kind, fields := "observation", map[string]string{"text": w.word()}
	if chance(w.rng, 40) {
		kind, fields = "interview", map[string]string{"pseudonym": w.word(), "consent": "C2"}
	}
	_, err := l.c.Create(context.Background(), scope, kind, fields)
	return w.said(err, "the visit key has not come")
}

// record picks a record.
func (l *laptop) record(holds func(replica.RecordView) bool) (replica.RecordView, bool) {
	scope, ok := l.scope()
	if !ok {
		return replica.RecordView{}, false
	}
	list := slices.DeleteFunc(l.records(scope), func(v replica.RecordView) bool { return !holds(v) })
	if len(list) == 0 {
		return replica.RecordView{}, false
	}
	return pick(l.w.rng, list), true
}

func (w *World) remove(l *laptop) string {
	v, ok := l.record(func(v replica.RecordView) bool { return v.State.Exists && v.Entity != syncproto.EntityID(v.Scope) })
	if !ok {
		return "no record"
	}
	s, err := l.c.Remove(context.Background(), v.Scope, v.Entity)
	return w.saved(s, err)
}

func (w *World) restore(l *laptop) string {
	v, ok := l.record(func(v replica.RecordView) bool { return v.State.Removed })
	if !ok {
		return "nothing is removed"
	}
	s, err := l.c.Restore(context.Background(), v.Scope, v.Entity)
	return w.saved(s, err)
}

func (w *World) resolve(l *laptop) string {
	t, ok := l.field(func(f *syncproto.FieldState) bool { return !f.Personal && len(f.Heads) > 1 })
	if !ok {
		return "no conflict"
	}
	s, err := l.c.Resolve(context.Background(), t, w.value(t.Field), "because "+w.word())
	return fmt.Sprintf("%s %s", t.Field.Name, w.saved(s, err))
}

func (w *World) endorse(l *laptop) string {
	t, ok := l.field(func(f *syncproto.FieldState) bool { return !f.Personal && len(f.Reviews) > 0 })
	if !ok {
		return "nothing waits"
	}
	s, err := l.c.Endorse(context.Background(), t)
	return fmt.Sprintf("%s %s", t.Field.Name, w.saved(s, err))
}

func (w *World) visit(l *laptop) string {
	people := map[syncproto.PersonID]bool{l.person: true}
	team := []syncproto.PersonID{l.person}
	for _, o := range w.laptops {
		if !people[o.person] && chance(w.rng, 40) {
			people[o.person], team = true, append(team, o.person)
		}
	}
	known := l.c.Roster()
	team = slices.DeleteFunc(team, func(p syncproto.PersonID) bool { _, ok := known.Member(p); return !ok })
	region := "KZ-75"
	if chance(w.rng, 15) {
		region = "KZ-10"
	}
	id, err := l.c.OpenVisit(context.Background(), region, team, map[string]string{"title": w.word()})
	if err != nil {
		return w.said(err)
	}
	return fmt.Sprintf("%x with %d", id[:4], len(team))
}

func (w *World) team(l *laptop) string {
	scope, ok := l.scope()
	if !ok {
		return "no visit"
	}
	p := pick(w.rng, w.laptops).person
	if _, ok := l.c.Roster().Member(p); !ok {
		return "not heard of yet"
	}
	s, err := l.c.AddToTeam(context.Background(), scope, []syncproto.PersonID{p})
	return w.saved(s, err)
}

// eraser is a laptop of somebody who may order an erasure.
func (w *World) eraser() *laptop {
	i := slices.IndexFunc(w.laptops, func(l *laptop) bool { return l.role == syncproto.RoleProtection })
	return w.laptops[i]
}

func (w *World) erase(_ *laptop) string {
	l := w.eraser()
	l.unlock()
	defer l.learn()
	t, ok := l.field(func(f *syncproto.FieldState) bool { return true })
	if !ok {
		return "nothing to erase"
	}
	h, err := l.c.History(context.Background(), t)
	w.must(err)
	s, err := l.c.Erase(context.Background(), t, "a request")
	said := w.saved(s, err, "nothing is there")
	if err == nil {
		for _, st := range h {
			if st.Kind.Settles() {
				w.facts.erased[erasedValue{st.Changeset, st.Index}] = erasure{t.Scope, st.Value, s.Changesets[0]}
			}
		}
	}
	return t.Field.Name + " " + said
}

// decide lets the coordinators look at quarantined work.
func (w *World) decide(_ *laptop) string {
	l := pick(w.rng, w.laptops[:2])
	l.unlock()
	defer l.learn()
	scope, ok := l.scope()
	if !ok {
		return "no visit"
	}
	q, err := l.c.Quarantine(context.Background(), scope)
	w.must(err)
	q = slices.DeleteFunc(q, func(q fieldclient.Quarantined) bool { return q.Decision != "waiting" })
	if len(q) == 0 {
		return "nothing waits"
	}
	admit := chance(w.rng, 60)
	s, err := l.c.Decide(context.Background(), scope, []syncproto.ChangesetID{pick(w.rng, q).Changeset}, admit, "looked at")
	return fmt.Sprintf("admit %v %s", admit, w.saved(s, err))
}

// relock locks and unlocks: nothing may change.
func (w *World) relock(l *laptop) string {
	before := l.digests()
	l.lock()
	if chance(w.rng, 20) {
		return "locked"
	}
	l.unlock()
	if l.c.Restored() != "" {
		w.failf("I8: %s was only locked, and is taken for restored (%s)", l.name, l.c.Restored())
	}
	if after := l.digests(); !slices.Equal(before, after) {
		w.failf("I1: %s shows something else after unlocking:\n%v\n%v", l.name, before, after)
	}
	return "same"
}

func (w *World) clock(l *laptop) string {
	const year = 365 * 24 * time.Hour
	l.skew = pick(w.rng, []time.Duration{0, 6 * time.Minute, -6 * time.Minute, -26 * time.Hour, 10 * year, -16 * year, 90 * year, -80 * year})
	return l.skew.String()
}

func (w *World) join(_ *laptop) string {
	if w.handler == nil || w.stale || len(w.laptops) > 11 || w.lead.revoked {
		return "not now"
	}
	w.lead.unlock()
	if chance(w.rng, 50) {
		o := pick(w.rng, w.laptops)
		if _, ok := w.lead.c.Roster().Member(o.person); ok && o.role != syncproto.RoleProtection {
			l := w.enrol(o.name, o.role, o.region, &o.person)
			return "second laptop of " + l.name
		}
	}
	w.people++
	role := pick(w.rng, []syncproto.Role{syncproto.RoleMonitor, syncproto.RoleCoordinator, syncproto.RoleAuditor})
	region := "KZ-75"
	if role == syncproto.RoleCoordinator {
		region = syncproto.AllRegions
	}
	l := w.enrol(fmt.Sprintf("New%d", w.people), role, region, nil)
	return l.name + " as " + string(role)
}

func (w *World) revoke(_ *laptop) string {
	l := pick(w.rng, w.laptops[2:])
	if w.handler == nil || w.stale || l.revoked || l.role == syncproto.RoleProtection || w.facts.revoked >= 2 {
		return "not now"
	}
	w.lead.unlock()
	if _, ok := w.lead.c.Roster().Device(l.device); !ok {
		return "not heard of yet"
	}
	if err := w.lead.c.RevokeDevice(context.Background(), l.device, "lost"); err != nil {
		w.failf("revoking %s: %v", l.name, err)
		return "failed"
	}
	w.facts.revoked++
	for _, o := range w.laptops {
		o.revoked = o.revoked || o.device == l.device
	}
	return l.name
}
