package fieldclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"kua/internal/replica"
	"kua/syncproto"
)

// BundleReport says what a courier bundle carried.
type BundleReport struct {
	Changesets int    `json:"changesets"`
	Fresh      int    `json:"fresh"` // that were not here before
	Receipts   int    `json:"receipts"`
	Roster     int    `json:"roster"`
	Bad        int    `json:"bad"`            // items that do not verify; the rest was taken
	Away       int    `json:"away,omitempty"` // of visits that were removed from this laptop: not taken, see BringBack
	Complete   bool   `json:"complete"`
	Damage     string `json:"damage,omitempty"`
}

// ExportBundle writes a courier bundle with everything of the given scopes, or of all where none is given, that no
// server has signed for yet; all includes what it has, and with it the roster, which names people, and the
// server's receipts.
func (c *Client) ExportBundle(ctx context.Context, w io.Writer, scopes []syncproto.ScopeID, all bool) (BundleReport, error) {
	defer c.using()()
	var rep BundleReport
	list, err := c.forBundle(ctx, scopes, all)
	if err != nil {
		return rep, fmt.Errorf("exporting a bundle: %w", err)
	}
	var roster [][]byte // names people: on a stick only where it was asked for
	if all {
		roster = c.rep.Roster().Records(0)
	}
	bundle, err := syncproto.NewBundleWriter(w, syncproto.BundleManifest{Exporter: c.keys.device.ID, Kind: syncproto.BundleChangesets,
		Items: uint64(len(list) + len(roster)), RosterLen: uint64(c.rep.Roster().Len())}, c.keys.signing)
	if err != nil {
		return rep, fmt.Errorf("exporting a bundle: %w", err)
	}
	for _, rec := range roster {
		if err := bundle.Add(syncproto.BundleItem{Kind: syncproto.ItemRoster, Content: rec}); err != nil {
			return rep, err
		}
		rep.Roster++
	}
	if all {
		if err := c.addReceipts(ctx, bundle, &rep); err != nil {
			return rep, fmt.Errorf("exporting a bundle: %w", err)
		}
	}
	ids := make([]syncproto.ChangesetID, 0, len(list))
	for _, l := range list {
		packet, _, err := c.packet(ctx, l)
		if err != nil {
			return rep, err
		}
		if err := bundle.Add(syncproto.BundleItem{Kind: syncproto.ItemPacket, Content: packet}); err != nil {
			return rep, err
		}
		ids = append(ids, l.ID)
		rep.Changesets++
	}
	if err := bundle.Close(); err != nil {
		return rep, fmt.Errorf("exporting a bundle: %w", err)
	}
	rep.Complete = true
	return rep, c.mark(ctx, ids, 0)
}

// addReceipts adds every receipt that this laptop holds: an auditor checks them against the changesets.
func (c *Client) addReceipts(ctx context.Context, bundle *syncproto.BundleWriter, rep *BundleReport) error {
	return c.vault.Scan(ctx, 0, func(_ int64, kind uint8, payload []byte) error {
		if kind != rowReceipt {
			return nil
		}
		rep.Receipts++
		return bundle.Add(syncproto.BundleItem{Kind: syncproto.ItemReceipt, Content: slices.Clone(payload)})
	})
}

func (c *Client) forBundle(ctx context.Context, scopes []syncproto.ScopeID, all bool) ([]replica.Logged, error) {
	c.whole.RLock()
	defer c.whole.RUnlock()
	if len(scopes) == 0 {
		for _, s := range c.rep.Scopes() {
			scopes = append(scopes, s.Scope)
		}
	}
	var out []replica.Logged
	for _, id := range scopes {
		if _, ok := c.rep.Scope(id); !ok {
			return nil, fmt.Errorf("scope %s: %w", id, ErrNotFound)
		}
		var after uint64
		for {
			n := 0
			err := c.rep.Pull(ctx, id, after, pullLimit, func(l replica.Logged) error {
				n, after = n+1, l.Position
				state, err := c.StateOf(ctx, l)
				if all || state == StateSaved || state == StateCarried {
					out = append(out, l)
				}
				return err
			})
			if err != nil {
				return nil, err
			}
			if n < pullLimit {
				break
			}
		}
	}
	return out, nil
}

// ImportBundle takes in a courier bundle or a server's receipt bundle. Every changeset verifies alone: a truncated
// stick gives all that is whole, and the report says so.
func (c *Client) ImportBundle(ctx context.Context, r io.Reader) (BundleReport, error) {
	var rep BundleReport
	var packets [][]byte
	flush := func() error {
		n, bad, away, err := c.importPackets(ctx, packets)
		rep.Fresh, rep.Bad, rep.Away, packets = rep.Fresh+n, rep.Bad+bad, rep.Away+away, packets[:0]
		return err
	}
	info, err := syncproto.ReadBundle(r, func(item syncproto.BundleItem) error {
		switch item.Kind {
		case syncproto.ItemPacket:
			rep.Changesets++
			if packets = append(packets, item.Content); len(packets) < arrivalsAtOnce {
				return nil
			}
			return flush()
		case syncproto.ItemRoster:
			return c.importRoster(ctx, item.Content, &rep)
		case syncproto.ItemReceipt:
			rep.Receipts++
			if err := c.keepReceipt(ctx, item.Content); syncproto.CodeOf(err) != "" {
				rep.Bad++
			} else if err != nil {
				return err
			}
		}
		return nil
	})
	if err = errors.Join(err, flush()); err != nil { // what came before the damage is good
		return rep, fmt.Errorf("importing a bundle: %w", err)
	}
	if rep.Complete = info.Complete; info.Damage != nil {
		rep.Damage = info.Damage.Error()
	}
	return rep, nil
}

// importRoster adds a roster record if it continues the list; records that are here already are passed over.
func (c *Client) importRoster(ctx context.Context, rec []byte, rep *BundleReport) error {
	if isKnown(c.rep.Roster(), rec) {
		return nil
	}
	err := c.AppendRoster(ctx, [][]byte{rec})
	if syncproto.CodeOf(err) != "" {
		rep.Bad++
		return nil
	}
	rep.Roster++
	return err
}

func (c *Client) importPackets(ctx context.Context, packets [][]byte) (fresh, bad, away int, err error) {
	now := uint64(c.cfg.Now().UnixMilli())
	var arrivals []arrival
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range c.verifyAll(packets) {
		if a.cs == nil {
			bad++
			continue
		}
		if _, ok := c.away[a.cs.Header.Scope]; ok {
			away++
			continue
		}
		a.received = now
		arrivals = append(arrivals, a)
	}
	unknown, fuller, err := c.sift(ctx, arrivals)
	if err != nil {
		return 0, bad, away, err
	}
	arrivals = append(unknown, fuller...)
	return len(arrivals), bad, away, c.absorb(ctx, arrivals, nil)
}
