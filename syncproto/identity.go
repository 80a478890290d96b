package syncproto

// The messages with which an identity is opened (docs/protocol.md §7). They travel by hand, in files, between the person
// who asks and two custodians; only IdentityOpened goes back into the visit.

// IdentityFile is what a request travels in.
type IdentityFile struct {
	Request []byte `cbor:"1,keyasint"` // signed IdentityRequest, ContextIdentityRequest
	Sealed  []byte `cbor:"2,keyasint"`
}

// IdentityRequest asks the custodians to open one identity.
type IdentityRequest struct {
	Scope  ScopeID  `cbor:"1,keyasint"`
	Record EntityID `cbor:"2,keyasint"`
	Sealed Hash     `cbor:"3,keyasint"` // SHA-256 of what is sealed
	First  DeviceID `cbor:"4,keyasint"`
	Second DeviceID `cbor:"5,keyasint"`
	By     DeviceID `cbor:"6,keyasint"` // who asks, and signs
	Reason string   `cbor:"7,keyasint"`
	At     uint64   `cbor:"8,keyasint"` // Unix milliseconds by the asking laptop's clock
}

// AAD binds a sealed card to the record that it is in and to whom it is for.
func (r *IdentityRequest) AAD() []byte {
	out := []byte("kua/identity/1")
	for _, b := range [][]byte{r.Scope[:], r.Record[:], r.First[:], r.Second[:]} {
		out = append(out, b...)
	}
	return out
}

// IdentityOpening is a custodian's word that they opened an identity. It is signed with ContextIdentityOpening.
type IdentityOpening struct {
	Request Hash     `cbor:"1,keyasint"` // id of the signed request
	Device  DeviceID `cbor:"2,keyasint"`
	Reason  string   `cbor:"3,keyasint"`
	At      uint64   `cbor:"4,keyasint"` // Unix milliseconds by the custodian's clock
}

// IdentityHalf is what the first custodian hands on to the second.
type IdentityHalf struct {
	Request []byte `cbor:"1,keyasint"` // signed
	First   []byte `cbor:"2,keyasint"` // signed IdentityOpening
	Inner   []byte `cbor:"3,keyasint"` // which only the second custodian opens
}

// IdentityOpened is what both custodians signed. No part of it opens anything.
type IdentityOpened struct {
	Request []byte `cbor:"1,keyasint"`
	First   []byte `cbor:"2,keyasint"`
	Second  []byte `cbor:"3,keyasint"`
}
