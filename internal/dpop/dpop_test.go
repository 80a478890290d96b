package dpop

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func testKey(b byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{b}, 32))
}

func testProver(b byte) Prover {
	return Prover{
		Key: testKey(b), Now: func() time.Time { return time.Unix(1800000000, 5) },
		Rand: strings.NewReader(strings.Repeat("0123456789abcdef", 64)),
	}
}

// TestThumbprintOfRFC8037 is the example of RFC 8037 appendix A.3.
func TestThumbprintOfRFC8037(t *testing.T) {
	key, err := hex.DecodeString("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := Thumbprint(key), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"; got != want {
		t.Fatalf("thumbprint %s, want %s", got, want)
	}
}

func TestProofSaysWhatItWasMadeFor(t *testing.T) {
	p := testProver(1)
	raw, err := p.Proof("GET", "HTTPS://Kua.Example:443/v1/a%2Fb?x=1#y", "token", "nonce")
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseProof(raw)
	if err != nil {
		t.Fatal(err)
	}
	public := p.Key.Public().(ed25519.PublicKey)
	want := Proof{
		Key: public, Thumbprint: Thumbprint(public), ID: "MDEyMzQ1Njc4OWFiY2RlZg", Method: "GET",
		URL: "https://kua.example/v1/a%2Fb", AccessHash: AccessHash("token"), Nonce: "nonce",
		DeviceTime: time.Unix(1800000000, 0),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("proof read back (-want +got):\n%s", diff)
	}
	if err := got.Fits("GET", "https://kua.example/v1/a%2Fb?other", "token"); err != nil {
		t.Fatal(err)
	}
	if err := got.Fits("GET", "https://kua.example/v1/a/b", "token"); err == nil {
		t.Fatal("an encoded slash was taken for a slash")
	}
}

func TestAssertionSaysWhoMadeIt(t *testing.T) {
	p := testProver(1)
	raw, err := p.Assertion("https://kua.example/v1/token", "nonce")
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseAssertion(raw, func(DeviceID) (ed25519.PublicKey, error) { return p.Key.Public().(ed25519.PublicKey), nil })
	if err != nil {
		t.Fatal(err)
	}
	want := Assertion{
		Device: p.Device(), ID: "MDEyMzQ1Njc4OWFiY2RlZg", Audience: "https://kua.example/v1/token",
		Nonce: "nonce", DeviceTime: time.Unix(1800000000, 0),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("assertion read back (-want +got):\n%s", diff)
	}
}

func TestDeviceIdMustBeThatOfTheKey(t *testing.T) {
	p, key := testProver(2), testKey(2)
	stranger := DeviceOf(testKey(1).Public().(ed25519.PublicKey)).String()
	raw := craft(key, `{"alg":"EdDSA","typ":"kua-assertion+jwt"}`,
		`{"iss":"`+stranger+`","sub":"`+stranger+`","aud":"https://h/","jti":"j","iat":1,"exp":2}`)
	_, err := ParseAssertion(raw, func(DeviceID) (ed25519.PublicKey, error) { return p.Key.Public().(ed25519.PublicKey), nil })
	if !errors.Is(err, ErrToken) {
		t.Fatalf("got %v, want ErrToken", err)
	}
}

func TestClockBefore1970StillMakesTokens(t *testing.T) {
	p := testProver(1)
	p.Now = func() time.Time { return time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC) }
	raw, err := p.Proof("GET", "https://h/", "", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseProof(raw); err != nil {
		t.Fatal(err)
	}
}

func TestTargetRefusesWhatIsNoRequestURL(t *testing.T) {
	for _, raw := range []string{"", "/v1/token", "ftp://h/", "https://", "https:opaque", "https://user@h/", "https://h/%zz", "https://:443/", "//h/p"} {
		if got, err := Target(raw); err == nil {
			t.Errorf("%q was taken as %q", raw, got)
		}
	}
	for raw, want := range map[string]string{
		"http://h:80": "http://h/", "http://h:443/": "http://h:443/", "https://[::1]:443/a": "https://[::1]/a",
	} {
		if got, err := Target(raw); err != nil || got != want {
			t.Errorf("%q: got %q, %v; want %q", raw, got, err, want)
		}
	}
}

// TestLowOrderTableIsExactlyTheSmallSubgroup multiplies each listed point by eight with the addition law of
// RFC 8032 §5.1.4, and counts the points: a torsion subgroup has eight.
func TestLowOrderTableIsExactlyTheSmallSubgroup(t *testing.T) {
	one := big.NewInt(1)
	p := new(big.Int).Sub(new(big.Int).Lsh(one, 255), big.NewInt(19))
	mod := func(x *big.Int) *big.Int { return x.Mod(x, p) }
	mul := func(a, b *big.Int) *big.Int { return mod(new(big.Int).Mul(a, b)) }
	inv := func(a *big.Int) *big.Int { return new(big.Int).ModInverse(a, p) }
	d := mul(big.NewInt(-121665), inv(big.NewInt(121666)))
	points := 0
	for i, low := range lowOrderY {
		y := new(big.Int)
		for j := 31; j >= 0; j-- {
			y.Lsh(y, 8).Or(y, big.NewInt(int64(low[j])))
		}
		yy := mul(y, y)
		xx := mul(mod(new(big.Int).Sub(yy, one)), inv(mod(new(big.Int).Add(mul(d, yy), one))))
		x := new(big.Int).ModSqrt(xx, p)
		if x == nil {
			t.Fatalf("entry %d is not on the curve", i)
		}
		points += 2
		if x.Sign() == 0 {
			points--
		}
		for range 3 {
			xy := mul(mul(d, mul(x, x)), mul(y, y))
			x2 := mul(mul(big.NewInt(2), mul(x, y)), inv(mod(new(big.Int).Add(one, xy))))
			y2 := mul(mod(new(big.Int).Add(mul(y, y), mul(x, x))), inv(mod(new(big.Int).Sub(one, xy))))
			x, y = x2, y2
		}
		if x.Sign() != 0 || y.Cmp(one) != 0 {
			t.Errorf("entry %d has not an order that divides 8", i)
		}
	}
	if points != 8 {
		t.Errorf("table covers %d points, want 8", points)
	}
}

func TestWeakKeysAreRefused(t *testing.T) {
	for _, low := range lowOrderY {
		for _, sign := range []byte{0, 0x80} {
			key := []byte(low)
			key[31] |= sign
			if err := CheckKey(key); !errors.Is(err, ErrKey) {
				t.Errorf("%x: %v, want ErrKey", key, err)
			}
		}
	}
	unreduced := bytes.Repeat([]byte{0xff}, 32)
	for _, low := range []byte{0xed, 0xee, 0xff} {
		for _, sign := range []byte{0x7f, 0xff} {
			unreduced[0], unreduced[31] = low, sign
			if err := CheckKey(unreduced); !errors.Is(err, ErrKey) {
				t.Errorf("%x: %v, want ErrKey", unreduced, err)
			}
		}
	}
	for _, n := range []int{0, 16, 31, 33, 64} {
		if err := CheckKey(bytes.Repeat([]byte{7}, n)); !errors.Is(err, ErrKey) {
			t.Errorf("%d bytes: %v, want ErrKey", n, err)
		}
	}
	if err := CheckKey(testKey(1).Public().(ed25519.PublicKey)); err != nil {
		t.Errorf("an ordinary key: %v", err)
	}
}

// craft signs any header and claims with key.
func craft(key ed25519.PrivateKey, header, claims string) string {
	text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
	return text + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(key, []byte(text)))
}

func TestProofPitfalls(t *testing.T) {
	const claims = `{"jti":"j","htm":"GET","htu":"https://h/p","iat":1}`
	key := testKey(1)
	jwk, err := json.Marshal(jwkOf(key.Public().(ed25519.PublicKey)))
	if err != nil {
		t.Fatal(err)
	}
	own := string(jwk)
	header := func(jwk string) string { return `{"alg":"EdDSA","typ":"dpop+jwt","jwk":` + jwk + `}` }
	if _, err := ParseProof(craft(key, header(own), claims)); err != nil {
		t.Fatalf("the proof that the cases spoil is itself refused: %v", err)
	}
	x := base64.RawURLEncoding.EncodeToString(key.Public().(ed25519.PublicKey))
	low := base64.RawURLEncoding.EncodeToString([]byte(lowOrderY[1]))
	for name, raw := range map[string]string{
		"private key inside":   craft(key, header(strings.Replace(own, "{", `{"d":"AA",`, 1)), claims),
		"certificate inside":   craft(key, header(strings.Replace(own, "{", `{"x5u":"https://evil/",`, 1)), claims),
		"kid inside":           craft(key, header(strings.Replace(own, "{", `{"kid":"a",`, 1)), claims),
		"x twice":              craft(key, header(strings.Replace(own, "{", `{"x":"AA",`, 1)), claims),
		"jwk twice":            craft(key, strings.Replace(header(own), "{", `{"jwk":{},`, 1), claims),
		"jwk missing":          craft(key, `{"alg":"EdDSA","typ":"dpop+jwt"}`, claims),
		"jwk null":             craft(key, header("null"), claims),
		"jwk text":             craft(key, header(`"x"`), claims),
		"kty EC":               craft(key, header(strings.Replace(own, "OKP", "EC", 1)), claims),
		"crv X25519":           craft(key, header(strings.Replace(own, "Ed25519", "X25519", 1)), claims),
		"kty in another case":  craft(key, header(strings.Replace(own, `"kty"`, `"Kty"`, 1)), claims),
		"x too short":          craft(key, header(strings.Replace(own, x, x[:40], 1)), claims),
		"x too long":           craft(key, header(strings.Replace(own, x, x+"AAAA", 1)), claims),
		"x padded":             craft(key, header(strings.Replace(own, x, x+"=", 1)), claims),
		"x with line break":    craft(key, header(strings.Replace(own, x, x[:9]+`\n`+x[9:], 1)), claims),
		"small order":          craft(key, header(strings.Replace(own, x, low, 1)), claims),
		"another key":          craft(testKey(2), header(own), claims),
		"typ JWT":              craft(key, strings.Replace(header(own), "dpop+jwt", "JWT", 1), claims),
		"typ in upper case":    craft(key, strings.Replace(header(own), "dpop+jwt", "DPOP+JWT", 1), claims),
		"kid in header":        craft(key, strings.Replace(header(own), "{", `{"kid":"a",`, 1), claims),
		"crit":                 craft(key, strings.Replace(header(own), "{", `{"crit":["exp"],`, 1), claims),
		"alg ES256":            craft(key, strings.Replace(header(own), "EdDSA", "ES256", 1), claims),
		"alg list":             craft(key, strings.Replace(header(own), `"EdDSA"`, `["EdDSA"]`, 1), claims),
		"header with tail":     craft(key, header(own)+"{}", claims),
		"header not UTF-8":     craft(key, strings.Replace(header(own), "{", "{\"\xff\":1,", 1), claims),
		"claims list":          craft(key, header(own), "[]"),
		"claims null":          craft(key, header(own), "null"),
		"claims with tail":     craft(key, header(own), claims+"x"),
		"jti twice":            craft(key, header(own), strings.Replace(claims, "{", `{"jti":"k",`, 1)),
		"jti number":           craft(key, header(own), strings.Replace(claims, `"j"`, "1", 1)),
		"jti empty":            craft(key, header(own), strings.Replace(claims, `"j"`, `""`, 1)),
		"jti in another case":  craft(key, header(own), strings.Replace(claims, `"jti"`, `"JTI"`, 1)),
		"jti long":             craft(key, header(own), strings.Replace(claims, `"j"`, `"`+strings.Repeat("j", 129)+`"`, 1)),
		"no htm":               craft(key, header(own), strings.Replace(claims, `"htm"`, `"x"`, 1)),
		"no htu":               craft(key, header(own), strings.Replace(claims, `"htu"`, `"x"`, 1)),
		"no iat":               craft(key, header(own), strings.Replace(claims, `"iat"`, `"x"`, 1)),
		"iat fraction":         craft(key, header(own), strings.Replace(claims, `:1}`, `:1.5}`, 1)),
		"iat power":            craft(key, header(own), strings.Replace(claims, `:1}`, `:1e3}`, 1)),
		"iat negative":         craft(key, header(own), strings.Replace(claims, `:1}`, `:-1}`, 1)),
		"htu with query":       craft(key, header(own), strings.Replace(claims, "/p", "/p?a=1", 1)),
		"htu with empty query": craft(key, header(own), strings.Replace(claims, "/p", "/p?", 1)),
		"htu with fragment":    craft(key, header(own), strings.Replace(claims, "/p", "/p#f", 1)),
		"htu relative":         craft(key, header(own), strings.Replace(claims, "https://h/p", "/p", 1)),
		"over 8 KiB":           craft(key, header(own), strings.Replace(claims, "{", `{"pad":"`+strings.Repeat("x", 8<<10)+`",`, 1)),
		"many dots":            strings.Repeat(".", 8<<10),
	} {
		if _, err := ParseProof(raw); !errors.Is(err, ErrToken) {
			t.Errorf("%s: got %v, want ErrToken", name, err)
		}
	}
}

func FuzzParseProof(f *testing.F) {
	raw, _ := testProver(1).Proof("GET", "https://h/p", "a", "n")
	f.Add(raw)
	f.Add("..")
	f.Fuzz(func(t *testing.T, raw string) {
		p, err := ParseProof(raw)
		if err != nil {
			if !errors.Is(err, ErrToken) {
				t.Errorf("refused with %v, want ErrToken", err)
			}
			return
		}
		if CheckKey(p.Key) != nil || p.ID == "" || len(raw) > MaxToken {
			t.Errorf("accepted %+v", p)
		}
	})
}

func FuzzParseAssertion(f *testing.F) {
	raw, _ := testProver(1).Assertion("https://h/token", "n")
	key := testKey(1).Public().(ed25519.PublicKey)
	f.Add(raw)
	f.Add("..")
	f.Fuzz(func(t *testing.T, raw string) {
		a, err := ParseAssertion(raw, func(DeviceID) (ed25519.PublicKey, error) { return key, nil })
		if err == nil && a.Device != DeviceOf(key) {
			t.Errorf("accepted %+v", a)
		}
	})
}

// FuzzObject holds the strict reader to the standard one: what it accepts, encoding/json reads to the same members.
func FuzzObject(f *testing.F) {
	f.Add([]byte(`{"a":{"b":[1,null]},"c":"é"}`))
	f.Add([]byte(`{"a":1}{`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := object(raw)
		if err != nil {
			return
		}
		want := make(map[string]json.RawMessage)
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatalf("accepted what encoding/json refuses: %v", err)
		}
		if len(got) != len(want) {
			t.Fatalf("%d members, want %d", len(got), len(want))
		}
	})
}
