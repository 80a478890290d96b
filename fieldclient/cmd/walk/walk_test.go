package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestTheWalkPassesFromTheFirstCoordinatorToTheLastDisk(t *testing.T) {
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", bin, "kua/fieldclient/cmd/kua", "kua/server/cmd/kua-server")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	var told strings.Builder
	if err := run(bin, true, &told); err != nil {
		t.Fatalf("%v\n%s", err, told.String())
	}
	if !strings.HasSuffix(told.String(), "all steps passed\n") {
		t.Error(told.String())
	}
}
