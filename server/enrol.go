package server

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/labstack/echo/v4"

	"kua/internal/sqldb"
	"kua/syncproto"
)

// maxInvitations bounds the invitations that wait at once, over all coordinators.
const maxInvitations = 1000

func (s *Server) postInvitation(c echo.Context, who caller) error {
	var in syncproto.Invitation
	if err := readMessage(c, &in); err != nil {
		return err
	}
	if len(in.Intent) > syncproto.MaxIntent {
		return syncproto.Refuse(syncproto.CodeTooLarge, "reading the invitation: its note has %d bytes, the limit is %d", len(in.Intent), syncproto.MaxIntent)
	}
	ctx := c.Request().Context()
	now := s.cfg.Now().UnixMilli()
	if in.Expires > 1<<62 || int64(in.Expires) <= now {
		return syncproto.Refuse(syncproto.CodeMalformed, "reading the invitation: it has expired already: check this laptop's clock")
	}
	if in.Intent == nil {
		in.Intent = []byte{}
	}
	err := sqldb.InTx(ctx, s.db.Write, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM invitation WHERE expires <= $1`, now); err != nil {
			return err
		}
		var n int
		if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM invitation`).Scan(&n); err != nil {
			return err
		}
		if n >= maxInvitations {
			return syncproto.Refuse(syncproto.CodeLimited, "%d invitations wait already: withdraw some", n)
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO invitation (id, code, expires, intent, author) VALUES ($1, $2, $3, $4, $5)`,
			in.ID[:], in.Code[:], int64(in.Expires), in.Intent, who.device[:])
		return err
	})
	if sqldb.IsUnique(err) {
		return syncproto.Refuse(syncproto.CodeMalformed, "keeping the invitation: its id is taken: draw another")
	}
	if err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// postEnrol keeps a new laptop's request for the coordinator who invited it. The server cannot check the MAC under
// the code, of which it knows only the hash; it keeps so few requests that guessing is pointless.
func (s *Server) postEnrol(c echo.Context, _ caller) error {
	body, err := io.ReadAll(c.Request().Body)
	if err != nil {
		return err
	}
	var e syncproto.Enrolment
	if err := syncproto.DecodeMessage(body, &e); err != nil {
		return err
	}
	o := s.replica.Roster().Organisation()
	if o == nil {
		return errNotFound
	}
	if err := e.Check(o.Root); err != nil {
		return err
	}
	ctx := c.Request().Context()
	err = sqldb.InTx(ctx, s.db.Write, func(tx *sql.Tx) error { return keepEnrolment(ctx, tx, e.Invitation, body, s.cfg.Now().UnixMilli()) })
	if err != nil {
		return err
	}
	return c.NoContent(http.StatusAccepted)
}

func keepEnrolment(ctx context.Context, tx *sql.Tx, invitation syncproto.Nonce, body []byte, now int64) error {
	var open bool
	err := tx.QueryRowContext(ctx, `SELECT expires > $2 FROM invitation WHERE id = $1`, invitation[:], now).Scan(&open)
	if errors.Is(err, sql.ErrNoRows) || err == nil && !open {
		return syncproto.Refuse(syncproto.CodeNotFound, "there is no such invitation, or it has expired: ask for a new one")
	}
	if err != nil {
		return fmt.Errorf("looking for the invitation: %w", err)
	}
	id := sha256.Sum256(body)
	var others int
	err = tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM enrolment WHERE invitation = $1 AND id <> $2`, invitation[:], id[:]).Scan(&others)
	if err != nil {
		return fmt.Errorf("counting requests: %w", err)
	}
	if others >= syncproto.MaxEnrolTries {
		return syncproto.Refuse(syncproto.CodeLimited, "this invitation was used too often: ask for a new one")
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO enrolment (id, invitation, request, received) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
		id[:], invitation[:], body, now)
	if err != nil {
		return fmt.Errorf("keeping the request: %w", err)
	}
	return nil
}

func (s *Server) getEnrolments(c echo.Context, _ caller) error {
	rows, err := s.db.Read.QueryContext(c.Request().Context(), `
		SELECT e.invitation, e.request, e.received, i.intent FROM enrolment e JOIN invitation i ON i.id = e.invitation
		ORDER BY e.received, e.id`)
	if err != nil {
		return fmt.Errorf("listing enrolments: %w", err)
	}
	defer rows.Close()
	out := []syncproto.PendingEnrolment{}
	for rows.Next() {
		var p syncproto.PendingEnrolment
		var id []byte
		if err := rows.Scan(&id, &p.Request, &p.Received, &p.Intent); err != nil {
			return fmt.Errorf("listing enrolments: %w", err)
		}
		p.Invitation = syncproto.Nonce(id)
		out = append(out, p)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("listing enrolments: %w", err)
	}
	return render(c, out)
}

// deleteEnrolment withdraws an invitation with its requests: after the approval, or instead of it.
func (s *Server) deleteEnrolment(c echo.Context, _ caller) error {
	var id syncproto.Nonce
	if err := id.UnmarshalText([]byte(c.Param("id"))); err != nil {
		return errNotFound
	}
	res, err := s.db.Write.ExecContext(c.Request().Context(), `DELETE FROM invitation WHERE id = $1`, id[:])
	if err != nil {
		return fmt.Errorf("withdrawing an invitation: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil {
		return fmt.Errorf("withdrawing an invitation: %w", err)
	} else if n == 0 {
		return errNotFound
	}
	return c.NoContent(http.StatusNoContent)
}
