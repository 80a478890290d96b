package sim

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"kua/fieldclient"
)

// sync is one contact over a line that may be bad.
func (w *World) sync(l *laptop) string {
	m := clean
	if chance(w.rng, 50) {
		m = pick(w.rng, []mode{flaky, cut, slow})
	}
	return w.contact(l, m)
}

// contact syncs and judges the report.
func (w *World) contact(l *laptop, m mode) string {
	ctx, hangup := context.WithCancel(context.Background())
	defer hangup()
	w.line.begin(m, hangup)
	r, err := l.c.Remote()
	w.must(err)
	rep, err := l.c.Sync(ctx, r, nil)
	defer w.line.begin(clean, func() {})
	w.judge(l, rep)
	switch {
	case err == nil:
		if l == w.lead && !slices.ContainsFunc(rep.Warnings, func(s string) bool { return strings.Contains(s, "roster") }) {
			w.stale = false
		}
	case w.handler == nil, w.line.faults > 0, w.unknown(l):
		return fmt.Sprintf("%v, broken off: sent %d received %d", m, rep.Sent, rep.Received)
	default:
		w.failf("%s syncs over a clean line: %v", l.name, err)
		return "failed"
	}
	return fmt.Sprintf("%v, sent %d received %d quarantined %d held %d proven %d keys %d", m, rep.Sent, rep.Received, rep.Quarantined, rep.Held,
		rep.Proven, rep.KeysShared)
}

// unknown reports whether the server, restored from a backup, has not heard of a laptop again.
func (w *World) unknown(l *laptop) bool { return w.stale }

func (w *World) judge(l *laptop, rep fieldclient.Report) {
	if rep.Bad > 0 {
		w.failf("I12: %s received %d changesets that do not verify", l.name, rep.Bad)
	}
	for code, n := range rep.Refused {
		w.failf("the server refused %d changesets of %s for ever (%s)", n, l.name, code)
	}
	for _, warning := range rep.Warnings {
		if l.revoked && strings.Contains(warning, "revoked") || w.stale && strings.Contains(warning, "roster") {
			continue
		}
		if (l.revoked || w.stale) && strings.Contains(warning, "redacted") {
			continue
		}
		if w.line.faults > 0 && strings.Contains(warning, "invalid_dpop_proof") { // the same request twice
			continue
		}
		w.failf("%s is warned: %s", l.name, warning)
	}
}

func (w *World) export(l *laptop) string {
	var b bytes.Buffer
	all := chance(w.rng, 40)
	rep, err := l.c.ExportBundle(context.Background(), &b, nil, all)
	if err != nil {
		return w.said(err)
	}
	s := stick{from: l.name, bytes: b.Bytes()}
	for _, sc := range l.c.Replica().Scopes() {
		s.scopes = append(s.scopes, sc.Scope)
	}
	if w.sticks = append(w.sticks, s); len(w.sticks) > 5 {
		w.sticks = w.sticks[1:]
	}
	return fmt.Sprintf("all %v, %d changesets", all, rep.Changesets)
}

// take returns a stick as it arrives: whole, cut off or damaged.
func (w *World) take() (stick, []byte, string) {
	s := pick(w.rng, w.sticks)
	b := slices.Clone(s.bytes)
	switch {
	case chance(w.rng, 25):
		return s, b[:w.rng.IntN(len(b))], "cut"
	case chance(w.rng, 10):
		b[w.rng.IntN(len(b))] ^= 1 << w.rng.IntN(8)
		return s, b, "damaged"
	}
	return s, b, "whole"
}

func (w *World) importStick(l *laptop) string {
	if len(w.sticks) == 0 {
		return "no stick"
	}
	s, b, state := w.take()
	rep, err := l.c.ImportBundle(context.Background(), bytes.NewReader(b))
	for _, id := range s.scopes {
		l.carried[id] = true
	}
	if err != nil && state == "whole" {
		w.failf("%s imports the stick of %s: %v", l.name, s.from, err)
	}
	if state == "whole" && (rep.Bad > 0 || !rep.Complete) {
		w.failf("%s imports a whole stick of %s, and it is not: %+v", l.name, s.from, rep)
	}
	if state == "cut" && rep.Bad > 0 {
		w.failf("%s imports a cut stick of %s, and something whole on it is bad: %+v", l.name, s.from, rep)
	}
	return fmt.Sprintf("%s from %s, %d changesets, %d fresh", state, s.from, rep.Changesets, rep.Fresh)
}

func (w *World) deliver(l *laptop) string {
	if len(w.sticks) == 0 {
		return "no stick"
	}
	s, b, state := w.take()
	ctx, hangup := context.WithCancel(context.Background())
	defer hangup()
	m := pick(w.rng, []mode{clean, flaky, cut})
	w.line.begin(m, hangup)
	defer w.line.begin(clean, func() {})
	r, err := l.c.Remote()
	w.must(err)
	d, err := l.c.Deliver(ctx, r, b)
	if err != nil {
		if state == "whole" && w.line.faults == 0 && w.handler != nil && !w.unknown(l) {
			w.failf("%s delivers the stick of %s: %v", l.name, s.from, err)
		}
		return fmt.Sprintf("%s from %s, refused", state, s.from)
	}
	if state == "whole" && !d.Complete && w.line.faults == 0 {
		w.failf("%s delivers a whole stick of %s, and it is not", l.name, s.from)
	}
	if len(d.Receipts) > 0 { // the way back
		for _, o := range w.laptops {
			if o.name != s.from || o.c == nil {
				continue
			}
			if _, err := o.c.ImportBundle(context.Background(), bytes.NewReader(d.Receipts)); err != nil {
				w.failf("%s imports receipts: %v", o.name, err)
			}
		}
	}
	return fmt.Sprintf("%s from %s, %s", state, s.from, d.Results)
}
