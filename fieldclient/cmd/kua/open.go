package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/spf13/cobra"

	"kua/fieldclient/web"
)

// screensFor adds the screens: `kua` alone opens them.
func (a *app) screensFor(root *cobra.Command) {
	var quiet bool
	flags := func(c *cobra.Command) {
		c.Flags().BoolVar(&quiet, "no-browser", false, "open no browser: print which file opens the screens")
	}
	show := func(ctx context.Context, _ []string) error { return a.showScreens(ctx, quiet) }
	open := a.command(&cobra.Command{Use: "open", Short: "Open the screens in a browser window of their own; the same as `kua` alone",
		Long: "Open the screens in a browser window of their own. They answer on a port of this machine that nobody else can use:\n" +
			"a file that only you can read lets one browser in, once. The window's profile is made for it and thrown away."}, show)
	flags(open)
	flags(root)
	screens := a.command(&cobra.Command{Use: "screens", Hidden: true}, func(ctx context.Context, _ []string) error {
		l, err := web.Inherited()
		if err != nil {
			return err
		}
		return web.RunScreens(ctx, web.Config{Client: a.config(), KDF: kdf}, l, a.in, os.Stdout)
	})
	root.AddCommand(open, screens)
	a.command(root, show)
}

// showScreens keeps the screens open until the person quits.
func (a *app) showScreens(ctx context.Context, noBrowser bool) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	h := &web.Host{
		Command: func() *exec.Cmd {
			cmd := exec.Command(self, "screens", "--data", a.data, "--state", a.state)
			cmd.Stderr = os.Stderr
			return cmd
		},
		Say: func(path string) {
			fmt.Fprintf(a.out, "Open this file in a private window of a browser; it works once:\n\n    %s\n\nCtrl+C closes Kua.\n", path)
		},
	}
	if !noBrowser {
		if h.Browser = web.FindBrowser(); h.Browser == nil {
			fmt.Fprintln(a.err, "No browser was found that can be given a profile of its own (Chromium, Chrome, Edge or Firefox).")
		}
	}
	err = h.Run(ctx)
	if errors.Is(err, web.ErrWiped) {
		return a.say(map[string]bool{"wiped": true}, "Wiped. Nobody can read what was here.")
	}
	return err
}
