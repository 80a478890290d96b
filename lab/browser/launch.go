package browser

import (
	"os"
	"regexp"
	"testing"
)

// Launch is what a launch file says: where the screens answer, and what lets one browser in.
type Launch struct{ Address, Token string }

var launched = regexp.MustCompile(`action="http://([0-9.:]+)/launch"><input type="hidden" name="token" value="([0-9a-f]{64})"`)

func readLaunch(t testing.TB, path string) Launch {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	m := launched.FindSubmatch(b)
	if m == nil {
		t.Fatal("the launch file is not as expected")
	}
	return Launch{string(m[1]), string(m[2])}
}
