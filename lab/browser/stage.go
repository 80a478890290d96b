package browser

import (
	"context"
	"testing"

	"github.com/chromedp/chromedp"

	"kua/fieldclient"
	"kua/lab/stage"
	"kua/syncproto"
)

// Screens starts the program on a laptop of the stage, which is locked first: two programs never have one laptop open.
// It unlocks it in a browser, in English, and stands on the first page.
func Screens(t testing.TB, l *stage.Laptop) (*App, *Tab) {
	t.Helper()
	must(t, l.Client.Close())
	app := Start(t, l.Cfg.Vault.Dir, l.Cfg.Vault.StateDir)
	b := Browse(t)
	b.Open(<-app.Launch)
	b.Language("en")
	b.Unlock()
	return app, b
}

// Unlock types the passphrase of every laptop on a stage.
func (b *Tab) Unlock() {
	b.T.Helper()
	b.Type("#passphrase", stage.Passphrase)
	b.Press("button.main", "nav")
}

// Season is a small mechanism with something to see: Saule leads, Aigerim and Daulet monitor, two of them disagree.
type Season struct {
	*stage.Stage
	Aigerim, Daulet *stage.Laptop
	Facility        syncproto.EntityID
	Earlier, Visit  syncproto.ScopeID
}

// NewSeason plays the season up to the evening before a visit.
func NewSeason(t testing.TB) *Season {
	t.Helper()
	ctx := context.Background()
	s := &Season{Stage: stage.New(t)}
	s.Aigerim = s.Laptop("Айгерім Қасымова", syncproto.RoleLeader, "KZ-75")
	s.Daulet = s.Laptop("Дәулет Ахметов", syncproto.RoleMonitor, "KZ-75")
	var err error
	s.Facility, err = s.Lead.Create(ctx, s.Lead.Roster().Registry(), "facility", map[string]string{"name": "Түзеу мекемесі № 12", "type": "colony", "region": "KZ-75",
		"address": "Алматы облысы, Іле ауданы", "capacity": "900", "authority": "ҚАЖ комитеті", "note": "Кіреберіс солтүстік жақтан."})
	must(t, err)
	team := []syncproto.PersonID{s.Aigerim.Person, s.Daulet.Person}
	s.Earlier, err = s.Lead.OpenVisit(ctx, "KZ-75", team, map[string]string{"facility": s.Facility.String(), "title": "Күзгі бару 2025", "date": "2025-10-14", "status": "closed", "kind": "periodic"})
	must(t, err)
	_, err = s.Lead.Create(ctx, s.Earlier, "recommendation", map[string]string{"text": "Камералардағы ауа алмасуды қамтамасыз ету.", "addressee": "Мекеме басшылығы", "due": "2026-03-01", "status": "sent"})
	must(t, err)
	s.Visit, err = s.Lead.OpenVisit(ctx, "KZ-75", team, map[string]string{"facility": s.Facility.String(), "title": "Көктемгі бару", "date": "2026-04-02", "status": "mandated", "kind": "interim", "order": "№ 41, 25.03.2026"})
	must(t, err)
	s.SyncAll()
	return s
}

// SyncAll brings all laptops of the season together.
func (s *Season) SyncAll() {
	s.T.Helper()
	for range 2 {
		for _, l := range []*stage.Laptop{s.Lead, s.Aigerim, s.Daulet} {
			r, err := l.Client.Remote()
			must(s.T, err)
			_, err = l.Client.Sync(context.Background(), r, nil)
			must(s.T, err)
		}
	}
}

// Set gives a field a value on somebody's laptop.
func Set(t testing.TB, l *stage.Laptop, scope syncproto.ScopeID, e syncproto.EntityID, kind, field, value string) {
	t.Helper()
	k, _ := syncproto.KindNamed(kind)
	f, err := k.FieldNamed(field)
	must(t, err)
	v, err := f.ParseValue(value)
	must(t, err)
	_, err = l.Client.Set(context.Background(), fieldclient.Target{Scope: scope, Entity: e, Field: f}, v)
	must(t, err)
}

// Saved waits until a field says that the disk has what was typed.
func (b *Tab) Saved(form string) {
	b.T.Helper()
	b.Do(chromedp.WaitVisible(form+`[data-state=""] .ok`, chromedp.ByQuery))
}
