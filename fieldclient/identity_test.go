package fieldclient

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kua/syncproto"
)

var card = IdentityCard{Name: "Nurlan Testimonyev", Born: "1988", Contact: "a sister in Karaganda"}

// vaulted is a visit with an interview, two custodians, and an identity that was sealed to them.
func vaulted(t *testing.T) (b *building, first, second *laptop, id syncproto.EntityID) {
	ctx := context.Background()
	b = newBuilding(t)
	one, two := b.laptop("Custos", syncproto.RoleCustodian, "KZ-75"), b.laptop("Claviger", syncproto.RoleCustodian, syncproto.AllRegions)
	b.laptop("Elsewhere", syncproto.RoleCustodian, "KZ-10")
	b.share()
	interview, err := b.aru.Create(ctx, b.visit, "interview", map[string]string{"pseudonym": "7K-R4M"})
	if err == nil {
		id, err = b.aru.SealIdentity(ctx, b.visit, interview, card, "may need protection")
	}
	if err != nil {
		t.Fatal(err)
	}
	carry(t, b.aru, b.saule)
	if d, e := one.Device().ID, two.Device().ID; bytes.Compare(d[:], e[:]) > 0 {
		one, two = two, one
	}
	return b, one, two, id
}

func TestAnIdentityTakesBothCustodiansAndLeavesATrace(t *testing.T) {
	ctx := context.Background()
	b, first, second, id := vaulted(t)
	asking, err := b.saule.RequestIdentity(ctx, b.visit, id, "the prosecutor asks")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := second.OpenIdentityFirst(ctx, asking.File, "out of turn"); !errors.Is(err, ErrNoRight) {
		t.Errorf("the second custodian opened first: %v", err)
	}
	request := asking.File
	half, asked, err := first.OpenIdentityFirst(ctx, request, "checked by telephone")
	if err != nil || asked.Name != "Saule" || asked.Reason != "the prosecutor asks" {
		t.Fatalf("the first custodian: %+v %v", asked, err)
	}
	if bytes.Contains(half, []byte("Nurlan")) {
		t.Error("one custodian is enough")
	}
	if _, _, _, err := first.OpenIdentitySecond(ctx, half, "alone"); !errors.Is(err, ErrNoRight) {
		t.Errorf("one custodian opened both seals: %v", err)
	}
	got, record, _, err := second.OpenIdentitySecond(ctx, half, "agreed")
	if err != nil || !cmp.Equal(got, card) {
		t.Fatalf("the second custodian: %+v %v", got, err)
	}
	if bytes.Contains(record, []byte("Nurlan")) {
		t.Error("the record of an opening holds the card")
	}
	if err := b.saule.RecordIdentity(ctx, b.visit, id, record); err != nil {
		t.Fatal(err)
	}
	other, err := b.aru.Create(ctx, b.visit, "interview", nil)
	if err != nil {
		t.Fatal(err)
	}
	second2, err := b.aru.SealIdentity(ctx, b.visit, other, card, "another one")
	if err != nil {
		t.Fatal(err)
	}
	carry(t, b.aru, b.saule)
	if err := b.saule.RecordIdentity(ctx, b.visit, second2, record); err == nil {
		t.Error("an opening is recorded with an identity that nobody opened")
	}
	v, err := b.saule.Record(ctx, b.visit, id)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, f := range v.Fields {
		for _, h := range f.Heads {
			found[f.Name] = h.Value
		}
	}
	if found["request"] != "the prosecutor asks" || found["opened"] == "" {
		t.Errorf("the visit does not tell who asked and who opened: %v", found)
	}
	for _, l := range []*laptop{first, second} {
		list, err := l.Incidents(ctx)
		if err != nil || len(list) != 1 || !strings.Contains(list[0].What, "the prosecutor asks") || strings.Contains(list[0].What, "Nurlan") {
			t.Errorf("%s keeps no note of it: %v %v", l.name, list, err)
		}
	}
}

func TestTheWriterCannotReadAnIdentityBack(t *testing.T) {
	ctx := context.Background()
	b, _, _, _ := vaulted(t)
	for range 2 {
		for _, word := range []string{"Nurlan", "Testimonyev", "Karaganda"} {
			if found, err := b.aru.Search(ctx, word); err != nil || len(found) > 0 {
				t.Errorf("the search finds %q: %v %v", word, found, err)
			}
		}
		rows, err := b.aru.mem.Write.QueryContext(ctx, `SELECT value FROM value`)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var value []byte
			if err := rows.Scan(&value); err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(value, []byte("Nurlan")) {
				t.Error("the records in memory hold the name")
			}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
		b.aru.reopen()
	}
}

func TestAnIdentityNeedsTwoCustodiansOfTheRegion(t *testing.T) {
	ctx := context.Background()
	b := newBuilding(t)
	one := b.laptop("Custos", syncproto.RoleCustodian, "KZ-75")
	b.laptop("Elsewhere", syncproto.RoleCustodian, "KZ-10")
	b.share()
	interview, err := b.aru.Create(ctx, b.visit, "interview", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.aru.SealIdentity(ctx, b.visit, interview, card, "why"); !errors.Is(err, ErrNoCustodians) {
		t.Errorf("one custodian was enough: %v", err)
	}
	if list, err := b.aru.Records(ctx, b.visit, "identity"); err != nil || len(list) != 0 {
		t.Errorf("something was saved: %v %v", list, err)
	}
	two := b.laptop("Claviger", syncproto.RoleCustodian, "KZ-75")
	b.share()
	if _, err := b.aru.SealIdentity(ctx, b.visit, interview, IdentityCard{Name: strings.Repeat("x", maxCard)}, "why"); syncproto.CodeOf(err) != syncproto.CodeTooLarge {
		t.Errorf("a card of any size: %v", err)
	}
	id, err := b.aru.SealIdentity(ctx, b.visit, interview, card, "why")
	if err != nil {
		t.Fatal(err)
	}
	grant, err := syncproto.RandomID(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b.append(syncproto.RosterRecord{Grant: &syncproto.Grant{ID: grant, Person: b.aru.person, Role: syncproto.RoleCustodian, Region: "KZ-75"}})
	b.share()
	if first, second, err := b.aru.custodians(b.visit); err != nil || first.Owner == b.aru.person || second.Owner == b.aru.person || first.Owner == second.Owner {
		t.Errorf("who writes is taken though there are two others: %v", err)
	}
	if _, err := b.aru.RequestIdentity(ctx, b.visit, id, "curious"); !errors.Is(err, ErrNoRight) {
		t.Errorf("a monitor asked the custodians: %v", err)
	}
	for _, l := range []*laptop{one, two} {
		st, _ := b.aru.Replica().Scope(b.visit)
		holds := slices.ContainsFunc(l.Roster().KeyHolders(&st.Standing), func(d syncproto.Device) bool { return d.ID == l.Device().ID })
		if holds || l.Roster().Readers(&st.Standing)[l.person] {
			t.Errorf("custodian %s reads the visit", l.name)
		}
	}
}

// A member may sign a request with any words; a laptop that the roster ended, or with a role that leads nothing, asks in vain.
func TestACustodianOpensOnlyWhatALeaderAsksFor(t *testing.T) {
	ctx := context.Background()
	b, first, _, id := vaulted(t)
	asking, err := b.saule.RequestIdentity(ctx, b.visit, id, "in office")
	if err != nil || asking.First != first.name {
		t.Fatal(err)
	}
	request := asking.File
	var file syncproto.IdentityFile
	if err := syncproto.DecodeMessage(request, &file); err != nil {
		t.Fatal(err)
	}
	signed, _ := syncproto.ParseSigned(file.Request, syncproto.ContextIdentityRequest)
	var req syncproto.IdentityRequest
	if err := syncproto.DecodeMessage(signed.Payload, &req); err != nil {
		t.Fatal(err)
	}
	req.By = b.aru.Device().ID
	payload, _ := syncproto.EncodeMessage(req)
	forged, _ := syncproto.Sign(b.aru.keys.signing, syncproto.ContextIdentityRequest, payload)
	byMonitor, _ := syncproto.EncodeMessage(syncproto.IdentityFile{Request: forged, Sealed: file.Sealed})
	if _, _, err := first.OpenIdentityFirst(ctx, byMonitor, "fooled"); !errors.Is(err, ErrNoRight) {
		t.Errorf("a monitor's own request was opened: %v", err)
	}
	file.Sealed = append([]byte{}, file.Sealed...)
	file.Sealed[0] ^= 1
	swapped, _ := syncproto.EncodeMessage(file)
	if _, _, err := first.OpenIdentityFirst(ctx, swapped, "fooled"); err == nil {
		t.Error("something else than was asked for was opened")
	}
	if list, err := first.Incidents(ctx); err != nil || len(list) != 0 {
		t.Errorf("refused requests count as openings: %v %v", list, err)
	}
	gone := b.saule.Device().ID
	b.append(syncproto.RosterRecord{Revoke: &syncproto.Revoke{Device: &gone, Reason: "seized"}})
	b.share()
	if _, _, err := first.OpenIdentityFirst(ctx, request, "late"); !errors.Is(err, ErrNoRight) {
		t.Errorf("the request of a revoked laptop was opened: %v", err)
	}
}
