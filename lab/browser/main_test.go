package browser

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	if file := os.Getenv("KUA_LAB_CLOCK"); file != "" {
		os.Exit(screensWithClock(file))
	}
	code := m.Run()
	if built != "" {
		_ = os.RemoveAll(built)
	}
	os.Exit(code)
}
