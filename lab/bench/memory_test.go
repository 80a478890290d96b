package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"kua/lab/stage"
	"kua/syncproto"
)

// BenchmarkMemory syncs a cold laptop in a process of its own, at two sizes, and reports the most memory that it held.
// The records in memory grow with what is held; what a sync adds to them must not grow with its length.
func BenchmarkMemory(b *testing.B) {
	kua := filepath.Join(b.TempDir(), "kua")
	if out, err := exec.Command("go", "build", "-o", kua, "kua/fieldclient/cmd/kua").CombinedOutput(); err != nil {
		b.Fatalf("building: %v %s", err, out)
	}
	for _, ops := range []int{opsWanted(b) / 5, opsWanted(b)} {
		b.Run(fmt.Sprint(ops), func(b *testing.B) {
			for range b.N {
				measure(b, kua, ops)
			}
		})
	}
}

func measure(b *testing.B, kua string, ops int) {
	s := stage.New(b)
	aru := s.Laptop("Aru", syncproto.RoleMonitor, "KZ-75")
	dana := s.Laptop("Dana", syncproto.RoleMonitor, "KZ-75")
	aru.Sync()
	visit := aru.Visit("KZ-75", aru, dana)
	fill(b, aru, visit, ops/opsEach)
	aru.Sync()
	if err := dana.Close(); err != nil {
		b.Fatal(err)
	}
	run := func(args ...string) float64 {
		cmd := exec.Command(kua, args...)
		cmd.Env = append(os.Environ(), "KUA_DATA="+dana.Cfg.Vault.Dir, "KUA_STATE="+dana.Cfg.Vault.StateDir, "KUA_PASSPHRASE="+stage.Passphrase)
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("kua %v: %v %s", args, err, out)
		}
		return float64(cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss) / 1024
	}
	b.ReportMetric(run("sync"), "first-sync-MiB")
	b.ReportMetric(run("status"), "unlock-MiB")
	dana.Unlock()
}
