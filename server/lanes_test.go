package server

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"kua/internal/replica"
	"kua/syncproto"
	"kua/syncproto/prototest"
	"kua/syncproto/seal"
)

// fill pushes a visit of n changesets with values of about size bytes, which do not compress.
func (s *site) fill(v *prototest.Visit, l *laptop, e syncproto.EntityID, n, size int) {
	s.t.Helper()
	var batch []*syncproto.Changeset
	for i := range n {
		text := fmt.Sprintf("%d %x", i, make([]byte, 8)) + strings.Repeat("x", size)
		batch = append(batch, l.device.Feed(v).Sign(prototest.Set(e, 2201, text)))
	}
	l.push(batch...)
}

func (l *laptop) snapshot(scope syncproto.ScopeID) (m syncproto.SnapshotManifest) {
	l.t.Helper()
	l.send(request{method: "GET", path: scopePath(scope, "snapshot")}).decode(l.t, &m)
	return m
}

func (l *laptop) chunk(scope syncproto.ScopeID, h syncproto.Hash, span string) answer {
	l.t.Helper()
	q := request{method: "GET", path: scopePath(scope, "chunk/"+h.String())}
	if span != "" {
		q.header = map[string]string{"Range": span}
	}
	return l.send(q)
}

// items opens a chunk.
func items(t testing.TB, chunk []byte) (out []syncproto.PullItem) {
	t.Helper()
	dec, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	b, err := dec.DecodeAll(chunk, nil)
	if err != nil {
		t.Fatal(err)
	}
	for len(b) > 0 {
		var raw cbor.RawMessage
		if b, err = cbor.UnmarshalFirst(b, &raw); err != nil {
			t.Fatal(err)
		}
		var i syncproto.PullItem
		if err := syncproto.DecodeMessage(raw, &i); err != nil {
			t.Fatal(err)
		}
		out = append(out, i)
	}
	return out
}

// everything fetches all chunks of a snapshot.
func (l *laptop) everything(m syncproto.SnapshotManifest) (all []syncproto.PullItem) {
	l.t.Helper()
	for _, c := range m.Chunks {
		a := l.chunk(m.Scope, c.Hash, "")
		if a.status != http.StatusOK || sha256.Sum256(a.body) != c.Hash || uint64(len(a.body)) != c.Bytes || len(a.body) > 1<<20 {
			l.t.Fatalf("chunk %s: %d, %d bytes", c.Hash, a.status, len(a.body))
		}
		all = append(all, items(l.t, a.body)...)
		if all[len(all)-1].Position != c.Last {
			l.t.Fatalf("the chunk ends with position %d, the list says %d", all[len(all)-1].Position, c.Last)
		}
	}
	return all
}

func TestSnapshotIsTheWholeScope(t *testing.T) {
	s := newSite(t)
	v, opening := s.Monitor.OpenVisit(prototest.Region, s.Monitor.Owner)
	l, reader := s.laptop(s.Monitor), s.laptop(s.Coordinator)
	l.push(opening)
	e := s.Entity()
	for range 6 {
		s.fill(v, l, e, 10, 20_000)
	}
	m := reader.snapshot(v.Scope)
	if m.Position != 61 || len(m.Chunks) < 2 || m.Epoch != s.server.epoch {
		t.Fatalf("manifest = %+v", m)
	}
	pulled, _ := l.pull(v.Scope)
	if d := cmp.Diff(pulled, reader.everything(m)); d != "" {
		t.Fatalf("the snapshot is not what a pull gives:\n%s", d)
	}
	if d := cmp.Diff(m, reader.snapshot(v.Scope)); d != "" {
		t.Fatalf("the same scope has another list:\n%s", d)
	}
	s.fill(v, l, e, 5, 20_000)
	more := reader.snapshot(v.Scope)
	full := len(m.Chunks) - 1
	if d := cmp.Diff(m.Chunks[:full], more.Chunks[:full]); d != "" {
		t.Fatalf("full chunks changed when more came:\n%s", d)
	}
	if a := reader.chunk(v.Scope, m.Chunks[full].Hash, "bytes=7-"); a.status != http.StatusPartialContent {
		t.Fatalf("the end of an older list cannot be finished: %v", a.status)
	}
}

func TestChunkDownloadGoesOnAtEveryByte(t *testing.T) {
	s := newSite(t)
	v, opening := s.Monitor.OpenVisit(prototest.Region, s.Monitor.Owner)
	l := s.laptop(s.Monitor)
	l.push(opening)
	h := l.snapshot(v.Scope).Chunks[0].Hash
	whole := l.chunk(v.Scope, h, "").body
	for cut := range len(whole) {
		if cut%97 != 0 && cut != len(whole)-1 {
			continue
		}
		a := l.chunk(v.Scope, h, fmt.Sprintf("bytes=%d-", cut))
		if a.status != http.StatusPartialContent || !bytes.Equal(a.body, whole[cut:]) {
			t.Fatalf("going on at byte %d: %d, %d bytes", cut, a.status, len(a.body))
		}
	}
	if a := l.chunk(v.Scope, h, fmt.Sprintf("bytes=%d-", len(whole))); a.status != http.StatusRequestedRangeNotSatisfiable {
		t.Fatalf("behind the end: %v", a.status)
	}
}

func TestSnapshotIsForReadersOnly(t *testing.T) {
	s := newSite(t)
	v, opening := s.Monitor.OpenVisit(prototest.Region, s.Monitor.Owner)
	other, second := s.Monitor2.OpenVisit(prototest.Region, s.Monitor2.Owner)
	l, stranger := s.laptop(s.Monitor), s.laptop(s.Monitor2)
	l.push(opening)
	stranger.push(second)
	h := l.snapshot(v.Scope).Chunks[0].Hash
	for _, path := range []string{scopePath(v.Scope, "snapshot"), scopePath(v.Scope, "chunk/"+h.String()), scopePath(other.Scope, "chunk/"+h.String())} {
		if a := stranger.send(request{method: "GET", path: path}); a.status != http.StatusNotFound {
			t.Fatalf("I15: %s answered %d to somebody outside", path, a.status)
		}
	}
}

// redactedBody returns the sealed body of a changeset without one value.
func redactedBody(t testing.TB, s *site, v *prototest.Visit, cs *syncproto.Changeset, place int) syncproto.Body {
	t.Helper()
	values, err := v.Open(cs)
	if err != nil {
		t.Fatal(err)
	}
	box, err := seal.SealBody(s.Rand, v.Key, cs.ID[:], values.Redact(map[int]bool{place: true}).Encode())
	if err != nil {
		t.Fatal(err)
	}
	return syncproto.Body{Form: syncproto.BodySealed, Content: box}
}

func TestErasedValueLeavesTheSnapshot(t *testing.T) {
	s := newSite(t)
	v, opening := s.Monitor.OpenVisit(prototest.Region, s.Monitor.Owner)
	l := s.laptop(s.Monitor)
	e := s.Entity()
	name := s.Monitor.Feed(v).Sign(prototest.Create(e, 2200), prototest.Set(e, 2201, "a name"))
	l.push(opening, name)
	for range 8 {
		s.fill(v, l, e, 10, 20_000)
	}
	before := l.snapshot(v.Scope)
	first := before.Chunks[0]
	l.chunk(v.Scope, first.Hash, "")
	s.laptop(s.Protection).push(s.Protection.Feed(v).Sign(prototest.Erase(e, prototest.OpOf(name, 1))))
	served := func() syncproto.Body {
		t.Helper()
		m := l.snapshot(v.Scope)
		if d := cmp.Diff(before.Chunks[1], m.Chunks[1]); d != "" {
			t.Fatalf("a chunk without erased values changed:\n%s", d)
		}
		if m.Chunks[0].Last != first.Last {
			t.Fatal("the range of a full chunk changed")
		}
		p, err := syncproto.DecodePacket(l.everything(m)[1].Packet)
		if err != nil {
			t.Fatal(err)
		}
		cs, err := syncproto.ParsePacket(p)
		if err != nil {
			t.Fatal(err)
		}
		return cs.Body
	}
	if a := l.chunk(v.Scope, first.Hash, ""); a.status != http.StatusNotFound {
		t.Fatalf("I12: the chunk with the erased value is still served: %d", a.status)
	}
	if b := served(); b.Form != syncproto.BodyWithheld {
		t.Fatalf("I12: the body is of form %d", b.Form)
	}
	body := redactedBody(t, s, v, name, 1)
	err := s.server.replica.InTx(context.Background(), func(tx *replica.Tx) error { return tx.Redact(name.ID, body, []uint64{1}) })
	if err != nil {
		t.Fatal(err)
	}
	if b := served(); !bytes.Equal(b.Content, body.Content) {
		t.Fatal("I12: the snapshot has another body than the redacted one")
	}
	if a := l.chunk(v.Scope, first.Hash, ""); a.status != http.StatusNotFound {
		t.Fatalf("I12: the chunk with the erased value came back: %d", a.status)
	}
}

func hashOf(b []byte) syncproto.Hash { return sha256.Sum256(b) }

func blobPath(h syncproto.Hash, scope syncproto.ScopeID) string {
	return "/v1/blobs/" + h.String() + "?scope=" + scope.String()
}

func (l *laptop) put(path string, offset, length int, data []byte) answer {
	l.t.Helper()
	return l.send(request{method: "PUT", path: path, body: data, header: map[string]string{offsetHeader: fmt.Sprint(offset), lengthHeader: fmt.Sprint(length)}})
}

func TestAttachmentGoesOnAtEveryByte(t *testing.T) {
	s := newSite(t)
	v, opening := s.Monitor.OpenVisit(prototest.Region, s.Monitor.Owner)
	l := s.laptop(s.Monitor)
	l.push(opening)
	data := make([]byte, 3<<20+17)
	s.Rand.Read(data)
	h := syncproto.Hash(sha256.Sum256(data))
	path := blobPath(h, v.Scope)
	if a := l.send(request{method: "HEAD", path: path}); a.status != http.StatusNotFound {
		t.Fatalf("before: %d", a.status)
	}
	at := 0
	for step := 1; at < len(data); step = min(step*7, 1<<20) {
		next := min(at+step, len(data))
		if a := l.put(path, at, len(data), data[at:next]); a.status != http.StatusNoContent || a.header.Get(offsetHeader) != fmt.Sprint(next) {
			t.Fatalf("at %d: %v, offset %s", at, a, a.header.Get(offsetHeader))
		}
		if next < len(data) {
			if a := l.put(path, at, len(data), data[at:next]); a.status != http.StatusConflict || a.header.Get(offsetHeader) != fmt.Sprint(next) {
				t.Fatalf("the same piece again: %v, offset %s", a, a.header.Get(offsetHeader))
			}
			if a := l.send(request{method: "GET", path: path}); a.status != http.StatusNotFound {
				t.Fatalf("an attachment in parts is given out: %d", a.status)
			}
		}
		if a := l.send(request{method: "HEAD", path: path}); a.header.Get(offsetHeader) != fmt.Sprint(next) {
			t.Fatalf("HEAD says %s of %d", a.header.Get(offsetHeader), next)
		}
		at = next
	}
	if a := l.send(request{method: "GET", path: path}); a.status != http.StatusOK || !bytes.Equal(a.body, data) {
		t.Fatalf("GET: %d, %d bytes", a.status, len(a.body))
	}
	if a := l.send(request{method: "GET", path: path, header: map[string]string{"Range": "bytes=1000000-"}}); a.status != http.StatusPartialContent || !bytes.Equal(a.body, data[1000000:]) {
		t.Fatalf("GET of a range: %d, %d bytes", a.status, len(a.body))
	}
	if a := l.put(path, 0, len(data), data[:9]); a.status != http.StatusNoContent || a.header.Get(offsetHeader) != fmt.Sprint(len(data)) {
		t.Fatalf("bringing it again: %v", a)
	}
	stranger := s.laptop(s.Monitor2)
	for _, method := range []string{"GET", "HEAD"} {
		if a := stranger.send(request{method: method, path: path}); a.status != http.StatusNotFound {
			t.Fatalf("I15: %s answered %d to somebody outside", method, a.status)
		}
	}
	if a := stranger.put(path, 0, len(data), data[:9]); a.status != http.StatusNotFound {
		t.Fatalf("I15: PUT answered %d to somebody outside", a.status)
	}
}

func TestWrongAttachmentIsDiscarded(t *testing.T) {
	s := newSite(t)
	v, opening := s.Monitor.OpenVisit(prototest.Region, s.Monitor.Owner)
	l := s.laptop(s.Monitor)
	l.push(opening)
	data := []byte("sealed bytes")
	path := blobPath(sha256.Sum256(data), v.Scope)
	a := l.put(path, 0, len(data), []byte("sealed byteS"))
	if p := a.problem(t); p.Code != syncproto.CodeBadValues || !strings.Contains(p.Detail, "from the beginning") {
		t.Fatalf("answer = %v", a)
	}
	if a := l.send(request{method: "HEAD", path: path}); a.status != http.StatusNotFound {
		t.Fatalf("something of it is left: %d", a.status)
	}
	for name, header := range map[string]map[string]string{
		"no length":        {offsetHeader: "0"},
		"a negative start": {offsetHeader: "-1", lengthHeader: "12"},
		"beyond the end":   {offsetHeader: "6", lengthHeader: "12"},
		"not a number":     {offsetHeader: "0", lengthHeader: "0x12"},
	} {
		if a := l.send(request{method: "PUT", path: path, body: data, header: header}); a.status != http.StatusBadRequest {
			t.Fatalf("%s: %v", name, a)
		}
	}
	if a := l.put(path, 0, 2<<20, make([]byte, 1<<20+1)); a.status != http.StatusRequestEntityTooLarge {
		t.Fatalf("a piece over the limit: %v", a)
	}
	if a := l.put(path, 0, len(data), data); a.status != http.StatusNoContent {
		t.Fatalf("the right bytes: %v", a)
	}
}

func TestAttachmentsHaveQuotas(t *testing.T) {
	s := newSite(t)
	v, opening := s.Monitor.OpenVisit(prototest.Region, s.Monitor.Owner, s.Monitor2.Owner)
	l, other := s.laptop(s.Monitor), s.laptop(s.Monitor2)
	l.push(opening)
	s.server.cfg.Limits.Blob, s.server.cfg.Limits.DeviceBlobs, s.server.cfg.Limits.AllBlobs = 100, 150, 200
	put := func(l *laptop, size int) answer {
		data := make([]byte, size)
		s.Rand.Read(data)
		return l.put(blobPath(sha256.Sum256(data), v.Scope), 0, size, data)
	}
	for i, step := range []struct {
		l    *laptop
		size int
		want int
	}{
		{l, 101, http.StatusRequestEntityTooLarge}, {l, 100, http.StatusNoContent}, {l, 51, http.StatusInsufficientStorage},
		{l, 50, http.StatusNoContent}, {other, 51, http.StatusInsufficientStorage}, {other, 50, http.StatusNoContent},
	} {
		if a := put(step.l, step.size); a.status != step.want {
			t.Fatalf("step %d: %v, want %d", i, a, step.want)
		}
	}
}

// bundle writes a courier bundle.
func bundle(t testing.TB, key ed25519.PrivateKey, items ...syncproto.BundleItem) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := syncproto.NewBundleWriter(&b, syncproto.BundleManifest{Kind: syncproto.BundleChangesets, Items: uint64(len(items))}, key)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range items {
		if err := w.Add(i); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func packetItems(changesets ...*syncproto.Changeset) (out []syncproto.BundleItem) {
	for _, p := range packetsOf(changesets...) {
		out = append(out, syncproto.BundleItem{Kind: syncproto.ItemPacket, Content: p})
	}
	return out
}

// bring posts a bundle and returns what the answer receipts and which roster records it brings.
func (l *laptop) bring(b []byte) (a answer, receipted map[syncproto.ChangesetID]bool, records int) {
	l.t.Helper()
	a = l.send(request{method: "POST", path: "/v1/bundles", body: b})
	if a.status != http.StatusOK {
		return a, nil, 0
	}
	receipted = map[syncproto.ChangesetID]bool{}
	info, err := syncproto.ReadBundle(bytes.NewReader(a.body), func(i syncproto.BundleItem) error {
		if i.Kind == syncproto.ItemRoster {
			records++
			return nil
		}
		r, err := l.Roster.OpenReceipt(i.Content)
		for _, e := range r.Entries {
			receipted[e.ID] = true
		}
		return err
	})
	if err != nil || !info.Complete || info.Manifest.Kind != syncproto.BundleReceipts {
		l.t.Fatalf("the answer is no bundle of receipts: %+v, %v", info, err)
	}
	if err := info.Verify(l.server.key.Public().(ed25519.PublicKey)); err != nil {
		l.t.Fatal(err)
	}
	return a, receipted, records
}

func TestBundleIsTakenInAndReceipted(t *testing.T) {
	s := newSite(t)
	v, opening := s.Monitor.OpenVisit(prototest.Region, s.Monitor.Owner)
	w, second := s.Monitor2.OpenVisit(prototest.Region, s.Monitor2.Owner)
	var all []*syncproto.Changeset
	all = append(all, opening, second)
	for range 30 {
		all = append(all, s.Monitor.Feed(v).Sign(prototest.Create(s.Entity(), 2200)), s.Monitor2.Feed(w).Sign(prototest.Create(s.Entity(), 2200)))
	}
	forged := *all[5]
	forged.Packet.Header = bytes.Clone(forged.Packet.Header)
	forged.Packet.Header[len(forged.Packet.Header)-1] ^= 1
	content := append(packetItems(all[:5]...), syncproto.BundleItem{Kind: 77, Content: []byte("of a later version")})
	content = append(content, packetItems(&forged)...)
	content = append(content, packetItems(all[5:]...)...)
	carrier := s.laptop(s.Auditor) // reads none of it before
	for round := range 2 {
		a, receipted, records := carrier.bring(bundle(t, s.Auditor.Key, content...))
		if a.header.Get(bundleHeader) != "complete" || len(receipted) != len(all) || records != s.Roster.Len() {
			t.Fatalf("round %d: %s, %d of %d receipted, %d roster records", round, a.header.Get(bundleHeader), len(receipted), len(all), records)
		}
		want := []string{fmt.Sprintf("accepted=%d refused=1", len(all)), fmt.Sprintf("duplicate=%d refused=1", len(all))}[round]
		if got := a.header.Get(resultsHeader); got != want {
			t.Fatalf("round %d: results %q, want %q", round, got, want)
		}
	}
}

func TestBundleCutAnywhereGivesWhatIsWhole(t *testing.T) {
	s := newSite(t)
	v, opening := s.Monitor.OpenVisit(prototest.Region, s.Monitor.Owner)
	content := packetItems(opening)
	e := s.Entity()
	for i := range 12 {
		content = append(content, packetItems(s.Monitor.Feed(v).Sign(prototest.Set(e, 2201, fmt.Sprint(i)+strings.Repeat("y", 30_000))))...)
	}
	whole := bundle(t, s.Monitor.Key, content...)
	l := s.laptop(s.Monitor)
	was := 0
	for _, cut := range []int{60, len(whole) / 4, len(whole) / 2, len(whole) - 1, len(whole)} {
		a, receipted, _ := l.bring(whole[:cut])
		if cut == 60 && a.status == http.StatusBadRequest {
			continue // not even a manifest
		}
		want := "incomplete"
		if cut == len(whole) {
			want = "complete"
		}
		if a.status != http.StatusOK || a.header.Get(bundleHeader) != want || len(receipted) < was {
			t.Fatalf("cut at %d of %d: %v, %q, %d receipted", cut, len(whole), a.status, a.header.Get(bundleHeader), len(receipted))
		}
		was = len(receipted)
	}
	if was != len(content) {
		t.Fatalf("%d of %d receipted", was, len(content))
	}
	if a, _, _ := l.bring([]byte("no bundle at all")); a.status != http.StatusBadRequest || a.problem(t).Code != syncproto.CodeMalformed {
		t.Fatalf("something else: %v", a)
	}
}

func TestBundleExtendsTheRosterOnlyValidly(t *testing.T) {
	s := newSite(t)
	l := s.laptop(s.Monitor)
	s.RevokeDevice(s.Monitor2)
	s.Append(s.Root, syncproto.RosterRecord{Member: &syncproto.Member{Person: syncproto.PersonID(s.ID()), Name: "Nurlan"}})
	bad := s.Record(s.Monitor.Key, s.Roster.NextRecord(syncproto.RosterRecord{Member: &syncproto.Member{Person: syncproto.PersonID(s.ID()), Name: "Mallory"}}))
	var content []syncproto.BundleItem
	for _, r := range append(s.Roster.Records(0), bad, []byte("junk")) {
		content = append(content, syncproto.BundleItem{Kind: syncproto.ItemRoster, Content: r})
	}
	if a, _, _ := l.bring(bundle(t, s.Monitor.Key, content...)); a.status != http.StatusOK {
		t.Fatalf("answer = %v", a)
	}
	if got := s.server.replica.Roster(); got.Head() != s.Roster.Head() || got.Len() != s.Roster.Len() {
		t.Fatalf("the server's roster has %d records, want the %d valid ones", got.Len(), s.Roster.Len())
	}
}

func TestBundleCarriesRedactions(t *testing.T) {
	s := newSite(t)
	v, opening := s.Monitor.OpenVisit(prototest.Region, s.Monitor.Owner)
	e := s.Entity()
	name := s.Monitor.Feed(v).Sign(prototest.Create(e, 2200), prototest.Set(e, 2201, "a name"))
	order := s.Protection.Feed(v).Sign(prototest.Erase(e, prototest.OpOf(name, 1)))
	body := redactedBody(t, s, v, name, 1)
	red := message(t, syncproto.Redaction{Changeset: name.ID, Body: name.Packet.WithBody(body).Body, Erased: []uint64{1}})
	junk := message(t, syncproto.Redaction{Changeset: opening.ID, Body: name.Packet.WithBody(body).Body})
	content := append(packetItems(opening, name, order),
		syncproto.BundleItem{Kind: syncproto.ItemRedaction, Content: junk},
		syncproto.BundleItem{Kind: syncproto.ItemRedaction, Content: red})
	s.laptop(s.Protection).push(opening)
	s.laptop(s.Protection).bring(bundle(t, s.Protection.Key, content...))
	got, err := s.server.replica.Changeset(context.Background(), name.ID)
	if err != nil || !got.Redacted {
		t.Fatalf("redacted = %t, %v", got.Redacted, err)
	}
}

func (l *laptop) watch(query string) (w Watched) {
	l.t.Helper()
	l.send(request{method: "GET", path: "/v1/watch" + query}).decode(l.t, &w)
	return w
}

func TestWatchTellsWhatMovedForTheDevice(t *testing.T) {
	s := newSite(t)
	v, opening := s.Monitor.OpenVisit(prototest.Region, s.Monitor.Owner)
	other, second := s.Monitor2.OpenVisit(prototest.Region, s.Monitor2.Owner)
	l, stranger := s.laptop(s.Monitor), s.laptop(s.Monitor2)
	l.push(opening)
	w := l.watch("")
	if len(w.Scopes) != 1 || w.Scopes[0].Scope != v.Scope || w.Scopes[0].Position != 1 || w.Roster != uint64(s.Roster.Len()) {
		t.Fatalf("at first: %+v", w)
	}
	if quiet := l.watch("?wait=0&since=" + w.Next); len(quiet.Scopes) != 0 || quiet.Next != w.Next {
		t.Fatalf("nothing moved, and the answer is %+v", quiet)
	}
	answers := make(chan Watched)
	l.login()
	go func() { answers <- l.watch("?since=" + w.Next) }()
	stranger.push(second) // wakes the watch, which goes on waiting: it is not of this device
	mine := s.laptop(s.Coordinator)
	mine.push(s.Coordinator.Feed(v).Sign(prototest.Create(s.Entity(), 2200)))
	moved := <-answers
	if len(moved.Scopes) != 1 || moved.Scopes[0].Scope != v.Scope || moved.Scopes[0].Position != 2 {
		t.Fatalf("I15: after others wrote: %+v, other scope %s", moved, other.Scope)
	}
	if all := l.watch("?since=0123456789abcdef.5.5"); len(all.Scopes) != 1 {
		t.Fatalf("after an epoch: %+v", all)
	}
	for _, bad := range []string{"?since=x", "?since=a.b.c", "?wait=soon"} {
		if a := l.send(request{method: "GET", path: "/v1/watch" + bad}); a.status != http.StatusBadRequest {
			t.Fatalf("%s: %v", bad, a)
		}
	}
}

func TestWatchEndsWhenTheServerStops(t *testing.T) {
	s := newSite(t)
	l := s.laptop(s.Monitor)
	next := l.watch("?wait=0").Next
	answers := make(chan Watched)
	go func() { answers <- l.watch("?since=" + next) }()
	s.server.Stopping()
	if w := <-answers; len(w.Scopes) != 0 {
		t.Fatalf("answer = %+v", w)
	}
}

func TestFolderServesOneProcess(t *testing.T) {
	s := newSite(t)
	if _, err := Open(context.Background(), s.config()); !errors.Is(err, ErrInUse) {
		t.Fatalf("a second server opened the folder: %v", err)
	}
}
