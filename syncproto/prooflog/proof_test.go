package prooflog

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func testProof(t testing.TB) (p Proof, leaf Hash, tree Tree) {
	l := newTestLog(t, 300, 300, 0)
	return Proof{Index: 17, Hashes: l.inclusion(t, 300, 17), Checkpoint: l.checkpoint(t, 300)}, LeafHash(l.entries[17]), l.tree(t, 300)
}

func TestAProofVerifiesAfterItsTextForm(t *testing.T) {
	p, leaf, tree := testProof(t)
	for name, extra := range map[string][]byte{"without extra": nil, "with extra": []byte("visit 12"), "with the largest extra": make([]byte, MaxExtra)} {
		p.Extra = extra
		text, err := p.Format()
		if err != nil {
			t.Fatal(name, err)
		}
		got, err := ParseProof(text)
		if err != nil {
			t.Fatal(name, err)
		}
		if diff := cmp.Diff(p, got); diff != "" {
			t.Error(name, diff)
		}
		if gotTree, err := got.Verify(testOrigin, leaf, testVerifier(t, testOrigin, 1)); err != nil || gotTree != tree {
			t.Error(name, gotTree, err)
		}
	}
}

func TestAProofOfSomethingElseIsRefused(t *testing.T) {
	p, leaf, _ := testProof(t)
	v := testVerifier(t, testOrigin, 1)
	edit := func(f func(p *Proof)) Proof { c := p; c.Hashes = append([]Hash(nil), p.Hashes...); f(&c); return c }
	for name, bad := range map[string]Proof{
		"another index":        edit(func(p *Proof) { p.Index++ }),
		"an index outside":     edit(func(p *Proof) { p.Index = 300 }),
		"a hash less":          edit(func(p *Proof) { p.Hashes = p.Hashes[1:] }),
		"a flipped hash":       edit(func(p *Proof) { p.Hashes[3][5] ^= 8 }),
		"swapped hashes":       edit(func(p *Proof) { p.Hashes[0], p.Hashes[1] = p.Hashes[1], p.Hashes[0] }),
		"another checkpoint":   edit(func(p *Proof) { p.Checkpoint = newTestLog(t, 299, 299, 0).checkpoint(t, 299) }),
		"an empty log":         edit(func(p *Proof) { p.Checkpoint = newTestLog(t, 0, 0, 0).checkpoint(t, 0) }),
		"no checkpoint at all": edit(func(p *Proof) { p.Checkpoint = nil }),
	} {
		if _, err := bad.Verify(testOrigin, leaf, v); err == nil {
			t.Errorf("%s: verified", name)
		}
	}
	for name, err := range map[string]error{
		"another leaf":   second(p.Verify(testOrigin, LeafHash([]byte("x")), v)),
		"another key":    second(p.Verify(testOrigin, leaf, testVerifier(t, testOrigin, 2))),
		"no key":         second(p.Verify(testOrigin, leaf)),
		"another origin": second(p.Verify("other.example/log", leaf, v)),
	} {
		if err == nil {
			t.Errorf("%s: verified", name)
		}
	}
}

func second(_ Tree, err error) error { return err }

func TestEveryFlippedByteOfAProofIsRefused(t *testing.T) {
	p, leaf, _ := testProof(t)
	p.Extra = []byte("a hint")
	text, err := p.Format()
	if err != nil {
		t.Fatal(err)
	}
	v := testVerifier(t, testOrigin, 1)
	for i := range text {
		bad := bytes.Clone(text)
		bad[i] ^= 1 << (i % 8)
		got, err := ParseProof(bad)
		if err != nil {
			continue
		}
		// Only the extra data is not authenticated, and the loose bits at the very end of the signature.
		if _, err := got.Verify(testOrigin, leaf, v); err == nil && bytes.Equal(got.Extra, p.Extra) && i < len(text)-6 {
			t.Fatalf("flipped byte %d (%q): verified", i, text[i])
		}
	}
}

func TestAProofHasOneForm(t *testing.T) {
	p, _, _ := testProof(t)
	b, err := p.Format()
	if err != nil {
		t.Fatal(err)
	}
	good := string(b)
	replace := func(from, to string) string { return strings.Replace(good, from, to, 1) }
	hash := p.Hashes[0].String()
	for name, text := range map[string]string{
		"nothing":             "",
		"the head alone":      proofHead + "\n",
		"another version":     replace("@v1", "@v2"),
		"no index":            replace("index 17\n", ""),
		"an index of zeros":   replace("index 17", "index 017"),
		"a signed index":      replace("index 17", "index -1"),
		"a huge index":        replace("index 17", "index 72057594037927936"),
		"a spaced index":      replace("index 17", "index  17"),
		"an empty extra":      replace("index", "extra \nindex"),
		"a bare extra":        replace("index", "extra\nindex"),
		"two extras":          replace("index", "extra AAAA\nextra AAAA\nindex"),
		"extra after index":   replace(hash, "extra AAAA\n"+hash),
		"a loose extra":       replace("index", "extra AAB=\nindex"),
		"a \\r in extra":      replace("index", "extra AA\rAA\nindex"),
		"a long extra":        replace("index", "extra "+strings.Repeat("A", MaxExtra*4/3+8)+"\nindex"),
		"a \\r in a hash":     replace(hash, hash[:43]+"\r"),
		"a short hash":        replace(hash, hash[:40]),
		"65 hashes":           replace(hash, strings.Repeat(hash+"\n", 64)+hash),
		"no empty line":       replace("\n\n", "\n"),
		"no checkpoint":       good[:strings.Index(good, "\n\n")+2],
		"carriage returns":    strings.ReplaceAll(good, "\n", "\r\n"),
		"an oversized note":   good + strings.Repeat("x", MaxCheckpoint),
		"megabytes of hashes": replace(hash, strings.Repeat(hash+"\n", 50_000)),
	} {
		if got, err := ParseProof([]byte(text)); err == nil {
			t.Errorf("%s: parsed as %+v", name, got)
		}
	}
	for name, p := range map[string]Proof{
		"no checkpoint":     {},
		"a huge checkpoint": {Checkpoint: make([]byte, MaxCheckpoint+1)},
		"a huge extra":      {Checkpoint: []byte("x"), Extra: make([]byte, MaxExtra+1)},
		"65 hashes":         {Checkpoint: []byte("x"), Hashes: make([]Hash, 65)},
		"a huge index":      {Checkpoint: []byte("x"), Index: MaxSize},
	} {
		if _, err := p.Format(); err == nil {
			t.Errorf("%s: formatted", name)
		}
	}
}

func TestAnyProofSurvivesItsTextForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hash := rapid.Custom(func(t *rapid.T) Hash { return Hash(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "hash")) })
		p := Proof{
			Extra:      rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "extra"),
			Index:      rapid.Uint64Max(MaxSize-1).Draw(t, "index"),
			Hashes:     rapid.SliceOfN(hash, 0, maxHashes).Draw(t, "hashes"),
			Checkpoint: rapid.SliceOfN(rapid.Byte(), 1, 200).Draw(t, "checkpoint"),
		}
		text, err := p.Format()
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseProof(text)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := got.Format(); err != nil || !bytes.Equal(again, text) || got.Index != p.Index || !bytes.Equal(got.Extra, p.Extra) {
			t.Fatal("another proof came back", err)
		}
	})
}

func FuzzParseProof(f *testing.F) {
	p, leaf, _ := testProof(f)
	plain, err := p.Format()
	if err != nil {
		f.Fatal(err)
	}
	p.Extra = []byte("hint")
	hinted, err := p.Format()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(plain)
	f.Add(hinted)
	v := testVerifier(f, testOrigin, 1)
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := ParseProof(b)
		if err != nil {
			return
		}
		if again, err := got.Format(); err != nil || !bytes.Equal(again, b) {
			t.Fatal("a proof has two forms", err)
		}
		if tree, err := got.Verify(testOrigin, leaf, v); err == nil && (tree.Size != 300 || got.Index != 17) {
			t.Fatal("verified what nobody proved")
		}
	})
}
