package fieldclient

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"kua/internal/replica"
	"kua/syncproto"
	"kua/syncproto/seal"
)

// Verification is what a check of everything on this laptop found. It needs no network and trusts nothing but the
// organisation's root key.
type Verification struct {
	Root        string   `json:"root"`   // the organisation's root key, in hexadecimal: compare it with the paper
	Roster      int      `json:"roster"` // records whose signature, chain and right hold
	Scopes      int      `json:"scopes"`
	Feeds       int      `json:"feeds"`
	Changesets  int      `json:"changesets"` // whose signature and chain hold
	Operations  int      `json:"operations"`
	Values      int      `json:"values"`   // opened, and leading to the signed root
	Sealed      int      `json:"sealed"`   // bodies whose key is not on this laptop
	Withheld    int      `json:"withheld"` // bodies that an erasure took away
	Erased      int      `json:"erased"`   // values that an erasure took away, from bodies that stay
	Receipts    int      `json:"receipts"` // entries that a server of the roster signed
	Quarantined int      `json:"quarantined"`
	Held        int      `json:"held"`
	Refused     int      `json:"setAside"`             // own work that a server refused, kept as evidence
	Attachments int      `json:"attachments"`          // sealed originals that are what their records say
	Absent      int      `json:"attachmentsElsewhere"` // that records name and this laptop does not hold, or cannot open
	Faults      []string `json:"faults"`               // what does not hold; empty where all is well
}

// maxFaults bounds a report on a store that is broken through and through.
const maxFaults = 100

// verifying is one run of Verify: it takes the log in again, into a second set of records.
type verifying struct {
	c     *Client
	out   Verification
	rep   *replica.Replica
	keys  map[syncproto.Hash]seal.VisitKey // by commitment
	batch []replica.Incoming
	reads map[syncproto.ChangesetID]bool
}

// Verify reads the whole vault again and checks every roster record, signature, chain, value and receipt in it; it judges
// every right anew and compares the merged records with those that are shown (docs/protocol.md §11, I1, I12).
func (c *Client) Verify(ctx context.Context) (Verification, error) {
	v := &verifying{c: c, reads: map[syncproto.ChangesetID]bool{}}
	v.out.Faults = []string{}
	mem, err := openProjection(ctx)
	if err != nil {
		return v.out, err
	}
	defer mem.Close()
	defer v.dropKeys()
	if err := v.run(ctx, mem); err != nil {
		return v.out, fmt.Errorf("verifying: %w", err)
	}
	return v.out, nil
}

func (v *verifying) run(ctx context.Context, mem *projection) (err error) {
	if v.rep, err = replica.Open(ctx, replica.Config{DB: mem.Write}); err != nil {
		return err
	}
	last := v.c.vault.Last()
	v.takeKeys()
	if err := v.scan(ctx, 0, last); err != nil {
		return err
	}
	if err := v.attachments(ctx); err != nil {
		return err
	}
	// What was saved meanwhile is little. Work stops while it is read, and while both sides are compared.
	v.c.mu.Lock()
	defer v.c.mu.Unlock()
	v.copyKeys()
	if err := v.scan(ctx, last+1, v.c.vault.Last()); err != nil {
		return err
	}
	if org := v.rep.Roster().Organisation(); org != nil {
		v.out.Root = fmt.Sprintf("%x", org.Root)
	}
	return v.compare(ctx)
}

// takeKeys copies the visit keys that this laptop holds: work goes on while the log is read.
func (v *verifying) takeKeys() {
	v.c.mu.Lock()
	defer v.c.mu.Unlock()
	v.copyKeys()
}

// copyKeys makes keys of its own from those of the laptop, which a lock wipes at any time.
func (v *verifying) copyKeys() {
	v.dropKeys()
	v.keys = map[syncproto.Hash]seal.VisitKey{}
	for _, s := range v.c.scopes {
		for _, keys := range []map[syncproto.Hash]seal.VisitKey{s.gateKeys, s.keys} {
			for commitment, k := range keys {
				b := k.Bytes()
				if own, err := seal.ParseVisitKey(b); err == nil {
					v.keys[commitment] = own
				}
				clear(b)
			}
		}
	}
}

func (v *verifying) dropKeys() {
	for _, k := range v.keys {
		k.Wipe()
	}
}

// scan reads the rows of the vault's log from one to another.
func (v *verifying) scan(ctx context.Context, from, to int64) error {
	if from > to {
		return nil
	}
	err := v.c.vault.Scan(ctx, from, func(id int64, kind uint8, payload []byte) error {
		if id > to {
			return errScanned
		}
		return v.row(ctx, id, kind, payload)
	})
	if err != nil && !errors.Is(err, errScanned) {
		return err
	}
	return v.flush(ctx)
}

// errScanned ends a scan.
var errScanned = errors.New("the rows asked for have been read")

func (v *verifying) fault(format string, args ...any) {
	if len(v.out.Faults) < maxFaults {
		v.out.Faults = append(v.out.Faults, fmt.Sprintf(format, args...))
	}
}

func (v *verifying) row(ctx context.Context, id int64, kind uint8, payload []byte) error {
	switch kind {
	case rowPacket:
		return v.packet(ctx, id, payload)
	case rowRoster:
		return v.roster(ctx, id, payload)
	case rowReceipt:
		r, err := v.rep.Roster().OpenReceipt(payload)
		if err != nil {
			v.fault("row %d: the receipt: %v", id, err)
			return nil
		}
		v.out.Receipts += len(r.Entries)
	case rowRefused:
		v.out.Refused++
	}
	return nil
}

func (v *verifying) roster(ctx context.Context, id int64, payload []byte) error {
	if err := v.flush(ctx); err != nil {
		return err
	}
	err := v.rep.Roster().Clone().Append(payload)
	if err != nil {
		v.fault("row %d: the roster record: %v", id, err)
		return nil
	}
	v.out.Roster++
	return v.rep.InTx(ctx, func(tx *replica.Tx) error { return tx.AppendRoster(payload) })
}

func (v *verifying) packet(ctx context.Context, id int64, payload []byte) error {
	a, err := v.c.stored(id, payload)
	if err != nil {
		v.fault("row %d: the changeset: %v", id, err)
		return nil
	}
	if v.reads[a.cs.ID] {
		return nil
	}
	v.reads[a.cs.ID] = true
	// The roster of today knows every device; what a right was then is judged by the roster head that the author cites.
	d, ok := v.c.rep.Roster().Device(a.cs.Header.Device)
	if ok {
		if err := a.cs.Verify(d.Signing); err != nil {
			v.fault("changeset %s: %v", a.cs.ID, err)
			return nil
		}
	}
	v.values(a.cs)
	if v.batch = append(v.batch, replica.Incoming{CS: a.cs, Received: int64(a.received), Ext: id, Unverified: !ok}); len(v.batch) < arrivalsAtOnce {
		return nil
	}
	return v.flush(ctx)
}

// values opens a body, where its key is here, and leads its values to the signed root.
func (v *verifying) values(cs *syncproto.Changeset) {
	if cs.Body.Form == syncproto.BodyWithheld {
		v.out.Withheld++
		return
	}
	key, held := v.keyOf(cs)
	if cs.Header.Key != nil && !held {
		v.out.Sealed++
		return
	}
	values, err := cs.Open(func(aad, box []byte) ([]byte, error) { return seal.OpenBody(key, cs.Header.Key.Commitment, aad, box) })
	if err != nil {
		v.fault("changeset %s: %v", cs.ID, err)
		return
	}
	for _, l := range values.Leaves {
		if l.Erased {
			v.out.Erased++
		} else {
			v.out.Values++
		}
	}
}

func (v *verifying) keyOf(cs *syncproto.Changeset) (key seal.VisitKey, ok bool) {
	if cs.Header.Key != nil {
		key, ok = v.keys[cs.Header.Key.Commitment]
	}
	return key, ok
}

// flush takes in what was read: this is where the chain of each feed and every right are checked.
func (v *verifying) flush(ctx context.Context) error {
	if len(v.batch) == 0 {
		return nil
	}
	var outcomes []replica.Outcome
	err := v.rep.InTx(ctx, func(tx *replica.Tx) (err error) {
		outcomes, err = tx.Ingest(v.batch)
		return err
	})
	v.batch = v.batch[:0]
	for _, o := range outcomes {
		if o.Status == syncproto.StatusRefused {
			v.fault("changeset %s: %s: %s", o.ID, o.Code, o.Detail)
		}
	}
	return err
}

// attachments reads every sealed original that is here, and holds it and what it opens to against the hashes in its record.
// Restricted ones too: nothing of them is shown.
func (v *verifying) attachments(ctx context.Context) error {
	for _, s := range v.c.rep.Scopes() {
		list, err := v.c.Evidence(ctx, s.Scope)
		if err != nil {
			return err
		}
		for i := range list {
			if !list[i].Held || list[i].Locked {
				v.out.Absent++
				continue
			}
			if err := v.c.checkOriginal(ctx, &list[i]); ctx.Err() != nil {
				return ctx.Err()
			} else if err != nil {
				v.fault("evidence %s: %v", list[i].Record, err)
				continue
			}
			v.out.Attachments++
		}
	}
	return nil
}

// checkOriginal reads an original to its end.
func (c *Client) checkOriginal(ctx context.Context, v *EvidenceView) error {
	o, err := c.open(v)
	if err != nil {
		return err
	}
	defer o.Close()
	if o.Size() != v.Size {
		return fmt.Errorf("the original has %d bytes, its record says %d", o.Size(), v.Size)
	}
	_, err = pour(ctx, io.Discard, sha256.New(), o, nil)
	return err
}

// compare counts what was taken in, and holds the merged records against those that people are shown.
func (v *verifying) compare(ctx context.Context) error {
	held, err := v.rep.HeldWork(ctx)
	if err != nil {
		return err
	}
	v.out.Held = len(held)
	err = v.rep.Since(ctx, 0, func(l replica.Logged) error {
		v.out.Changesets++
		v.out.Operations += l.Count
		if l.Quarantine != "" && !l.Admitted {
			v.out.Quarantined++
		}
		return nil
	})
	if err != nil {
		return err
	}
	if ours, theirs := len(v.c.rep.Scopes()), len(v.rep.Scopes()); ours != theirs {
		v.fault("%d scopes are shown, the signed work makes %d", ours, theirs)
	}
	for _, s := range v.rep.Scopes() {
		v.out.Scopes++
		v.out.Feeds += len(v.rep.Feeds(s.Scope))
		want, err := v.rep.Digest(ctx, s.Scope)
		if err != nil {
			return err
		}
		got, err := v.c.rep.Digest(ctx, s.Scope)
		if err != nil {
			return err
		}
		if got != want {
			v.fault("scope %s: what is shown differs from what the signed work makes", s.Scope)
		}
	}
	return nil
}
