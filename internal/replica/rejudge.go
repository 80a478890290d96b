package replica

import (
	"database/sql"
	"fmt"
	"maps"
	"slices"

	"kua/syncproto"
)

// judged is what judging a scope again needs of one changeset; packets are not read.
type judged struct {
	row      int64
	prev     int64
	short    syncproto.Short
	claim    syncproto.Claim
	rights   syncproto.Rights
	code     syncproto.Code
	admitted bool
	records  []int64
}

type admission struct {
	syncproto.FeedCut // covers what lies within
	by                int64
}

// rejudge computes the standing of a scope and the verdict on each of its changesets from nothing. Teams and
// admissions only grow by what takes effect, so the least fixed point is unique: it depends on the set of changesets
// and not on the order in which they came (docs/protocol.md §6).
func (t *Tx) rejudge(s *scope) error {
	all, err := t.judgedRows(s)
	if err != nil {
		return err
	}
	team, err := collect(t, `SELECT person, changeset FROM team WHERE scope = $1`, []any{s.row}, scanTeam)
	if err != nil {
		return err
	}
	admissions, err := collect(t, `SELECT feed, n, short, changeset FROM admission WHERE scope = $1 AND declined = 0`, []any{s.row}, scanAdmission)
	if err != nil {
		return err
	}
	verdicts, standing, err := t.fixedPoint(s, all, team, admissions)
	if err != nil {
		return err
	}
	s.standing = standing
	return t.apply(all, verdicts)
}

type teamRow struct {
	person syncproto.PersonID
	by     int64
}

func scanTeam(rows *sql.Rows) (r teamRow, err error) {
	var p []byte
	err = rows.Scan(&p, &r.by)
	copy(r.person[:], p)
	return r, err
}

func scanAdmission(rows *sql.Rows) (a admission, err error) {
	a.FeedCut, err = scanCut(rows, &a.by)
	return a, err
}

func (t *Tx) judgedRows(s *scope) ([]judged, error) {
	return collect(t, `SELECT id, cs, prev, feed, n, roster, needs, rights, code, admitted, records FROM changeset WHERE scope = $1 ORDER BY id`,
		[]any{s.row}, func(rows *sql.Rows) (j judged, err error) {
			var feedRow int64
			var cs, roster, records []byte
			var code string
			if err := rows.Scan(&j.row, &cs, &j.prev, &feedRow, &j.claim.N, &roster, &j.claim.Needs, &j.rights, &code, &j.admitted, &records); err != nil {
				return j, err
			}
			f := t.r.rows[feedRow]
			j.short = syncproto.ChangesetID(cs).Short()
			j.claim.Device, j.claim.Feed, j.claim.RosterHead = f.device, f.id, syncproto.Hash(roster)
			j.code, j.records = syncproto.Code(code), uvarints(records)
			return j, nil
		})
}

// fixedPoint judges until standing and admissions no longer grow.
func (t *Tx) fixedPoint(s *scope, all []judged, team []teamRow, admissions []admission) ([]judged, *syncproto.Standing, error) {
	standing := s.emptyStanding()
	effective := map[int64]bool{}
	b := branches{named: t.r.named, all: all}
	judging := 0
	within := func(cut syncproto.FeedCut) bool { return b.within(judging, cut) } // one for all: there may be a million
	for {
		out := make([]judged, len(all))
		unaided := map[int64]bool{} // takes effect without an admission
		opening := withTeam(standing, team, func(by int64) bool { return by == s.opening })
		for i, j := range all {
			judging, j.claim.Within = i, within
			own := standing
			if j.claim.Needs.Has(syncproto.RightOpenScope) { // the opening, or the same signed again
				own = opening
			}
			v, err := t.r.roster.Judge(j.claim, own)
			if err != nil {
				return nil, nil, fmt.Errorf("changeset row %d: %w", j.row, err)
			}
			j.rights, j.code = v.Rights, v.Quarantine
			unaided[j.row] = j.code == ""
			out[i] = j
		}
		next := map[int64]bool{}
		for i := range out {
			out[i].admitted = out[i].code != "" && b.covered(i, admissions, unaided)
			next[out[i].row] = out[i].code == "" || out[i].admitted
		}
		grown := withTeam(s.emptyStanding(), team, func(by int64) bool { return next[by] })
		if maps.Equal(next, effective) && (grown == nil || maps.Equal(grown.Team, standing.Team)) {
			return out, grown, nil
		}
		effective, standing = next, grown
	}
}

// covered reports whether a decision that needed no admission itself covers the changeset at a place.
func (b *branches) covered(at int, admissions []admission, unaided map[int64]bool) bool {
	c := &b.all[at].claim
	return slices.ContainsFunc(admissions, func(a admission) bool {
		return a.Feed == c.Feed && c.N <= a.N && unaided[a.by] && b.within(at, a.FeedCut)
	})
}

func (s *scope) emptyStanding() *syncproto.Standing {
	if s.standing == nil {
		return nil
	}
	return &syncproto.Standing{Registry: s.standing.Registry, Region: s.region, Team: map[syncproto.PersonID]bool{}}
}

func withTeam(s *syncproto.Standing, team []teamRow, counts func(by int64) bool) *syncproto.Standing {
	if s == nil {
		return nil
	}
	out := &syncproto.Standing{Registry: s.Registry, Region: s.Region, Team: maps.Clone(s.Team)}
	for _, m := range team {
		if counts(m.by) {
			out.Team[m.person] = true
		}
	}
	return out
}

// apply writes the verdicts that changed and folds the records that they touch.
func (t *Tx) apply(before, after []judged) error {
	touched := map[int64]bool{}
	changed := map[uint64]judged{}
	for i, a := range after {
		b := before[i]
		if a.code == b.code && a.admitted == b.admitted && a.rights == b.rights {
			continue
		}
		if err := t.exec(`UPDATE changeset SET rights = $2, code = $3, admitted = $4 WHERE id = $1`,
			a.row, int64(a.rights), string(a.code), btoi(a.admitted)); err != nil {
			return err
		}
		changed[uint64(a.row)] = a
		for _, id := range a.records {
			touched[id] = true
		}
	}
	for id := range touched {
		rec, err := t.recordByRow(id)
		if err != nil {
			return err
		}
		for i := range rec.log {
			if a, ok := changed[rec.log[i].Changeset]; ok {
				rec.log[i].Rights, rec.log[i].Quarantined = a.rights, a.code != "" && !a.admitted
			}
		}
		if err := t.fold(rec); err != nil {
			return err
		}
	}
	return nil
}
