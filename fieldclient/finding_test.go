package fieldclient

import (
	"errors"
	"testing"

	"kua/syncproto"
)

func TestAnEstablishedFindingRestsOnTwoKindsOfSource(t *testing.T) {
	o := newTeam(t)
	office, leader := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions), o.laptop("Aigerim", syncproto.RoleLeader, "KZ-75")
	o.share()
	visit := office.visit(leader)
	carry(t, office, leader)
	if _, err := leader.Create(t.Context(), visit, "finding", map[string]string{"statement": "beaten", "standing": "established", "sources": "interview"}); !errors.Is(err, ErrOneSource) {
		t.Errorf("made at once on one kind of source: %v", err)
	}
	id, err := leader.Create(t.Context(), visit, "finding", map[string]string{"statement": "beaten", "sources": "interview"})
	if err != nil {
		t.Fatal(err)
	}
	set := func(name, value string) error {
		f := field(t, "finding", name)
		b, err := f.ParseValue(value)
		if err != nil {
			t.Fatal(err)
		}
		_, err = leader.Set(t.Context(), Target{Scope: visit, Entity: id, Field: f}, b)
		return err
	}
	for _, step := range []struct {
		name, value string
		want        error
	}{{"standing", "established", ErrOneSource}, {"standing", "alleged", nil}, {"sources", "interview document", nil}, {"standing", "established", nil},
		{"sources", "document", ErrOneSource}, {"standing", "observed", nil}, {"sources", "document", nil}} {
		if err := set(step.name, step.value); !errors.Is(err, step.want) {
			t.Errorf("%s = %s: %v, want %v", step.name, step.value, err, step.want)
		}
	}
	value, err := field(t, "finding", "standing").ParseValue("established")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := leader.Resolve(t.Context(), Target{Scope: visit, Entity: id, Field: field(t, "finding", "standing")}, value, ""); !errors.Is(err, ErrOneSource) {
		t.Errorf("settled on one kind of source: %v", err)
	}
}
