// Package kua_test holds the rules of which room of the house may know which.
package kua_test

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// What every room may use, and what only some may. A new dependency is a new line here, with a reason in the commit.
var (
	codec   = []string{"github.com/fxamacker/cbor/v2", "github.com/x448/float16", "github.com/google/uuid", "github.com/klauspost/compress", "golang.org/x/crypto", "golang.org/x/sys"}
	proof   = []string{"golang.org/x/mod"}
	sqlite  = []string{"modernc.org/sqlite", "modernc.org/libc", "modernc.org/mathutil", "modernc.org/memory", "github.com/dustin/go-humanize", "github.com/remyoudompheng/bigfft"}
	tokens  = []string{"github.com/golang-jwt/jwt/v5"}
	command = []string{"github.com/spf13/cobra", "github.com/spf13/pflag"}
	laptop  = []string{"github.com/schollz/progressbar/v3", "github.com/mitchellh/colorstring", "github.com/rivo/uniseg", "golang.org/x/term", "golang.org/x/text",
		"github.com/leonelquinteros/gotext"} // the screens' catalogues
	forms = []string{"github.com/xuri/excelize/v2", "github.com/xuri/efp", "github.com/xuri/nfp", "github.com/richardlehane/mscfb", "github.com/richardlehane/msoleps",
		"github.com/tiendc/go-deepcopy", "github.com/beevik/etree", "golang.org/x/net"} // XLSForm and XForms
	photos  = []string{"golang.org/x/image"} // WebP, and pictures made smaller
	service = []string{"github.com/labstack/echo/v4", "github.com/labstack/gommon", "github.com/mattn/go-colorable", "github.com/mattn/go-isatty",
		"github.com/valyala/bytebufferpool", "github.com/valyala/fasttemplate", "golang.org/x/net", "golang.org/x/sync", "golang.org/x/text", "golang.org/x/time",
		"github.com/prometheus/client_golang", "github.com/prometheus/client_model", "github.com/prometheus/common", "github.com/prometheus/procfs",
		"github.com/beorn7/perks", "github.com/cespare/xxhash/v2", "github.com/munnerz/goautoneg", "google.golang.org/protobuf"}
)

// rooms are the product's top folders: what they may use of ours, and of others.
var rooms = []struct {
	pattern string
	ours    []string
	others  [][]string
}{
	{"./syncproto/...", []string{"kua/syncproto"}, [][]string{codec, proof}},
	{"./server/...", []string{"kua/server", "kua/internal", "kua/syncproto"}, [][]string{codec, proof, sqlite, tokens, command, service}},
	{"./fieldclient/...", []string{"kua/fieldclient", "kua/internal", "kua/syncproto"}, [][]string{codec, proof, sqlite, tokens, command, laptop, forms, photos}},
}

// list runs go list on the product alone.
func list(t *testing.T, args ...string) []string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	cmd.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var lines []string
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		if strings.TrimSpace(s.Text()) != "" {
			lines = append(lines, s.Text())
		}
	}
	return lines
}

func TestARoomUsesOnlyWhatItMay(t *testing.T) {
	for _, room := range rooms {
		allowed := slices.Concat(room.others...)
		for _, line := range list(t, "-deps", "-f", "{{if not .Standard}}{{.ImportPath}} {{with .Module}}{{.Path}}{{end}}{{end}}", room.pattern) {
			path, module, _ := strings.Cut(line, " ")
			within := func(p string) bool { return path == p || strings.HasPrefix(path, p+"/") }
			switch {
			case module == "kua" && !slices.ContainsFunc(room.ours, within):
				t.Errorf("%s depends on %s", room.pattern, path)
			case module != "kua" && !slices.Contains(allowed, module):
				t.Errorf("%s depends on %s of module %s, which is not in the table of this test", room.pattern, path, module)
			}
		}
	}
}

func TestSyncprotoHasNoDiskNetworkClockOrChanceOfItsOwn(t *testing.T) {
	denied := []string{"os", "os/exec", "net", "net/http", "database/sql", "log", "math/rand", "math/rand/v2", "crypto/rand", "sync", "sync/atomic", "runtime", "unsafe", "embed"}
	for _, line := range list(t, "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./syncproto/...") {
		words := strings.Fields(line)
		if words[0] == "kua/syncproto/prototest" || strings.Contains(words[0], "/cmd/") {
			continue // a test kit, and programs
		}
		for _, w := range words[1:] {
			if slices.Contains(denied, w) {
				t.Errorf("%s imports %s: pass it in", words[0], w)
			}
		}
	}
}
