package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"kua/internal/setupcode"
)

func TestInitThenServeOnFreePorts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	var out, log strings.Builder
	if err := run(context.Background(), []string{"init", "--data", dir, "--url", "http://127.0.0.1:0", "--json"}, &out, &log); err != nil {
		t.Fatal(err)
	}
	var made map[string]string
	if err := json.Unmarshal([]byte(out.String()), &made); err != nil {
		t.Fatal(err)
	}
	if _, err := setupcode.Parse(made["setup"]); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	r, w := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{"serve", "--data", dir, "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--json"}, w, io.Discard)
		w.Close()
	}()
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatal(err, <-ended)
	}
	var where map[string]string
	if err := json.Unmarshal([]byte(line), &where); err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{where["url"] + "/readyz", where["metrics"]} {
		res, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", url, res.Status)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

func TestMistakesNameTheirRemedy(t *testing.T) {
	t.Setenv("KUA_SERVER_DATA", "")
	empty := t.TempDir()
	for want, args := range map[string][]string{
		"kua-server init": {"serve", "--data", empty, "--listen", "127.0.0.1:0", "--metrics", ""},
		"belong together": {"serve", "--data", empty, "--tls-cert", "x"},
		"--listen":        {"serve", "--data", empty, "--listen", "256.0.0.1:1"},
		"public URL":      {"init", "--data", filepath.Join(empty, "x"), "--url", "nonsense"},
		"unknown":         {"nonsense"},
	} {
		err := run(context.Background(), args, io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want something about %q", args, err, want)
		}
	}
}
