package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"kua/fieldclient"
)

func (a *app) sync() *cobra.Command {
	var server string
	c := &cobra.Command{Use: "sync", Short: "Bring your work to the server and fetch what is new; may be broken off at any time"}
	var remember bool
	c.Flags().StringVar(&server, "server", "", "another address of the same server")
	c.Flags().BoolVar(&remember, "remember", false, "use the address of --server from now on")
	return a.command(c, func(ctx context.Context, _ []string) error {
		return a.open(ctx, func(c *fieldclient.Client) error {
			r, err := c.Remote()
			if err != nil {
				return err
			}
			if server = strings.TrimSuffix(server, "/"); server != "" {
				r = c.NewRemote(server)
			}
			if remember {
				if server == "" {
					return fmt.Errorf("--remember needs --server (%w)", errUsage)
				}
				if err := c.MoveServer(ctx, server); err != nil {
					return err
				}
			}
			show, done := a.progress()
			rep, err := c.Sync(ctx, r, show)
			done()
			if err != nil {
				return err
			}
			return a.print(rep, func(w io.Writer) { writeReport(w, rep) })
		})
	})
}

// progress returns what draws a bar on a terminal, and draws nothing elsewhere.
func (a *app) progress() (show func(fieldclient.Progress), done func()) {
	f, ok := a.err.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil, func() {}
	}
	var bar *progressbar.ProgressBar
	phase := ""
	finish := func() {
		if bar != nil {
			_ = bar.Clear() // drawing is no reason to fail
		}
	}
	return func(p fieldclient.Progress) {
		at := p.Phase + p.Scope.String()
		if p.BytesTotal > 0 { // one bar for the lane, whatever visit an attachment is of
			at = p.Phase
		}
		if at != phase {
			finish()
			phase = at
			total := int64(p.Total)
			if total == 0 {
				total = -1
			}
			options := []progressbar.Option{progressbar.OptionSetWriter(f), progressbar.OptionSetDescription(p.Phase),
				progressbar.OptionShowCount(), progressbar.OptionClearOnFinish()}
			if p.BytesTotal > 0 {
				total = int64(p.BytesTotal)
				options = append(options, progressbar.OptionShowBytes(true), progressbar.OptionSetPredictTime(true))
			}
			bar = progressbar.NewOptions64(total, options...)
		}
		if p.BytesTotal > 0 {
			_ = bar.Set64(int64(p.BytesDone))
			return
		}
		_ = bar.Set64(int64(p.Done))
	}, finish
}

func writeReport(w io.Writer, r fieldclient.Report) {
	fmt.Fprintf(w, "sent %d, received %d changesets; the server confirmed at %s\n", r.Sent, r.Received, when(r.ConfirmedAt))
	lines := []struct {
		n    int
		text string
	}{
		{r.Proven, "more are in the server's proven log"},
		{r.KeysShared, "visit keys were given to laptops that lacked them"},
		{r.Quarantined, "of those sent wait for a person's decision"},
		{r.Held, "of those sent wait at the server for something to come first"},
		{r.Reissued, "were refused by the server and signed again in a new feed: `kua incidents`"},
		{r.Attachments, "sealed originals are whole at the server since this sync"},
		{r.AttachmentsWaiting, "sealed originals are only on this laptop so far: the next sync goes on"},
		{r.Bad, "from the server do not verify and were left out: tell your coordinator"},
		{r.Away, "visits were removed from this laptop and were not fetched: `kua travel-light --back`"},
	}
	for _, l := range lines {
		if l.n > 0 {
			fmt.Fprintf(w, "%d %s\n", l.n, l.text)
		}
	}
	if r.NewEpoch {
		fmt.Fprintln(w, "The server was restored from a backup: what it had lost was sent again.")
	}
	for _, text := range r.Warnings {
		fmt.Fprintf(w, "! %s\n", text)
	}
}
