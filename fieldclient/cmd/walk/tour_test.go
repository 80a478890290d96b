package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"kua/internal/loopback"
)

var shellBlock = regexp.MustCompile("(?s)```sh\n(.*?)```")

func TestTheTourInTheReadmeRunsAsItStands(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the tour is for bash")
	}
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, tour, _ := strings.Cut(string(readme), "<!-- tour")
	tour, _, found := strings.Cut(tour, "<!-- end of tour -->")
	if !found {
		t.Fatal("README.md has no tour")
	}
	script := "set -euo pipefail\ntrap 'kill ${SERVER:-} 2>/dev/null || true' EXIT\n"
	for _, block := range shellBlock.FindAllStringSubmatch(tour, -1) {
		script += block[1]
	}
	address, err := loopback.Address()
	if err != nil {
		t.Fatal(err)
	}
	script = strings.ReplaceAll(script, "127.0.0.1:8440", address)
	script = strings.Replace(script, "serve --data server", "serve --data server --listen "+address, 1)
	cmd := exec.Command("bash", "-c", script)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "KUA_TEST_KDF=quick", "TMPDIR="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"The person is", "corridor", "the values differ", "both are right", "Everything holds", "nothing readable anywhere"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the tour does not show %q\n%s", want, out)
		}
	}
}
