package prooflog

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

func testVerifier(t testing.TB, name string, seed byte) note.Verifier {
	t.Helper()
	v, err := NewVerifier(name, testSigningKey(seed).Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// signText signs any text as a note, so that only the body can be wrong.
func signText(t testing.TB, text string, names ...string) []byte {
	t.Helper()
	var signers []note.Signer
	for i, name := range names {
		s, err := NewSigner(name, testSigningKey(byte(i+1)))
		if err != nil {
			t.Fatal(err)
		}
		signers = append(signers, s)
	}
	b, err := note.Sign(&note.Note{Text: text}, signers...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestACheckpointOpensToItsTree(t *testing.T) {
	l := newTestLog(t, 300, 300, 0)
	for _, size := range []int{0, 1, 2, 255, 256, 300} {
		got, err := OpenCheckpoint(l.checkpoint(t, size), testOrigin, testVerifier(t, testOrigin, 1))
		if err != nil || got != l.tree(t, size) {
			t.Errorf("size %d: %v, %v", size, got, err)
		}
	}
}

func TestOnlyTheLogsOwnSignatureCounts(t *testing.T) {
	text := fmt.Sprintf("%s\n1\n%s\n", testOrigin, LeafHash(nil))
	logKey, witness := testVerifier(t, testOrigin, 1), testVerifier(t, "witness.example", 2)
	both := signText(t, text, testOrigin, "witness.example")
	for name, verifiers := range map[string][]note.Verifier{"log": {logKey}, "log and witness": {logKey, witness}} {
		if _, err := OpenCheckpoint(both, testOrigin, verifiers...); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	garbage := append(bytes.Clone(both), "— other.example AAAAAAEC\n"...)
	if _, err := OpenCheckpoint(garbage, testOrigin, logKey); err != nil {
		t.Errorf("a signature of a form that nobody knows: %v", err)
	}
	for name, verifiers := range map[string][]note.Verifier{
		"nobody": nil, "the witness alone": {witness},
		"another key of the log's name": {testVerifier(t, testOrigin, 3)},
		"the log's key, other name":     {testVerifier(t, "other.example", 1)},
	} {
		if _, err := OpenCheckpoint(both, testOrigin, verifiers...); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
	if _, err := OpenCheckpoint(both, "other.example/log", logKey); err == nil {
		t.Error("opened as another log's")
	}
	if _, err := OpenCheckpoint(signText(t, "other.example/log\n"+strings.SplitN(text, "\n", 2)[1], testOrigin), testOrigin, logKey); err == nil {
		t.Error("opened a body of another log")
	}
	i := bytes.LastIndex(both, []byte("witness.example ")) + len("witness.example ") + 20
	both[i] ^= 1
	if _, err := OpenCheckpoint(both, testOrigin, logKey, witness); err == nil {
		t.Error("opened with a false signature of a known witness")
	}
}

func TestACheckpointBodyHasOneForm(t *testing.T) {
	v, root := testVerifier(t, testOrigin, 1), LeafHash(nil).String()
	good := testOrigin + "\n7\n" + root + "\n"
	if tree, err := OpenCheckpoint(signText(t, good, testOrigin), testOrigin, v); err != nil || tree.Size != 7 {
		t.Fatal(tree, err)
	}
	if _, err := OpenCheckpoint(signText(t, good+"extension\n", testOrigin), testOrigin, v); err != nil {
		t.Errorf("an extension line: %v", err)
	}
	for name, text := range map[string]string{
		"two lines":          testOrigin + "\n7\n",
		"no origin":          "\n7\n" + root + "\n",
		"leading zero":       testOrigin + "\n07\n" + root + "\n",
		"plus":               testOrigin + "\n+7\n" + root + "\n",
		"minus":              testOrigin + "\n-7\n" + root + "\n",
		"space":              testOrigin + "\n7 \n" + root + "\n",
		"no size":            testOrigin + "\n\n" + root + "\n",
		"hexadecimal":        testOrigin + "\n0x7\n" + root + "\n",
		"too large for tlog": testOrigin + "\n9223372036854775807\n" + root + "\n",
		"over MaxSize":       fmt.Sprintf("%s\n%d\n%s\n", testOrigin, uint64(MaxSize)+1, root),
		"over uint64":        testOrigin + "\n18446744073709551617\n" + root + "\n",
		"short root":         testOrigin + "\n7\n" + root[:40] + "\n",
		"loose root":         testOrigin + "\n7\n" + strings.TrimSuffix(root, "=") + "\n",
		"empty with a root":  testOrigin + "\n0\n" + root + "\n",
		"empty extension":    good + "\n",
		"empty, then more":   good + "\nmore\n",
	} {
		if tree, err := OpenCheckpoint(signText(t, text, testOrigin), testOrigin, v); err == nil {
			t.Errorf("%s: opened as %v", name, tree)
		}
	}
	if _, err := OpenCheckpoint(signText(t, good+strings.Repeat("x", MaxCheckpoint)+"\n", testOrigin), testOrigin, v); err == nil {
		t.Error("opened a checkpoint over MaxCheckpoint")
	}
}

func TestEveryFlippedByteOfACheckpointIsRefused(t *testing.T) {
	signed, v := newTestLog(t, 5, 5, 0).checkpoint(t, 5), testVerifier(t, testOrigin, 1)
	want, err := OpenCheckpoint(signed, testOrigin, v)
	if err != nil {
		t.Fatal(err)
	}
	for i := range signed {
		for bit := range 8 {
			bad := bytes.Clone(signed)
			bad[i] ^= 1 << bit
			// The last character of the signature carries loose bits that note.Open does not look at.
			if got, err := OpenCheckpoint(bad, testOrigin, v); err == nil && (got != want || i < len(signed)-6) {
				t.Fatalf("flipped bit %d of byte %d: opened as %v", bit, i, got)
			}
		}
	}
}

func TestASignerSignsOnlyForItsLog(t *testing.T) {
	signer, err := NewSigner(testOrigin, testSigningKey(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := SignCheckpoint("other.example/log", EmptyTree(), signer); err == nil {
		t.Error("signed for another log")
	}
	for name, tree := range map[string]Tree{"no root": {}, "too large": {MaxSize + 1, Hash{}}} {
		if _, err := SignCheckpoint(testOrigin, tree, signer); err == nil {
			t.Errorf("%s: signed", name)
		}
	}
	priv := testSigningKey(1)
	for _, origin := range []string{"", "two words", "a+b", "a\nb", "\xff"} {
		if _, err := NewSigner(origin, priv); err == nil {
			t.Errorf("a signer named %q", origin)
		}
		if _, err := NewVerifier(origin, priv.Public().(ed25519.PublicKey)); err == nil {
			t.Errorf("a verifier named %q", origin)
		}
	}
	if _, err := NewSigner(testOrigin, priv[:32]); err == nil {
		t.Error("a signer of half a key")
	}
	if _, err := NewVerifier(testOrigin, ed25519.PublicKey(priv)); err == nil {
		t.Error("a verifier of a private key")
	}
}

// The key pair and the note are the published example of the note package.
func TestKeyTextsAreThoseOfSignedNote(t *testing.T) {
	const skey = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
	const vkey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
	seed := []byte{0x81, 0x0a, 0x14, 0x02, 0xd5, 0x14, 0x6c, 0x8d, 0x84, 0xf2, 0x44, 0x33, 0x30, 0xf5, 0x40, 0x80,
		0xeb, 0xf9, 0x8e, 0xe1, 0x7d, 0x9c, 0x74, 0xf6, 0x25, 0x2f, 0xc5, 0xd5, 0xc7, 0x28, 0x31, 0x73}
	priv := ed25519.NewKeyFromSeed(seed)
	if got, err := SignerKey("PeterNeumann", priv); err != nil || got != skey {
		t.Errorf("signer key %s, %v", got, err)
	}
	if got, err := VerifierKey("PeterNeumann", priv.Public().(ed25519.PublicKey)); err != nil || got != vkey {
		t.Errorf("verifier key %s, %v", got, err)
	}
}

func FuzzOpenCheckpoint(f *testing.F) {
	v := testVerifier(f, testOrigin, 1)
	f.Add(newTestLog(f, 5, 5, 0).checkpoint(f, 5))
	f.Add(signText(f, testOrigin+"\n0\n"+EmptyTree().Root.String()+"\n", testOrigin))
	want := newTestLog(f, 5, 5, 0).tree(f, 5)
	f.Fuzz(func(t *testing.T, b []byte) {
		if tree, err := OpenCheckpoint(b, testOrigin, v); err == nil && tree != want && tree != EmptyTree() {
			t.Fatal("opened a checkpoint that nobody signed")
		}
	})
}

func FuzzParseTree(f *testing.F) {
	f.Add(testOrigin + "\n7\n" + LeafHash(nil).String() + "\n")
	f.Fuzz(func(t *testing.T, text string) {
		tree, err := parseTree(text, testOrigin)
		if err != nil {
			return
		}
		if !strings.HasPrefix(text, fmt.Sprintf("%s\n%d\n%s", testOrigin, tree.Size, tree.Root)) || errors.Join(tree.Check()) != nil {
			t.Fatalf("%q is %v", text, tree)
		}
	})
}
