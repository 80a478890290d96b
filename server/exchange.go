package server

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"kua/internal/replica"
	"kua/syncproto"
)

// blobChunk is the most of an attachment that one request carries.
const blobChunk = 1 << 20

func (s *Server) getHello(c echo.Context, _ caller) error { return render(c, s.hello()) }

func (s *Server) hello() syncproto.Hello {
	roster := s.replica.Roster()
	h := syncproto.Hello{
		Server: s.id, Key: s.key.Public().(ed25519.PublicKey), Epoch: s.epoch,
		MinVersion: syncproto.Version, MaxVersion: syncproto.Version,
		Time: uint64(s.cfg.Now().UnixMilli()), Origin: s.tiles.Origin(),
		RosterHead: roster.Head(), RosterLen: uint64(roster.Len()),
		Limits: syncproto.Limits{RequestBytes: syncproto.MaxRequest, PacketBytes: syncproto.MaxPacket, Ops: syncproto.MaxOps, BlobChunk: blobChunk},
	}
	if o := roster.Organisation(); o != nil {
		h.Root = o.Root
	}
	return h
}

func (s *Server) postToken(c echo.Context, _ caller) error {
	body, err := io.ReadAll(c.Request().Body)
	if err != nil {
		return err
	}
	var in struct {
		Assertion string `json:"client_assertion"`
	}
	if err := json.Unmarshal(body, &in); err != nil || in.Assertion == "" {
		return syncproto.Refuse(syncproto.CodeMalformed, `reading the request: want {"client_assertion": "…"}`)
	}
	r := s.tokenRequest(c.Request())
	r.Authorization = nil
	grant, err := s.tokens.Exchange(c.Request().Context(), r, in.Assertion)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{
		"access_token": grant.Access, "token_type": "DPoP", "expires_in": int(grant.Expires.Sub(s.cfg.Now()).Seconds()),
	})
}

func (s *Server) getScopes(c echo.Context, who caller) error {
	out := []syncproto.ScopeInfo{}
	for _, scope := range s.scopes() {
		if who.reads(&scope.Standing) {
			out = append(out, syncproto.ScopeInfo{Scope: scope.Scope, Position: scope.Position})
		}
	}
	return render(c, out)
}

// postOffer answers what the server lacks to anybody who may deliver, and what it holds to readers only: somebody
// outside a scope learns nothing that they did not bring (docs/protocol.md §11, I15).
func (s *Server) postOffer(c echo.Context, who caller) error {
	id, err := scopeParam(c)
	if err != nil {
		return err
	}
	var offer syncproto.Offer
	if err := readMessage(c, &offer); err != nil {
		return err
	}
	ctx := c.Request().Context()
	answer := syncproto.OfferAnswer{CursorOK: true, Epoch: s.epoch}
	if answer.Want, answer.Forks, err = s.replica.Compare(ctx, id, offer.Heads); err != nil {
		return err
	}
	if scope, ok := s.scope(id); ok && who.reads(&scope.Standing) {
		answer.Position = scope.Position
		at := offer.Cursor
		answer.CursorOK = at.Position == 0 || at.Epoch == s.epoch && at.Position <= scope.Position
		if answer.Heads, err = s.replica.Heads(ctx, id); err != nil {
			return err
		}
	}
	return render(c, answer)
}

func (s *Server) postPush(c echo.Context, who caller) error {
	id, err := scopeParam(c)
	if err != nil {
		return err
	}
	leave, packets, err := s.readPackets(c)
	if err != nil {
		return err
	}
	defer leave()
	t, err := s.take(c.Request().Context(), who.device, &id, packets)
	if err != nil {
		return err
	}
	answer := syncproto.PushAnswer{Results: t.results}
	if answer.Receipt, err = s.receipt(id, t); err != nil {
		return err
	}
	return render(c, answer)
}

const (
	pullItems = 1000
	pullMost  = 5000
	pullBytes = 1 << 20 // of packets before compression; sealed values do not compress
)

// errFull ends a page.
var errFull = errors.New("the page is full")

// page is an answer to pull in the making.
type page struct {
	body []byte
	last uint64
}

func (p *page) add(l replica.Logged) error {
	packet, err := l.Relayed()
	if err != nil {
		return err
	}
	item, err := syncproto.EncodeMessage(syncproto.PullItem{Position: l.Position, Packet: packet, Received: uint64(l.Received)})
	if err != nil {
		return err
	}
	if len(p.body) > 0 && len(p.body)+len(item) > pullBytes {
		return errFull
	}
	p.body, p.last = append(p.body, item...), l.Position
	return nil
}

func (s *Server) getPull(c echo.Context, who caller) error {
	scope, err := s.readable(c, who)
	if err != nil {
		return err
	}
	after, limit, err := s.pullParams(c)
	if err != nil {
		return err
	}
	have, err := haveParam(c)
	if err != nil {
		return err
	}
	p := page{last: min(after, scope.Position)}
	err = s.replica.Pull(c.Request().Context(), scope.Scope, after, limit, func(l replica.Logged) error {
		if l.Feed == have.Feed && l.N < have.From {
			p.last = l.Position
			return nil
		}
		return p.add(l)
	})
	if err != nil && !errors.Is(err, errFull) {
		return err
	}
	last := max(scope.Position, p.last) // what was stored meanwhile may be in the page
	end, err := syncproto.EncodeMessage(syncproto.PullEnd{Next: syncproto.Cursor{Epoch: s.epoch, Position: p.last}, More: p.last < last, Last: last})
	if err != nil {
		return err
	}
	return s.sendCompressed(c, append(p.body, end...))
}

// haveParam reads which feed the laptop wrote itself, and from which number on it does not know it: `have=FEED-N`. What
// it has just sent need not come back to it.
func haveParam(c echo.Context) (have syncproto.FeedWant, err error) {
	v := c.QueryParam("have")
	if v == "" {
		return have, nil
	}
	feed, n, _ := strings.Cut(v, "-")
	if have.From, err = strconv.ParseUint(n, 10, 63); err == nil {
		err = have.Feed.UnmarshalText([]byte(feed))
	}
	if err != nil {
		return have, syncproto.Refuse(syncproto.CodeMalformed, "reading have: want a feed and a number, FEED-N")
	}
	return have, nil
}

// pullParams reads where a page begins. A cursor of another epoch begins at the beginning.
func (s *Server) pullParams(c echo.Context) (after uint64, limit int, err error) {
	limit = pullItems
	if v := c.QueryParam("limit"); v != "" {
		if limit, err = strconv.Atoi(v); err != nil || limit < 1 {
			return 0, 0, syncproto.Refuse(syncproto.CodeMalformed, "reading limit: want a number from 1 on")
		}
	}
	if v := c.QueryParam("after"); v != "" {
		if after, err = strconv.ParseUint(v, 10, 63); err != nil {
			return 0, 0, syncproto.Refuse(syncproto.CodeMalformed, "reading after: want a position")
		}
	}
	if c.QueryParam("epoch") != s.epoch.String() {
		after = 0
	}
	return after, min(limit, pullMost), nil
}

// postRedactions takes bodies without the values that a right-holder ordered to be erased. Whoever reads the scope
// may bring them: the order is checked, and in a plain scope that nothing else is gone.
func (s *Server) postRedactions(c echo.Context, who caller) error {
	scope, err := s.readable(c, who)
	if err != nil {
		return err
	}
	items, err := readItems(c)
	if err != nil {
		return err
	}
	redactions := make([]syncproto.Redaction, len(items))
	for i, b := range items {
		if err := syncproto.DecodeMessage(b, &redactions[i]); err != nil {
			return err
		}
	}
	ctx := c.Request().Context()
	var refusal error // of one item; the others stand: none may stop another
	bodies := make([]*syncproto.Body, len(redactions))
	for i, r := range redactions {
		l, err := s.replica.Changeset(ctx, r.Changeset)
		if errors.Is(err, replica.ErrNotFound) || err == nil && l.Scope != scope.Scope {
			refusal = errNotFound
			continue
		}
		if err != nil {
			return err
		}
		body, err := bodyFor(l, r.Body)
		if err != nil {
			refusal = err
			continue
		}
		bodies[i] = &body
	}
	err = s.replica.InTx(ctx, func(tx *replica.Tx) error {
		for i, r := range redactions {
			if bodies[i] == nil {
				continue
			}
			err := tx.Redact(r.Changeset, *bodies[i], r.Erased)
			if syncproto.CodeOf(err) != "" {
				refusal = err
				continue
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if refusal != nil {
		return refusal
	}
	return c.NoContent(http.StatusNoContent)
}

// bodyFor parses a body as that of a stored changeset.
func bodyFor(l replica.Logged, body []byte) (syncproto.Body, error) {
	p, err := syncproto.DecodePacket(l.Packet)
	if err != nil {
		return syncproto.Body{}, err
	}
	p.Body = body
	cs, err := syncproto.ParsePacket(p)
	if err != nil {
		return syncproto.Body{}, err
	}
	return cs.Body, nil
}
