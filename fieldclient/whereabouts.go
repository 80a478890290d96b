package fieldclient

import (
	"context"

	"kua/internal/replica"
	"kua/syncproto"
)

// Whereabouts says how far this laptop's changesets in a scope have come. Each is counted once, but for Waiting.
type Whereabouts struct {
	Saved   int `json:"saved"`   // only on this laptop
	Carried int `json:"carried"` // also on a stick
	Stored  int `json:"stored"`  // the server has signed for it
	Proven  int `json:"proven"`  // in the server's log, and proved so
	Waiting int `json:"waiting"` // of all these: quarantined, until a person decides
}

// Whereabouts counts this laptop's own work in a scope by how far it has come.
func (c *Client) Whereabouts(ctx context.Context, scope syncproto.ScopeID) (Whereabouts, error) {
	var out Whereabouts
	for _, f := range c.rep.Feeds(scope) {
		if f.Device != c.keys.device.ID {
			continue
		}
		err := c.rep.FeedFrom(ctx, f.Feed, 1, int(f.N)+1, func(l replica.Logged) error {
			state, err := c.StateOf(ctx, l)
			out.add(state, l.Quarantine != "" && !l.Admitted)
			return err
		})
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

func (n *Whereabouts) add(state string, quarantined bool) {
	switch state {
	case StateProven:
		n.Proven++
	case StateStored:
		n.Stored++
	case StateCarried:
		n.Carried++
	default:
		n.Saved++
	}
	if quarantined {
		n.Waiting++
	}
}

// Add adds what stands elsewhere.
func (n *Whereabouts) Add(m Whereabouts) {
	n.Saved += m.Saved
	n.Carried += m.Carried
	n.Stored += m.Stored
	n.Proven += m.Proven
	n.Waiting += m.Waiting
}

// Total is the number of changesets that are counted.
func (n Whereabouts) Total() int { return n.Saved + n.Carried + n.Stored + n.Proven }

// Reached is the number of changesets that a server has.
func (n Whereabouts) Reached() int { return n.Stored + n.Proven }
