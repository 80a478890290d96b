package server

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kua/internal/replica"
	"kua/syncproto"
	"kua/syncproto/prototest"
)

// TestTwoLaptopsAndServerMergeAlike is the whole path: what two people wrote apart is one state everywhere.
func TestTwoLaptopsAndServerMergeAlike(t *testing.T) {
	s := newSite(t)
	visit, opening := s.Monitor.OpenVisit(prototest.Region, s.Monitor.Owner, s.Monitor2.Owner)
	e := s.Entity()
	first := s.Monitor.Feed(visit).Sign(prototest.Create(e, 2100), prototest.Set(e, 2101, "a quiet day"))
	var mine, theirs []*syncproto.Changeset
	mine = append(mine, opening, first)
	for i := range 20 {
		mine = append(mine, s.Monitor.Feed(visit).Sign(prototest.Set(e, 2101, fmt.Sprint("mine ", i)).Seeing(prototest.OpOf(mine[len(mine)-1], 0))))
		theirs = append(theirs, s.Monitor2.Feed(visit).Sign(prototest.Set(e, 2101, fmt.Sprint("theirs ", i)).Seeing(prototest.OpOf(first, 1))))
	}
	a, b := s.laptop(s.Monitor), s.laptop(s.Monitor2)
	a.push(mine[:5]...)
	b.push(theirs...)
	a.push(mine[5:]...)
	want := digest(t, s.server.replica, visit.Scope)
	for _, l := range []*laptop{a, b, s.laptop(s.Coordinator)} {
		items, end := l.pull(visit.Scope)
		if end.Next.Position != uint64(len(mine)+len(theirs)) || end.Last != end.Next.Position {
			t.Fatalf("pulled up to %+v", end)
		}
		for i, item := range items {
			if item.Position != uint64(i+1) {
				t.Fatalf("position %d at place %d", item.Position, i)
			}
		}
		r := localReplica(t)
		absorb(t, r, s.Roster, items)
		if digest(t, r, visit.Scope) != want {
			t.Fatal("the laptop's state is not the server's")
		}
	}
}

func TestSameRequestGetsSameReceipt(t *testing.T) {
	s := newSite(t)
	visit, opening := s.Monitor.OpenVisit(prototest.Region, s.Monitor.Owner)
	cs := s.Monitor.Feed(visit).Sign(prototest.Create(s.Entity(), 2100))
	l := s.laptop(s.Monitor)
	first := l.push(opening, cs)
	if d := cmp.Diff([]syncproto.Status{syncproto.StatusAccepted, syncproto.StatusAccepted}, statusesOf(first)); d != "" {
		t.Fatal(d)
	}
	for _, who := range []*laptop{l, s.laptop(s.Coordinator)} {
		again := who.push(opening, cs)
		if d := cmp.Diff([]syncproto.Status{syncproto.StatusDuplicate, syncproto.StatusDuplicate}, statusesOf(again)); d != "" {
			t.Fatal(d)
		}
		if !bytes.Equal(first.Receipt, again.Receipt) {
			t.Fatal("the same changesets got another receipt")
		}
	}
	r := l.receipt(first)
	if r.Scope != visit.Scope || r.Epoch != s.server.epoch || len(r.Entries) != 2 || r.Entries[1].Body != cs.Packet.BodyHash() || r.Entries[1].Position != 2 || r.Entries[1].Leaf != r.Entries[0].Leaf+1 {
		t.Fatalf("receipt %+v", r)
	}
	items, _ := l.pull(visit.Scope)
	if len(items) != 2 || !bytes.Equal(items[1].Packet, cs.Packet.Encode()) {
		t.Fatal("relayed bytes are not the received ones, or a duplicate has a row")
	}
}

func TestOutOfOrderIsHeldThenReleased(t *testing.T) {
	s := newSite(t)
	visit, opening := s.Monitor.OpenVisit(prototest.Region, s.Monitor.Owner)
	second := s.Monitor.Feed(visit).Sign(prototest.Create(s.Entity(), 2100))
	third := s.Monitor.Feed(visit).Sign(prototest.Create(s.Entity(), 2100))
	l := s.laptop(s.Monitor)
	a := l.push(third, second)
	for _, r := range a.Results {
		if r.Status != syncproto.StatusHeld || r.Code != syncproto.CodeHeldPrev {
			t.Fatalf("got %+v", r)
		}
	}
	if a.Receipt != nil {
		t.Fatal("held work has a receipt")
	}
	if a := l.push(opening); a.Results[0].Status != syncproto.StatusAccepted {
		t.Fatalf("got %+v", a)
	}
	if items, _ := l.pull(visit.Scope); len(items) != 3 {
		t.Fatalf("%d of 3 released", len(items))
	}
	if r := l.receipt(l.push(opening, second, third)); len(r.Entries) != 3 {
		t.Fatalf("released work has no receipt: %+v", r)
	}
}

func TestForkKeepsBothBranches(t *testing.T) {
	s := newSite(t)
	visit, opening := s.Monitor.OpenVisit(prototest.Region, s.Monitor.Owner)
	e := s.Entity()
	feed := s.Monitor.Feed(visit)
	twin := feed.Fork()
	one, two := feed.Sign(prototest.Create(e, 2100)), twin.Sign(prototest.Create(e, 2100))
	l := s.laptop(s.Monitor)
	l.push(opening, one)
	if a := l.push(two); a.Results[0].Status != syncproto.StatusAccepted || !a.Results[0].Fork {
		t.Fatalf("got %+v", a)
	}
	if items, _ := l.pull(visit.Scope); len(items) != 3 {
		t.Fatalf("%d of 3 kept", len(items))
	}
	if n := countReasons(l.attention(visit.Scope), reasonFork); n != 2 {
		t.Fatalf("%d branches in the attention list", n)
	}
}

func (l *laptop) attention(scope syncproto.ScopeID) (out []syncproto.AttentionItem) {
	l.t.Helper()
	l.send(request{method: "GET", path: scopePath(scope, "attention")}).decode(l.t, &out)
	return out
}

func countReasons(items []syncproto.AttentionItem, reason string) (n int) {
	for _, i := range items {
		for _, r := range i.Reasons {
			if r == reason {
				n++
			}
		}
	}
	return n
}

func TestLateWorkOfRevokedDeviceIsQuarantinedUntilSomebodyDecides(t *testing.T) {
	s := newSite(t)
	visit, opening := s.Leader.OpenVisit(prototest.Region, s.Leader.Owner, s.Monitor.Owner)
	e := s.Entity()
	s.laptop(s.Leader).push(opening)
	early := s.Monitor.Feed(visit).Sign(prototest.Create(e, 2100))
	l := s.laptop(s.Monitor)
	l.push(early)
	late := s.Monitor.Feed(visit).Sign(prototest.Set(e, 2101, "late"))

	var cut []syncproto.FeedCut
	coordinator := s.laptop(s.Coordinator)
	coordinator.send(request{method: "GET", path: "/v1/devices/" + s.Monitor.ID.String() + "/feeds"}).decode(t, &cut)
	if len(cut) != 1 || cut[0] != early.Cut() {
		t.Fatalf("cut %+v", cut)
	}
	s.RevokeDevice(s.Monitor, cut...)
	s.giveRoster()

	a := l.push(late)
	if a.Results[0].Status != syncproto.StatusQuarantined || a.Results[0].Code != syncproto.CodeQuarantineLate || len(l.receipt(a).Entries) != 1 {
		t.Fatalf("got %+v", a)
	}
	var answer syncproto.OfferAnswer
	l.send(request{method: "POST", path: scopePath(visit.Scope, "offer"), body: message(t, syncproto.Offer{})}).decode(t, &answer)
	if len(answer.Heads) != 0 || answer.Position != 0 {
		t.Fatalf("a revoked device is told of the scope: %+v", answer)
	}
	waiting := coordinator.attention(visit.Scope)
	if countReasons(waiting, reasonQuarantine) != 1 {
		t.Fatalf("attention %+v", waiting)
	}
	later := s.Monitor.Feed(visit).Sign(prototest.Set(e, 2101, "later"))
	l.push(later)
	coordinator.push(s.Coordinator.Feed(visit).Sign(prototest.Decline(visit.Scope, later)))
	if waiting := coordinator.attention(visit.Scope); countReasons(waiting, reasonQuarantine) != 0 {
		t.Fatalf("declined work still waits: %+v", waiting)
	}
	last := s.Monitor.Feed(visit).Sign(prototest.Set(e, 2101, "last"))
	l.push(last)
	coordinator.push(s.Coordinator.Feed(visit).Sign(prototest.Admit(visit.Scope, last)))
	if waiting := coordinator.attention(visit.Scope); countReasons(waiting, reasonQuarantine) != 0 {
		t.Fatalf("admitted work still waits: %+v", waiting)
	}
}

func TestUnknownDeviceIsHeldUnverifiedAndDroppedIfForged(t *testing.T) {
	s := newSite(t)
	newcomer := s.Stranger(s.Monitor.Owner)
	visit, opening := newcomer.OpenVisit(prototest.Region, s.Monitor.Owner)
	good := newcomer.Feed(visit).Sign(prototest.Create(s.Entity(), 2100))
	l := s.laptop(s.Monitor)
	forged := *opening
	forged.Packet.Header = bytes.Clone(opening.Packet.Header)
	forged.Packet.Header[len(forged.Packet.Header)-1] ^= 1
	if a := l.push(&forged, good); a.Results[0].Code != syncproto.CodeHeldDevice || a.Results[1].Code != syncproto.CodeHeldPrev {
		t.Fatalf("got %+v", a)
	}
	s.Append(s.Root, syncproto.RosterRecord{Device: newcomer.Certificate()})
	s.giveRoster()
	if _, ok := s.server.replica.Scope(visit.Scope); ok {
		t.Fatal("a forged opening was taken in when its device became known")
	}
	if a := l.push(&forged); a.Results[0].Status != syncproto.StatusRefused || a.Results[0].Code != syncproto.CodeBadSignature {
		t.Fatalf("got %+v", a)
	}
	if a := l.push(opening, good); !a.Results[0].Status.Stored() || !a.Results[1].Status.Stored() {
		t.Fatalf("the true work was not taken: %+v", a)
	}
}

// It closes the gap between checking signatures and the transaction.
func TestUnverifiedWorkIsVerifiedWhenItsDeviceBecameKnownMeanwhile(t *testing.T) {
	s := newSite(t)
	_, opening := s.Monitor.OpenVisit(prototest.Region, s.Monitor.Owner)
	forged := opening.Packet
	forged.Header = bytes.Clone(forged.Header)
	forged.Header[len(forged.Header)-1] ^= 1
	cs, err := syncproto.ParsePacket(forged)
	if err != nil {
		t.Fatal(err)
	}
	in, err := verifyOne(&syncproto.Roster{}, forged.Encode(), nil)
	if err != nil || !in.Unverified || in.CS.ID != cs.ID {
		t.Fatalf("a packet of an unknown device passed for verified: %+v, %v", in, err)
	}
	out, err := s.server.writer.store(context.Background(), []replica.Incoming{in})
	if err != nil || out[0].Status != syncproto.StatusRefused || out[0].Code != syncproto.CodeBadSignature {
		t.Fatalf("got %+v, %v", out, err)
	}
}

func TestOnePoisonPacketStopsNoOther(t *testing.T) {
	s := newSite(t)
	visit, opening := s.Monitor.OpenVisit(prototest.Region, s.Monitor.Owner)
	foreign, other := s.Monitor2.OpenVisit(prototest.Region, s.Monitor2.Owner)
	_ = foreign
	good := s.Monitor.Feed(visit).Sign(prototest.Create(s.Entity(), 2100))
	bad := bytes.Clone(good.Packet.Header)
	bad[len(bad)-1] ^= 1
	forged := good.Packet
	forged.Header = bad
	huge := make([]byte, syncproto.MaxPacket+1)
	var a syncproto.PushAnswer
	s.laptop(s.Monitor).pushRaw(visit.Scope, [][]byte{opening.Packet.Encode(), {0x80}, forged.Encode(), other.Packet.Encode(), huge, good.Packet.Encode()}).decode(t, &a)
	var codes []string
	for _, r := range a.Results {
		codes = append(codes, string(r.Status)+" "+string(r.Code))
	}
	if d := cmp.Diff([]string{"accepted ", "refused malformed", "refused bad-signature", "refused malformed", "refused too-large", "accepted "}, codes); d != "" {
		t.Fatal(d)
	}
	if a.Results[2].ID != good.ID {
		t.Error("a refused packet is not named")
	}
}

func TestOneFailingRequestStopsNoOtherOfItsGroup(t *testing.T) {
	s := newSite(t)
	_, opening := s.Monitor.OpenVisit(prototest.Region, s.Monitor.Owner)
	bad := &job{items: []replica.Incoming{{}}, done: make(chan struct{})} // makes ingest panic
	good := &job{items: []replica.Incoming{{CS: opening}}, done: make(chan struct{})}
	s.server.writer.commitAll([]*job{bad, good})
	if bad.err == nil || good.err != nil || good.out[0].Status != syncproto.StatusAccepted {
		t.Fatalf("bad: %v, good: %v %+v", bad.err, good.err, good.out)
	}
}

func TestAuthorRepairsDamagedBody(t *testing.T) {
	s := newSite(t)
	visit, opening := s.Monitor.OpenVisit(prototest.Region, s.Monitor.Owner)
	cs := s.Monitor.Feed(visit).Sign(prototest.Create(s.Entity(), 2100))
	damaged, err := syncproto.ParsePacket(cs.Packet.WithBody(syncproto.Body{Form: syncproto.BodySealed, Content: []byte("damaged on the way")}))
	if err != nil {
		t.Fatal(err)
	}
	courier, author := s.laptop(s.Monitor2), s.laptop(s.Monitor)
	courier.push(opening, damaged)
	if r := courier.receipt(courier.push(cs)); r.Entries[0].Body != damaged.Packet.BodyHash() {
		t.Fatal("somebody else than the author replaced a body")
	}
	if r := author.receipt(author.push(cs)); r.Entries[0].Body != cs.Packet.BodyHash() || r.Entries[0].Position != 2 {
		t.Fatalf("the author's body was not taken: %+v", r)
	}
	if items, _ := author.pull(visit.Scope); !bytes.Equal(items[1].Packet, cs.Packet.Encode()) {
		t.Fatal("the damaged body is relayed")
	}
	courier.push(damaged)
	if r := author.receipt(author.push(cs)); r.Entries[0].Body != cs.Packet.BodyHash() {
		t.Fatal("a courier damaged it again")
	}
}

func TestErasedValueIsWithheldThenRedacted(t *testing.T) {
	s := newSite(t)
	e := s.Entity()
	plain := s.Coordinator.Feed(nil).Sign(prototest.Create(e, 1100), prototest.Set(e, 1101, "canary-in-clear"))
	l := s.laptop(s.Coordinator)
	l.push(plain)
	redact := func(body syncproto.Body) answer {
		p := plain.Packet.WithBody(body)
		return l.send(request{method: "POST", path: scopePath(s.Registry, "redactions"), body: message(t, syncproto.Redaction{Changeset: plain.ID, Body: p.Body, Erased: []uint64{1}})})
	}
	values, err := plain.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	redacted := syncproto.Body{Form: syncproto.BodyPlain, Content: values.Redact(map[int]bool{1: true}).Encode()}
	if a := redact(redacted); a.status != http.StatusForbidden {
		t.Fatalf("a redaction without an order: %v", a)
	}
	s.laptop(s.Protection).push(s.Protection.Feed(nil).Sign(prototest.Erase(e, prototest.OpOf(plain, 1))))
	if items, _ := l.pull(s.Registry); bytes.Contains(items[0].Packet, []byte("canary-in-clear")) {
		t.Fatal("an erased value is relayed")
	}
	if a := redact(syncproto.Body{Form: syncproto.BodyPlain, Content: values.Redact(map[int]bool{0: true, 1: true}).Encode()}); a.status < 400 {
		t.Fatalf("more was redacted than ordered: %v", a)
	}
	visit, opening := s.Coordinator.OpenVisit(prototest.Region)
	l.push(opening)
	p := plain.Packet.WithBody(redacted)
	if a := l.send(request{method: "POST", path: scopePath(visit.Scope, "redactions"), body: message(t, syncproto.Redaction{Changeset: plain.ID, Body: p.Body, Erased: []uint64{1}})}); a.status != http.StatusNotFound {
		t.Fatalf("by way of another scope: %v", a)
	}
	if a := redact(redacted); a.status != http.StatusNoContent {
		t.Fatalf("%v", a)
	}
	items, _ := l.pull(s.Registry)
	want := plain.Packet.WithBody(redacted).Encode()
	if !bytes.Equal(items[0].Packet, want) {
		t.Fatal("the redacted body is not relayed")
	}
	if a := l.push(plain); a.Results[0].Status != syncproto.StatusDuplicate || l.receipt(a).Entries[0].Body != plain.Packet.WithBody(redacted).BodyHash() {
		t.Fatal("an erased value came back")
	}
}

func TestOffer(t *testing.T) {
	s := newSite(t)
	visit, opening := s.Monitor.OpenVisit(prototest.Region, s.Monitor.Owner)
	feed := s.Monitor.Feed(visit)
	l := s.laptop(s.Monitor)
	offer := func(l *laptop, o syncproto.Offer) (a syncproto.OfferAnswer) {
		l.send(request{method: "POST", path: scopePath(visit.Scope, "offer"), body: message(t, o)}).decode(t, &a)
		return a
	}
	head := feed.Head()
	unknown := offer(l, syncproto.Offer{Heads: []syncproto.FeedHead{head}, Cursor: syncproto.Cursor{Epoch: syncproto.Hash{1}, Position: 9}})
	if len(unknown.Want) != 1 || unknown.Want[0].From != 1 || !unknown.CursorOK || unknown.Position != 0 || unknown.Epoch != s.server.epoch {
		t.Fatalf("of an unknown scope: %+v", unknown)
	}
	l.push(opening)
	next := feed.Sign(prototest.Create(s.Entity(), 2100))
	known := offer(l, syncproto.Offer{Heads: []syncproto.FeedHead{feed.Head()}, Cursor: syncproto.Cursor{Epoch: syncproto.Hash{1}, Position: 1}})
	want := syncproto.OfferAnswer{Want: []syncproto.FeedWant{{Feed: feed.ID(), From: 2}}, Heads: []syncproto.FeedHead{head}, Position: 1, Epoch: s.server.epoch}
	if d := cmp.Diff(want, known); d != "" {
		t.Fatal(d)
	}
	outside := offer(s.laptop(s.Monitor2), syncproto.Offer{Heads: []syncproto.FeedHead{feed.Head()}})
	if len(outside.Want) != 1 || len(outside.Heads) != 0 || outside.Position != 0 {
		t.Fatalf("to somebody outside: %+v", outside)
	}
	l.push(next)
	if a := offer(l, syncproto.Offer{Heads: []syncproto.FeedHead{feed.Head()}, Cursor: syncproto.Cursor{Epoch: s.server.epoch, Position: 2}}); len(a.Want) != 0 || !a.CursorOK {
		t.Fatalf("when all is here: %+v", a)
	}
}

func TestPullOfAnotherEpochBeginsAtTheBeginning(t *testing.T) {
	s := newSite(t)
	visit, opening := s.Monitor.OpenVisit(prototest.Region, s.Monitor.Owner)
	l := s.laptop(s.Monitor)
	l.push(opening)
	a := l.send(request{method: "GET", path: scopePath(visit.Scope, "pull?epoch="+syncproto.Hash{1}.String()+"&after=1")})
	items, end := parsePage(t, a.body)
	if len(items) != 1 || end.Next != (syncproto.Cursor{Epoch: s.server.epoch, Position: 1}) || end.More {
		t.Fatalf("%d items, %+v", len(items), end)
	}
}

func TestHistoryNamesFateAndSuccessor(t *testing.T) {
	s := newSite(t)
	visit, opening := s.Monitor.OpenVisit(prototest.Region, s.Monitor.Owner, s.Monitor2.Owner)
	e := s.Entity()
	first := s.Monitor.Feed(visit).Sign(prototest.Create(e, 2100), prototest.Set(e, 2101, "one"))
	second := s.Monitor2.Feed(visit).Sign(prototest.Set(e, 2101, "two").Seeing(prototest.OpOf(first, 1)))
	l := s.laptop(s.Monitor)
	l.push(opening, first, second)
	var items []syncproto.HistoryItem
	path := scopePath(visit.Scope, "history?entity="+e.String()+"&field=2101")
	l.send(request{method: "GET", path: path}).decode(t, &items)
	if len(items) != 2 {
		t.Fatalf("%d items: %+v", len(items), items)
	}
	byID := map[syncproto.ChangesetID]syncproto.HistoryItem{items[0].ID: items[0], items[1].ID: items[1]}
	old, now := byID[first.ID], byID[second.ID]
	if old.Fate != "superseded" || len(old.By) != 1 || old.By[0] != fmt.Sprintf("%s/0", second.ID) || now.Fate != "head" || now.Person != s.Monitor2.Owner.ID || now.Received == 0 {
		t.Fatalf("history %+v", items)
	}
	if n := countReasons(l.attention(visit.Scope), "review"); n != 1 {
		t.Fatalf("a foreign overwrite is not shown: %+v", l.attention(visit.Scope))
	}
	a := l.send(request{method: "GET", path: path, header: map[string]string{"Accept": "application/json"}})
	if a.header.Get("Content-Type") != "application/json" || !bytes.Contains(a.body, []byte(`"fate":"superseded"`)) {
		t.Fatalf("as JSON: %v", a)
	}
}

// TestManyLaptopsAtOnce is for the race detector, and that positions stay dense.
func TestManyLaptopsAtOnce(t *testing.T) {
	s := newSite(t)
	visit, opening := s.Monitor.OpenVisit(prototest.Region, s.Monitor.Owner, s.Monitor2.Owner, s.Leader.Owner, s.Health.Owner)
	s.laptop(s.Monitor).push(opening)
	devices := []*prototest.Device{s.Monitor, s.Monitor2, s.Leader, s.Health}
	const each = 40
	work := make([][]*syncproto.Changeset, len(devices))
	for i, d := range devices {
		for range each {
			e := s.Entity()
			work[i] = append(work[i], d.Feed(visit).Sign(prototest.Create(e, 2100)))
		}
	}
	var wait sync.WaitGroup
	for i, d := range devices {
		wait.Go(func() {
			l := s.laptop(d)
			for k := 0; k < each; k += 4 {
				l.push(work[i][k : k+4]...)
				l.pull(visit.Scope)
				l.attention(visit.Scope)
			}
		})
	}
	wait.Wait()
	items, _ := s.laptop(s.Coordinator).pull(visit.Scope)
	for i, item := range items {
		if item.Position != uint64(i+1) {
			t.Fatalf("position %d at place %d", item.Position, i)
		}
	}
	if len(items) != len(devices)*each+1 {
		t.Fatalf("%d changesets", len(items))
	}
}
