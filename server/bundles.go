package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"kua/internal/replica"
	"kua/syncproto"
)

const (
	maxBundle = 4 << 30 // bytes of one courier bundle: a long deployment of a whole region
	typeKua   = "application/vnd.kua.bundle"

	batchPackets = 500
	batchBytes   = 1 << 20
	patience     = 5 * time.Minute // between two batches of a slow sender
)

// Headers of the answer to a bundle.
const (
	bundleHeader  = "Kua-Bundle"  // "complete", or "incomplete" where the bundle was cut off or damaged
	resultsHeader = "Kua-Results" // how many changesets got which status
)

// delivery takes in one courier bundle. Its memory is bounded by a batch; receipts wait in a file.
type delivery struct {
	s      *Server
	who    caller
	roster *syncproto.Roster // grows with the records that the bundle brings
	batch  [][]byte
	bytes  int
	out    *syncproto.BundleWriter
	counts map[syncproto.Status]int
	extend func() // gives the sender more time
}

// postBundle takes in a courier bundle as it comes and answers with a bundle of receipts for the way back, and the
// newest roster records. Every changeset is judged alone: of a bundle that was cut off, what is whole is stored.
func (s *Server) postBundle(c echo.Context, who caller) error {
	spool, err := os.CreateTemp(s.cfg.Dir, "receipts-*.tmp") // mode 0600
	if err != nil {
		return fmt.Errorf("taking in a bundle: %w", err)
	}
	defer os.Remove(spool.Name())
	defer spool.Close()
	d := delivery{s: s, who: who, roster: who.roster.Clone(), counts: map[syncproto.Status]int{}}
	control := http.NewResponseController(c.Response())
	d.extend = func() { control.SetReadDeadline(time.Now().Add(patience)) } // an error means that there is no limit
	if d.out, err = syncproto.NewBundleWriter(spool, syncproto.BundleManifest{Kind: syncproto.BundleReceipts, RosterLen: uint64(d.roster.Len())}, s.key); err != nil {
		return err
	}
	info, err := d.read(c.Request().Context(), c.Request().Body)
	if err != nil {
		return err
	}
	if err := d.finish(info); err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set(bundleHeader, "complete")
	if !info.Complete {
		h.Set(bundleHeader, "incomplete")
		s.log.Info("a bundle was not whole", "device", who.device, "items", info.Items, "damage", info.Damage)
	}
	h.Set(resultsHeader, d.results())
	return sendFile(c, spool)
}

func sendFile(c echo.Context, f *os.File) error {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderContentLength, strconv.FormatInt(size, 10))
	return c.Stream(http.StatusOK, typeKua, f)
}

// read takes in what of the bundle is whole. What it stored stays, also where it ends with an error.
func (d *delivery) read(ctx context.Context, r io.Reader) (syncproto.BundleInfo, error) {
	d.extend()
	info, err := syncproto.ReadBundle(r, func(i syncproto.BundleItem) error { return d.item(ctx, i) })
	if err != nil && info.Items > 0 && syncproto.CodeOf(err) != "" && syncproto.CodeOf(err) != syncproto.CodeLimited {
		info.Damage, err = err, nil // what came before stands
	}
	if err != nil {
		return info, err
	}
	return info, d.store(ctx)
}

func (d *delivery) item(ctx context.Context, i syncproto.BundleItem) error {
	switch i.Kind {
	case syncproto.ItemPacket:
		d.batch, d.bytes = append(d.batch, i.Content), d.bytes+len(i.Content)
		if len(d.batch) >= batchPackets || d.bytes >= batchBytes {
			return d.store(ctx)
		}
	case syncproto.ItemRoster:
		return d.record(ctx, i.Content)
	case syncproto.ItemRedaction:
		return d.redaction(ctx, i.Content)
	}
	return nil
}

// record appends a roster record that extends the server's list, as after the restore of an old backup. Any other is
// passed over: a bundle is no way to change the roster, and none is needed to know it.
func (d *delivery) record(ctx context.Context, record []byte) error {
	if d.roster.Append(record) != nil {
		return nil
	}
	return d.s.replica.InTx(ctx, func(tx *replica.Tx) error {
		if err := tx.AppendRoster(record); syncproto.CodeOf(err) == "" {
			return err
		}
		return nil // somebody else brought it meanwhile
	})
}

// redaction replaces a body whose values were ordered to be erased; see postRedactions.
func (d *delivery) redaction(ctx context.Context, message []byte) error {
	var r syncproto.Redaction
	if syncproto.DecodeMessage(message, &r) != nil {
		return nil
	}
	if err := d.store(ctx); err != nil { // the order may be in the batch
		return err
	}
	l, err := d.s.replica.Changeset(ctx, r.Changeset)
	if errors.Is(err, replica.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	scope, ok := d.s.replica.Scope(l.Scope)
	if !ok || !d.who.reads(&scope.Standing) || !l.Erased || l.Redacted {
		return nil
	}
	body, err := bodyFor(l, r.Body)
	if err != nil {
		return nil
	}
	return d.s.replica.InTx(ctx, func(tx *replica.Tx) error {
		if err := tx.Redact(r.Changeset, body, r.Erased); syncproto.CodeOf(err) == "" {
			return err
		}
		return nil
	})
}

// store takes in the batch and writes its receipts.
func (d *delivery) store(ctx context.Context) error {
	if len(d.batch) == 0 {
		return nil
	}
	select {
	case d.s.turns <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	t, err := d.s.take(ctx, d.who.device, nil, d.batch)
	<-d.s.turns
	if err != nil {
		return err
	}
	d.batch, d.bytes = d.batch[:0], 0
	d.extend()
	seen := map[syncproto.ScopeID]bool{}
	for i, id := range t.scopes {
		if s := t.results[i].Status; s != "" {
			d.counts[s]++
		}
		if seen[id] {
			continue
		}
		seen[id] = true
		receipt, err := d.s.receipt(id, t)
		if err != nil {
			return err
		}
		if receipt == nil {
			continue
		}
		if err := d.out.Add(syncproto.BundleItem{Kind: syncproto.ItemReceipt, Content: receipt}); err != nil {
			return err
		}
	}
	return nil
}

// finish adds the roster records that the sender lacks and closes the answer.
func (d *delivery) finish(info syncproto.BundleInfo) error {
	for _, record := range d.s.replica.Roster().Records(int(min(info.Manifest.RosterLen, 1<<30))) {
		if err := d.out.Add(syncproto.BundleItem{Kind: syncproto.ItemRoster, Content: record}); err != nil {
			return err
		}
	}
	return d.out.Close()
}

func (d *delivery) results() (text string) {
	for _, status := range []syncproto.Status{syncproto.StatusAccepted, syncproto.StatusDuplicate, syncproto.StatusHeld,
		syncproto.StatusQuarantined, syncproto.StatusOpaque, syncproto.StatusRefused} {
		if n := d.counts[status]; n > 0 {
			text += fmt.Sprintf(" %s=%d", status, n)
		}
	}
	if text == "" {
		return "none"
	}
	return text[1:]
}

// sweepSpools removes what an interrupted delivery left in the data folder.
func sweepSpools(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, "receipts-*.tmp"))
	for _, path := range left {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}
