package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"kua/server"
)

// serving is what the flags of serve say.
type serving struct {
	data, url, listen, metrics, cert, key, highWater string
	asJSON                                           bool
}

func serveCommand() *cobra.Command {
	var f serving
	cmd := &cobra.Command{
		Use:   "serve --data DIR",
		Short: "Serve laptops until told to stop",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	stringFlag(cmd, &f.data, "data", "", "folder of the server's data")
	stringFlag(cmd, &f.url, "url", "", "URL by which laptops reach the server; empty means what init was told")
	stringFlag(cmd, &f.listen, "listen", "127.0.0.1:8440", "address of the service; port 0 takes a free one")
	stringFlag(cmd, &f.metrics, "metrics", "127.0.0.1:8441", "address of the metrics; empty turns them off")
	stringFlag(cmd, &f.cert, "tls-cert", "", "certificate file; without it, TLS must end in front of the server")
	stringFlag(cmd, &f.key, "tls-key", "", "key file of the certificate")
	stringFlag(cmd, &f.highWater, "high-water", "", "file with the newest published checkpoint; best outside what is backed up")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print the line that tells where the server is as JSON, and the log too")
	return cmd
}

// listeners are opened before anything else, so that a busy port leaves no traces.
type listeners struct{ service, metrics net.Listener }

func (f *serving) run(ctx context.Context, stdout, stderr io.Writer) error {
	if (f.cert == "") != (f.key == "") {
		return errors.New("--tls-cert and --tls-key belong together")
	}
	l, err := f.open()
	if err != nil {
		return err
	}
	defer l.close()
	public, err := f.publicURL(l.service.Addr())
	if err != nil {
		return err
	}
	s, err := server.Open(ctx, server.Config{
		Dir: f.data, PublicURL: public, HighWater: f.highWater, Logger: f.logger(stderr), Now: time.Now, Rand: rand.Reader, Version: version(),
	})
	if err != nil {
		return err
	}
	if err := f.announce(stdout, s.URL(), l); err != nil {
		return errors.Join(err, s.Close())
	}
	return errors.Join(f.serve(ctx, s, l), s.Close())
}

func (f *serving) open() (l listeners, err error) {
	if l.service, err = net.Listen("tcp", f.listen); err != nil {
		return l, fmt.Errorf("%w: choose another --listen", err)
	}
	if f.metrics == "" {
		return l, nil
	}
	if l.metrics, err = net.Listen("tcp", f.metrics); err != nil {
		l.service.Close()
		return l, fmt.Errorf("%w: choose another --metrics, or none with --metrics=", err)
	}
	return l, nil
}

func (l listeners) close() {
	l.service.Close()
	if l.metrics != nil {
		l.metrics.Close()
	}
}

// publicURL returns the URL that the flags name. One with port 0 takes the port that the listener got, and without
// one a listener on a free port names itself.
func (f *serving) publicURL(addr net.Addr) (string, error) {
	_, asked, _ := net.SplitHostPort(f.listen)
	_, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return "", err
	}
	if f.url == "" && asked == "0" {
		scheme := "http"
		if f.cert != "" {
			scheme = "https"
		}
		return scheme + "://" + addr.String(), nil
	}
	u, err := url.Parse(f.url)
	if err == nil && u.Port() == "0" {
		u.Host = net.JoinHostPort(u.Hostname(), port)
		return u.String(), nil
	}
	return f.url, nil // server.Open judges it
}

func (f *serving) announce(w io.Writer, public string, l listeners) error {
	where := map[string]string{"url": public, "listen": l.service.Addr().String()}
	if l.metrics != nil {
		where["metrics"] = "http://" + l.metrics.Addr().String() + "/metrics"
	}
	if f.asJSON {
		return json.NewEncoder(w).Encode(where)
	}
	_, err := fmt.Fprintf(w, "serving %s on %s, metrics at %s\n", where["url"], where["listen"], where["metrics"])
	return err
}

// serve runs until ctx ends, and then lets requests that have begun end.
func (f *serving) serve(ctx context.Context, s *server.Server, l listeners) error {
	service := server.NewHTTPServer(s.Handler())
	service.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS13}
	running, ctx := errgroup.WithContext(ctx)
	running.Go(func() error {
		if f.cert != "" {
			return unlessClosed(service.ServeTLS(l.service, f.cert, f.key))
		}
		return unlessClosed(service.Serve(l.service))
	})
	metrics := server.NewHTTPServer(s.Metrics())
	if l.metrics != nil {
		running.Go(func() error { return unlessClosed(metrics.Serve(l.metrics)) })
	}
	running.Go(func() error {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		s.Stopping()
		return errors.Join(service.Shutdown(grace), metrics.Shutdown(grace))
	})
	return running.Wait()
}

func unlessClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func (f *serving) logger(w io.Writer) *slog.Logger {
	if f.asJSON {
		return slog.New(slog.NewJSONHandler(w, nil))
	}
	return slog.New(slog.NewTextHandler(w, nil))
}

// version is the build, as the Go toolchain knows it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value[:min(12, len(s.Value))]
		}
	}
	return info.Main.Version
}
