package token

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"kua/internal/dpop"
)

// forge signs any header and claims, as an attacker with the given secret would.
func forge(header, claims map[string]any, sign func([]byte) []byte) string {
	part := func(v any) string { return base64.RawURLEncoding.EncodeToString(must(json.Marshal(v))) }
	text := part(header) + "." + part(claims)
	return text + "." + base64.RawURLEncoding.EncodeToString(sign([]byte(text)))
}

func by(k ed25519.PrivateKey) func([]byte) []byte {
	return func(b []byte) []byte { return ed25519.Sign(k, b) }
}

// TestPitfallsOfJWTLibraries holds the access token to each rule that golang-jwt leaves to its user.
func TestPitfallsOfJWTLibraries(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Previous = []ed25519.PublicKey{public(key(8))} })
	unix := w.now.Unix()
	good := func() (h, c map[string]any) {
		device := w.laptop.Device().String()
		return map[string]any{"alg": "EdDSA", "typ": "at+jwt", "kid": dpop.Thumbprint(public(key(9)))},
			map[string]any{
				"iss": "kua-server/7", "sub": device, "client_id": device, "aud": "https://kua.example/", "jti": "a",
				"iat": unix, "exp": unix + 300, "cnf": map[string]any{"jkt": dpop.Thumbprint(public(key(1)))},
			}
	}
	server := by(key(9))
	hs256 := func(b []byte) []byte {
		m := hmac.New(sha256.New, public(key(9)))
		m.Write(b)
		return m.Sum(nil)
	}
	for name, c := range map[string]struct {
		change func(h, c map[string]any)
		sign   func([]byte) []byte
	}{
		"no exp":                      {func(_, c map[string]any) { delete(c, "exp") }, server},
		"exp null":                    {func(_, c map[string]any) { c["exp"] = nil }, server},
		"exp as text":                 {func(_, c map[string]any) { c["exp"] = fmt.Sprint(unix + 300) }, server},
		"exp as fraction":             {func(_, c map[string]any) { c["exp"] = float64(unix) + 0.5 }, server},
		"exp past":                    {func(_, c map[string]any) { c["iat"], c["exp"] = unix-400, unix-100 }, server},
		"exp in ten years":            {func(_, c map[string]any) { c["exp"] = unix + 10*365*86400 }, server},
		"exp beyond numbers":          {func(_, c map[string]any) { c["exp"] = uint64(1 << 62) }, server},
		"iat a day ahead":             {func(_, c map[string]any) { c["iat"], c["exp"] = unix+86400, unix+86700 }, server},
		"no iat":                      {func(_, c map[string]any) { delete(c, "iat") }, server},
		"nbf ahead":                   {func(_, c map[string]any) { c["nbf"] = unix + 60 }, server},
		"no aud":                      {func(_, c map[string]any) { delete(c, "aud") }, server},
		"aud of another":              {func(_, c map[string]any) { c["aud"] = "https://kua.example" }, server},
		"aud list with ours":          {func(_, c map[string]any) { c["aud"] = []string{"https://kua.example/", "https://other/"} }, server},
		"aud list of ours":            {func(_, c map[string]any) { c["aud"] = []string{"https://kua.example/"} }, server},
		"no iss":                      {func(_, c map[string]any) { delete(c, "iss") }, server},
		"iss of another":              {func(_, c map[string]any) { c["iss"] = "kua-server/8" }, server},
		"no jti":                      {func(_, c map[string]any) { delete(c, "jti") }, server},
		"no sub":                      {func(_, c map[string]any) { delete(c, "sub") }, server},
		"sub of another device":       {func(_, c map[string]any) { c["sub"] = w.other.Device().String() }, server},
		"no cnf":                      {func(_, c map[string]any) { delete(c, "cnf") }, server},
		"cnf null":                    {func(_, c map[string]any) { c["cnf"] = nil }, server},
		"cnf without jkt":             {func(_, c map[string]any) { c["cnf"] = map[string]any{} }, server},
		"cnf of another key":          {func(_, c map[string]any) { c["cnf"] = map[string]any{"jkt": dpop.Thumbprint(public(key(2)))} }, server},
		"HS256 with public key":       {func(h, _ map[string]any) { h["alg"] = "HS256" }, hs256},
		"EdDSA header, HS256 inside":  {func(h, _ map[string]any) {}, hs256},
		"alg none":                    {func(h, _ map[string]any) { h["alg"] = "none" }, func([]byte) []byte { return nil }},
		"alg missing":                 {func(h, _ map[string]any) { delete(h, "alg") }, server},
		"alg in lower case":           {func(h, _ map[string]any) { h["alg"] = "eddsa" }, server},
		"typ of a refresh token":      {func(h, _ map[string]any) { h["typ"] = "refresh+jwt" }, server},
		"typ of a proof":              {func(h, _ map[string]any) { h["typ"] = "dpop+jwt" }, server},
		"typ JWT":                     {func(h, _ map[string]any) { h["typ"] = "JWT" }, server},
		"no typ":                      {func(h, _ map[string]any) { delete(h, "typ") }, server},
		"crit":                        {func(h, _ map[string]any) { h["crit"] = []string{"exp"} }, server},
		"crit empty":                  {func(h, _ map[string]any) { h["crit"] = []string{} }, server},
		"b64":                         {func(h, _ map[string]any) { h["b64"] = false }, server},
		"zip":                         {func(h, _ map[string]any) { h["zip"] = "DEF" }, server},
		"jku":                         {func(h, _ map[string]any) { h["jku"] = "https://evil/" }, server},
		"x5u":                         {func(h, _ map[string]any) { h["x5u"] = "https://evil/" }, server},
		"own jwk":                     {func(h, _ map[string]any) { h["jwk"] = map[string]any{"kty": "OKP"}; delete(h, "kid") }, by(key(7))},
		"no kid":                      {func(h, _ map[string]any) { delete(h, "kid") }, server},
		"kid unknown":                 {func(h, _ map[string]any) { h["kid"] = "../../etc/passwd" }, server},
		"kid of a device":             {func(h, _ map[string]any) { h["kid"] = dpop.Thumbprint(public(key(1))) }, by(key(1))},
		"kid previous, signed by now": {func(h, _ map[string]any) { h["kid"] = dpop.Thumbprint(public(key(8))) }, server},
		"signed by a device":          {func(h, _ map[string]any) {}, by(key(1))},
		"no signature":                {func(h, _ map[string]any) {}, func([]byte) []byte { return nil }},
		"expired and badly signed":    {func(_, c map[string]any) { c["exp"] = unix - 100 }, by(key(1))},
		"over 8 KiB":                  {func(_, c map[string]any) { c["pad"] = strings.Repeat("x", 8<<10) }, server},
	} {
		t.Run(name, func(t *testing.T) {
			h, claims := good()
			c.change(h, claims)
			_, err := w.get(w.laptop, forge(h, claims, c.sign))
			wantCode(t, err, InvalidToken)
		})
	}
	h, c := good()
	access := forge(h, c, server)
	if _, err := w.get(w.laptop, access); err != nil {
		t.Fatalf("the token that the cases above spoil is itself refused: %v", err)
	}
	_, err := w.get(w.other, access)
	wantCode(t, err, InvalidProof)

	t.Run("other spellings", func(t *testing.T) {
		last := access[len(access)-1]
		for name, spelled := range map[string]string{
			"trailing bits":  access[:len(access)-1] + string(spellLast(last)),
			"padding":        access + "==",
			"line break":     access[:len(access)-9] + "\n" + access[len(access)-9:],
			"many dots":      access + strings.Repeat(".", 4000),
			"only dots":      strings.Repeat(".", 8<<10),
			"trailing space": access + " ",
			"empty":          "",
		} {
			_, err := w.get(w.laptop, spelled)
			wantCode(t, err, InvalidToken)
			_ = name
		}
	})
	t.Run("member twice", func(t *testing.T) {
		claims := string(must(json.Marshal(c)))
		twice := strings.Replace(claims, "{", `{"aud":"https://other/",`, 1)
		text := strings.Split(access, ".")[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(twice))
		_, err := w.get(w.laptop, text+"."+base64.RawURLEncoding.EncodeToString(server([]byte(text))))
		wantCode(t, err, InvalidToken)
	})
}

// spellLast returns another last character that lax base64 decodes to the same 64 bytes.
func spellLast(c byte) byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return alphabet[strings.IndexByte(alphabet, c)^1]
}

func TestAssertionPitfalls(t *testing.T) {
	w := newWorld(t, nil)
	unix := w.now.Unix()
	device := w.laptop.Device().String()
	for name, c := range map[string]struct {
		change func(h, c map[string]any)
		sign   func([]byte) []byte
	}{
		"aud of another server":  {func(_, c map[string]any) { c["aud"] = "https://evil.example/v1/token" }, by(key(1))},
		"aud with a slash more":  {func(_, c map[string]any) { c["aud"] = tokenURL + "/" }, by(key(1))},
		"aud list":               {func(_, c map[string]any) { c["aud"] = []string{tokenURL} }, by(key(1))},
		"no aud":                 {func(_, c map[string]any) { delete(c, "aud") }, by(key(1))},
		"no exp":                 {func(_, c map[string]any) { delete(c, "exp") }, by(key(1))},
		"no iat":                 {func(_, c map[string]any) { delete(c, "iat") }, by(key(1))},
		"no jti":                 {func(_, c map[string]any) { delete(c, "jti") }, by(key(1))},
		"jti too long":           {func(_, c map[string]any) { c["jti"] = strings.Repeat("j", 129) }, by(key(1))},
		"six minutes long":       {func(_, c map[string]any) { c["exp"] = unix + 360 }, by(key(1))},
		"ends before it begins":  {func(_, c map[string]any) { c["exp"] = unix }, by(key(1))},
		"iss is not sub":         {func(_, c map[string]any) { c["iss"] = w.other.Device().String() }, by(key(1))},
		"another device's name":  {func(_, c map[string]any) { c["iss"], c["sub"] = w.other.Device().String(), w.other.Device().String() }, by(key(1))},
		"unknown device":         {func(_, c map[string]any) { d := dpop.DeviceOf(public(key(5))).String(); c["iss"], c["sub"] = d, d }, by(key(5))},
		"device id too long":     {func(_, c map[string]any) { c["iss"], c["sub"] = device+"AA", device+"AA" }, by(key(1))},
		"other device's key":     {func(_, c map[string]any) {}, by(key(2))},
		"typ of a proof":         {func(h, _ map[string]any) { h["typ"] = "dpop+jwt" }, by(key(1))},
		"typ of an access token": {func(h, _ map[string]any) { h["typ"] = "at+jwt" }, by(key(1))},
		"crit":                   {func(h, _ map[string]any) { h["crit"] = []string{"x"} }, by(key(1))},
		"own jwk":                {func(h, _ map[string]any) { h["jwk"] = map[string]any{} }, by(key(1))},
		"HS256":                  {func(h, _ map[string]any) { h["alg"] = "HS256" }, by(key(1))},
	} {
		t.Run(name, func(t *testing.T) {
			nonce := w.issuer.Nonce()
			h := map[string]any{"alg": "EdDSA", "typ": dpop.TypeAssertion}
			claims := map[string]any{"iss": device, "sub": device, "aud": tokenURL, "jti": name, "iat": unix, "exp": unix + 300, "nonce": nonce}
			c.change(h, claims)
			_, err := w.issuer.Exchange(context.Background(), Request{
				Method: "POST", URL: tokenURL, Proof: []string{must(w.laptop.Proof("POST", tokenURL, "", nonce))},
			}, forge(h, claims, c.sign))
			wantCode(t, err, InvalidClient)
		})
	}
	t.Run("proof by another device", func(t *testing.T) {
		nonce := w.issuer.Nonce()
		_, err := w.issuer.Exchange(context.Background(), Request{
			Method: "POST", URL: tokenURL, Proof: []string{must(w.other.Proof("POST", tokenURL, "", nonce))},
		}, must(w.laptop.Assertion(tokenURL, nonce)))
		wantCode(t, err, InvalidProof)
	})
}
