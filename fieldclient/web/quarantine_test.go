package web

import (
	"context"
	"testing"

	"kua/fieldclient"
	"kua/syncproto"
)

// A laptop that was revoked before its work was known delivers work that may be anybody's. Who works on is told so on the
// first page, with the words of what to do.
func TestWorkThatDoesNotCountYetIsSaidInPlainWords(t *testing.T) {
	ctx := context.Background()
	m := newMechanism(t)
	saule, aru := m.join("Saule", syncproto.RoleCoordinator), m.join("Aru", syncproto.RoleMonitor)
	m.share()
	visit, err := saule.OpenVisit(ctx, "KZ-75", []syncproto.PersonID{aru.id}, map[string]string{"title": "SIZO visit"})
	check(t, err)
	carry(t, saule.Client, aru.Client)
	k, _ := syncproto.KindNamed("visit")
	f, err := k.FieldNamed("population")
	check(t, err)
	for _, n := range []string{"412", "413"} {
		v, err := f.ParseValue(n)
		check(t, err)
		_, err = aru.Set(ctx, fieldclient.Target{Scope: visit, Entity: syncproto.EntityID(visit), Field: f}, v)
		check(t, err)
	}
	lost := aru.Device().ID
	m.record(syncproto.RosterRecord{Revoke: &syncproto.Revoke{Device: &lost, Reason: "seized"}})
	m.share()
	carry(t, aru.Client, saule.Client)
	for p, says := range map[*person][]string{
		saule: {"<strong>Aru</strong> · SIZO visit · 2 changes", "kua quarantine list"},
		aru:   {"<strong>You, on this laptop</strong> · SIZO visit · 2 changes", " <bdi>Saule</bdi>.</p>"},
	} {
		e := unlockedSite(t, p)
		en := e.s.screens.speaks["en"]
		for _, path := range []string{"/today", "/sync"} {
			_, body := e.get(path)
			has(t, path, body, en.N("quarantine.count", 2), `href="/attention#quarantine"`)
		}
		for _, path := range []string{"/attention", "/visits/" + visit.String() + "/attention"} {
			_, body := e.get(path)
			has(t, path, body, append(says, `id="quarantine"`, en.T("quarantine.why.late-after-revocation"), en.T("quarantine.safe"))...)
		}
	}
}
