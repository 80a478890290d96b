package server

import (
	"bytes"
	"testing"
)

func FuzzSplitStrings(f *testing.F) {
	f.Add([]byte{0x41, 1, 0x40})
	f.Add([]byte{0x5f, 0x41, 1, 0xff})
	f.Add([]byte{0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		items, err := splitStrings(b)
		if err != nil {
			return
		}
		n := 0
		var again []byte
		for _, i := range items {
			n += len(i)
			if again, err = appendString(again, i); err != nil {
				t.Fatal(err)
			}
		}
		if n > len(b) {
			t.Fatalf("%d bytes out of %d", n, len(b))
		}
		if same, err := splitStrings(again); err != nil || len(same) != len(items) {
			t.Fatalf("what was written is not what was read: %v", err)
		}
	})
}

func FuzzDecompress(f *testing.F) {
	f.Add(compressed(f, []byte("some words")))
	f.Add([]byte("not zstd"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if out, err := decompress(b); err == nil && !bytes.Equal(out, nil) {
			if again, err := decompress(compressed(t, out)); err != nil || !bytes.Equal(again, out) {
				t.Fatalf("what was compressed again is not the same: %v", err)
			}
		}
	})
}
