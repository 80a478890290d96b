package fieldclient

import (
	"context"
	"testing"

	"kua/syncproto"
)

func TestTwoRegistrationsOfOneThingShowTogetherAndDisagreeOpenly(t *testing.T) {
	ctx := context.Background()
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	timur := o.laptop("Timur", syncproto.RoleCoordinator, syncproto.AllRegions)
	aru := o.laptop("Aru", syncproto.RoleMonitor, "KZ-75")
	o.share()
	registry := saule.Roster().Registry()
	a, err := saule.Create(ctx, registry, "facility", map[string]string{"name": "SIZO No. 1", "capacity": "300"})
	if err != nil {
		t.Fatal(err)
	}
	b, err := timur.Create(ctx, registry, "facility", map[string]string{"name": "SIZO No. 1", "capacity": "320", "region": "KZ-75"})
	if err != nil {
		t.Fatal(err)
	}
	carry(t, saule, timur)
	if _, err := timur.Alias(ctx, registry, b, a); err != nil {
		t.Fatal(err)
	}
	if _, err := timur.Alias(ctx, registry, a, b); err == nil {
		t.Error("a circle of records that stand for each other was made")
	}
	carry(t, timur, saule)
	for _, l := range []*laptop{saule, timur} {
		l.reopen()
		v, err := l.Record(ctx, registry, a)
		if err != nil || len(v.Aliases) != 1 || v.Aliases[0] != b {
			t.Fatalf("%s does not see that the two are one: %+v %v", l.name, v, err)
		}
		fields := map[string]FieldView{}
		for _, f := range v.Fields {
			fields[f.Name] = f
		}
		if !fields["capacity"].Conflict || !fields["name"].Agreed || len(fields["region"].Heads) != 1 {
			t.Errorf("%s: the statements of both do not stand together: %+v", l.name, v.Fields)
		}
		if waiting, err := l.Attention(ctx, registry); err != nil || len(waiting) != 1 || waiting[0].Attention[0] != "conflict" {
			t.Errorf("%s is not told of the conflict: %+v %v", l.name, waiting, err)
		}
		other, err := l.Record(ctx, registry, b)
		if err != nil || other.AliasOf == nil || *other.AliasOf != a {
			t.Errorf("%s: the other record does not say what it stands for: %+v %v", l.name, other, err)
		}
	}
	if _, err := aru.Alias(ctx, registry, a, b); err == nil {
		t.Error("a monitor joined records of the registry")
	}
}
