package fieldclient

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"

	"kua/syncproto"
	"kua/syncproto/seal"
)

// deviceKeys is what makes this laptop itself. It never leaves the vault.
type deviceKeys struct {
	Signing []byte             `cbor:"1,keyasint"` // Ed25519 seed
	Sealing []byte             `cbor:"2,keyasint"` // HPKE private key
	Owner   syncproto.PersonID `cbor:"3,keyasint"` // known once a coordinator has approved the laptop
}

// Device is this laptop as the rest of the world sees it.
type Device struct {
	ID      syncproto.DeviceID `json:"device"`
	Signing []byte             `json:"-"` // Ed25519 public key
	Sealing []byte             `json:"-"` // HPKE public key
}

func newDeviceKeys(rand io.Reader) (*deviceKeys, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(rand, seed); err != nil {
		return nil, fmt.Errorf("making the signing key: %w", err)
	}
	sealing, err := seal.GenerateRecipient(rand)
	if err != nil {
		return nil, fmt.Errorf("making the sealing key: %w", err)
	}
	return &deviceKeys{Signing: seed, Sealing: sealing.Bytes()}, nil
}

// keyring is deviceKeys ready for use.
type keyring struct {
	signing ed25519.PrivateKey
	sealing seal.PrivateKey
	device  Device
}

func (k *deviceKeys) open() (*keyring, error) {
	if len(k.Signing) != ed25519.SeedSize {
		return nil, errors.New("reading the device keys: the signing key has a wrong length")
	}
	signing := ed25519.NewKeyFromSeed(k.Signing)
	sealing, err := seal.ParsePrivateKey(k.Sealing)
	if err != nil {
		return nil, fmt.Errorf("reading the device keys: %w", err)
	}
	pub := signing.Public().(ed25519.PublicKey)
	return &keyring{signing, sealing, Device{syncproto.DeviceIDOf(pub), pub, sealing.Public().Bytes()}}, nil
}

// using keeps the device's keys until the function that it returns is called, whoever locks the laptop meanwhile. It may be
// nested: nobody ever waits to write.
func (c *Client) using() (end func()) {
	c.underway.RLock()
	return func() {
		c.underway.RUnlock()
		if c.vault.Closed() {
			go c.clearUnused() // the caller may hold mu
		}
	}
}

func (c *Client) clearUnused() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clearKeys()
}

// clearKeys overwrites the signing key and lets go of the sealing key of a locked laptop, unless something still uses them:
// its end comes back here. Call it under mu.
func (c *Client) clearKeys() {
	if !c.underway.TryLock() {
		return
	}
	defer c.underway.Unlock()
	clear(c.keys.signing)
	c.keys.sealing = seal.PrivateKey{}
}

// wipe overwrites the secrets as they lie in the vault's state.
func (k *deviceKeys) wipe() {
	clear(k.Signing)
	clear(k.Sealing)
}
