package seal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
)

func testRand(seed uint64) io.Reader {
	var s [32]byte
	for i := range s {
		s[i] = byte(seed >> (8 * (i % 8)))
	}
	return rand.NewChaCha8(s)
}

func testKey(t testing.TB, seed uint64) VisitKey {
	t.Helper()
	k, err := NewVisitKey(testRand(seed))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSubkeysAreAllDifferentAndStable(t *testing.T) {
	k := testKey(t, 1)
	c := k.Commitment()
	parts := [][]byte{k.Bytes(), k.secret().body[:], k.AttachmentKey(), c[:]}
	for i, a := range parts {
		for j, b := range parts[:i] {
			if bytes.Equal(a, b) {
				t.Errorf("subkeys %d and %d are equal", i, j)
			}
		}
	}
	again, err := ParseVisitKey(k.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if !again.Equal(k) || again.Commitment() != c || k.Equal(testKey(t, 2)) {
		t.Error("a parsed key is not the key that it was made from, or equals another")
	}
}

func TestAKeyNeverPrints(t *testing.T) {
	k := testKey(t, 3)
	priv, err := GenerateRecipient(testRand(4))
	if err != nil {
		t.Fatal(err)
	}
	type holder struct {
		Open   VisitKey
		hidden VisitKey
		Priv   PrivateKey
		priv   PrivateKey
		list   []VisitKey
		byName map[string]PrivateKey
	}
	h := holder{k, k, priv, priv, []VisitKey{k}, map[string]PrivateKey{"a": priv}}
	var out bytes.Buffer
	for _, v := range []any{k, &k, priv, &priv, h, &h, []VisitKey{k}, map[string]VisitKey{"a": k}, fmt.Errorf("x %v %d", k, priv)} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%c", "%U"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		json.NewEncoder(&out).Encode(v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
	}
	printed := strings.ToLower(out.String())
	for _, secret := range [][]byte{k.Bytes(), k.secret().body[:], k.AttachmentKey(), priv.Bytes()} {
		part := secret[4:10]
		for _, verb := range []string{"%x", "%d", "%v", "%o", "%b", "%#v", "%q", "%s"} {
			if s := strings.ToLower(strings.Trim(fmt.Sprintf(verb, part), "[]{}")); strings.Contains(printed, s) {
				t.Errorf("%s printed a secret: %q", verb, s)
			}
		}
	}
	if !strings.Contains(printed, redacted[:4]) {
		t.Error("nothing was printed at all")
	}
}

func TestAWipedOrEmptyKeyIsRefusedEverywhere(t *testing.T) {
	wiped := testKey(t, 5)
	box, err := SealBody(testRand(6), wiped, nil, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	dup := wiped
	commitment := wiped.Commitment()
	dup.Wipe()
	VisitKey{}.Wipe()
	priv, _ := GenerateRecipient(testRand(7))
	for name, k := range map[string]VisitKey{"wiped": wiped, "empty": {}} {
		if _, err := SealBody(testRand(6), k, nil, []byte("x")); err == nil {
			t.Errorf("%s key sealed", name)
		}
		for _, c := range [][KeySize]byte{commitment, {}} {
			if _, err := OpenBody(k, c, nil, box); err == nil {
				t.Errorf("%s key opened", name)
			}
		}
		if _, err := Wrap(priv.Public(), WrapInfo{}, k); err == nil {
			t.Errorf("%s key was wrapped", name)
		}
		if k.Bytes() != nil || k.AttachmentKey() != nil || k.Equal(k) || k.Commitment() != [KeySize]byte{} {
			t.Errorf("%s key still gives something", name)
		}
	}
	for _, b := range [][]byte{nil, make([]byte, 31), make([]byte, 33), make([]byte, 32)} {
		if _, err := ParseVisitKey(b); err == nil {
			t.Errorf("accepted a key of %d bytes, all zero", len(b))
		}
	}
	if _, err := NewVisitKey(bytes.NewReader(make([]byte, 31))); err == nil {
		t.Error("accepted a short read of randomness")
	}
}
