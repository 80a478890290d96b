package fieldclient

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"kua/syncproto"
)

// refused holds that a laptop writes nothing of an interview, whichever way it comes, and leaves no file.
func (l *laptop) refused(when string, visit syncproto.ScopeID, id syncproto.EntityID) {
	l.t.Helper()
	files := len(sealedFiles(l.t, l))
	f := field(l.t, "interview", "summary")
	text, err := f.ParseValue("beaten")
	if err != nil {
		l.t.Fatal(err)
	}
	_, set := l.Set(l.t.Context(), Target{Scope: visit, Entity: id, Field: f}, text)
	_, photo := l.AddEvidence(l.t.Context(), visit, Evidence{Kind: "file", Links: []syncproto.EntityID{id}}, bytes.NewReader([]byte("a photo")))
	_, card := l.SealIdentity(l.t.Context(), visit, id, IdentityCard{Name: "a name"}, "a reason")
	for what, err := range map[string]error{"a summary": set, "a photo": photo, "an identity": card} {
		if !errors.Is(err, ErrNoRecord) {
			l.t.Errorf("%s: %s is kept: %v", when, what, err)
		}
	}
	if n := len(sealedFiles(l.t, l)); n != files {
		l.t.Errorf("%s: %d files more are left", when, n-files)
	}
}

func (l *laptop) make(visit syncproto.ScopeID, kind string, fields map[string]string) syncproto.EntityID {
	l.t.Helper()
	id, err := l.Create(l.t.Context(), visit, kind, fields)
	if err != nil {
		l.t.Fatalf("%s makes a %s: %v", l.name, kind, err)
	}
	return id
}

func TestNothingIsKeptOfAnInterviewThatMayNotBeRecorded(t *testing.T) {
	b := newBuilding(t)
	interview := func(level string) syncproto.EntityID {
		return b.aru.make(b.visit, "interview", map[string]string{"kind": "private", "consent": level})
	}
	asked := func(of syncproto.EntityID, use, level string) syncproto.EntityID {
		return b.aru.make(b.visit, "consent", map[string]string{"interview": of.String(), "use": use, "level": level, "by": "person"})
	}
	b.aru.refused("C0", b.visit, interview("C0"))
	no := interview("C2")
	asked(no, "record", "C0")
	b.aru.refused("the record was refused", b.visit, no)

	one := interview("C2")
	asked(one, "publish", "C0") // another use
	record := asked(one, "record", "C1")
	b.aru.add(b.visit, Evidence{Kind: "file", Links: []syncproto.EntityID{one}}, []byte("allowed"))
	b.aru.put(b.visit, one, "interview", "summary", "allowed")
	b.aru.put(b.visit, record, "consent", "withdrawn", "yes")
	b.aru.refused("taken back", b.visit, one)

	gate := interview("C2")
	b.aru.enterGate(b.visit)
	b.aru.put(b.visit, gate, "interview", "consent", "C0")
	b.aru.reopen()
	b.aru.refused("sealed at the gate", b.visit, gate)
	b.aru.put(b.visit, gate, "interview", "consent", "C2") // asked again
	b.aru.put(b.visit, gate, "interview", "summary", "allowed")
}

// what is said while a recording comes counts when it ends.
type interrupted struct {
	io.Reader
	meanwhile func()
}

func (i *interrupted) Read(p []byte) (int, error) {
	n, err := i.Reader.Read(p)
	if err != nil {
		i.meanwhile()
	}
	return n, err
}

func TestARecordingThatIsTakenBackWhileItComesIsNotKept(t *testing.T) {
	b := newBuilding(t)
	id := b.aru.make(b.visit, "interview", map[string]string{"kind": "private", "consent": "C1"})
	r := &interrupted{bytes.NewReader([]byte("a voice")), func() { b.aru.put(b.visit, id, "interview", "consent", "C0") }}
	if _, err := b.aru.AddEvidence(t.Context(), b.visit, Evidence{Kind: "audio", Links: []syncproto.EntityID{id}}, r); !errors.Is(err, ErrNoRecord) {
		t.Errorf("kept: %v", err)
	}
	if left := sealedFiles(t, b.aru); len(left) != 0 {
		t.Errorf("%v are left", left)
	}
}
