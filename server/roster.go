package server

import (
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"kua/internal/replica"
	"kua/syncproto"
)

// postRoster appends signed records. Each is judged by the list before it; who brings them matters only for the first.
func (s *Server) postRoster(c echo.Context, _ caller) error {
	records, err := readStrings(c)
	if err != nil {
		return err
	}
	if len(records) == 0 {
		return syncproto.Refuse(syncproto.CodeMalformed, "reading the roster: there is no record in the request")
	}
	trial := s.replica.Roster().Clone() // refuses without a transaction that must be undone
	for _, r := range records {
		if err := trial.Append(r); err != nil {
			return err
		}
	}
	err = s.replica.InTx(c.Request().Context(), func(tx *replica.Tx) error {
		for _, r := range records {
			if err := tx.AppendRoster(r); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(c.Request().Context(), `DELETE FROM meta WHERE name = $1`, metaSetup)
		return err
	})
	if err != nil {
		return err
	}
	s.committed()
	return c.NoContent(http.StatusNoContent)
}

func (s *Server) getRoster(c echo.Context, who caller) error {
	from := 0
	if v := c.QueryParam("from"); v != "" {
		var err error
		if from, err = strconv.Atoi(v); err != nil || from < 0 {
			return syncproto.Refuse(syncproto.CodeMalformed, "reading from: want a number of records")
		}
	}
	var body []byte
	for _, r := range who.roster.Records(from) {
		var err error
		if body, err = appendString(body, r); err != nil {
			return err
		}
	}
	return c.Blob(http.StatusOK, typeSeq, body)
}

// getDeviceFeeds answers how much of a device's feeds is here, for the cut of a revocation.
func (s *Server) getDeviceFeeds(c echo.Context, _ caller) error {
	id, err := syncproto.ParseDeviceID(c.Param("device"))
	if err != nil {
		return errNotFound
	}
	if _, ok := s.replica.Roster().Device(id); !ok {
		return errNotFound
	}
	return render(c, s.replica.DeviceFeeds(id))
}
