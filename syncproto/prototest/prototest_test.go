package prototest_test

import (
	"bytes"
	"testing"

	"kua/syncproto"
	"kua/syncproto/prototest"
	"kua/syncproto/seal"
)

func TestAnOrganisationOpensAVisitThatItsPeopleCanRead(t *testing.T) {
	c := prototest.NewCast(t, 1)
	v, opening := c.Monitor.OpenVisit(prototest.Region, c.Monitor.Owner, c.Monitor2.Owner)
	o, err := opening.Opening()
	if err != nil || o == nil || o.Region != prototest.Region || len(o.Team) != 2 {
		t.Fatalf("opening = %+v, %v", o, err)
	}
	var wraps syncproto.KeyWraps
	if err := syncproto.DecodeMessage(opening.Ops[1].Clear, &wraps); err != nil {
		t.Fatal(err)
	}
	// two monitors, two coordinators, the protection officer, and the recovery key
	if len(wraps.Wraps) != 6 {
		t.Fatalf("%d wraps, want 6", len(wraps.Wraps))
	}
	for _, w := range wraps.Wraps {
		info := seal.WrapInfo{Scope: v.Scope, Epoch: 1, Author: c.Monitor.ID, Recipient: w.Recipient}
		if w.Recipient != c.Coordinator.ID {
			continue
		}
		key, err := seal.Unwrap(c.Coordinator.Sealing, info, w.Wrap)
		if err != nil || !key.Equal(v.Key) {
			t.Fatalf("the coordinator cannot unwrap the visit key: %v", err)
		}
	}
	answer := c.Entity()
	cs := c.Monitor2.Feed(v).Sign(prototest.Create(answer, 2200), prototest.Set(answer, 2201, "beds without sheets"))
	values, err := v.Open(cs)
	if err != nil || !bytes.Contains(values.Leaves[1].Value, []byte("sheets")) {
		t.Fatalf("values = %v, %v", values, err)
	}
	verdict, err := c.Roster.Judge(cs.Claim(), v.Standing())
	if err != nil || verdict.Quarantine != "" || verdict.Person != c.Monitor2.Owner.ID {
		t.Fatalf("verdict = %+v, %v", verdict, err)
	}
}

func TestOneSeedGivesOneOrganisation(t *testing.T) {
	a, b := prototest.NewCast(t, 7), prototest.NewCast(t, 7)
	if a.Roster.Head() != b.Roster.Head() {
		t.Fatal("two organisations of one seed differ")
	}
}
