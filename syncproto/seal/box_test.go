package seal

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/bits"
	"os"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"
	"pgregory.net/rapid"
)

func TestABoxOpensToExactlyWhatWasSealed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key, err := NewVisitKey(testRand(rapid.Uint64Min(1).Draw(t, "seed")))
		if err != nil {
			t.Fatal(err)
		}
		aad := rapid.SliceOfN(rapid.Byte(), 0, 64).Draw(t, "aad")
		text := rapid.SliceOfN(rapid.Byte(), 0, 2000).Draw(t, "text")
		text = append(text, make([]byte, rapid.IntRange(0, 40).Draw(t, "zeros"))...)
		box, err := SealBody(testRand(rapid.Uint64().Draw(t, "nonce")), key, aad, text)
		if err != nil {
			t.Fatal(err)
		}
		if len(box) != PaddedSize(len(text))+BoxOverhead {
			t.Fatalf("a box of %d bytes for %d", len(box), len(text))
		}
		got, err := OpenBody(key, key.Commitment(), aad, box)
		if err != nil || !bytes.Equal(got, text) {
			t.Fatalf("opened %x, %v; sealed %x", got, err, text)
		}
	})
}

func TestTheLargestContentFitsAndOneMoreByteDoesNot(t *testing.T) {
	key := testKey(t, 1)
	box, err := SealBody(testRand(2), key, nil, make([]byte, MaxPlaintext))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := OpenBody(key, key.Commitment(), nil, box); err != nil || len(got) != MaxPlaintext {
		t.Fatal(len(got), err)
	}
	if _, err := SealBody(testRand(2), key, nil, make([]byte, MaxPlaintext+1)); err == nil {
		t.Error("sealed more than MaxPlaintext")
	}
	// A holder of the key can pad more than MaxPlaintext into the bucket of the largest box.
	over := pad(make([]byte, MaxPlaintext+1))
	nonce := make([]byte, chacha20poly1305.NonceSizeX, len(over)+BoxOverhead)
	big, err := sealAEAD(nonce, key.secret().body[:], nil, over)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenBody(key, key.Commitment(), nil, big); !errors.Is(err, ErrDamaged) {
		t.Errorf("opened more than MaxPlaintext: %v", err)
	}
	if _, err := OpenBody(key, key.Commitment(), nil, make([]byte, len(box)+1<<20)); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
}

func TestAWrongKeyCommitmentOrContextIsRefused(t *testing.T) {
	key, other := testKey(t, 1), testKey(t, 2)
	box, err := SealBody(testRand(3), key, []byte("header"), []byte("what she said"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name       string
		key        VisitKey
		commitment [KeySize]byte
		aad        string
		want       error
	}{
		{"another key", other, key.Commitment(), "header", ErrWrongKey},
		{"another commitment", key, other.Commitment(), "header", ErrWrongKey},
		{"another key with its own commitment", other, other.Commitment(), "header", ErrDamaged},
		{"another header", key, key.Commitment(), "headex", ErrDamaged},
		{"no header", key, key.Commitment(), "", ErrDamaged},
	} {
		if got, err := OpenBody(c.key, c.commitment, []byte(c.aad), box); !errors.Is(err, c.want) || got != nil {
			t.Errorf("%s: opened %q, %v", c.name, got, err)
		}
	}
	if got, err := OpenBody(key, key.Commitment(), []byte("header"), box); err != nil || string(got) != "what she said" {
		t.Error(got, err)
	}
}

func TestEveryFlippedOrMissingByteOfABoxIsRefused(t *testing.T) {
	key := testKey(t, 1)
	box, err := SealBody(testRand(3), key, []byte("header"), bytes.Repeat([]byte("word "), 60))
	if err != nil {
		t.Fatal(err)
	}
	for i := range box {
		bad := bytes.Clone(box)
		bad[i] ^= 1 << (i % 8)
		if _, err := OpenBody(key, key.Commitment(), []byte("header"), bad); !errors.Is(err, ErrDamaged) {
			t.Fatalf("flipped byte %d: %v", i, err)
		}
		if _, err := OpenBody(key, key.Commitment(), []byte("header"), box[:i]); !errors.Is(err, ErrDamaged) {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
}

func TestOnlyOnePaddingOfATextIsAccepted(t *testing.T) {
	key := testKey(t, 1)
	text := bytes.Repeat([]byte{7}, 300)
	good := pad(text)
	edit := func(f func(b []byte) []byte) []byte { return f(bytes.Clone(good)) }
	for name, padded := range map[string][]byte{
		"no mark":           edit(func(b []byte) []byte { b[300] = 0; return b }),
		"another mark":      edit(func(b []byte) []byte { b[300] = 0x81; return b }),
		"dirt in the zeros": edit(func(b []byte) []byte { b[len(b)-1] = 1; return b }),
		"a longer bucket":   edit(func(b []byte) []byte { return append(b, make([]byte, 16)...) }),
		"one zero more":     edit(func(b []byte) []byte { return append(b, 0) }),
		"one zero less":     edit(func(b []byte) []byte { return b[:len(b)-1] }),
		"all zeros":         make([]byte, 256),
	} {
		nonce := make([]byte, chacha20poly1305.NonceSizeX)
		box, err := sealAEAD(nonce, key.secret().body[:], nil, padded)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := OpenBody(key, key.Commitment(), nil, box); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, err := unpad(good); err != nil || !bytes.Equal(got, text) {
		t.Error(err)
	}
}

func TestPaddingCostsAtMostASixteenthAndLeavesFewLengths(t *testing.T) {
	last, lengths := 0, 0
	for n := range MaxPlaintext + 1 {
		p := PaddedSize(n)
		if p <= n || p < minBucket || p < last {
			t.Fatalf("PaddedSize(%d) = %d", n, p)
		}
		if n+1 > minBucket && (p-n-1)*16 > n+1 {
			t.Fatalf("PaddedSize(%d) = %d costs more than a sixteenth", n, p)
		}
		if p != last {
			last, lengths = p, lengths+1
		}
	}
	// O(log log n) bits of the length remain: at most 2^(bits of the exponent) lengths an octave.
	if most := 32 * bits.Len(MaxPlaintext); lengths > most {
		t.Errorf("%d different lengths, want at most %d", lengths, most)
	}
	for n, want := range map[int]int{0: 256, 255: 256, 256: 272, 271: 272, 999: 1024, 1023: 1024, 1024: 1088, 99_999: 100352} {
		if got := PaddedSize(n); got != want {
			t.Errorf("PaddedSize(%d) = %d, want %d", n, got, want)
		}
	}
}

func TestTwoBoxesOfOneTextDiffer(t *testing.T) {
	key, r := testKey(t, 1), testRand(9)
	a, _ := SealBody(r, key, nil, []byte("x"))
	b, _ := SealBody(r, key, nil, []byte("x"))
	if bytes.Equal(a, b) || bytes.Equal(a[:24], b[:24]) {
		t.Error("a nonce was used twice")
	}
	if _, err := SealBody(bytes.NewReader(make([]byte, 23)), key, nil, nil); err == nil {
		t.Error("sealed with a short read of randomness")
	}
}

func TestWycheproofXChaCha20Poly1305(t *testing.T) {
	b, err := os.ReadFile("../../../shared/vectors/wycheproof/xchacha20_poly1305_test.json")
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("no ../shared/vectors beside the repository: the Wycheproof vectors are not run")
	}
	if err != nil {
		t.Fatal(err)
	}
	var suite struct {
		TestGroups []struct {
			Tests []map[string]any `json:"tests"`
		} `json:"testGroups"`
	}
	if err := json.Unmarshal(b, &suite); err != nil {
		t.Fatal(err)
	}
	ran, refused := 0, 0
	for _, g := range suite.TestGroups {
		for _, v := range g.Tests {
			field := func(name string) []byte {
				b, err := hex.DecodeString(v[name].(string))
				if err != nil {
					t.Fatal(err)
				}
				return b
			}
			nonce := field("iv")
			if len(nonce) != chacha20poly1305.NonceSizeX {
				continue // a box always has a nonce of 24 bytes
			}
			box := append(append(bytes.Clone(nonce), field("ct")...), field("tag")...)
			got, err := openAEAD(field("key"), field("aad"), box)
			switch ran++; v["result"] {
			case "valid":
				if err != nil || !bytes.Equal(got, field("msg")) {
					t.Errorf("vector %v: %v", v["tcId"], err)
				}
				again, err := sealAEAD(nonce, field("key"), field("aad"), field("msg"))
				if err != nil || !bytes.Equal(again, box) {
					t.Errorf("vector %v sealed otherwise: %v", v["tcId"], err)
				}
			default:
				if refused++; err == nil {
					t.Errorf("vector %v opened, want a refusal", v["tcId"])
				}
			}
		}
	}
	if ran < 200 || refused < 10 {
		t.Errorf("only %d vectors ran, %d of them invalid", ran, refused)
	}
}

func FuzzOpenBody(f *testing.F) {
	key := testKey(f, 1)
	box, err := SealBody(testRand(2), key, []byte("header"), []byte("text"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte("header"), box)
	f.Add([]byte{}, box[:minBox-1])
	f.Fuzz(func(t *testing.T, aad, b []byte) {
		got, err := OpenBody(key, key.Commitment(), aad, b)
		if err == nil && !(bytes.Equal(aad, []byte("header")) && bytes.Equal(b, box) && string(got) == "text") {
			t.Fatal("opened a box that nobody sealed")
		}
	})
}

func FuzzUnpad(f *testing.F) {
	f.Add(pad(nil))
	f.Add(pad(make([]byte, 300)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if text, err := unpad(b); err == nil && !bytes.Equal(pad(text), b) {
			t.Fatal("accepted a second padding of one text")
		}
	})
}

func BenchmarkSealBody(b *testing.B) {
	key, r, text := testKey(b, 1), testRand(2), make([]byte, 4096)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := SealBody(r, key, text[:32], text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenBody(b *testing.B) {
	key, text := testKey(b, 1), make([]byte, 4096)
	box, err := SealBody(testRand(2), key, nil, text)
	if err != nil {
		b.Fatal(err)
	}
	commitment := key.Commitment()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := OpenBody(key, commitment, nil, box); err != nil {
			b.Fatal(err)
		}
	}
}
