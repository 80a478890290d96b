package main

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"

	"kua/syncproto"
	"kua/syncproto/prooflog"
)

// seat is a place in a server's order.
type seat struct {
	epoch    syncproto.Hash
	scope    syncproto.ScopeID
	position uint64
}

// checkReceipts verifies the receipts, that no server gave one place to two changesets, and that it stored the bytes
// that are in the bundle.
func (e *evidence) checkReceipts(r *report) {
	taken := map[seat]syncproto.ChangesetID{}
	for i, message := range e.receipts {
		receipt, err := e.roster.OpenReceipt(message)
		if err != nil {
			r.fault("receipt %d: %v", i, err)
			continue
		}
		r.Receipts++
		for _, entry := range receipt.Entries {
			at := seat{receipt.Epoch, receipt.Scope, entry.Position}
			if was, ok := taken[at]; ok && was != entry.ID {
				r.fault("receipt %d: position %d of scope %s was given to %s and to %s: the server contradicts itself, keep both", i, entry.Position, receipt.Scope, was, entry.ID)
			}
			taken[at] = entry.ID
			e.checkEntry(r, receipt, entry)
		}
	}
	for _, w := range e.order {
		if len(w.positions) > 0 {
			r.Receipted++
		}
		// A receipt may name a body that is no longer there: erased since, or brought whole by its author since.
		r.OtherBodies += w.otherBodies
		if w.otherBodies > 0 && !w.sameBody && !w.erased && w.Body.Form != syncproto.BodyWithheld {
			r.fault("changeset %s: its values are not the bytes that the server receipted, and no erasure explains that: they were changed on the way", w.ID)
		}
	}
}

func (e *evidence) checkEntry(r *report, receipt syncproto.Receipt, entry syncproto.ReceiptEntry) {
	w := e.sets[entry.ID]
	if w == nil {
		return // of something that is not in the bundle
	}
	if w.Header.Scope != receipt.Scope {
		r.fault("changeset %s: the receipt is of scope %s, it belongs to %s", w.ID, receipt.Scope, w.Header.Scope)
	}
	if was, ok := w.positions[receipt.Epoch]; ok && was != entry.Position {
		r.fault("changeset %s: the server gave it the positions %d and %d in one epoch, keep both receipts", w.ID, was, entry.Position)
	}
	w.positions[receipt.Epoch], w.leaf[receipt.Server] = entry.Position, entry.Leaf
	if w.Packet.BodyHash() == entry.Body {
		w.sameBody = true
	} else {
		w.otherBodies++
	}
}

// server finds the server of the roster whose log a signed note is of, by its first line. A log that went on after a
// restore counts up the number at the end of its origin.
func (e *evidence) server(origin string) (syncproto.ServerKey, error) {
	base := origin[:max(strings.LastIndexByte(origin, '/'), 0)]
	for _, rec := range e.records {
		if s := rec.Server; s != nil && (s.Origin == origin || base != "" && strings.HasPrefix(s.Origin, base+"/")) {
			return *s, nil
		}
	}
	return syncproto.ServerKey{}, fmt.Errorf("the roster names no server with the log %q", origin)
}

// opened verifies a checkpoint under the key that the roster gives its log.
func (e *evidence) opened(note []byte) (origin string, key syncproto.ServerKey, tree prooflog.Tree, err error) {
	origin, _, _ = strings.Cut(string(note[:min(len(note), 512)]), "\n")
	if key, err = e.server(origin); err != nil {
		return origin, key, tree, err
	}
	verifier, err := prooflog.NewVerifier(origin, ed25519.PublicKey(key.Key))
	if err != nil {
		return origin, key, tree, err
	}
	tree, err = prooflog.OpenCheckpoint(note, origin, verifier)
	return origin, key, tree, err
}

// checkpoint verifies a checkpoint of the log.
func (e *evidence) checkpoint(r *report, note []byte) error {
	origin, _, tree, err := e.opened(note)
	if err != nil {
		return err
	}
	return r.tree(origin, tree)
}

// tree files a verified tree. Two of one size must be equal; of two sizes only a consistency proof could tell more.
func (r *report) tree(origin string, tree prooflog.Tree) error {
	for _, was := range r.Trees {
		if was.Origin == origin && was.Size == tree.Size {
			if was.Root != tree.Root.String() {
				return fmt.Errorf("of %d entries of %s: %w", tree.Size, origin, prooflog.ErrFork)
			}
			return nil
		}
	}
	r.Trees = append(r.Trees, treeReport{origin, tree.Size, tree.Root.String()})
	return nil
}

// proof verifies that a changeset of the bundle stands in the log.
func (e *evidence) proof(r *report, text []byte) error {
	p, err := prooflog.ParseProof(text)
	if err != nil {
		return err
	}
	origin, key, tree, err := e.opened(p.Checkpoint)
	if err != nil {
		return err
	}
	if err := r.tree(origin, tree); err != nil {
		return err
	}
	candidates := e.order
	if len(p.Extra) == len(syncproto.ChangesetID{}) {
		if w := e.sets[syncproto.ChangesetID(p.Extra)]; w != nil {
			candidates = []*work{w}
		}
	}
	for _, w := range candidates {
		leaf := prooflog.LeafHash(prooflog.Entry("changeset", w.ID))
		if prooflog.CheckInclusion(tree, p.Index, leaf, p.Hashes) != nil {
			continue
		}
		if at, ok := w.leaf[key.ID]; ok && at != p.Index {
			return fmt.Errorf("changeset %s stands at entry %d, its receipt says %d", w.ID, p.Index, at)
		}
		r.Proven = append(r.Proven, provenReport{w.ID, p.Index, origin})
		return nil
	}
	return errors.New("it proves no changeset of the bundle")
}
