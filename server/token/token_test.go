package token

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"kua/internal/dpop"
)

const (
	tokenURL = "https://kua.example/v1/token"
	pullURL  = "https://kua.example/v1/scopes/a/pull"
)

// counter is randomness that never repeats and that a failing test can replay.
type counter struct {
	mu sync.Mutex
	n  uint64
}

func (c *counter) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range p {
		if i%32 == 0 {
			c.n++
		}
		sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, c.n))
		p[i] = sum[i%32]
	}
	return len(p), nil
}

func key(b byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed([]byte(strings.Repeat(string([]byte{b}), 32)))
}

func public(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

// world is a server, its clock, and devices whose clocks are somewhere else.
type world struct {
	t       testing.TB
	now     time.Time
	issuer  *Issuer
	laptop  dpop.Prover
	other   dpop.Prover
	refused map[dpop.DeviceID]error
}

func newWorld(t testing.TB, change func(*Config)) *world {
	w := &world{t: t, now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), refused: map[dpop.DeviceID]error{}}
	rnd := &counter{}
	w.laptop = dpop.Prover{Key: key(1), Now: func() time.Time { return w.now }, Rand: rnd}
	w.other = dpop.Prover{Key: key(2), Now: w.laptop.Now, Rand: rnd}
	known := map[dpop.DeviceID]ed25519.PublicKey{
		w.laptop.Device(): public(key(1)), w.other.Device(): public(key(2)),
	}
	cfg := Config{
		Issuer: "kua-server/7", Audience: "https://kua.example/", TokenURL: tokenURL, Key: key(9),
		Device: func(_ context.Context, id dpop.DeviceID) (ed25519.PublicKey, error) {
			if err := w.refused[id]; err != nil {
				return nil, err
			}
			if k, ok := known[id]; ok {
				return k, nil
			}
			return nil, ErrNoDevice
		},
		Now: func() time.Time { return w.now }, Rand: rnd,
	}
	if change != nil {
		change(&cfg)
	}
	issuer, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.issuer = issuer
	return w
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func (w *world) exchange(p dpop.Prover, nonce string) (Grant, error) {
	return w.issuer.Exchange(context.Background(), Request{
		Method: "POST", URL: tokenURL, Proof: []string{must(p.Proof("POST", tokenURL, "", nonce))},
	}, must(p.Assertion(tokenURL, nonce)))
}

func (w *world) access(p dpop.Prover) string {
	w.t.Helper()
	g, err := w.exchange(p, w.issuer.Nonce())
	if err != nil {
		w.t.Fatalf("exchange: %v", err)
	}
	return g.Access
}

func (w *world) check(method, url, access, proof string) (Session, error) {
	return w.issuer.Check(context.Background(), Request{
		Method: method, URL: url, Authorization: []string{"DPoP " + access}, Proof: []string{proof},
	})
}

func (w *world) get(p dpop.Prover, access string) (Session, error) {
	return w.check("GET", pullURL+"?cursor=3", access, must(p.Proof("GET", pullURL+"?cursor=3", access, w.issuer.Nonce())))
}

func wantCode(t *testing.T, err error, want Code) {
	t.Helper()
	var r *Refusal
	if !errors.As(err, &r) {
		t.Fatalf("got %v, want a refusal with %s", err, want)
	}
	if r.Code != want {
		t.Fatalf("refused with %v, want %s", r, want)
	}
	if r.Status() != 401 && want != Unavailable {
		t.Fatalf("status %d, want 401", r.Status())
	}
}

func TestDeviceGetsATokenAndUsesIt(t *testing.T) {
	w := newWorld(t, nil)
	s, err := w.get(w.laptop, w.access(w.laptop))
	if err != nil {
		t.Fatal(err)
	}
	if s.Device != w.laptop.Device() || !s.Key.Equal(public(key(1))) || !s.Expires.Equal(w.now.Add(AccessLife)) {
		t.Fatalf("session %+v is not the laptop's for five minutes", s)
	}
}

func TestDeviceClockIsNeverJudged(t *testing.T) {
	for _, years := range []int{-60, -10, 10, 200} {
		w := newWorld(t, nil)
		w.laptop.Now = func() time.Time { return w.now.AddDate(years, 0, 0) }
		if _, err := w.get(w.laptop, w.access(w.laptop)); err != nil {
			t.Errorf("laptop %d years off: %v", years, err)
		}
	}
}

func TestMissingOrStaleNonceAsksForAFreshOne(t *testing.T) {
	w := newWorld(t, nil)
	_, err := w.exchange(w.laptop, "")
	wantCode(t, err, UseNonce)
	if got := err.(*Refusal).Challenge(); !strings.Contains(got, `error="use_dpop_nonce"`) {
		t.Fatalf("challenge %q does not ask for a nonce", got)
	}

	access, old := w.access(w.laptop), w.issuer.Nonce()
	for _, nonce := range []string{"", "x", old + "A", strings.Repeat("A", 32), must(newNonces(w.laptop.Now, &counter{n: 99})).issue()} {
		_, err := w.check("GET", pullURL, access, must(w.laptop.Proof("GET", pullURL, access, nonce)))
		wantCode(t, err, UseNonce)
	}
	w.now = w.now.Add(NonceLife)
	access = w.access(w.laptop)
	if _, err := w.check("GET", pullURL, access, must(w.laptop.Proof("GET", pullURL, access, old))); err != nil {
		t.Fatalf("nonce of exactly five minutes: %v", err)
	}
	w.now = w.now.Add(time.Second)
	_, err = w.check("GET", pullURL, access, must(w.laptop.Proof("GET", pullURL, access, old)))
	wantCode(t, err, UseNonce)
}

func TestNonceFromBeforeARestartIsRefused(t *testing.T) {
	w := newWorld(t, nil)
	access, nonce := w.access(w.laptop), w.issuer.Nonce()
	cfg := w.issuer.cfg
	w.issuer = must(New(cfg))
	_, err := w.check("GET", pullURL, access, must(w.laptop.Proof("GET", pullURL, access, nonce)))
	wantCode(t, err, UseNonce)
	if _, err := w.get(w.laptop, access); err != nil {
		t.Fatalf("access token from before the restart: %v", err)
	}
}

func TestNothingSignedCountsTwice(t *testing.T) {
	w := newWorld(t, nil)
	access := w.access(w.laptop)
	proof := must(w.laptop.Proof("GET", pullURL, access, w.issuer.Nonce()))
	if _, err := w.check("GET", pullURL, access, proof); err != nil {
		t.Fatal(err)
	}
	_, err := w.check("GET", pullURL, access, proof)
	wantCode(t, err, InvalidProof)

	nonce := w.issuer.Nonce()
	assertion := must(w.laptop.Assertion(tokenURL, nonce))
	once := func() error {
		_, err := w.issuer.Exchange(context.Background(), Request{
			Method: "POST", URL: tokenURL, Proof: []string{must(w.laptop.Proof("POST", tokenURL, "", nonce))},
		}, assertion)
		return err
	}
	if err := once(); err != nil {
		t.Fatal(err)
	}
	wantCode(t, once(), InvalidProof)
}

func TestOneProofWinsAmongConcurrentCopies(t *testing.T) {
	w := newWorld(t, nil)
	access := w.access(w.laptop)
	proof := must(w.laptop.Proof("GET", pullURL, access, w.issuer.Nonce()))
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for range 16 {
		wg.Go(func() {
			if _, err := w.check("GET", pullURL, access, proof); err == nil {
				mu.Lock()
				won++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if won != 1 {
		t.Fatalf("%d of 16 copies were admitted, want 1", won)
	}
}

func TestProofIsForOneRequestOnly(t *testing.T) {
	w := newWorld(t, nil)
	access, second := w.access(w.laptop), w.access(w.laptop)
	for name, proof := range map[string]string{
		"other method":       must(w.laptop.Proof("POST", pullURL, access, w.issuer.Nonce())),
		"method in lowercas": must(w.laptop.Proof("get", pullURL, access, w.issuer.Nonce())),
		"other path":         must(w.laptop.Proof("GET", pullURL+"x", access, w.issuer.Nonce())),
		"other host":         must(w.laptop.Proof("GET", strings.Replace(pullURL, "kua.", "evil.", 1), access, w.issuer.Nonce())),
		"other scheme":       must(w.laptop.Proof("GET", strings.Replace(pullURL, "https", "http", 1), access, w.issuer.Nonce())),
		"other token":        must(w.laptop.Proof("GET", pullURL, second, w.issuer.Nonce())),
		"no ath":             must(w.laptop.Proof("GET", pullURL, "", w.issuer.Nonce())),
		"other device":       must(w.other.Proof("GET", pullURL, access, w.issuer.Nonce())),
		"an assertion":       must(w.laptop.Assertion(tokenURL, w.issuer.Nonce())),
		"the access token":   access,
		"nothing":            "",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.check("GET", pullURL, access, proof)
			wantCode(t, err, InvalidProof)
		})
	}
	same := strings.Replace(pullURL, "kua.example", "KUA.example:443", 1)
	if _, err := w.check("GET", pullURL, access, must(w.laptop.Proof("GET", same+"?q=1#f", access, w.issuer.Nonce()))); err != nil {
		t.Errorf("the same URL written otherwise: %v", err)
	}
}

func TestHeadersComeExactlyOnce(t *testing.T) {
	w := newWorld(t, nil)
	access := w.access(w.laptop)
	proof := func() string { return must(w.laptop.Proof("GET", pullURL, access, w.issuer.Nonce())) }
	auth := "DPoP " + access
	for name, c := range map[string]struct {
		r    Request
		want Code
	}{
		"two proofs":         {Request{Authorization: []string{auth}, Proof: []string{proof(), proof()}}, InvalidProof},
		"no proof":           {Request{Authorization: []string{auth}}, InvalidProof},
		"two authorizations": {Request{Authorization: []string{auth, auth}, Proof: []string{proof()}}, InvalidToken},
		"no authorization":   {Request{Proof: []string{proof()}}, InvalidToken},
		"bearer":             {Request{Authorization: []string{"Bearer " + access}, Proof: []string{proof()}}, InvalidToken},
		"list in one":        {Request{Authorization: []string{auth + ", " + auth}, Proof: []string{proof()}}, InvalidToken},
	} {
		t.Run(name, func(t *testing.T) {
			c.r.Method, c.r.URL = "GET", pullURL
			_, err := w.issuer.Check(context.Background(), c.r)
			wantCode(t, err, c.want)
		})
	}
}

func TestRevocationWorksAtOnceAndAFaultIsNotARevocation(t *testing.T) {
	w := newWorld(t, nil)
	access := w.access(w.laptop)
	w.refused[w.laptop.Device()] = fmt.Errorf("revoked: %w", ErrNoDevice)
	_, err := w.get(w.laptop, access)
	wantCode(t, err, InvalidToken)
	_, err = w.exchange(w.laptop, w.issuer.Nonce())
	wantCode(t, err, InvalidClient)
	w.refused[w.laptop.Device()] = io.ErrUnexpectedEOF
	_, err = w.get(w.laptop, access)
	wantCode(t, err, Unavailable)
	_, err = w.exchange(w.laptop, w.issuer.Nonce())
	wantCode(t, err, Unavailable)
}

func TestKeysRotate(t *testing.T) {
	w := newWorld(t, nil)
	access := w.access(w.laptop)
	cfg := w.issuer.cfg
	cfg.Key, cfg.Previous = key(8), []ed25519.PublicKey{public(key(9))}
	w.issuer = must(New(cfg))
	if _, err := w.get(w.laptop, access); err != nil {
		t.Fatalf("token of the previous key: %v", err)
	}
	if _, err := w.get(w.laptop, w.access(w.laptop)); err != nil {
		t.Fatalf("token of the new key: %v", err)
	}
	cfg.Previous = nil
	w.issuer = must(New(cfg))
	_, err := w.get(w.laptop, access)
	wantCode(t, err, InvalidToken)
}

func TestAccessTokenEndsByTheServerClock(t *testing.T) {
	w := newWorld(t, nil)
	access := w.access(w.laptop)
	w.now = w.now.Add(AccessLife + leeway - time.Second)
	if _, err := w.get(w.laptop, access); err != nil {
		t.Fatalf("within the leeway: %v", err)
	}
	w.now = w.now.Add(time.Second)
	_, err := w.get(w.laptop, access)
	wantCode(t, err, InvalidToken)
}

func TestConfigurationIsChecked(t *testing.T) {
	good := newWorld(t, nil).issuer.cfg
	for name, spoil := range map[string]func(*Config){
		"no issuer":       func(c *Config) { c.Issuer = "" },
		"no audience":     func(c *Config) { c.Audience = "" },
		"relative URL":    func(c *Config) { c.TokenURL = "/v1/token" },
		"short key":       func(c *Config) { c.Key = c.Key[:31] },
		"weak old key":    func(c *Config) { c.Previous = []ed25519.PublicKey{make([]byte, 32)} },
		"no randomness":   func(c *Config) { c.Rand = strings.NewReader("short") },
		"no device check": func(c *Config) { c.Device = nil },
	} {
		cfg := good
		spoil(&cfg)
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzCheckNeverPanicsNorAdmits(f *testing.F) {
	w := newWorld(f, nil)
	access := w.access(w.laptop)
	f.Add("DPoP "+access, must(w.laptop.Proof("POST", pullURL, access, w.issuer.Nonce())), must(w.laptop.Assertion(tokenURL, "n")))
	f.Add("DPoP ..", "..", ".")
	f.Fuzz(func(t *testing.T, authorization, proof, assertion string) {
		r := Request{Method: "GET", URL: pullURL, Authorization: []string{authorization}, Proof: []string{proof}}
		if _, err := w.issuer.Check(context.Background(), r); err == nil {
			t.Error("admitted a request that no device made")
		}
		if _, err := w.issuer.Exchange(context.Background(), r, assertion); err == nil {
			t.Error("granted a token that no device asked for")
		}
	})
}
