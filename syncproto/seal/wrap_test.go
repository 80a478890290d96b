package seal

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

func testRecipient(t testing.TB, seed uint64) PrivateKey {
	t.Helper()
	p, err := GenerateRecipient(testRand(seed))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var testInfo = WrapInfo{Scope: [16]byte{1}, Epoch: 2, Author: [16]byte{3}, Recipient: [16]byte{4}}

func TestAWrapGivesTheVisitKeyToItsRecipient(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		priv, err := GenerateRecipient(testRand(rapid.Uint64Min(1).Draw(t, "recipient")))
		if err != nil {
			t.Fatal(err)
		}
		key, err := NewVisitKey(testRand(rapid.Uint64Min(1).Draw(t, "key")))
		if err != nil {
			t.Fatal(err)
		}
		id := rapid.Custom(func(t *rapid.T) [16]byte {
			return [16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
		})
		info := WrapInfo{id.Draw(t, "scope"), rapid.Uint64().Draw(t, "epoch"), id.Draw(t, "author"), id.Draw(t, "to")}
		wrap, err := Wrap(priv.Public(), info, key)
		if err != nil || len(wrap) != WrapSize {
			t.Fatal(len(wrap), err)
		}
		got, err := Unwrap(priv, info, wrap)
		if err != nil || !got.Equal(key) || got.Commitment() != key.Commitment() {
			t.Fatal(err)
		}
	})
}

func TestAWrapForAnotherPlaceIsRefused(t *testing.T) {
	priv, key := testRecipient(t, 1), testKey(t, 2)
	wrap, err := Wrap(priv.Public(), testInfo, key)
	if err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func(*WrapInfo){
		"scope":     func(w *WrapInfo) { w.Scope[15]++ },
		"epoch":     func(w *WrapInfo) { w.Epoch++ },
		"author":    func(w *WrapInfo) { w.Author[0]++ },
		"recipient": func(w *WrapInfo) { w.Recipient[15]++ },
		"swapped":   func(w *WrapInfo) { w.Author, w.Recipient = w.Recipient, w.Author },
	} {
		info := testInfo
		edit(&info)
		if _, err := Unwrap(priv, info, wrap); !errors.Is(err, ErrDamaged) {
			t.Errorf("another %s: %v", name, err)
		}
	}
	if _, err := Unwrap(testRecipient(t, 9), testInfo, wrap); !errors.Is(err, ErrDamaged) {
		t.Errorf("another recipient's key: %v", err)
	}
	if _, err := Unwrap(PrivateKey{}, testInfo, wrap); err == nil {
		t.Error("unwrapped without a key")
	}
	if _, err := Wrap(PublicKey{}, testInfo, key); err == nil {
		t.Error("wrapped to nobody")
	}
	if got, err := Unwrap(priv, testInfo, wrap); err != nil || !got.Equal(key) {
		t.Error(err)
	}
}

func TestInfoSpellsEveryMemberOut(t *testing.T) {
	want := "kua/visit-key/1" +
		"\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
		"\x00\x00\x00\x00\x00\x00\x00\x02" +
		"\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
		"\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	if got := testInfo.info(); string(got) != want {
		t.Errorf("info = %x", got)
	}
}

func TestEveryFlippedByteOfAWrapIsRefused(t *testing.T) {
	priv := testRecipient(t, 1)
	wrap, err := Wrap(priv.Public(), testInfo, testKey(t, 2))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(wrap); i += 1 + i%7 { // sampled; the last 80 bytes are all tried below
		testFlip(t, priv, wrap, i)
	}
	for i := len(wrap) - 80; i < len(wrap); i++ {
		testFlip(t, priv, wrap, i)
	}
	for _, n := range []int{0, 1, encSize, WrapSize - 1, WrapSize + 1} {
		if _, err := Unwrap(priv, testInfo, append(bytes.Clone(wrap), 0)[:n]); !errors.Is(err, ErrDamaged) {
			t.Errorf("a wrap of %d bytes: %v", n, err)
		}
	}
}

func testFlip(t *testing.T, priv PrivateKey, wrap []byte, i int) {
	t.Helper()
	bad := bytes.Clone(wrap)
	bad[i] ^= 0x10
	if _, err := Unwrap(priv, testInfo, bad); !errors.Is(err, ErrDamaged) {
		t.Errorf("flipped byte %d: %v", i, err)
	}
}

func TestKeysSurviveMarshallingAndWrongLengthsAreRefused(t *testing.T) {
	priv := testRecipient(t, 1)
	again, err := ParsePrivateKey(priv.Bytes())
	if err != nil || !again.Public().Equal(priv.Public()) {
		t.Fatal(err)
	}
	pub, err := ParsePublicKey(priv.Public().Bytes())
	if err != nil || !pub.Equal(priv.Public()) || pub.Equal(testRecipient(t, 2).Public()) || len(pub.Bytes()) != PublicKeySize {
		t.Fatal(err)
	}
	priv.Bytes()[0]++
	if !bytes.Equal(priv.Bytes(), again.Bytes()) {
		t.Error("Bytes gave away the key's own memory")
	}
	for _, n := range []int{0, 31, 33, PublicKeySize - 1, PublicKeySize + 1, PublicKeySize} {
		b := bytes.Repeat([]byte{0xff}, n) // 1216 bytes of 0xff hold coefficients above q
		if _, err := ParsePrivateKey(b); err == nil {
			t.Errorf("parsed a private key of %d bytes", n)
		}
		if _, err := ParsePublicKey(b); err == nil {
			t.Errorf("parsed a public key of %d bytes", n)
		}
	}
	if _, err := ParsePrivateKey(make([]byte, 32)); err == nil {
		t.Error("parsed a private key of zeros")
	}
	if _, err := GenerateRecipient(bytes.NewReader(make([]byte, 31))); err == nil {
		t.Error("made a key from a short read of randomness")
	}
	if (PublicKey{}).Bytes() != nil || (PrivateKey{}).Bytes() != nil || (PublicKey{}).Equal(PublicKey{}) || (PrivateKey{}).Public().Bytes() != nil {
		t.Error("an empty key gives something")
	}
}

func TestBothCustodiansMustAct(t *testing.T) {
	a, b := testRecipient(t, 1), testRecipient(t, 2)
	aad := []byte("changeset")
	for _, n := range []int{0, 1, 300, 70_000, MaxPlaintext} {
		text := bytes.Repeat([]byte{'n'}, n)
		sealed, err := SealToBoth(testRand(3), a.Public(), b.Public(), aad, text)
		if err != nil {
			t.Fatal(err)
		}
		inner, err := OpenFirst(a, aad, sealed)
		if err != nil {
			t.Fatal(err)
		}
		got, err := OpenSecond(b, aad, inner)
		if err != nil || !bytes.Equal(got, text) {
			t.Fatalf("%d bytes: %v", n, err)
		}
		for name, try := range map[string]func() ([]byte, error){
			"the second alone":       func() ([]byte, error) { return OpenFirst(b, aad, sealed) },
			"the second layer first": func() ([]byte, error) { return OpenSecond(b, aad, sealed) },
			"the first alone":        func() ([]byte, error) { return OpenSecond(a, aad, inner) },
			"the first twice":        func() ([]byte, error) { return OpenFirst(a, aad, inner) },
			"the box by the second":  func() ([]byte, error) { return OpenSecond(b, aad, sealed[firstSize-secondSize:]) },
			"another context":        func() ([]byte, error) { return OpenFirst(a, []byte("changesex"), sealed) },
			"another context, inner": func() ([]byte, error) { return OpenSecond(b, []byte("changesex"), inner) },
			"nobody":                 func() ([]byte, error) { return OpenFirst(PrivateKey{}, aad, sealed) },
		} {
			if got, err := try(); err == nil {
				t.Errorf("%d bytes: %s opened %d bytes", n, name, len(got))
			}
		}
	}
	if _, err := SealToBoth(testRand(3), a.Public(), a.Public(), aad, nil); err == nil {
		t.Error("sealed to one custodian twice")
	}
	if _, err := SealToBoth(testRand(3), a.Public(), b.Public(), aad, make([]byte, MaxPlaintext+1)); err == nil {
		t.Error("sealed more than MaxPlaintext")
	}
}

func TestAnyChangedPartOfAnIdentityIsRefusedByTheFirst(t *testing.T) {
	a, b := testRecipient(t, 1), testRecipient(t, 2)
	seal := func(seed uint64) []byte {
		sealed, err := SealToBoth(testRand(seed), a.Public(), b.Public(), nil, []byte(fmt.Sprint("name ", seed)))
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	one, two := seal(3), seal(4)
	if _, err := OpenFirst(a, nil, append(bytes.Clone(one[:firstSize]), two[firstSize:]...)); !errors.Is(err, ErrDamaged) {
		t.Errorf("one identity's layers with another's box: %v", err)
	}
	inner, err := OpenFirst(a, nil, one)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(one); i += 13 {
		bad := bytes.Clone(one)
		bad[i] ^= 4
		if _, err := OpenFirst(a, nil, bad); !errors.Is(err, ErrDamaged) {
			t.Errorf("flipped byte %d: %v", i, err)
		}
	}
	for i := 0; i < len(inner); i += 11 {
		bad := bytes.Clone(inner)
		bad[i] ^= 4
		if _, err := OpenSecond(b, nil, bad); !errors.Is(err, ErrDamaged) {
			t.Errorf("flipped inner byte %d: %v", i, err)
		}
	}
}

func FuzzUnwrap(f *testing.F) {
	// Fuzzing runs in several processes, so the one wrap that may open comes from a file.
	v := readVectors(f)
	wrap := unhex(f, v.Wrap)
	priv, err := ParsePrivateKey(unhex(f, v.RecipientSeed))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(wrap)
	f.Add(wrap[:WrapSize-1])
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := Unwrap(priv, testInfo, b); err == nil && !bytes.Equal(b, wrap) {
			t.Fatal("unwrapped what nobody wrapped")
		}
	})
}

func FuzzParseKeys(f *testing.F) {
	priv := testRecipient(f, 1)
	f.Add(priv.Bytes())
	f.Add(priv.Public().Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		if pub, err := ParsePublicKey(b); err == nil {
			if !bytes.Equal(pub.Bytes(), b) {
				t.Fatal("a public key has two forms")
			}
			if wrap, err := Wrap(pub, testInfo, testKey(t, 2)); err == nil && len(wrap) != WrapSize {
				t.Fatal("a wrap of a strange length")
			}
		}
		if p, err := ParsePrivateKey(b); err == nil && !bytes.Equal(p.Bytes(), b) {
			t.Fatal("a private key has two forms")
		}
		if k, err := ParseVisitKey(b); err == nil && !bytes.Equal(k.Bytes(), b) {
			t.Fatal("a visit key has two forms")
		}
	})
}

func FuzzOpenBoth(f *testing.F) {
	v := readVectors(f)
	a, errA := ParsePrivateKey(unhex(f, v.RecipientSeed))
	b, errB := ParsePrivateKey(unhex(f, v.SecondSeed))
	aad, sealed := unhex(f, v.IdentityAAD), unhex(f, v.Identity)
	inner, errInner := OpenFirst(a, aad, sealed)
	if err := errors.Join(errA, errB, errInner); err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add(inner)
	f.Fuzz(func(t *testing.T, in []byte) {
		if _, err := OpenFirst(a, aad, in); err == nil && !bytes.Equal(in, sealed) {
			t.Fatal("opened what nobody sealed to the first")
		}
		if _, err := OpenSecond(b, aad, in); err == nil && !bytes.Equal(in, inner) {
			t.Fatal("opened what nobody sealed to the second")
		}
	})
}

func BenchmarkWrap(b *testing.B) {
	pub, key := testRecipient(b, 1).Public(), testKey(b, 2)
	for b.Loop() {
		if _, err := Wrap(pub, testInfo, key); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnwrap(b *testing.B) {
	priv := testRecipient(b, 1)
	wrap, err := Wrap(priv.Public(), testInfo, testKey(b, 2))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Unwrap(priv, testInfo, wrap); err != nil {
			b.Fatal(err)
		}
	}
}
