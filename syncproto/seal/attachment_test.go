package seal

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

var testScope = [16]byte{7, 7, 7}

func testAttachmentKey(t testing.TB, seed uint64) AttachmentKey {
	t.Helper()
	k, err := NewAttachmentKey(testRand(seed))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// sealed returns the sealed form of an original that is written in pieces.
func sealed(t testing.TB, key AttachmentKey, original []byte, piece int) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := NewAttachmentWriter(testRand(99), key, testScope, &out)
	for p := original; len(p) > 0 && err == nil; {
		n := min(piece, len(p))
		_, err = w.Write(p[:n])
		p = p[n:]
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func random(n int) []byte {
	b := make([]byte, n)
	testRand(uint64(n) + 1).Read(b)
	return b
}

// edges are lengths around those where something changes.
var edges = []int{0, 1, attachmentChunk - 9, attachmentChunk - 8, attachmentChunk - 7, attachmentChunk, attachmentChunk + 1,
	2*attachmentChunk - 8, 2 * attachmentChunk, 2*attachmentChunk + 1, 1<<20 - 8, 1 << 20, 3<<20 + 17}

func TestAnAttachmentOpensToExactlyWhatWasSealed(t *testing.T) {
	key := testAttachmentKey(t, 1)
	for _, n := range edges {
		original := random(n)
		b := sealed(t, key, original, 10_007)
		if int64(len(b)) != AttachmentSize(int64(n)) {
			t.Fatalf("%d bytes were sealed to %d, AttachmentSize says %d", n, len(b), AttachmentSize(int64(n)))
		}
		r, err := OpenAttachment(key, testScope, bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		if err := iotest.TestReader(r, original); err != nil {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

func TestPiecesAndPlacesDoNotMatter(t *testing.T) {
	key := testAttachmentKey(t, 1)
	original := random(300_000)
	b := sealed(t, key, original, len(original))
	rapid.Check(t, func(t *rapid.T) {
		piece := rapid.IntRange(1, 200_000).Draw(t, "piece")
		var out bytes.Buffer
		w, err := NewAttachmentWriter(testRand(99), key, testScope, &out)
		if err != nil {
			t.Fatal(err)
		}
		for p := original; len(p) > 0; p = p[min(piece, len(p)):] {
			w.Write(p[:min(piece, len(p))])
		}
		if w.Close(); !bytes.Equal(out.Bytes(), b) {
			t.Fatal("the same original, written in other pieces, is sealed otherwise")
		}
		r, err := OpenAttachment(key, testScope, bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		from := rapid.IntRange(0, len(original)).Draw(t, "from")
		n := rapid.IntRange(0, len(original)-from).Draw(t, "n")
		got := make([]byte, n)
		r.Seek(int64(from), io.SeekStart)
		if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, original[from:from+n]) {
			t.Fatalf("reading %d bytes at %d: %v", n, from, err)
		}
	})
}

func TestAnAttachmentThatWasAlteredCutMovedOrSwappedIsRefused(t *testing.T) {
	key := testAttachmentKey(t, 1)
	original := random(5 * attachmentChunk)
	good := sealed(t, key, original, 4096)
	chunk := func(b []byte, i int) []byte { return b[attachmentHeader+i*sealedChunk:][:sealedChunk] }
	edit := func(f func(b []byte) []byte) []byte { return f(bytes.Clone(good)) }
	for name, b := range map[string][]byte{
		"nothing":                 nil,
		"only a header":           good[:attachmentHeader],
		"the last byte is gone":   good[:len(good)-1],
		"the last chunk is gone":  good[:attachmentHeader+5*sealedChunk],
		"one byte more":           edit(func(b []byte) []byte { return append(b, 0) }),
		"another version":         edit(func(b []byte) []byte { b[7] = 2; return b }),
		"another salt":            edit(func(b []byte) []byte { b[8] ^= 1; return b }),
		"a bit in a chunk":        edit(func(b []byte) []byte { chunk(b, 2)[100] ^= 1; return b }),
		"a bit in the last chunk": edit(func(b []byte) []byte { b[len(b)-1] ^= 1; return b }),
		"two chunks swapped": edit(func(b []byte) []byte {
			one := bytes.Clone(chunk(b, 1))
			copy(chunk(b, 1), chunk(b, 2))
			copy(chunk(b, 2), one)
			return b
		}),
		"a chunk repeated": edit(func(b []byte) []byte { copy(chunk(b, 3), chunk(b, 2)); return b }),
		"another original": sealed(t, testAttachmentKey(t, 2), original, 4096),
	} {
		if err := readAll(key, testScope, b); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := readAll(key, [16]byte{8}, good); !errors.Is(err, ErrDamaged) {
		t.Errorf("opened for another scope: %v", err)
	}
	if err := readAll(key, testScope, good); err != nil {
		t.Error(err)
	}
}

func readAll(key AttachmentKey, scope [16]byte, b []byte) error {
	r, err := OpenAttachment(key, scope, bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, r)
	return err
}

// Whoever holds the key can seal a false length; it must not reach beyond what is there.
func TestAFalseLengthIsRefused(t *testing.T) {
	key := testAttachmentKey(t, 1)
	for _, size := range []int64{-1, 1 << 62, attachmentChunk, attachmentChunk - lengthSize + 1} {
		var out bytes.Buffer
		w, err := NewAttachmentWriter(testRand(9), key, testScope, &out)
		if err != nil {
			t.Fatal(err)
		}
		w.add(make([]byte, attachmentChunk-lengthSize))
		w.add(binary.BigEndian.AppendUint64(nil, uint64(size)))
		w.flush(true)
		if err := readAll(key, testScope, out.Bytes()); !errors.Is(err, ErrDamaged) {
			t.Errorf("a length of %d: %v", size, err)
		}
	}
}

func TestWhatIsTooLargeIsNotSealed(t *testing.T) {
	w, err := NewAttachmentWriter(testRand(9), testAttachmentKey(t, 1), testScope, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	w.size = MaxAttachment - 5
	if _, err := w.Write(make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("one byte more: %v", err)
	}
	if err := w.Close(); !errors.Is(err, ErrTooLarge) {
		t.Errorf("it closed as if it were whole: %v", err)
	}
}

func TestTheSizeOfAnAttachmentTellsLittle(t *testing.T) {
	last, lengths := int64(0), 0
	for n := int64(0); n < 8<<20; n += 509 {
		s := AttachmentSize(n)
		if s <= n || s < last || n > attachmentChunk && (s-n)*15 > n+64<<10 {
			t.Fatalf("AttachmentSize(%d) = %d", n, s)
		}
		if content := attachmentSize(n); content%2048 != 0 {
			t.Fatalf("the content of %d bytes has %d", n, content)
		}
		if s != last {
			last, lengths = s, lengths+1
		}
	}
	if lengths > 7*32+1 { // seven octaves above a chunk
		t.Errorf("%d different lengths", lengths)
	}
}

func TestAnAttachmentKeyOpensOnlyForItsVisitScopeAndBlob(t *testing.T) {
	visit, other, key := testKey(t, 1), testKey(t, 2), testAttachmentKey(t, 3)
	blob := sha256.Sum256([]byte("sealed"))
	wrapped, err := WrapAttachmentKey(testRand(4), visit, testScope, blob, key)
	if err != nil || len(wrapped) != WrappedAttachmentKeySize {
		t.Fatal(len(wrapped), err)
	}
	got, err := UnwrapAttachmentKey(visit, testScope, blob, wrapped)
	if err != nil || *got.secret() != *key.secret() {
		t.Fatal(err)
	}
	for name, try := range map[string]func() (AttachmentKey, error){
		"another visit key": func() (AttachmentKey, error) { return UnwrapAttachmentKey(other, testScope, blob, wrapped) },
		"another scope":     func() (AttachmentKey, error) { return UnwrapAttachmentKey(visit, [16]byte{1}, blob, wrapped) },
		"another blob":      func() (AttachmentKey, error) { return UnwrapAttachmentKey(visit, testScope, [32]byte{1}, wrapped) },
		"cut":               func() (AttachmentKey, error) { return UnwrapAttachmentKey(visit, testScope, blob, wrapped[:71]) },
	} {
		if _, err := try(); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewAttachmentWriter(testRand(1), AttachmentKey{}, testScope, io.Discard); err == nil {
		t.Error("sealed under an empty key")
	}
}

func TestAnAttachmentKeyNeverPrints(t *testing.T) {
	key := testAttachmentKey(t, 3)
	secret := key.secret()[:]
	var out bytes.Buffer
	for _, v := range []any{key, &key, struct{ K AttachmentKey }{key}, struct{ k AttachmentKey }{key}, []AttachmentKey{key}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		json.NewEncoder(&out).Encode(v)
	}
	for _, form := range []string{string(secret), hex.EncodeToString(secret), fmt.Sprint(secret)} {
		if strings.Contains(strings.ToLower(out.String()), form) {
			t.Errorf("an attachment key prints: %q", form)
		}
	}
}

// attachmentVectors are for implementations in other languages. An original is Text, Repeat times; the sealed form is given
// by its length and SHA-256.
type attachmentVectors struct {
	Comment     string
	Scope       string
	Attachments []attachmentVector
	Wrap        struct{ VisitKey, Blob, Nonce, Key, Wrapped string }
}

type attachmentVector struct {
	Key, Salt, Text string
	Repeat, Sealed  int
	Hash            string
}

func (v *attachmentVector) seal(t *testing.T) []byte {
	t.Helper()
	key, err := NewAttachmentKey(bytes.NewReader(unhex(t, v.Key)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w, err := NewAttachmentWriter(bytes.NewReader(unhex(t, v.Salt)), key, testScope, &out)
	if err == nil {
		_, err = w.Write(bytes.Repeat(unhex(t, v.Text), v.Repeat))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestAttachmentVectorsSealTheSame(t *testing.T) {
	const path = "testdata/attachments.json"
	x := hex.EncodeToString
	if *update {
		v := attachmentVectors{Comment: "docs/protocol.md §7, attachments", Scope: x(testScope[:])}
		for i, repeat := range []int{0, 1, 4000, 16384, 70000} {
			a := attachmentVector{Key: x(bytes.Repeat([]byte{byte(i + 1)}, 32)), Salt: x(bytes.Repeat([]byte{0xb0 + byte(i)}, 24)), Text: x([]byte("photo of cell 12")), Repeat: repeat}
			b := a.seal(t)
			sum := sha256.Sum256(b)
			a.Sealed, a.Hash = len(b), x(sum[:])
			v.Attachments = append(v.Attachments, a)
		}
		visit, blob, nonce := testKey(t, 1), sha256.Sum256([]byte("sealed")), bytes.Repeat([]byte{5}, 24)
		key := bytes.Repeat([]byte{1}, 32)
		ak, _ := NewAttachmentKey(bytes.NewReader(key))
		wrapped, err := WrapAttachmentKey(bytes.NewReader(nonce), visit, testScope, blob, ak)
		if err != nil {
			t.Fatal(err)
		}
		v.Wrap.VisitKey, v.Wrap.Blob, v.Wrap.Nonce, v.Wrap.Key, v.Wrap.Wrapped = x(visit.Bytes()), x(blob[:]), x(nonce), x(key), x(wrapped)
		b, err := json.MarshalIndent(v, "", "  ")
		if err == nil {
			err = os.WriteFile(path, append(b, '\n'), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var v attachmentVectors
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	for i, a := range v.Attachments {
		got := a.seal(t)
		if sum := sha256.Sum256(got); len(got) != a.Sealed || x(sum[:]) != a.Hash {
			t.Errorf("attachment %d is sealed otherwise", i)
		}
	}
	visit, err := ParseVisitKey(unhex(t, v.Wrap.VisitKey))
	if err != nil {
		t.Fatal(err)
	}
	key, err := UnwrapAttachmentKey(visit, testScope, [32]byte(unhex(t, v.Wrap.Blob)), unhex(t, v.Wrap.Wrapped))
	if err != nil || x(key.secret()[:]) != v.Wrap.Key {
		t.Errorf("the wrapped key opens otherwise: %v", err)
	}
}

func FuzzOpenAttachment(f *testing.F) {
	key := testAttachmentKey(f, 1)
	good := sealed(f, key, []byte("photo"), 5)
	f.Add(good)
	f.Add(good[:attachmentHeader+40])
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := readAll(key, testScope, b); err == nil && !bytes.Equal(b, good) {
			t.Fatal("opened an attachment that nobody sealed")
		}
	})
}

func BenchmarkSealAttachment(b *testing.B) {
	key, original := testAttachmentKey(b, 1), random(4<<20)
	b.SetBytes(int64(len(original)))
	for b.Loop() {
		w, err := NewAttachmentWriter(testRand(2), key, testScope, io.Discard)
		if err == nil {
			_, err = w.Write(original)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
