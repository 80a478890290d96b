package seal

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/vectors.json anew")

const vectorFile = "testdata/vectors.json"

// vectors are for implementations in other languages; all bytes are hexadecimal. HPKE draws its own randomness, so
// wraps and identities are vectors for opening only.
type vectors struct {
	Comment                                              string
	VisitKey, BodyKey, AttachmentKey, Commitment         string
	Bodies                                               []bodyVector
	RecipientSeed, RecipientPublic                       string
	Scope, Author, Recipient                             string
	Epoch                                                uint64
	WrapInfo, Wrap                                       string
	SecondSeed, IdentityAAD, IdentityPlaintext, Identity string
}

type bodyVector struct{ Nonce, AAD, Plaintext, Padded, Box string }

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestVectorsStillOpenAndSealTheSame(t *testing.T) {
	if *update {
		writeVectors(t)
	}
	v := readVectors(t)
	key, err := ParseVisitKey(unhex(t, v.VisitKey))
	if err != nil {
		t.Fatal(err)
	}
	c := key.Commitment()
	if hex.EncodeToString(c[:]) != v.Commitment || hex.EncodeToString(key.AttachmentKey()) != v.AttachmentKey ||
		hex.EncodeToString(key.secret().body[:]) != v.BodyKey {
		t.Error("the subkeys changed")
	}
	for i, body := range v.Bodies {
		box, err := SealBody(bytes.NewReader(unhex(t, body.Nonce)), key, unhex(t, body.AAD), unhex(t, body.Plaintext))
		if err != nil || hex.EncodeToString(box) != body.Box {
			t.Errorf("body %d is sealed otherwise: %v", i, err)
		}
		if hex.EncodeToString(pad(unhex(t, body.Plaintext))) != body.Padded {
			t.Errorf("body %d is padded otherwise", i)
		}
		text, err := OpenBody(key, c, unhex(t, body.AAD), unhex(t, body.Box))
		if err != nil || hex.EncodeToString(text) != body.Plaintext {
			t.Errorf("body %d: %v", i, err)
		}
	}
	priv, err := ParsePrivateKey(unhex(t, v.RecipientSeed))
	if err != nil || hex.EncodeToString(priv.Public().Bytes()) != v.RecipientPublic {
		t.Fatal("the recipient's keys changed", err)
	}
	info := WrapInfo{[16]byte(unhex(t, v.Scope)), v.Epoch, [16]byte(unhex(t, v.Author)), [16]byte(unhex(t, v.Recipient))}
	if hex.EncodeToString(info.info()) != v.WrapInfo {
		t.Error("the info of a wrap changed")
	}
	if got, err := Unwrap(priv, info, unhex(t, v.Wrap)); err != nil || !got.Equal(key) {
		t.Error("the wrap does not open", err)
	}
	second, err := ParsePrivateKey(unhex(t, v.SecondSeed))
	if err != nil {
		t.Fatal(err)
	}
	inner, err := OpenFirst(priv, unhex(t, v.IdentityAAD), unhex(t, v.Identity))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := OpenSecond(second, unhex(t, v.IdentityAAD), inner); err != nil || hex.EncodeToString(text) != v.IdentityPlaintext {
		t.Error("the identity does not open", err)
	}
}

func readVectors(t testing.TB) (v vectors) {
	t.Helper()
	b, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func writeVectors(t *testing.T) {
	x := hex.EncodeToString
	key, first, second := testKey(t, 1), testRecipient(t, 2), testRecipient(t, 3)
	c := key.Commitment()
	v := vectors{
		Comment:  "docs/protocol.md §7; see the package seal for the construction",
		VisitKey: x(key.Bytes()), BodyKey: x(key.secret().body[:]), AttachmentKey: x(key.AttachmentKey()), Commitment: x(c[:]),
		RecipientSeed: x(first.Bytes()), RecipientPublic: x(first.Public().Bytes()), SecondSeed: x(second.Bytes()),
		Scope: x(testInfo.Scope[:]), Author: x(testInfo.Author[:]), Recipient: x(testInfo.Recipient[:]), Epoch: testInfo.Epoch,
		WrapInfo: x(testInfo.info()),
	}
	for i, text := range [][]byte{nil, []byte("he said it was cold"), bytes.Repeat([]byte{0x80, 0}, 150)} {
		nonce, aad := bytes.Repeat([]byte{byte(i + 1)}, 24), bytes.Repeat([]byte{0xa0 + byte(i)}, 32)
		box, err := SealBody(bytes.NewReader(nonce), key, aad, text)
		if err != nil {
			t.Fatal(err)
		}
		v.Bodies = append(v.Bodies, bodyVector{x(nonce), x(aad), x(text), x(pad(text)), x(box)})
	}
	wrap, err := Wrap(first.Public(), testInfo, key)
	if err != nil {
		t.Fatal(err)
	}
	aad, text := []byte("changeset"), []byte("a name")
	identity, err := SealToBoth(testRand(4), first.Public(), second.Public(), aad, text)
	if err != nil {
		t.Fatal(err)
	}
	v.Wrap, v.Identity, v.IdentityAAD, v.IdentityPlaintext = x(wrap), x(identity), x(aad), x(text)
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(vectorFile, append(b, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}
