package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"

	"kua/syncproto"
)

// evidence is everything that the bundles hold, before it is judged.
type evidence struct {
	roster     *syncproto.Roster
	records    []syncproto.RosterRecord
	links      []link // roster records as read
	packets    [][]byte
	receipts   [][]byte
	redactions []syncproto.Redaction
	notes      []string // faults of reading
	unknown    int      // items of a later version
	bundles    []bundleReport

	sets  map[syncproto.ChangesetID]*work
	ends  map[syncproto.FeedCut]*work // as cuts and admissions name them
	order []*work                     // in the order of reading
}

// work is one changeset with what is found out about it.
type work struct {
	*syncproto.Changeset
	number    uint64 // handle for the merge
	prev      *work
	branch    span // its place in the tree of its feed
	verdict   syncproto.Verdict
	waits     error // why it cannot be judged
	admitted  bool
	opens     bool                      // it carries the scope's opening
	erased    bool                      // some of its values were ordered to be erased
	positions map[syncproto.Hash]uint64 // by epoch, as receipted
	leaf      map[syncproto.DeviceID]uint64

	sameBody    bool // a receipt names the body that is here
	otherBodies int  // receipts that name another
}

func (w *work) effective() bool {
	return w.waits == nil && (w.verdict.Quarantine == "" || w.admitted)
}

func newEvidence() *evidence {
	return &evidence{roster: &syncproto.Roster{}, sets: map[syncproto.ChangesetID]*work{}}
}

func (e *evidence) note(format string, args ...any) {
	e.notes = append(e.notes, fmt.Sprintf(format, args...))
}

func (e *evidence) readFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return e.read(path, f)
}

func (e *evidence) read(name string, r io.Reader) error {
	info, err := syncproto.ReadBundle(r, e.item)
	if err != nil {
		return err
	}
	b := bundleReport{File: name, Exporter: info.Manifest.Exporter, Items: info.Items, Complete: info.Complete}
	if !info.Complete {
		e.note("bundle %s: %v", name, info.Damage)
	}
	b.info = info
	e.bundles = append(e.bundles, b)
	return nil
}

func (e *evidence) item(i syncproto.BundleItem) error {
	switch i.Kind {
	case syncproto.ItemRoster:
		e.record(i.Content)
	case syncproto.ItemPacket:
		e.packets = append(e.packets, i.Content)
	case syncproto.ItemReceipt:
		e.receipts = append(e.receipts, i.Content)
	case syncproto.ItemRedaction:
		var r syncproto.Redaction
		if err := syncproto.DecodeMessage(i.Content, &r); err != nil {
			e.note("redaction: %v", err)
			return nil
		}
		e.redactions = append(e.redactions, r)
	default:
		e.unknown++
	}
	return nil
}

// link is one roster record before it is judged.
type link struct {
	id      syncproto.Hash
	record  syncproto.RosterRecord
	message []byte
}

func (e *evidence) record(message []byte) {
	signed, err := syncproto.ParseSigned(message, syncproto.ContextRoster)
	if err != nil {
		e.note("roster record: %v", err)
		return
	}
	l := link{id: signed.ID(), message: message}
	if err := syncproto.DecodeMessage(signed.Payload, &l.record); err != nil {
		e.note("roster record: %v", err)
		return
	}
	e.links = append(e.links, l)
}

// chain verifies the roster: parts of it may come from several bundles, in any order. A second record for one place is
// a fault: there is one roster.
func (e *evidence) chain(r *report) {
	slices.SortStableFunc(e.links, func(a, b link) int { return cmp.Compare(a.record.Index, b.record.Index) })
	for _, l := range e.links {
		if _, ok := e.roster.IndexOf(l.id); ok {
			continue
		}
		if err := e.roster.Append(l.message); err != nil {
			r.fault("roster record %d: %v", l.record.Index, err)
			continue
		}
		e.records = append(e.records, l.record)
	}
	e.links = nil
}

// parse takes the packets apart and verifies each by itself. It belongs behind all bundles: the roster may be in the
// last.
func (e *evidence) parse(r *report) {
	for i, b := range e.packets {
		cs, err := parsePacket(b)
		if err != nil {
			r.fault("packet %d: %v", i, err)
			continue
		}
		d, ok := e.roster.Device(cs.Header.Device)
		if !ok {
			r.fault("changeset %s: its device %s is not in the roster", cs.ID, cs.Header.Device)
			continue
		}
		if err := cs.Verify(d.Signing); err != nil {
			r.fault("changeset %s: %v", cs.ID, err)
			continue
		}
		if was := e.sets[cs.ID]; was != nil {
			if was.Body.Form == syncproto.BodyWithheld {
				was.Changeset = cs
			}
			continue
		}
		w := &work{Changeset: cs, number: uint64(len(e.order) + 1), positions: map[syncproto.Hash]uint64{}, leaf: map[syncproto.DeviceID]uint64{}}
		e.sets[cs.ID], e.order = w, append(e.order, w)
	}
	for _, red := range e.redactions {
		w := e.sets[red.Changeset]
		if w == nil {
			continue
		}
		p := w.Packet
		p.Body = red.Body
		cs, err := syncproto.ParsePacket(p)
		if err != nil {
			r.fault("redaction of changeset %s: %v", red.Changeset, err)
			continue
		}
		w.Changeset = cs
	}
	e.packets = nil
}

func parsePacket(b []byte) (*syncproto.Changeset, error) {
	p, err := syncproto.DecodePacket(b)
	if err != nil {
		return nil, err
	}
	return syncproto.ParsePacket(p)
}
