package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"kua/fieldclient"
	"kua/internal/replica"
	"kua/syncproto"
)

// whereabouts is where this laptop's work is.
type whereabouts struct {
	Device    syncproto.DeviceID      `json:"device"`
	Person    string                  `json:"person,omitempty"`
	Server    string                  `json:"server,omitempty"`
	Total     fieldclient.Whereabouts `json:"total"`
	Scopes    []scopeCounts           `json:"scopes"`
	Contact   *time.Time              `json:"lastContact,omitempty"` // by this laptop's clock
	OffMillis int64                   `json:"clockOffMillis"`        // of this laptop's clock at that contact
	Restored  string                  `json:"restored,omitempty"`    // noticed just now
	Incidents int                     `json:"incidents"`
}

type scopeCounts struct {
	Scope syncproto.ScopeID `json:"scope"`
	Title string            `json:"title"`
	fieldclient.Whereabouts
	Forks int `json:"forks,omitempty"`

	Originals      int   `json:"originalsOnlyHere,omitempty"` // sealed originals that no server has whole
	OriginalsBytes int64 `json:"originalsOnlyHereBytes,omitempty"`
}

func (a *app) status() *cobra.Command {
	return a.command(&cobra.Command{Use: "status", Short: "Show where your work is: saved here, carried, stored by the server, in the proven log"},
		func(ctx context.Context, _ []string) error {
			return a.open(ctx, func(c *fieldclient.Client) error {
				st, err := statusOf(ctx, c)
				if err != nil {
					return err
				}
				return a.print(st, st.write)
			})
		})
}

func statusOf(ctx context.Context, c *fieldclient.Client) (whereabouts, error) {
	st := whereabouts{Device: c.Device().ID, Restored: c.Restored(), Scopes: []scopeCounts{}}
	m, err := c.Person()
	if err != nil && !errors.Is(err, fieldclient.ErrNotEnrolled) {
		return st, err
	}
	st.Person = m.Name
	if s := c.Server(); s != nil {
		st.Server = s.URL
	}
	if at, off := c.LastContact(); !at.IsZero() {
		at = at.UTC()
		st.Contact, st.OffMillis = &at, off.Milliseconds()
	}
	incidents, err := c.Incidents(ctx)
	if err != nil {
		return st, err
	}
	st.Incidents = len(incidents)
	for _, s := range c.Replica().Scopes() {
		row, err := scopeStatus(ctx, c, s)
		if err != nil {
			return st, err
		}
		st.Scopes = append(st.Scopes, row)
		st.Total.Add(row.Whereabouts)
	}
	return st, nil
}

func scopeStatus(ctx context.Context, c *fieldclient.Client, s replica.ScopeState) (scopeCounts, error) {
	row := scopeCounts{Scope: s.Scope, Title: "registry"}
	if !s.Standing.Registry {
		v, err := c.Record(ctx, s.Scope, syncproto.EntityID(s.Scope))
		if err != nil {
			return row, err
		}
		row.Title = valueOf(v, "title")
	}
	forks, err := c.Replica().Forks(ctx, s.Scope)
	if err != nil {
		return row, err
	}
	row.Forks = len(forks)
	if row.Originals, row.OriginalsBytes, err = c.Unstored(ctx, s.Scope); err != nil {
		return row, err
	}
	row.Whereabouts, err = c.Whereabouts(ctx, s.Scope)
	return row, err
}

func (st whereabouts) write(w io.Writer) {
	owner := st.Person
	if owner == "" {
		owner = "not approved yet"
	}
	fmt.Fprintf(w, "laptop %s, %s\n\n", st.Device, owner)
	fmt.Fprintf(w, "%-38s %6s %8s %7s %7s\n", "your work, in signed changesets", "saved", "carried", "stored", "proven")
	for _, s := range st.Scopes {
		name := s.Title
		if s.Title != "registry" {
			name = s.Scope.String()[:8] + " " + s.Title
		}
		fmt.Fprintf(w, "%-38.38s %6d %8d %7d %7d\n", name, s.Saved, s.Carried, s.Stored, s.Proven)
		if s.Waiting > 0 {
			fmt.Fprintf(w, "    %d of them wait for a person's decision\n", s.Waiting)
		}
		if s.Originals > 0 {
			fmt.Fprintf(w, "    %d sealed originals (%d KiB) are only on this laptop\n", s.Originals, s.OriginalsBytes>>10)
		}
		if s.Forks > 0 {
			fmt.Fprintf(w, "    %d forks: two histories of one feed, both kept and counted\n", s.Forks)
		}
	}
	fmt.Fprintf(w, "\nsaved: only on this laptop.  carried: also on a stick.  stored: the server has signed for it.  proven: in its public log.\n")
	switch {
	case st.Contact == nil:
		fmt.Fprintln(w, "No server has confirmed anything yet.")
	default:
		fmt.Fprintf(w, "Last contact with the server: %s; this laptop's clock was off by %d ms.\n", st.Contact.Format("2006-01-02 15:04:05 UTC"), st.OffMillis)
	}
	if st.Incidents > 0 {
		fmt.Fprintf(w, "%d incidents were noted: `kua incidents`.\n", st.Incidents)
	}
}

func (a *app) incidents() *cobra.Command {
	return a.command(&cobra.Command{Use: "incidents", Short: "List what happened to the data: restores, refusals, forks"}, func(ctx context.Context, _ []string) error {
		return a.open(ctx, func(c *fieldclient.Client) error {
			notes, err := c.Incidents(ctx)
			if err != nil {
				return err
			}
			out := struct {
				Notes []fieldclient.Incident `json:"notes"`
				Forks []replica.Fork         `json:"forks"`
			}{append([]fieldclient.Incident{}, notes...), []replica.Fork{}}
			for _, s := range c.Replica().Scopes() {
				forks, err := c.Replica().Forks(ctx, s.Scope)
				if err != nil {
					return err
				}
				out.Forks = append(out.Forks, forks...)
			}
			return a.print(out, func(w io.Writer) {
				if len(out.Notes)+len(out.Forks) == 0 {
					fmt.Fprintln(w, "Nothing has happened.")
				}
				for _, n := range out.Notes {
					fmt.Fprintf(w, "%s  %s\n", when(int64(n.At)), n.What)
				}
				for _, f := range out.Forks {
					fmt.Fprintf(w, "feed %s has %d changesets with number %d: a copied laptop wrote twice; both are kept\n", f.Feed, len(f.Changesets), f.N)
				}
			})
		})
	})
}
