package vault

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEverySecretOpensAndNothingElse(t *testing.T) {
	cfg := newConfig(t)
	v, recovery := mustCreate(t, cfg)
	mustAppend(t, v, "one")
	mustClose(t, v)

	typed := strings.ToLower(strings.NewReplacer("0", "o", "1", "l", "-", " ").Replace(recovery))
	wrong := []byte(recovery)
	wrong[5] = map[bool]byte{true: '3', false: '2'}[wrong[5] == '2']
	for secret, want := range map[string]error{
		passphrase: nil,
		"  quiet river  seven lamps under snow\n": nil,
		recovery:                         nil,
		typed:                            nil,
		strings.ToUpper(passphrase):      ErrWrongPassphrase,
		passphrase + ".":                 ErrWrongPassphrase,
		"":                               ErrWrongPassphrase,
		string(wrong):                    ErrMistyped,
		strings.Repeat("0000-", 9)[:44]:  ErrMistyped,
		strings.Repeat("three ", 10_000): ErrWrongPassphrase,
	} {
		v, err := Open(t.Context(), cfg, secret)
		if !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("%.60q: got %v, want %v", secret, err, want)
		}
		if err == nil {
			mustClose(t, v)
		}
	}
	if !errors.Is(ErrMistyped, ErrWrongPassphrase) {
		t.Error("a mistyped recovery secret is not a wrong passphrase")
	}
	if _, _, err := Create(t.Context(), newConfig(t), " \t"); err == nil {
		t.Error("an empty passphrase was accepted")
	}
}

// The same secrets and mistakes each time: twenty bits miss one mistake in a million, and it must not be met by chance.
func TestRecoverySecretsAreLongAndCatchMistakes(t *testing.T) {
	chance := rand.NewChaCha8([32]byte{1})
	rng, seen := rand.New(chance), map[string]bool{}
	for range 300 {
		s, err := newRecovery(chance)
		if err != nil {
			t.Fatal(err)
		}
		if seen[s] || len(s) != 44 || strings.Count(s, "-") != 8 {
			t.Fatalf("%q", s)
		}
		seen[s] = true
		if canonical, form, ok := parseRecovery(s); canonical != s || !form || !ok {
			t.Fatalf("%q is not read back: %q", s, canonical)
		}
		for i := range s { // one wrong character, and two swapped ones
			b := []byte(s)
			if b[i] == '-' {
				continue
			}
			b[i] = crockford[(strings.IndexByte(crockford, b[i])+1+rng.IntN(31))%32]
			if _, _, ok := parseRecovery(string(b)); ok {
				t.Errorf("%s passes for %s", b, s)
			}
		}
	}
}

func TestSecretsAreChangedOneByOne(t *testing.T) {
	cfg := newConfig(t)
	v, recovery := mustCreate(t, cfg)
	mustAppend(t, v, "one")
	old, err := os.Open(cfg.path(keysName))
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	before, _ := os.ReadFile(cfg.path(keysName))

	const next = "жеті қызыл алма өзен"
	if err := v.ChangePassphrase(t.Context(), "not it", next); !errors.Is(err, ErrWrongPassphrase) {
		t.Errorf("changing without the present passphrase: %v", err)
	}
	if err := v.ChangePassphrase(t.Context(), passphrase, ""); err == nil {
		t.Error("changing to nothing was accepted")
	}
	if err := v.ChangePassphrase(t.Context(), recovery, next); err != nil {
		t.Fatal(err)
	}
	overwritten := make([]byte, len(before))
	if _, err := old.ReadAt(overwritten, 0); err != nil || bytes.Contains(overwritten, before[headerSize:headerSize+16]) {
		t.Errorf("the old key file was not overwritten (%v)", err)
	}
	recovery2, err := v.NewRecovery(t.Context(), next)
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, v, "two")
	mustClose(t, v)
	for secret, ok := range map[string]bool{next: true, recovery2: true, passphrase: false, recovery: false} {
		v, err := Open(t.Context(), cfg, secret)
		if (err == nil) != ok || err != nil && !errors.Is(err, ErrWrongPassphrase) {
			t.Errorf("%q: %v", secret, err)
		}
		if err == nil {
			if reason, yes := v.Restored(); yes {
				t.Errorf("a new key file counts as %v", reason)
			}
			if diff := cmp.Diff([]string{"1/1/one", "2/1/two"}, collect(t, v)); diff != "" {
				t.Error(diff)
			}
			mustClose(t, v)
		}
	}
}

// Used and unused slots must look the same: equal in size, and in the statistics of random bytes.
func TestSlotsAreIndistinguishable(t *testing.T) {
	const files = 400
	var counts [slots][256]int
	for range files {
		f, _, _, err := newKeyFile(Config{KDF: KDF{MemoryKiB: 8, Passes: 1, Lanes: 1}}.withDefaults(), passphrase)
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range f.slots {
			for _, b := range s {
				counts[i][b]++
			}
		}
	}
	for i := range counts {
		expect, chi := float64(files*slotSize)/256, 0.0
		for _, n := range counts[i] {
			chi += (float64(n) - expect) * (float64(n) - expect) / expect
		}
		// 255 degrees of freedom: mean 255, deviation 22.6. Seven deviations are never met by chance.
		if math.Abs(chi-255) > 160 {
			t.Errorf("the bytes of slot %d are not random: chi square %.0f", i, chi)
		}
	}
}

// change returns b with one byte changed.
func change(b []byte, at int) []byte {
	c := bytes.Clone(b)
	c[at] ^= 1 << (at % 8)
	return c
}

// fit returns b with the checksum of what it holds.
func fit(b []byte) []byte {
	body := bytes.Clone(b[:keyFileSize-sha256.Size])
	sum := sha256.Sum256(body)
	return append(body, sum[:]...)
}

func TestAChangedKeyFileIsRefusedAndLeftAlone(t *testing.T) {
	cfg := newConfig(t)
	v, _ := mustCreate(t, cfg)
	mustClose(t, v)
	good, err := os.ReadFile(cfg.path(keysName))
	if err != nil || len(good) != keyFileSize {
		t.Fatal(len(good), err)
	}
	try := func(what string, b []byte) {
		t.Helper()
		if err := os.WriteFile(cfg.path(keysName), b, 0o600); err != nil {
			t.Fatal(err)
		}
		before := readAll(t, cfg.Dir)
		v, err := Open(t.Context(), cfg, passphrase)
		if err == nil {
			v.Close()
			t.Fatalf("%s: opened", what)
		}
		if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNewer) && !errors.Is(err, ErrWrongPassphrase) {
			t.Errorf("%s: %v", what, err)
		}
		if _, _, err := Create(t.Context(), cfg, passphrase); !errors.Is(err, ErrExists) {
			t.Errorf("%s: created anew: %v", what, err)
		}
		if diff := cmp.Diff(before, readAll(t, cfg.Dir)); diff != "" {
			t.Errorf("%s: files were changed: %s", what, diff)
		}
	}
	for at := range good {
		b := change(good, at)
		if _, err := parseKeyFile(b); !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNewer) {
			t.Errorf("byte %d: got %v", at, err)
		}
		if at%16 == 0 {
			try(fmt.Sprintf("byte %d", at), b)
		}
		if at >= keyFileSize-sha256.Size {
			continue
		}
		b = fit(b) // by somebody who knows the format
		if f, err := parseKeyFile(b); err == nil {
			dek, err := f.unlock(passphrase)
			if err == nil {
				err = f.verify(deriveKeys(dek, f.id, nil))
			}
			if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrWrongPassphrase) {
				t.Errorf("byte %d, checksum made to fit: got %v", at, err)
			}
		}
		if at%16 == 5 {
			try(fmt.Sprintf("byte %d, checksum made to fit", at), b)
		}
	}
	for _, n := range []int{0, 1, 9, headerSize, keyFileSize - 1} {
		try(fmt.Sprintf("cut to %d", n), good[:n])
	}
	try("one byte more", append(bytes.Clone(good), 0))
	os.WriteFile(cfg.path(keysName), good, 0o600)
	mustOpen(t, cfg)
}

func TestASlotOpensOnlyInItsPlaceAndFile(t *testing.T) {
	f, dek, _, err := newKeyFile(Config{KDF: quick}.withDefaults(), passphrase)
	if err != nil {
		t.Fatal(err)
	}
	clear(dek)
	moved := *f
	moved.slots[2], moved.slots[passphraseSlot] = f.slots[passphraseSlot], f.slots[2]
	other := *f
	other.id[0]++
	for name, g := range map[string]*keyFile{"moved": &moved, "under another vault's id": &other} {
		if _, err := g.unlock(passphrase); !errors.Is(err, ErrWrongPassphrase) {
			t.Errorf("a slot %s: %v", name, err)
		}
	}
	if _, err := f.unlock(passphrase); err != nil {
		t.Error(err)
	}
}
func TestAKeyFileCannotAskForTooMuch(t *testing.T) {
	f, dek, _, err := newKeyFile(Config{KDF: quick}.withDefaults(), passphrase)
	if err != nil {
		t.Fatal(err)
	}
	k := deriveKeys(dek, f.id, nil)
	for _, kdf := range []KDF{{maxKiB + 1, 1, 1}, {64, maxPasses + 1, 1}, {64, 1, maxLanes + 1}, {0, 1, 1}, {64, 0, 1}, {64, 1, 0}, {math.MaxUint32, math.MaxUint32, 255}} {
		f.kdf = kdf
		if _, err := parseKeyFile(f.encode(k)); !errors.Is(err, ErrDamaged) {
			t.Errorf("%+v: %v", kdf, err)
		}
		if _, _, err := Create(t.Context(), Config{Dir: t.TempDir(), StateDir: t.TempDir(), KDF: kdf}, passphrase); err == nil {
			t.Errorf("%+v: created", kdf)
		}
	}
	f.kdf = DefaultKDF()
	b := f.encode(k)
	if _, err := parseKeyFile(b); err != nil {
		t.Error(err)
	}
	binary.BigEndian.PutUint16(b[8:], version+1)
	if _, err := parseKeyFile(b); !errors.Is(err, ErrNewer) {
		t.Errorf("a later format: %v", err)
	}
}

func FuzzKeyFile(f *testing.F) {
	file, dek, _, err := newKeyFile(Config{KDF: quick}.withDefaults(), passphrase)
	if err != nil {
		f.Fatal(err)
	}
	k := deriveKeys(dek, file.id, nil)
	good := file.encode(k)
	f.Add(good)
	f.Add(good[:headerSize])
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == keyFileSize { // let the mutations through to what is behind the checksum
			b = fit(b)
		}
		got, err := parseKeyFile(b)
		if err != nil {
			if got != nil || !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNewer) {
				t.Fatalf("%v, %v", got, err)
			}
			return
		}
		if err := got.kdf.check(); err != nil {
			t.Fatal(err)
		}
		body := append(got.body(), got.tag[:]...)
		if !bytes.Equal(body, b[:len(body)]) {
			t.Fatal("the file says more than what was read from it")
		}
		if got.verify(k) == nil && !bytes.Equal(b, good) {
			t.Fatal("another file has a right tag")
		}
	})
}

func FuzzRecovery(f *testing.F) {
	f.Add("0000-0000-0000-0000-0000-0000-0000-0000-0000")
	f.Add("not one")
	f.Fuzz(func(t *testing.T, s string) {
		canonical, form, ok := parseRecovery(s)
		if ok && !form || (canonical != "") != form {
			t.Fatalf("%q %t %t", canonical, form, ok)
		}
		if again, _, ok2 := parseRecovery(canonical); form && (again != canonical || ok2 != ok) {
			t.Fatalf("%q is read as %q", canonical, again)
		}
	})
}
