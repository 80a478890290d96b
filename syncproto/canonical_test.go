package syncproto

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"pgregory.net/rapid"
)

// vectorFile reads a file of the published vectors that lie beside the checkout on the project's own machines.
func vectorFile(t *testing.T, name string, v any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "shared", "vectors", filepath.FromSlash(name)))
	if os.IsNotExist(err) {
		t.Skip("the published vectors are not here: ", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
}

func TestTheProfileTakesOfRFC8949AppendixAWhatItShould(t *testing.T) {
	var vectors []struct {
		Hex       string
		Roundtrip bool
	}
	vectorFile(t, "cbor/appendix_a.json", &vectors)
	accepted := 0
	for _, v := range vectors {
		b, err := hex.DecodeString(v.Hex)
		if err != nil {
			t.Fatal(err)
		}
		want, err := oracle(b)
		got := CheckCanonical(b)
		if (got == nil) != want {
			t.Errorf("%s: the profile says %v, the oracle %v (%v)", v.Hex, got, want, err)
		}
		if got == nil {
			accepted++
			if !v.Roundtrip {
				t.Errorf("%s is in the profile, but does not round-trip", v.Hex)
			}
		}
	}
	if accepted < 30 {
		t.Errorf("only %d of %d vectors are in the profile", accepted, len(vectors))
	}
	t.Logf("%d of %d vectors are in the profile", accepted, len(vectors))
}

func TestTheProfileRefusesSecondSpellings(t *testing.T) {
	for _, h := range []string{
		"", "1800", "1817", "190001", "1900ff", "1a0000ffff", "1b00000000ffffffff", // not shortest
		"3800", "5800", "580161", "7800", "9800", "980100", "b800",
		"5f4101ff", "7f6161ff", "9f01ff", "bf0101ff", // indefinite
		"1c", "1d", "1e", "ff", "f7", "e0", "f820", "f818", // reserved and undefined
		"f90000", "fa00000000", "fb0000000000000000", "f97e00", // floats
		"c000", "c11a514b67b0", "d818410a", "c249010000000000000000", // tags
		"a201000100", "a202000100", "a16161f6", "a12001", "a1f501", // keys
		"61ff", "62c328", "64f09f9829", // not UTF-8
		"818181818181818181f6", "9bffffffffffffffff", "5bffffffffffffffff", "0000", "18", "82", "8200", "a101",
	} {
		b, err := hex.DecodeString(h)
		if err != nil {
			t.Fatal(err)
		}
		if CheckCanonical(b) == nil {
			t.Errorf("%q was accepted", h)
		}
	}
	for _, h := range []string{"00", "1818", "3bffffffffffffffff", "8181818181818181f6", "a1010180"[:6], "f6", "40", "60", "80", "a0"} {
		b, _ := hex.DecodeString(h)
		if err := CheckCanonical(b); err != nil {
			t.Errorf("%q: %v", h, err)
		}
	}
}

// oracle judges an item with the library: it decodes, encodes again, and looks for what the profile leaves out.
func oracle(b []byte) (bool, error) {
	dec, err := cbor.DecOptions{DupMapKey: cbor.DupMapKeyEnforcedAPF, MaxNestedLevels: 32, BigIntDec: cbor.BigIntDecodePointer}.DecMode()
	if err != nil {
		return false, err
	}
	enc, err := cbor.EncOptions{Sort: cbor.SortBytewiseLexical, BigIntConvert: cbor.BigIntConvertShortest}.EncMode()
	if err != nil {
		return false, err
	}
	var v any
	if err := dec.Unmarshal(b, &v); err != nil {
		return false, err
	}
	again, err := enc.Marshal(v)
	if err != nil {
		return false, err
	}
	return bytes.Equal(again, b) && inProfile(v, 0), nil
}

func inProfile(v any, depth int) bool {
	switch v := v.(type) {
	case nil, bool, uint64, int64, []byte, string:
		return true
	case *big.Int:
		return v.IsUint64() || v.Sign() < 0 && new(big.Int).Not(v).IsUint64()
	case []any:
		for _, e := range v {
			if !inProfile(e, depth+1) {
				return false
			}
		}
		return depth < maxDepth
	case map[any]any:
		for k, e := range v {
			if _, ok := k.(uint64); !ok || !inProfile(e, depth+1) {
				return false
			}
		}
		return depth < maxDepth
	}
	return false
}

// undefined and bignums decode to what also has a plain spelling, so that only the comparison of bytes tells them apart.
func compareWithOracle(t interface{ Fatalf(string, ...any) }, b []byte) {
	want, why := oracle(b)
	if got := CheckCanonical(b); (got == nil) != want {
		t.Fatalf("%x: the profile says %v, the oracle %v (%v)", b, got, want, why)
	}
}

func TestTheProfileAgreesWithTheLibrary(t *testing.T) {
	item := rapid.Custom(func(t *rapid.T) []byte { return drawItem(t, 0) })
	rapid.Check(t, func(t *rapid.T) {
		b := item.Draw(t, "item")
		compareWithOracle(t, b)
		if len(b) == 0 {
			return
		}
		bad := bytes.Clone(b)
		bad[rapid.IntRange(0, len(b)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		compareWithOracle(t, bad)
	})
}

// drawItem draws an item that is mostly, but not always, in the profile.
func drawItem(t *rapid.T, depth int) []byte {
	arg := rapid.OneOf(rapid.Uint64Range(0, 30), rapid.Uint64Range(250, 260), rapid.Uint64Range(65530, 65540), rapid.Uint64()).Draw(t, "arg")
	kind := rapid.IntRange(0, 7).Draw(t, "kind")
	if depth > 9 {
		kind %= 4
	}
	switch kind {
	case majorUint, majorNint:
		return appendHead(nil, byte(kind), arg)
	case majorBytes:
		return appendBytes(nil, rapid.SliceOfN(rapid.Byte(), 0, 30).Draw(t, "bytes"))
	case majorText:
		return appendText(nil, rapid.StringN(0, 8, 30).Draw(t, "text"))
	case majorArray:
		n := rapid.IntRange(0, 3).Draw(t, "n")
		b := appendArray(nil, n)
		for range n {
			b = append(b, drawItem(t, depth+1)...)
		}
		return b
	case majorMap:
		keys := rapid.SliceOfN(rapid.Uint64Range(0, 40), 0, 3).Draw(t, "keys")
		b := appendHead(nil, majorMap, uint64(len(keys)))
		for _, k := range keys {
			b = append(appendUint(b, k), drawItem(t, depth+1)...)
		}
		return b
	}
	return [][]byte{{cborFalse}, {cborTrue}, {cborNull}, {0xf7}, {0xf9, 0x3c, 0x00}}[rapid.IntRange(0, 4).Draw(t, "simple")]
}

func FuzzCheckCanonical(f *testing.F) {
	for _, h := range []string{"00", "a10102", "8301820203820405", "f7", "c11a514b67b0", "1bffffffffffffffff", "c249010000000000000000", "3bffffffffffffffff"} {
		b, _ := hex.DecodeString(h)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) { compareWithOracle(t, b) })
}
