package syncproto

import (
	"crypto/ed25519"
	"testing"
)

func TestAnEnrolmentBindsCodeKeysAndWords(t *testing.T) {
	rootPub, _, _ := ed25519.GenerateKey(nil)
	_, key, _ := ed25519.GenerateKey(nil)
	_, other, _ := ed25519.GenerateKey(nil)
	inv := Invitation{ID: Nonce{1}, Code: Nonce{2}, URL: "https://kua.example", Root: rootPub, Name: "Айгүл"}
	text, err := inv.Text()
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseInvitation(text + "\n")
	if err != nil || back.Name != inv.Name || back.Code != inv.Code {
		t.Fatalf("an invitation did not survive its text form: %v", err)
	}
	r := NewEnrolRequest(inv, key, []byte("sealing"), "laptop 7")
	if err := r.Check(rootPub, inv.Code); err != nil {
		t.Fatal(err)
	}
	words := r.Words(rootPub)
	if len(words) != 6 {
		t.Fatalf("want six words, got %v", words)
	}
	forged := NewEnrolRequest(Invitation{ID: inv.ID, Root: rootPub}, other, []byte("sealing"), "laptop 7")
	if forged.Check(rootPub, inv.Code) == nil {
		t.Error("a request without the code passed")
	}
	swapped := r
	swapped.Sealing = []byte("another")
	if swapped.CheckShape(rootPub) == nil {
		t.Error("a request whose sealing key was swapped passed")
	}
	if equal(words, swapped.Words(rootPub)) {
		t.Error("the words did not notice another sealing key")
	}
}

func equal(a, b []string) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func FuzzParseInvitation(f *testing.F) {
	text, _ := Invitation{Root: make([]byte, 32)}.Text()
	f.Add(text)
	f.Fuzz(func(t *testing.T, s string) { _, _ = ParseInvitation(s) })
}
