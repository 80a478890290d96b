package syncproto

import (
	"crypto/ed25519"
	"fmt"
)

// Receipt is a server's signed word that it has stored changesets durably, with their positions. It holds nothing
// that changes from one request to the next: the same changesets pushed again give the same bytes
// (docs/protocol.md §11, I10).
type Receipt struct {
	Version uint64         `cbor:"1,keyasint"`
	Server  DeviceID       `cbor:"2,keyasint"`
	Epoch   Hash           `cbor:"3,keyasint"` // life of the server database
	Scope   ScopeID        `cbor:"4,keyasint"`
	Entries []ReceiptEntry `cbor:"5,keyasint"`
}

// ReceiptEntry is one stored changeset.
type ReceiptEntry struct {
	ID       ChangesetID `cbor:"1,keyasint"`
	Position uint64      `cbor:"2,keyasint"` // place in the scope's order, from 1
	Body     Hash        `cbor:"3,keyasint"` // SHA-256 of the body as stored
	Received uint64      `cbor:"4,keyasint"` // Unix milliseconds by the server's clock
	Leaf     uint64      `cbor:"5,keyasint"` // index in the server's log
}

// SignReceipt signs a receipt with the server's key.
func SignReceipt(key ed25519.PrivateKey, r Receipt) ([]byte, error) {
	r.Version, r.Server = Version, DeviceIDOf(key.Public().(ed25519.PublicKey))
	payload, err := EncodeMessage(r)
	if err != nil {
		return nil, err
	}
	message, _ := Sign(key, ContextReceipt, payload)
	return message, nil
}

// OpenReceipt verifies a receipt. Only a server that the roster names is believed.
func (r *Roster) OpenReceipt(message []byte) (Receipt, error) {
	var out Receipt
	err := openSigned(message, ContextReceipt, &out, func() (ed25519.PublicKey, error) {
		key, ok := r.ServerKeyEver(out.Server)
		if !ok {
			return nil, Refuse(CodeUnauthorized, "opening receipt: server %s is not in the roster", out.Server)
		}
		return key.Key, nil
	})
	if err == nil && out.Version != Version {
		err = Refuse(CodeVersion, "receipt of version %d: update Kua", out.Version)
	}
	return out, err
}

// openSigned parses a signed message, decodes its payload into v and verifies it under the key that v names.
func openSigned(message []byte, ctx Context, v any, key func() (ed25519.PublicKey, error)) error {
	signed, err := ParseSigned(message, ctx)
	if err != nil {
		return err
	}
	if err := DecodeMessage(signed.Payload, v); err != nil {
		return err
	}
	pub, err := key()
	if err != nil {
		return err
	}
	if err := signed.Verify(pub); err != nil {
		return fmt.Errorf("opening %T: %w", v, err)
	}
	return nil
}
