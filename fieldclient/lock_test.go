package fieldclient

import (
	"context"
	"errors"
	"reflect"
	"runtime"
	"slices"
	"testing"

	"kua/fieldclient/vault"
	"kua/syncproto"
	"kua/syncproto/seal"
)

func TestALockZeroesEveryVisitKey(t *testing.T) {
	b := newBuilding(t)
	b.aru.enterGate(b.visit)
	b.aru.set(b.visit, "summary", "sealed")
	carry(t, b.aru, b.saule) // who holds a gate key then
	var keys []seal.VisitKey
	for _, l := range []*laptop{b.saule, b.aru} {
		for _, s := range l.scopes {
			for _, k := range s.keys {
				keys = append(keys, k)
			}
			for _, k := range s.gateKeys {
				keys = append(keys, k)
			}
		}
	}
	if len(keys) < 4 {
		t.Fatalf("only %d keys to look at", len(keys))
	}
	for _, l := range []*laptop{b.saule, b.aru} {
		if err := l.Client.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, k := range keys {
		if k.Bytes() != nil {
			t.Error("a visit key outlives the lock")
		}
	}
	if _, err := b.aru.Save(context.Background(), b.visit, []Change{{Kind: syncproto.KindSet, Entity: syncproto.EntityID(b.visit), Field: field(t, "visit", "summary").ID, Value: syncproto.AnswerValue("late")}}); err == nil {
		t.Error("a locked laptop saves")
	}
}

func TestALockClearsTheLaptopsOwnKeysWhenNothingUsesThemAnyMore(t *testing.T) {
	b := newBuilding(t)
	cleared := func(l *laptop) bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		_, err := seal.Unwrap(l.keys.sealing, seal.WrapInfo{}, nil)
		return !slices.ContainsFunc(l.keys.signing, func(x byte) bool { return x != 0 }) && reflect.ValueOf(l.keys.sealing).IsZero() && err != nil
	}
	if cleared(b.saule) || cleared(b.aru) {
		t.Fatal("cleared before the lock")
	}
	end := b.aru.using() // a sync that runs
	for _, l := range []*laptop{b.saule, b.aru} {
		if err := l.Client.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if !cleared(b.saule) {
		t.Error("the keys outlive the lock")
	}
	if cleared(b.aru) {
		t.Error("the keys are cleared under a sync that signs with them")
	}
	end()
	for !cleared(b.aru) {
		runtime.Gosched()
	}
}

func TestTheKeysOfARemovedVisitAreZeroed(t *testing.T) {
	l, p, _, home, _ := packed(t)
	key, ok := l.scopes[home].now()
	if !ok {
		t.Fatal("no key to look at")
	}
	l.mu.Lock()
	err := l.removeVisits(t.Context(), p)
	l.mu.Unlock()
	if err != nil || key.Bytes() != nil {
		t.Errorf("the key of a removed visit is in memory: %v", err)
	}
}

func TestAWipeLeavesNothingToUnlock(t *testing.T) {
	ctx := context.Background()
	b := newBuilding(t)
	b.aru.set(b.visit, "summary", "gone")
	if err := b.aru.Wipe(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(ctx, b.aru.cfg, passphrase); !errors.Is(err, vault.ErrMissing) {
		t.Errorf("a wiped laptop opens: %v", err)
	}
	if _, err := b.aru.Search(ctx, "gone"); err == nil {
		t.Error("a wiped laptop still searches")
	}
}
