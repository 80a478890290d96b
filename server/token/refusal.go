package token

import (
	"errors"
	"fmt"
	"net/http"
)

// Code is an OAuth error code as it stands in an answer.
type Code string

const (
	// InvalidClient refuses an assertion (RFC 6749 §5.2).
	InvalidClient Code = "invalid_client"
	// InvalidToken refuses an access token: get a new one (RFC 6750 §3.1).
	InvalidToken Code = "invalid_token"
	// InvalidProof refuses a DPoP proof (RFC 9449 §7.1).
	InvalidProof Code = "invalid_dpop_proof"
	// UseNonce asks for the same request again with the nonce of this answer's DPoP-Nonce header (RFC 9449 §8, §9).
	UseNonce Code = "use_dpop_nonce"
	// Unavailable is a fault of the server's own.
	Unavailable Code = "temporarily_unavailable"
)

// Refusal is the error of Exchange and Check. The cause is for the server's log; an answer carries the code, and
// always a DPoP-Nonce header from [Issuer.Nonce].
type Refusal struct {
	Code  Code
	cause error
}

func refuse(code Code, cause error) *Refusal { return &Refusal{Code: code, cause: cause} }

// refuseDevice tells a device that may not enter from a lookup that failed.
func refuseDevice(code Code, err error) *Refusal {
	if !errors.Is(err, ErrNoDevice) {
		code = Unavailable
	}
	return refuse(code, fmt.Errorf("looking up device: %w", err))
}

func (r *Refusal) Error() string {
	return fmt.Sprintf("checking device session: %s: %v", r.Code, r.cause)
}

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error { return r.cause }

// Status is the HTTP status of the answer: 401, or 503 where the server is at fault.
func (r *Refusal) Status() int {
	if r.Code == Unavailable {
		return http.StatusServiceUnavailable
	}
	return http.StatusUnauthorized
}

// Challenge is the value of WWW-Authenticate.
func (r *Refusal) Challenge() string {
	return fmt.Sprintf(`DPoP error=%q, algs="EdDSA"`, string(r.Code))
}
