package fieldclient

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"kua/fieldclient/picture"
	"kua/fieldclient/vault"
	"kua/syncproto"
	"kua/syncproto/seal"
)

const gps = "51.1605N-71.4704E-KanarCamera"

// photo is a JPEG that says where it was taken.
func photo(t testing.TB) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 60, 40))
	for i := range img.Pix {
		img.Pix[i] = 0xff
	}
	img.SetRGBA(5, 5, color.RGBA{A: 255})
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	exif := append([]byte("Exif\x00\x00II*\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00"), gps...)
	segment := append([]byte{0xff, 0xe1, 0, byte(len(exif) + 2)}, exif...)
	return append(append(bytes.Clone(b.Bytes()[:2]), segment...), b.Bytes()[2:]...)
}

func (l *laptop) add(visit syncproto.ScopeID, e Evidence, original []byte) syncproto.EntityID {
	l.t.Helper()
	id, err := l.AddEvidence(context.Background(), visit, e, bytes.NewReader(original))
	if err != nil {
		l.t.Fatalf("%s adds evidence: %v", l.name, err)
	}
	return id
}

func (l *laptop) evidence(visit syncproto.ScopeID, id syncproto.EntityID) EvidenceView {
	l.t.Helper()
	list, err := l.Evidence(context.Background(), visit)
	if err != nil {
		l.t.Fatal(err)
	}
	for _, v := range list {
		if v.Record == id {
			return v
		}
	}
	l.t.Fatalf("%s does not see the evidence", l.name)
	return EvidenceView{}
}

func (l *laptop) original(visit syncproto.ScopeID, id syncproto.EntityID) ([]byte, error) {
	o, _, err := l.OpenEvidence(context.Background(), visit, id)
	if err != nil {
		return nil, err
	}
	defer o.Close()
	return io.ReadAll(o)
}

func sealedFiles(t testing.TB, l *laptop) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(l.cfg.Vault.Dir, "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestEvidenceComesBackAsItWasTaken(t *testing.T) {
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	o.share()
	visit := saule.visit()
	want := photo(t)
	id := saule.add(visit, Evidence{Name: `C:\Users\saule\cell.jpg`, Caption: "the window", Consent: "not-needed", Links: []syncproto.EntityID{syncproto.EntityID(visit)}}, want)
	long := make([]byte, 3<<20+5)
	rand.Read(long)
	second := saule.add(visit, Evidence{Kind: "audio", Media: "audio/mp4"}, long)
	for range 2 {
		v, sum := saule.evidence(visit, id), sha256.Sum256(want)
		if v.Kind != "photo" || v.Name != "cell.jpg" || v.Media != "image/jpeg" || v.Caption != "the window" || v.Consent != "not-needed" || len(v.Links) != 1 ||
			v.Size != int64(len(want)) || v.Hash != hex.EncodeToString(sum[:]) || v.By != "Saule" || !v.Held || !v.MayOpen || v.State != StateSaved || v.Altered || v.Locked {
			t.Fatalf("%+v", v)
		}
		if got, err := saule.original(visit, id); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
		if got, err := saule.original(visit, second); err != nil || !bytes.Equal(got, long) {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
		saule.reopen()
	}
	r, _, err := saule.OpenEvidence(t.Context(), visit, second)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := iotest.TestReader(r, long); err != nil {
		t.Error(err)
	}
	if v, err := saule.Verify(t.Context()); err != nil || len(v.Faults) > 0 || v.Attachments != 2 {
		t.Errorf("%+v %v", v, err)
	}
}

func TestADerivedViewShowsThePhotoAndCarriesNothing(t *testing.T) {
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	o.share()
	visit := saule.visit()
	id := saule.add(visit, Evidence{}, photo(t))
	b, media, err := saule.DerivedView(t.Context(), visit, id, 30)
	if err != nil || media != "image/jpeg" {
		t.Fatal(media, err)
	}
	if bytes.Contains(b, []byte("Exif")) || bytes.Contains(b, []byte("Kanar")) {
		t.Error("the view carries what the photo carried")
	}
	if img, err := jpeg.Decode(bytes.NewReader(b)); err != nil || img.Bounds().Dx() != 30 || img.Bounds().Dy() != 20 {
		t.Error(img.Bounds(), err)
	}
	sound := saule.add(visit, Evidence{Media: "audio/mpeg"}, []byte("ID3 sound that names the recorder"))
	if _, _, err := saule.DerivedView(t.Context(), visit, sound, 30); !errors.Is(err, picture.ErrNone) {
		t.Errorf("a sound has a view: %v", err)
	}
}

// What a crash between the two writes leaves is a sealed file without a record.
func TestASealedFileWithoutARecordIsSwept(t *testing.T) {
	ctx := t.Context()
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	o.share()
	visit := saule.visit()
	saule.add(visit, Evidence{}, photo(t))
	s, err := saule.sealOriginal(ctx, visit, bytes.NewReader(photo(t)), false)
	if err != nil {
		t.Fatal(err)
	}
	if err := saule.vault.InTx(ctx, func(tx *vault.Tx) error { return putState(tx, statePendingBlobs, [][]byte{s.blob[:]}) }); err != nil {
		t.Fatal(err)
	}
	if _, err := s.file.Keep(); err != nil {
		t.Fatal(err)
	}
	if n := len(sealedFiles(t, saule)); n != 2 {
		t.Fatalf("%d files before the crash", n)
	}
	saule.reopen()
	if n := len(sealedFiles(t, saule)); n != 1 {
		t.Errorf("%d files are left, want the one with a record", n)
	}
	// A record that could not be saved leaves nothing either.
	if _, err := saule.AddEvidence(ctx, visit, Evidence{Kind: "painting"}, bytes.NewReader(photo(t))); err == nil {
		t.Error("a painting was added")
	}
	if _, err := saule.AddEvidence(ctx, visit, Evidence{}, iotest.ErrReader(errors.New("the card was pulled"))); err == nil {
		t.Error("half a photo was added")
	}
	if _, err := saule.AddEvidence(ctx, visit, Evidence{}, strings.NewReader("")); err == nil {
		t.Error("nothing was added")
	}
	if n := len(sealedFiles(t, saule)); n != 1 {
		t.Errorf("%d files are left after failures", n)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestAnOriginalOverTheLimitIsRefusedAndLeavesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 200 MiB")
	}
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	o.share()
	visit := saule.visit()
	if _, err := saule.AddEvidence(t.Context(), visit, Evidence{}, endless{}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("an endless file: %v", err)
	}
	if n := len(sealedFiles(t, saule)); n != 0 {
		t.Errorf("%d files are left", n)
	}
}

// people are a coordinator, a monitor and a health expert on one visit.
func people(t *testing.T) (saule, aru, dana *laptop, visit syncproto.ScopeID) {
	o := newTeam(t)
	saule = o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	aru = o.laptop("Aru", syncproto.RoleMonitor, "KZ-75")
	dana = o.laptop("Dana", syncproto.RoleHealth, "KZ-75")
	o.share()
	visit = saule.visit(aru, dana)
	carry(t, saule, aru)
	carry(t, saule, dana)
	return saule, aru, dana, visit
}

// stick carries sealed originals from one laptop to another, after the bundle.
func stick(t *testing.T, from, to *laptop) CarriedAttachments {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "stick")
	if _, err := from.ExportAttachments(t.Context(), dir, nil, true); err != nil {
		t.Fatal(err)
	}
	got, err := to.ImportAttachments(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestRestrictedEvidenceOpensForHealthExpertsOnly(t *testing.T) {
	saule, aru, dana, visit := people(t)
	want := photo(t)
	id := aru.add(visit, Evidence{Restricted: true}, want)
	for _, l := range []*laptop{saule, dana} {
		carry(t, aru, l)
		if got := stick(t, aru, l); got.Taken != 1 {
			t.Fatalf("%+v", got)
		}
	}
	for _, l := range []*laptop{aru, saule} {
		if _, err := l.original(visit, id); !errors.Is(err, ErrRestricted) {
			t.Errorf("%s opens it: %v", l.name, err)
		}
		if _, _, err := l.DerivedView(t.Context(), visit, id, 10); !errors.Is(err, ErrRestricted) {
			t.Errorf("%s sees it: %v", l.name, err)
		}
		if v := l.evidence(visit, id); !v.Restricted || v.MayOpen {
			t.Errorf("%+v", v)
		}
	}
	if got, err := dana.original(visit, id); err != nil || !bytes.Equal(got, want) {
		t.Fatal(err)
	}
	// Nobody but a health expert lifts it.
	set := func(l *laptop, value string) {
		f := field(t, "evidence", "restricted")
		raw, _ := f.ParseValue(value)
		if _, err := l.Set(t.Context(), Target{Scope: visit, Entity: id, Field: f}, raw); err != nil {
			t.Fatal(err)
		}
	}
	set(aru, "no")
	if _, err := aru.original(visit, id); !errors.Is(err, ErrRestricted) {
		t.Errorf("a monitor lifted it: %v", err)
	}
	carry(t, aru, dana)
	set(dana, "no")
	carry(t, dana, aru)
	if _, err := aru.original(visit, id); err != nil {
		t.Errorf("lifted by a health expert: %v", err)
	}
}

func TestNobodyExchangesAnOriginalLater(t *testing.T) {
	saule, aru, _, visit := people(t)
	want := photo(t)
	id := saule.add(visit, Evidence{}, want)
	other := saule.add(visit, Evidence{}, []byte("another file"))
	carry(t, saule, aru)
	v := aru.evidence(visit, other)
	for name, text := range map[string]string{"hash": v.Hash, "blob": v.Blob} {
		f := field(t, "evidence", name)
		raw, _ := f.ParseValue(text)
		if _, err := aru.Set(t.Context(), Target{Scope: visit, Entity: id, Field: f}, raw); err != nil {
			t.Fatal(err)
		}
	}
	carry(t, aru, saule)
	if v := saule.evidence(visit, id); !v.Altered {
		t.Errorf("nobody is told: %+v", v)
	}
	if got, err := saule.original(visit, id); err != nil || !bytes.Equal(got, want) {
		t.Errorf("another original is shown: %v", err)
	}
}

func TestDamageToASealedFileIsNoticed(t *testing.T) {
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	o.share()
	visit := saule.visit()
	id := saule.add(visit, Evidence{}, photo(t))
	path := filepath.Join(saule.cfg.Vault.Dir, "blobs", sealedFiles(t, saule)[0])
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := saule.original(visit, id); !errors.Is(err, vault.ErrDamaged) {
		t.Errorf("opened: %v", err)
	}
	if v, err := saule.Verify(t.Context()); err != nil || len(v.Faults) != 1 || !strings.Contains(v.Faults[0], id.String()) {
		t.Errorf("%v %v", v.Faults, err)
	}
}

// An author can state a hash that is not that of the original.
func TestAnOriginalThatIsNotWhatItsRecordSaysIsNotTheEnd(t *testing.T) {
	ctx := t.Context()
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	o.share()
	visit := saule.visit()
	s, err := saule.sealOriginal(ctx, visit, bytes.NewReader(photo(t)), false)
	if err != nil {
		t.Fatal(err)
	}
	s.hash[0] ^= 1
	key, _ := saule.mayAddTo(visit)
	id, _ := syncproto.RandomID(rand.Reader)
	changes, err := s.changes(rand.Reader, key, visit, id, Evidence{})
	if err == nil {
		err = saule.keepEvidence(ctx, visit, s, Evidence{}, changes)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := saule.original(visit, id); !errors.Is(err, vault.ErrDamaged) {
		t.Errorf("read to the end: %v", err)
	}
	if _, _, err := saule.DerivedView(ctx, visit, id, 10); !errors.Is(err, vault.ErrDamaged) {
		t.Errorf("shown as a picture: %v", err)
	}
	if v, err := saule.Verify(ctx); err != nil || len(v.Faults) != 1 {
		t.Errorf("%v %v", v.Faults, err)
	}
}

func TestErasingTheKeyRemovesTheSealedOriginalEverywhere(t *testing.T) {
	ctx := t.Context()
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	dauren := o.laptop("Dauren", syncproto.RoleProtection, "KZ-75")
	aru := o.laptop("Aru", syncproto.RoleMonitor, "KZ-75")
	o.share()
	visit := saule.visit(aru)
	carry(t, saule, aru)
	id := aru.add(visit, Evidence{}, photo(t))
	kept := aru.add(visit, Evidence{}, []byte("another file"))
	for _, l := range []*laptop{saule, dauren} {
		carry(t, aru, l)
		stick(t, aru, l)
	}
	if _, err := dauren.Erase(ctx, Target{Scope: visit, Entity: id, Field: field(t, "evidence", "key")}, "request no. 7"); err != nil {
		t.Fatal(err)
	}
	carry(t, dauren, saule)
	carry(t, dauren, aru)
	for _, l := range []*laptop{dauren, saule, aru} {
		if names := sealedFiles(t, l); len(names) != 1 || names[0] != l.evidence(visit, kept).Blob {
			t.Errorf("%s holds %v", l.name, names)
		}
		if _, err := l.original(visit, id); err == nil {
			t.Errorf("%s still opens it", l.name)
		}
		if v := l.evidence(visit, id); !v.Locked || v.Held {
			t.Errorf("%s: %+v", l.name, v)
		}
		if _, err := l.original(visit, kept); err != nil {
			t.Error(err)
		}
	}
}

func TestWhatNoServerAcknowledgedIsNotDropped(t *testing.T) {
	ctx := t.Context()
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	o.share()
	visit := saule.visit()
	id := saule.add(visit, Evidence{}, photo(t))
	if err := saule.DropOriginal(ctx, visit, id); !errors.Is(err, ErrNotStored) {
		t.Fatalf("dropped: %v", err)
	}
	epoch := func(e syncproto.Hash) {
		if err := saule.vault.InTx(ctx, func(tx *vault.Tx) error { return putState(tx, stateEpoch, e) }); err != nil {
			t.Fatal(err)
		}
	}
	h, _ := parseBlob(saule.evidence(visit, id).Blob)
	epoch(syncproto.Hash{1})
	if err := saule.markStored(ctx, visit, h, syncproto.Hash{1}); err != nil {
		t.Fatal(err)
	}
	epoch(syncproto.Hash{2}) // the server was put back from a backup, which may lack it
	if err := saule.DropOriginal(ctx, visit, id); !errors.Is(err, ErrNotStored) {
		t.Fatalf("dropped after the server's restore: %v", err)
	}
	if n, bytes, err := saule.Unstored(ctx, visit); n != 1 || bytes != seal.AttachmentSize(int64(len(photo(t)))) || err != nil {
		t.Error(n, bytes, err)
	}
	epoch(syncproto.Hash{1})
	if err := saule.DropOriginal(ctx, visit, id); err != nil {
		t.Fatal(err)
	}
	if _, err := saule.original(visit, id); !errors.Is(err, ErrNotHeld) {
		t.Error(err)
	}
	if n, _, err := saule.Unstored(ctx, visit); n != 0 || err != nil {
		t.Error(n, err)
	}
}

func TestAStickGivesOnlyOriginalsThatARecordNames(t *testing.T) {
	ctx := t.Context()
	_, aru, dana, visit := people(t)
	aru.add(visit, Evidence{}, photo(t))
	second := aru.add(visit, Evidence{}, []byte("another file"))
	dana.add(visit, Evidence{}, []byte("her own"))
	dir := filepath.Join(t.TempDir(), "stick")
	if rep, err := aru.ExportAttachments(ctx, dir, []syncproto.ScopeID{visit}, false); err != nil || rep.Taken != 2 {
		t.Fatalf("%+v %v", rep, err)
	}
	if rep, err := dana.ImportAttachments(ctx, dir); err != nil || rep.Taken != 0 || rep.Unknown != 2 {
		t.Fatalf("before the bundle: %+v %v", rep, err)
	}
	carry(t, aru, dana)
	spoiled := filepath.Join(dir, aru.evidence(visit, second).Blob)
	if err := os.WriteFile(spoiled, []byte("spoiled"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "autorun.inf"), []byte("a stranger"), 0o600); err != nil {
		t.Fatal(err)
	}
	if rep, err := dana.ImportAttachments(ctx, dir); err != nil || rep.Taken != 1 || rep.Bad != 1 || rep.Unknown != 0 {
		t.Fatalf("%+v %v", rep, err)
	}
	if rep, err := dana.ImportAttachments(ctx, dir); err != nil || rep.Taken != 0 || rep.Known != 1 {
		t.Fatalf("a second time: %+v %v", rep, err)
	}
	if n := len(sealedFiles(t, dana)); n != 2 {
		t.Errorf("%d files", n)
	}
	if _, err := aru.ExportAttachments(ctx, dir, nil, true); err == nil {
		t.Error("wrote into a folder that was there")
	}
}

func TestALockedLaptopGivesNothingMoreOfAnOriginal(t *testing.T) {
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	o.share()
	visit := saule.visit()
	long := make([]byte, 1<<20)
	id := saule.add(visit, Evidence{}, long)
	r, _, err := saule.OpenEvidence(t.Context(), visit, id)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	saule.Client.Close()
	if _, err := r.Read(make([]byte, 10)); !errors.Is(err, vault.ErrClosed) {
		t.Errorf("it goes on: %v", err)
	}
	saule.unlock()
}

func TestTheNumbersOfEvidenceAreThoseOfTheVocabulary(t *testing.T) {
	for name, id := range map[string]syncproto.Field{"blob": evidenceBlob, "key": evidenceKey, "restricted": evidenceRestricted} {
		if f := field(t, "evidence", name); f.ID != id {
			t.Errorf("%s has the number %d", name, f.ID)
		}
	}
	if kind, _ := syncproto.KindNamed("evidence"); kind.ID != evidenceKind || !strings.Contains(projectionSchema, "field = 2706") || evidenceBlob != 2706 {
		t.Error("the kind, or the field in the projection's index, has another number")
	}
}

func TestSeveralWindowsMayAddAtOnce(t *testing.T) {
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	o.share()
	visit := saule.visit()
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			original := bytes.Repeat([]byte{byte(i)}, 70_000)
			id, err := saule.AddEvidence(t.Context(), visit, Evidence{}, bytes.NewReader(original))
			if err != nil {
				t.Error(err)
				return
			}
			if got, err := saule.original(visit, id); err != nil || !bytes.Equal(got, original) {
				t.Error(len(got), err)
			}
		})
	}
	wait.Wait()
	if pending, err := saule.pendingBlobs(t.Context()); err != nil || len(pending) != 0 {
		t.Errorf("%d files count as without a record: %v", len(pending), err)
	}
	saule.reopen()
	if n := len(sealedFiles(t, saule)); n != 8 {
		t.Errorf("%d files", n)
	}
}
