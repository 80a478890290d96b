package fieldclient

import (
	"context"
	"errors"

	"kua/fieldclient/vault"
	"kua/syncproto"
)

func stateRemembered(name string) string { return "remembered/" + name }

// Remember keeps a small thing for this laptop only, sealed like everything else and never synced: which checklist is
// being filled in, which language the screens speak. An empty value forgets it.
func (c *Client) Remember(ctx context.Context, name, value string) error {
	return c.vault.InTx(ctx, func(tx *vault.Tx) error {
		if value == "" {
			return tx.Delete(stateRemembered(name))
		}
		return putState(tx, stateRemembered(name), value)
	})
}

// Remembered returns what Remember kept under a name; "" where it kept nothing.
func (c *Client) Remembered(ctx context.Context, name string) (value string, err error) {
	if err = c.getState(ctx, stateRemembered(name), &value); errors.Is(err, vault.ErrNotFound) {
		return "", nil
	}
	return value, err
}

// TakenAlong is the name under which Remember keeps what a visit needs of other visits that may leave the laptop. It is
// forgotten when the visit itself leaves.
func TakenAlong(visit syncproto.ScopeID) string { return "taken-along/" + visit.String() }
