package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode"

	"kua/syncproto"
)

const mostFaults = 100

// report is what the auditor gets.
type report struct {
	Organisation string         `json:"organisation"`
	Root         string         `json:"root"`      // the root key, in hexadecimal
	RootKnown    bool           `json:"rootKnown"` // it was compared with --root
	Bundles      []bundleReport `json:"bundles"`
	Roster       []rosterLine   `json:"roster"`
	Scopes       []scopeReport  `json:"scopes"`
	Forks        []forkReport   `json:"forks"`
	Quarantine   []quarantined  `json:"quarantine"`
	Changesets   int            `json:"changesets"`
	Missing      int            `json:"missing"` // changesets whose predecessor is not in the bundle
	Receipts     int            `json:"receipts"`
	Receipted    int            `json:"receipted"`   // changesets with a receipt
	OtherBodies  int            `json:"otherBodies"` // receipts that name a body that was replaced since
	Originals    int            `json:"originals"`   // sealed originals that are what their names say
	Trees        []treeReport   `json:"checkpoints"`
	Proven       []provenReport `json:"proven"`
	Later        int            `json:"laterItems"` // of a version that this program does not know
	Faults       []string       `json:"faults"`
	More         int            `json:"moreFaults,omitempty"`
}

type bundleReport struct {
	File     string             `json:"file"`
	Exporter syncproto.DeviceID `json:"exporter"`
	Items    uint64             `json:"items"`
	Complete bool               `json:"complete"`
	Signed   bool               `json:"signed"` // by a device or server of the roster
	info     syncproto.BundleInfo
}

type rosterLine struct {
	Index  uint64 `json:"index"`
	What   string `json:"what"`
	Author string `json:"author"`
}

type scopeReport struct {
	Scope       syncproto.ScopeID `json:"scope"`
	Kind        string            `json:"kind"`
	Region      string            `json:"region,omitempty"`
	Team        []string          `json:"team,omitempty"`
	Feeds       []feedReport      `json:"feeds"`
	Records     int               `json:"records"`
	Heads       int               `json:"heads"`
	Superseded  int               `json:"superseded"`
	Quarantined int               `json:"quarantined"`
	Erased      int               `json:"erased"`
	Attention   int               `json:"attention"` // records that wait for a person
	Waiting     int               `json:"waiting"`   // changesets that cannot be judged with what is in the bundle
}

type feedReport struct {
	Feed       syncproto.FeedID   `json:"feed"`
	Device     syncproto.DeviceID `json:"device"`
	Person     string             `json:"person"`
	Changesets int                `json:"changesets"`
	Operations int                `json:"operations"`
	Newest     uint64             `json:"newest"`
	Withheld   int                `json:"withheld"`
}

type forkReport struct {
	Feed       syncproto.FeedID        `json:"feed"`
	N          uint64                  `json:"n"`
	Changesets []syncproto.ChangesetID `json:"changesets"`
}

type quarantined struct {
	Changeset syncproto.ChangesetID `json:"changeset"`
	Scope     syncproto.ScopeID     `json:"scope"`
	Person    string                `json:"person"`
	Code      syncproto.Code        `json:"code"`
	Admitted  bool                  `json:"admitted"`
}

type treeReport struct {
	Origin string `json:"origin"`
	Size   uint64 `json:"size"`
	Root   string `json:"root"`
}

type provenReport struct {
	Changeset syncproto.ChangesetID `json:"changeset"`
	Index     uint64                `json:"index"`
	Origin    string                `json:"origin"`
}

func (r *report) fault(format string, args ...any) {
	if len(r.Faults) == mostFaults {
		r.More++
		return
	}
	r.Faults = append(r.Faults, fmt.Sprintf(format, args...))
}

// examine judges all evidence.
func (e *evidence) examine(root string, partial bool) *report {
	r := &report{Faults: []string{}, Bundles: e.bundles, Later: e.unknown}
	for _, n := range e.notes {
		r.fault("%s", n)
	}
	e.chain(r)
	e.checkRoot(r, root)
	e.parse(r)
	r.Changesets = len(e.order)
	e.chains(r, partial)
	for _, s := range e.scopes(r) {
		e.judge(s)
		r.Scopes = append(r.Scopes, e.scopeReport(r, s, partial))
	}
	e.checkReceipts(r)
	for i := range r.Bundles {
		b := &r.Bundles[i]
		b.Signed = e.signed(b.info)
		if b.Complete && !b.Signed {
			r.fault("bundle %s: its trailer is not signed by exporter %s of the roster", b.File, b.Exporter)
		}
	}
	return r
}

// checkRoot compares the root key, on which everything else hangs.
func (e *evidence) checkRoot(r *report, root string) {
	o := e.roster.Organisation()
	if o == nil {
		r.fault("there is no roster in the bundle: nothing can be judged; add the bundle that has it")
		return
	}
	r.Organisation, r.Root = clean(o.Name), hex.EncodeToString(o.Root)
	want := strings.ToLower(strings.Join(strings.Fields(root), ""))
	r.RootKnown = want == r.Root
	if root != "" && !r.RootKnown {
		r.fault("the roster begins with another root key than --root")
	}
	for _, rec := range e.records {
		r.Roster = append(r.Roster, rosterLine{rec.Index, clean(e.describe(rec)), e.author(rec)})
	}
}

func (e *evidence) author(rec syncproto.RosterRecord) string {
	if d, ok := e.roster.Device(rec.Author); ok {
		return e.name(d.Owner)
	}
	return "the root key"
}

func (e *evidence) name(p syncproto.PersonID) string {
	if m, ok := e.roster.Member(p); ok {
		return clean(m.Name)
	}
	return p.String()
}

// clean leaves out what a terminal would act on: names are written by others.
func clean(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return '\uFFFD'
	}, s)
}

func (e *evidence) describe(rec syncproto.RosterRecord) string {
	switch {
	case rec.Organisation != nil:
		return "organisation " + rec.Organisation.Name
	case rec.Server != nil:
		return fmt.Sprintf("server %s, log %s", rec.Server.ID, rec.Server.Origin)
	case rec.Member != nil:
		return "member " + rec.Member.Name
	case rec.Device != nil:
		return fmt.Sprintf("device %s of %s", rec.Device.ID, e.name(rec.Device.Owner))
	case rec.Grant != nil:
		return fmt.Sprintf("%s is %s in %s", e.name(rec.Grant.Person), rec.Grant.Role, rec.Grant.Region)
	}
	v := rec.Revoke
	switch {
	case v.Device != nil:
		return fmt.Sprintf("revoked device %s: %s", v.Device, v.Reason)
	case v.Grant != nil:
		return fmt.Sprintf("revoked grant %s: %s", v.Grant, v.Reason)
	}
	return fmt.Sprintf("revoked server %s: %s", v.Server, v.Reason)
}

// signed reports whether a bundle was signed by a device or a server of the roster.
func (e *evidence) signed(info syncproto.BundleInfo) bool {
	if d, ok := e.roster.Device(info.Manifest.Exporter); ok {
		return info.Verify(d.Signing) == nil
	}
	if s, ok := e.roster.ServerKeyEver(info.Manifest.Exporter); ok {
		return info.Verify(s.Key) == nil
	}
	return false
}

func (e *evidence) scopeReport(r *report, s *scope, partial bool) scopeReport {
	out := scopeReport{Scope: s.id, Kind: "registry"}
	if s.id != e.roster.Registry() {
		out.Kind = "not opened"
	}
	if s.open != nil {
		out.Kind, out.Region = clean(s.open.Kind), clean(s.open.Region)
	}
	if s.standing != nil {
		for p := range s.standing.Team {
			out.Team = append(out.Team, e.name(p))
		}
		slices.Sort(out.Team)
	}
	feeds := map[syncproto.FeedID]*feedReport{}
	for _, w := range s.work {
		e.feedLine(feeds, w)
		switch {
		case w.waits != nil:
			out.Waiting++
			if !partial {
				r.fault("changeset %s: %v", w.ID, w.waits)
			}
		case w.verdict.Quarantine != "":
			r.Quarantine = append(r.Quarantine, quarantined{w.ID, s.id, e.name(w.verdict.Person), w.verdict.Quarantine, w.admitted})
		}
	}
	for _, f := range feeds {
		out.Feeds = append(out.Feeds, *f)
	}
	slices.SortFunc(out.Feeds, func(a, b feedReport) int { return slices.Compare(a.Feed[:], b.Feed[:]) })
	records, fates, attention := s.merge(r.Forks)
	out.Records, out.Attention = records, attention
	out.Heads, out.Superseded = fates[syncproto.FateHead], fates[syncproto.FateSuperseded]
	out.Quarantined, out.Erased = fates[syncproto.FateQuarantined], fates[syncproto.FateErased]
	return out
}

func (e *evidence) feedLine(feeds map[syncproto.FeedID]*feedReport, w *work) {
	id := w.Header.Feed()
	f := feeds[id]
	if f == nil {
		f = &feedReport{Feed: id, Device: w.Header.Device}
		if d, ok := e.roster.Device(w.Header.Device); ok {
			f.Person = e.name(d.Owner)
		}
		feeds[id] = f
	}
	f.Changesets++
	f.Operations += len(w.Ops)
	f.Newest = max(f.Newest, w.Header.N)
	if w.Body.Form == syncproto.BodyWithheld {
		f.Withheld++
	}
}

// text prints the report for a person.
func (r *report) text(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "organisation\t%s\nroot key\t%s\n", r.Organisation, r.Root)
	if !r.RootKnown {
		fmt.Fprintln(w, "\tcompare this key with the organisation's paper, or give it as --root")
	}
	for _, b := range r.Bundles {
		fmt.Fprintf(w, "bundle\t%s: %d items, complete %t, signed %t\n", b.File, b.Items, b.Complete, b.Signed)
	}
	fmt.Fprintf(w, "changesets\t%d, with a receipt %d\n", r.Changesets, r.Receipted)
	if r.Originals > 0 {
		fmt.Fprintf(w, "originals\t%d sealed originals have the SHA-256 that is their name\n", r.Originals)
	}
	if r.OtherBodies > 0 {
		fmt.Fprintf(w, "\t%d receipts name a body that was replaced since\n", r.OtherBodies)
	}
	fmt.Fprintln(w, "\nROSTER")
	for _, l := range r.Roster {
		fmt.Fprintf(w, "%d\t%s\tby %s\n", l.Index, l.What, l.Author)
	}
	for _, s := range r.Scopes {
		s.text(w)
	}
	r.incidents(w)
	if len(r.Faults) == 0 {
		fmt.Fprintln(w, "\nEverything holds. Values in visits are sealed: holders of the key check them with `kua verify`.")
	} else {
		fmt.Fprintln(w, "\nFAULTS")
		for _, f := range r.Faults {
			fmt.Fprintln(w, f)
		}
		if r.More > 0 {
			fmt.Fprintf(w, "and %d more\n", r.More)
		}
	}
	return w.Flush()
}

func (s scopeReport) text(w io.Writer) {
	fmt.Fprintf(w, "\nSCOPE %s\t%s %s %s\n", s.Scope, s.Kind, s.Region, strings.Join(s.Team, ", "))
	fmt.Fprintf(w, "records\t%d, waiting for a person %d\n", s.Records, s.Attention)
	fmt.Fprintf(w, "operations\tstanding %d, superseded %d, quarantined %d, erased %d\n", s.Heads, s.Superseded, s.Quarantined, s.Erased)
	if s.Waiting > 0 {
		fmt.Fprintf(w, "waiting\t%d changesets cannot be judged with what is in the bundle\n", s.Waiting)
	}
	for _, f := range s.Feeds {
		fmt.Fprintf(w, "feed %s\t%s, device %s: %d changesets, %d operations, up to %d\n", f.Feed, f.Person, f.Device, f.Changesets, f.Operations, f.Newest)
	}
}

func (r *report) incidents(w io.Writer) {
	for _, f := range r.Forks {
		fmt.Fprintf(w, "\nFORK\tfeed %s, number %d: %v\n", f.Feed, f.N, f.Changesets)
	}
	for _, q := range r.Quarantine {
		fmt.Fprintf(w, "\nQUARANTINE\t%s by %s: %s, admitted %t\n", q.Changeset, q.Person, q.Code, q.Admitted)
	}
	for _, t := range r.Trees {
		fmt.Fprintf(w, "\nCHECKPOINT\t%s: %d entries, root %s\n", t.Origin, t.Size, t.Root)
	}
	for _, p := range r.Proven {
		fmt.Fprintf(w, "PROVEN\t%s is entry %d of %s\n", p.Changeset, p.Index, p.Origin)
	}
}
