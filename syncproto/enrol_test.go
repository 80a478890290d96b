package syncproto

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func enrolKey(b byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{b}, ed25519.SeedSize))
}

func testEnrolment() (Enrolment, ed25519.PublicKey) {
	root := enrolKey(1).Public().(ed25519.PublicKey)
	return NewEnrolment(root, Nonce{7}, []byte("code"), enrolKey(2), []byte("sealing key"), "Aru's laptop"), root
}

func TestEnrolmentSurvivesTheWire(t *testing.T) {
	e, root := testEnrolment()
	b, err := EncodeMessage(e)
	if err != nil {
		t.Fatal(err)
	}
	var got Enrolment
	if err := DecodeMessage(b, &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(e, got); d != "" {
		t.Fatal(d)
	}
	if err := got.CheckCode(root, []byte("code")); err != nil {
		t.Fatal(err)
	}
}

func TestEnrolmentTranscriptIsCanonical(t *testing.T) {
	e, root := testEnrolment()
	if err := CheckCanonical(e.Transcript(root)); err != nil {
		t.Fatal(err)
	}
	const head = "866b6b75612f656e726f6c2f315820" // ["kua/enrol/1", 32 bytes…
	if got := hex.EncodeToString(e.Transcript(root)); !strings.HasPrefix(got, head) {
		t.Fatalf("transcript begins %s, want %s", got[:len(head)], head)
	}
}

func TestChangedEnrolmentIsRefused(t *testing.T) {
	for name, change := range map[string]func(*Enrolment){
		"invitation":  func(e *Enrolment) { e.Invitation[0]++ },
		"signing key": func(e *Enrolment) { e.Signing = enrolKey(3).Public().(ed25519.PublicKey) },
		"sealing key": func(e *Enrolment) { e.Sealing = []byte("another") },
		"label":       func(e *Enrolment) { e.Label += "!" },
		"signature":   func(e *Enrolment) { e.Signature = bytes.Clone(e.Signature); e.Signature[len(e.Signature)-1]++ },
		"small order": func(e *Enrolment) { e.Signing = make([]byte, 32) },
		"long label":  func(e *Enrolment) { e.Label = strings.Repeat("x", MaxEnrolLabel+1) },
		"no sealing":  func(e *Enrolment) { e.Sealing = nil },
	} {
		e, root := testEnrolment()
		if change(&e); e.Check(root) == nil {
			t.Errorf("%s: a changed request passed", name)
		}
	}
	e, root := testEnrolment()
	if e.CheckCode(root, []byte("another code")) == nil {
		t.Error("a request under another code passed")
	}
	if e.Check(enrolKey(9).Public().(ed25519.PublicKey)) == nil {
		t.Error("a request to another organisation passed")
	}
	e.MAC[0]++
	if e.CheckCode(root, []byte("code")) == nil {
		t.Error("a request with another MAC passed")
	}
}

func TestWordsAreProquintsOfTheTranscript(t *testing.T) {
	for v, want := range map[uint16]string{0x7f00: "lusab", 0x0001: "babad", 0x3f54: "gutih", 0xdcc1: "tugad"} { // arXiv:0901.4016
		if got := proquint(v); got != want {
			t.Errorf("%04x: got %s, want %s", v, got, want)
		}
	}
	// SHA-256 of nothing begins e3b0c44298fc1c149afbf4c8.
	if got := strings.Join(Words(nil), " "); got != "vavub sidaf nogus dubih norur zigam" {
		t.Errorf("got %s", got)
	}
}

func FuzzEnrolment(f *testing.F) {
	e, root := testEnrolment()
	b, _ := EncodeMessage(e)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		var e Enrolment
		if DecodeMessage(b, &e) == nil {
			_ = e.CheckCode(root, []byte("code"))
		}
	})
}
