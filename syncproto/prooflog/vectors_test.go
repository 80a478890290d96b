package prooflog

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write testdata anew")

// vectors are for implementations in other languages. Keys are hexadecimal; hashes are base64, as in a checkpoint. The
// log has the entries Entry("changeset", id) with ids 0, 1, 2, … in little-endian order.
type vectors struct {
	Comment               string
	Origin                string
	Seed, SignerKey       string
	VerifierKey           string
	FirstEntry, FirstLeaf string
	Checkpoints           []string
	Inclusions            []inclusionVector
	Consistencies         []consistencyVector
}

type inclusionVector struct {
	Size, Index int
	Root, Leaf  Hash
	Proof       []Hash
}

type consistencyVector struct {
	Old, New         int
	OldRoot, NewRoot Hash
	Proof            []Hash
}

// makeVectors computes everything anew; all of it is deterministic.
func makeVectors(t *testing.T) (vectors, []byte) {
	ctx := context.Background()
	l := newTestLog(t, 70_000, 70_000, 0)
	priv := testSigningKey(1)
	signer, err := SignerKey(testOrigin, priv)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := VerifierKey(testOrigin, priv.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	v := vectors{
		Comment: "docs/protocol.md §9; C2SP tlog-tiles, tlog-checkpoint, tlog-proof; see the package prooflog",
		Origin:  testOrigin, Seed: hex.EncodeToString(priv.Seed()), SignerKey: signer, VerifierKey: verifier,
		FirstEntry: string(l.entries[0]), FirstLeaf: LeafHash(l.entries[0]).String(),
	}
	for _, size := range []int{0, 1, 300, 70_000} {
		v.Checkpoints = append(v.Checkpoints, string(l.checkpoint(t, size)))
	}
	for _, c := range [][2]int{{1, 0}, {2, 1}, {300, 17}, {300, 299}, {70_000, 65_536}} {
		l.publish(t, c[0])
		p := Prover{Tree: l.tree(t, c[0]), Fetch: l.fetch}
		proof, err := p.Inclusion(ctx, uint64(c[1]))
		if err != nil {
			t.Fatal(err)
		}
		v.Inclusions = append(v.Inclusions, inclusionVector{c[0], c[1], p.Tree.Root, LeafHash(l.entries[c[1]]), proof})
	}
	for _, c := range [][2]int{{0, 300}, {1, 300}, {256, 300}, {255, 70_000}, {300, 300}} {
		p, older := Prover{Tree: l.tree(t, c[1]), Fetch: l.fetch}, l.tree(t, c[0])
		proof, err := p.Consistency(ctx, older)
		if err != nil {
			t.Fatal(err)
		}
		v.Consistencies = append(v.Consistencies, consistencyVector{c[0], c[1], older.Root, p.Tree.Root, proof})
	}
	record, err := Proof{Index: 17, Hashes: l.inclusion(t, 300, 17), Checkpoint: l.checkpoint(t, 300)}.Format()
	if err != nil {
		t.Fatal(err)
	}
	return v, record
}

func TestVectorsStillHold(t *testing.T) {
	const file, recordFile = "testdata/vectors.json", "testdata/entry-17-of-300" + ProofExtension
	v, record := makeVectors(t)
	if *update {
		b, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(recordFile, record, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want vectors
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, v); diff != "" {
		t.Error(diff)
	}
	if b, err = os.ReadFile(recordFile); err != nil || !bytes.Equal(b, record) {
		t.Errorf("%s is written otherwise: %v", recordFile, err)
	}
	p, err := ParseProof(b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Verify(testOrigin, want.Inclusions[2].Leaf, testVerifier(t, testOrigin, 1)); err != nil {
		t.Error(err)
	}
}
