package syncproto

import (
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// Messages that are rare beside changesets (roster records, receipts, manifests, exchange) are encoded from structs.
// The encoder gives the profile of docs/protocol.md §2; the decoder is preceded by CheckCanonical, because the
// library accepts non-canonical input even with strict options.
var (
	messageEnc = mustMode(cbor.EncOptions{
		Sort: cbor.SortBytewiseLexical, ShortestFloat: cbor.ShortestFloatNone, IndefLength: cbor.IndefLengthForbidden,
		TagsMd: cbor.TagsForbidden, NilContainers: cbor.NilContainerAsEmpty,
	}.EncMode())
	messageDec = mustMode(cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
		MaxNestedLevels: maxDepth, MaxArrayElements: 1 << 17, MaxMapPairs: 64, UTF8: cbor.UTF8RejectInvalid,
		IntDec: cbor.IntDecConvertNone,
	}.DecMode())
)

func mustMode[M any](m M, err error) M {
	if err != nil {
		panic(err) // an impossible combination of options
	}
	return m
}

// EncodeMessage returns v in the canonical profile. v is a struct of this package with integer keys; it fails only
// for types that the profile cannot carry.
func EncodeMessage(v any) ([]byte, error) {
	b, err := messageEnc.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encoding %T: %w", v, err)
	}
	return b, nil
}

// DecodeMessage decodes exactly one canonical item into v. Unknown keys are passed over.
func DecodeMessage(b []byte, v any) error {
	if err := CheckCanonical(b); err != nil {
		return Refuse(CodeMalformed, "decoding %T: %w", v, err)
	}
	if err := messageDec.Unmarshal(b, v); err != nil {
		return Refuse(CodeMalformed, "decoding %T: %w", v, err)
	}
	return nil
}

// decodeFixed is shared by the identifiers: the library would silently cut or fill a byte string of another length.
func decodeFixed(dst, b []byte) error {
	c := cursor{b: b}
	return c.fixed(dst)
}

// UnmarshalCBOR accepts a byte string of exactly 16 bytes.
func (id *EntityID) UnmarshalCBOR(b []byte) error { return decodeFixed(id[:], b) }

// UnmarshalCBOR accepts a byte string of exactly 16 bytes.
func (id *ScopeID) UnmarshalCBOR(b []byte) error { return decodeFixed(id[:], b) }

// UnmarshalCBOR accepts a byte string of exactly 16 bytes.
func (id *PersonID) UnmarshalCBOR(b []byte) error { return decodeFixed(id[:], b) }

// UnmarshalCBOR accepts a byte string of exactly 16 bytes.
func (id *DeviceID) UnmarshalCBOR(b []byte) error { return decodeFixed(id[:], b) }

// UnmarshalCBOR accepts a byte string of exactly 16 bytes.
func (id *FeedID) UnmarshalCBOR(b []byte) error { return decodeFixed(id[:], b) }

// UnmarshalCBOR accepts a byte string of exactly 16 bytes.
func (s *Short) UnmarshalCBOR(b []byte) error { return decodeFixed(s[:], b) }

// UnmarshalCBOR accepts a byte string of exactly 16 bytes.
func (n *Nonce) UnmarshalCBOR(b []byte) error { return decodeFixed(n[:], b) }

// UnmarshalCBOR accepts a byte string of exactly 32 bytes.
func (h *Hash) UnmarshalCBOR(b []byte) error { return decodeFixed(h[:], b) }

// UnmarshalCBOR accepts a byte string of exactly 32 bytes.
func (id *ChangesetID) UnmarshalCBOR(b []byte) error { return decodeFixed(id[:], b) }
