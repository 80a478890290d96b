package syncproto

import (
	"errors"
	"fmt"
)

// Code names a class of refusal, hold or quarantine. Codes cross the wire and are written into reports; the list only
// grows, and the words for people live in the catalogue keyed by them (docs/protocol.md §9).
type Code string

// Codes of refusal: the bytes can never be accepted. The author's client seals that feed and emits the work again.
const (
	CodeMalformed    Code = "malformed"     // not a packet of this profile
	CodeTooLarge     Code = "too-large"     // over a limit of docs/protocol.md §2
	CodeBadSignature Code = "bad-signature" // the signature does not match device and bytes
	CodeBadSkeleton  Code = "bad-skeleton"  // the skeleton is not the one that was signed
	CodeBadValues    Code = "bad-values"    // the values are not the ones that were signed
	CodeBadChain     Code = "bad-chain"     // prev or seq0 does not continue the feed
	CodeVersion      Code = "version"       // a protocol version that this program does not speak
)

// Codes of holding: the changeset is kept and tried again when what it needs has come.
const (
	CodeHeldPrev   Code = "held-prev"   // an earlier changeset of the same feed is missing
	CodeHeldDevice Code = "held-device" // no certificate of the signing device is known yet
	CodeHeldRoster Code = "held-roster" // it cites a roster head that is not known yet
	CodeHeldScope  Code = "held-scope"  // the scope's opening changeset has not come yet
)

// Codes of quarantine: validly signed, kept and shown, without effect until a person decides.
const (
	CodeQuarantineLate    Code = "late-after-revocation" // arrived after the device or the membership was revoked
	CodeQuarantineNoRight Code = "no-right"              // the author held no right to write in this scope
	CodeQuarantineField   Code = "field-right"           // a field that the author's role may not write
)

// Codes of other answers.
const (
	CodeOpaque       Code = "opaque"       // stored; it holds a critical kind that this program does not know
	CodeFork         Code = "fork"         // two changesets of one feed carry the same number; both are kept
	CodeRosterStale  Code = "roster-stale" // the roster has moved on: fetch it and sign again
	CodeUnauthorized Code = "unauthorized"
	CodeNotFound     Code = "not-found"
	CodeLimited      Code = "limited" // too much at once; try again later
)

// Error is a refusal with a code that a program can branch on.
type Error struct {
	Code Code
	Err  error
}

// Error returns the code and the cause.
func (e *Error) Error() string { return string(e.Code) + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Refuse returns an Error with the given code and a formatted cause.
func Refuse(code Code, format string, args ...any) error {
	return &Error{Code: code, Err: fmt.Errorf(format, args...)}
}

// CodeOf returns the code of the outermost Error in err, joined errors included, or "" where there is none.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}
