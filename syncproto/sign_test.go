package syncproto

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/veraison/go-cose"
)

func testKey(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

func TestGoCoseReadsWhatWeSign(t *testing.T) {
	key := testKey(1)
	message, id := Sign(key, ContextReceipt, []byte("payload"))
	var m cose.Sign1Message
	if err := m.UnmarshalCBOR(message); err != nil {
		t.Fatal(err)
	}
	verifier, err := cose.NewVerifier(cose.AlgorithmEdDSA, key.Public())
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Verify([]byte(ContextReceipt), verifier); err != nil {
		t.Fatal(err)
	}
	if err := m.Verify([]byte(ContextBundle), verifier); err == nil {
		t.Fatal("a receipt's signature is valid for a bundle")
	}
	signed, err := ParseSigned(message, ContextReceipt)
	if err != nil || signed.ID() != id {
		t.Fatalf("id = %v, want %v (%v)", signed.ID(), id, err)
	}
}

func TestWeReadWhatGoCoseSigns(t *testing.T) {
	key := testKey(2)
	signer, err := cose.NewSigner(cose.AlgorithmEdDSA, crypto.Signer(key))
	if err != nil {
		t.Fatal(err)
	}
	sign := func(h cose.Headers) []byte {
		t.Helper()
		b, err := cose.Sign1(rand.Reader, signer, h, []byte("payload"), []byte(ContextRoster))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	message := sign(cose.Headers{Protected: cose.ProtectedHeader{cose.HeaderLabelAlgorithm: cose.AlgorithmEdDSA}})
	signed, err := ParseSigned(message, ContextRoster)
	if err != nil {
		t.Fatal(err)
	}
	if err := signed.Verify(key.Public().(ed25519.PublicKey)); err != nil {
		t.Fatal(err)
	}
	ours, _ := Sign(key, ContextRoster, []byte("payload"))
	if !bytes.Equal(message, ours) {
		t.Fatal("one profile gave two messages")
	}
	withKid := sign(cose.Headers{
		Protected:   cose.ProtectedHeader{cose.HeaderLabelAlgorithm: cose.AlgorithmEdDSA},
		Unprotected: cose.UnprotectedHeader{cose.HeaderLabelKeyID: []byte("11")},
	})
	if _, err := ParseSigned(withKid, ContextRoster); CodeOf(err) != CodeMalformed {
		t.Fatalf("an unprotected header was accepted: %v", err)
	}
}

// The working group's vectors are of other profiles (P-256, kid, content type), so ours refuses every one; what they
// do hold us to is the reason, and the bytes that are signed.
func TestTheWorkingGroupsVectors(t *testing.T) {
	for name, reason := range map[string]string{
		"eddsa-sig-01": "protected header", // carries a content type
		"eddsa-sig-02": "unprotected header",
		"sign-fail-01": "COSE tag 18",
		"sign-fail-02": "protected header", // ES256: the altered content is never reached
		"sign-fail-03": "protected header",
		"sign-fail-04": "protected header",
		"sign-fail-06": "protected header",
		"sign-fail-07": "protected header",
		"sign-pass-01": "protected header", // algorithm outside the protected header
		"sign-pass-02": "protected header", // ES256
		"sign-pass-03": "COSE tag 18",
	} {
		t.Run(name, func(t *testing.T) {
			var v struct {
				Input         struct{ Plaintext string }
				Intermediates struct {
					ToBeSign string `json:"ToBeSign_hex"`
				}
				Output struct{ CBOR string }
			}
			vectorFile(t, "cose/"+name+".json", &v)
			message, err := hex.DecodeString(v.Output.CBOR)
			if err != nil {
				t.Fatal(err)
			}
			_, err = ParseSigned(message, "")
			if CodeOf(err) != CodeMalformed || !strings.Contains(err.Error(), reason) {
				t.Errorf("refused with %v, want a word of %s", err, reason)
			}
			if name != "eddsa-sig-02" {
				return
			}
			if got := hex.EncodeToString(sigStructure("", []byte(v.Input.Plaintext))); !strings.EqualFold(got, v.Intermediates.ToBeSign) {
				t.Errorf("signed bytes = %s, want %s", got, v.Intermediates.ToBeSign)
			}
		})
	}
}

// eddsa-sig-01 signs with an Ed25519 key: with the protected header that it has, the signature of the vector holds over
// the structure that we build.
func TestTheWorkingGroupsEd25519Signature(t *testing.T) {
	var v struct {
		Input struct {
			Sign0 struct {
				Key struct {
					X string `json:"x_hex"`
				}
			}
		}
		Intermediates struct {
			ToBeSign string `json:"ToBeSign_hex"`
		}
		Output struct{ CBOR string }
	}
	vectorFile(t, "cose/eddsa-sig-01.json", &v)
	message, _ := hex.DecodeString(v.Output.CBOR)
	tbs, _ := hex.DecodeString(v.Intermediates.ToBeSign)
	pub, _ := hex.DecodeString(v.Input.Sign0.Key.X)
	s := Signed{Signature: message[len(message)-64:], tbs: tbs}
	if err := s.Verify(pub); err != nil {
		t.Fatal(err)
	}
}

func TestWycheproofEd25519(t *testing.T) {
	var v struct {
		TestGroups []struct {
			PublicKey struct{ PK string }
			Tests     []struct {
				TcID             int
				Comment          string
				Msg, Sig, Result string
			}
		}
	}
	vectorFile(t, "wycheproof/ed25519_test.json", &v)
	n := 0
	for _, g := range v.TestGroups {
		pub, err := hex.DecodeString(g.PublicKey.PK)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range g.Tests {
			n++
			msg, _ := hex.DecodeString(c.Msg)
			sig, _ := hex.DecodeString(c.Sig)
			err := Signed{Signature: sig, tbs: msg}.Verify(pub)
			if (err == nil) != (c.Result == "valid") {
				t.Errorf("case %d (%s): %v, want %s", c.TcID, c.Comment, err, c.Result)
			}
			if err != nil && CodeOf(err) != CodeBadSignature {
				t.Errorf("case %d: code %q", c.TcID, CodeOf(err))
			}
		}
	}
	t.Logf("%d cases", n)
}

func TestKeysOfSmallOrderAreRefused(t *testing.T) {
	if len(smallOrder) != 7 {
		t.Fatal("the list of points changed: check it again")
	}
	for _, k := range smallOrder {
		for _, sign := range []byte{0, 0x80} {
			k := k
			k[31] |= sign
			if CheckKey(k[:]) == nil {
				t.Errorf("%x was accepted", k)
			}
			// the identity as key and as R, with S = 0, is valid for every message: this is what the check is for
			if err := (Signed{Signature: make([]byte, 64), tbs: []byte("anything")}).Verify(k[:]); CodeOf(err) != CodeBadSignature {
				t.Errorf("%x: %v", k, err)
			}
		}
	}
	for _, n := range []int{0, 31, 33} {
		if CheckKey(make([]byte, n)) == nil {
			t.Errorf("a key of %d bytes was accepted", n)
		}
	}
	if err := CheckKey(testKey(1).Public().(ed25519.PublicKey)); err != nil {
		t.Error(err)
	}
}

func TestASignatureForOnePurposeIsNoneForAnother(t *testing.T) {
	contexts := []Context{ContextChangeset, ContextRoster, ContextReceipt, ContextBundle, ContextSnapshot, ContextEnrol}
	key := testKey(3)
	ids := map[Hash]bool{}
	for _, a := range contexts {
		message, id := Sign(key, a, []byte("payload"))
		if ids[id] {
			t.Fatalf("two contexts give one id: %s", a)
		}
		ids[id] = true
		for _, b := range contexts {
			signed, err := ParseSigned(message, b)
			if err != nil {
				t.Fatal(err)
			}
			if err := signed.Verify(key.Public().(ed25519.PublicKey)); (err == nil) != (a == b) {
				t.Errorf("signed for %s, verified for %s: %v", a, b, err)
			}
		}
	}
}

func TestAnIDIsThatOfTheSigStructure(t *testing.T) {
	_, id := Sign(testKey(4), "kua/changeset/1", []byte{0xa0})
	want := sha256.Sum256(append([]byte("\x84\x6aSignature1\x43\xa1\x01\x27\x4fkua/changeset/1\x41"), 0xa0))
	if id != want {
		t.Fatalf("id = %x, want %x", id, want)
	}
}

func FuzzParseSigned(f *testing.F) {
	message, _ := Sign(testKey(5), ContextRoster, []byte("payload"))
	f.Add(message)
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseSigned(b, ContextRoster)
		if err != nil {
			return
		}
		again := append([]byte{coseSign1Tag}, appendArray(nil, 4)...)
		again = append(appendBytes(again, protectedEdDSA), majorMap<<5)
		if again = appendBytes(appendBytes(again, s.Payload), s.Signature); !bytes.Equal(again, b) {
			t.Fatalf("%x encodes again as %x", b, again)
		}
	})
}
