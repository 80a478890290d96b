package tilelog

import (
	"crypto/ed25519"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kua/syncproto/prooflog"
)

// TestVerificationSideReadsTheLog holds checkpoint, verifier key and bundle to the code that verifies them.
func TestVerificationSideReadsTheLog(t *testing.T) {
	l, db := newLog(t)
	grow(t, l, db, 0, 300)
	key, err := prooflog.VerifierKey(l.Origin(), l.cfg.Key.Public().(ed25519.PublicKey))
	if err != nil || key != l.VerifierKey() {
		t.Errorf("verifier key %q, want %q (%v)", l.VerifierKey(), key, err)
	}
	v, err := prooflog.NewVerifier(l.Origin(), l.cfg.Key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := l.Checkpoint(ctx, db)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := prooflog.OpenCheckpoint(signed, l.Origin(), v)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(prooflog.Tree{Size: 300, Root: root(t, entries(0, 300))}, tree); diff != "" {
		t.Errorf("checkpoint (-want +got):\n%s", diff)
	}
	data, err := l.Entries(ctx, db, 1, 44)
	if err != nil {
		t.Fatal(err)
	}
	got, err := prooflog.SplitBundle(data, 44)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(entries(256, 44), got); diff != "" {
		t.Errorf("bundle (-want +got):\n%s", diff)
	}
}
