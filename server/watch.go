package server

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"kua/syncproto"
)

// longestWait is how long a watch waits for something to happen. Proxies on the way give up after half a minute.
const longestWait = 25 * time.Second

// Watched is the answer to a watch: the scopes that moved for the device, and where the next watch begins.
type Watched struct {
	Next   string                `cbor:"1,keyasint" json:"next"`
	Scopes []syncproto.ScopeInfo `cbor:"2,keyasint" json:"scopes"`
	Roster uint64                `cbor:"3,keyasint" json:"roster"` // records of the roster
}

// watchPoint is what a client saw last: the newest row of the log and the length of the roster, in one epoch.
type watchPoint struct {
	epoch  string
	row    int64
	roster int
}

func (p watchPoint) String() string { return fmt.Sprintf("%s.%d.%d", p.epoch, p.row, p.roster) }

func parseWatchPoint(text string) (p watchPoint, err error) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return p, fmt.Errorf("want what the last answer gave as next")
	}
	p.epoch = parts[0]
	if p.row, err = strconv.ParseInt(parts[1], 10, 64); err != nil {
		return p, err
	}
	p.roster, err = strconv.Atoi(parts[2])
	return p, err
}

// getWatch answers as soon as a scope of the device moved, or the roster grew, since a point; at the latest when its
// patience ends. Without a point, or with one of another epoch, every scope has moved.
func (s *Server) getWatch(c echo.Context, who caller) error {
	var since watchPoint
	var err error
	if v := c.QueryParam("since"); v != "" {
		if since, err = parseWatchPoint(v); err != nil {
			return syncproto.Refuse(syncproto.CodeMalformed, "reading since: %w", err)
		}
	}
	wait := longestWait
	if v := c.QueryParam("wait"); v != "" {
		n, err := strconv.ParseUint(v, 10, 16)
		if err != nil {
			return syncproto.Refuse(syncproto.CodeMalformed, "reading wait: want seconds")
		}
		wait = min(wait, time.Duration(n)*time.Second)
	}
	patience := time.NewTimer(wait)
	defer patience.Stop()
	for {
		rung := s.moved.wait()
		answer, moved, err := s.watched(c, who, since)
		if err != nil {
			return err
		}
		if moved {
			return render(c, answer)
		}
		select {
		case <-rung:
		case <-patience.C:
			return render(c, answer)
		case <-s.stopping:
			return render(c, answer)
		case <-c.Request().Context().Done():
			return c.Request().Context().Err()
		}
	}
}

// watched looks at what moved since a point. The caller's rights are those of the newest roster, not of the request:
// somebody who is revoked while they wait learns nothing more.
func (s *Server) watched(c echo.Context, who caller, since watchPoint) (w Watched, moved bool, err error) {
	ctx := c.Request().Context()
	row, err := s.replica.NewestRow(ctx) // before the rest: what comes meanwhile is told again
	if err != nil {
		return w, false, err
	}
	who.roster = s.replica.Roster()
	if d, ok := who.roster.Device(who.device); !ok || d.Revoked() {
		return w, false, syncproto.Refuse(syncproto.CodeUnauthorized, "this device was revoked")
	}
	now := watchPoint{s.epoch.String()[:16], row, who.roster.Len()}
	w = Watched{Next: now.String(), Scopes: []syncproto.ScopeInfo{}, Roster: uint64(now.roster)}
	if now == since {
		return w, false, nil
	}
	all := since.epoch != now.epoch || since.roster != now.roster || since.row > now.row
	var behind map[syncproto.ScopeID]bool
	if !all {
		if behind, err = s.replica.MovedSince(ctx, since.row); err != nil {
			return w, false, err
		}
	}
	for _, scope := range s.replica.Scopes() {
		if (all || behind[scope.Scope]) && who.reads(&scope.Standing) {
			w.Scopes = append(w.Scopes, syncproto.ScopeInfo{Scope: scope.Scope, Position: scope.Position})
		}
	}
	return w, all || len(w.Scopes) > 0, nil
}
