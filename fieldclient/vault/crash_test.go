package vault

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

const childEnv = "KUA_VAULT_TEST_CHILD"

// TestMain lets the test binary be the process that is killed.
func TestMain(m *testing.M) {
	children := map[string]func(Config) error{"saver": saver, "canary": canaryChild}
	if run := children[os.Getenv(childEnv)]; run != nil {
		if err := run(Config{Dir: os.Args[1], StateDir: os.Args[2], KDF: quick}); err != nil {
			fmt.Println("failed", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func child(t *testing.T, name string, cfg Config, env ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, cfg.Dir, cfg.StateDir)
	cmd.Env = append(append(os.Environ(), childEnv+"="+name), env...)
	return cmd
}

// saver creates or opens the vault and saves for ever. Every line it prints is an acknowledgement.
func saver(cfg Config) error {
	ctx := context.Background()
	v, err := Open(ctx, cfg, passphrase)
	if errors.Is(err, ErrMissing) {
		v, _, err = Create(ctx, cfg, passphrase)
	}
	if err != nil {
		return err
	}
	if reason, yes := v.Restored(); yes {
		return fmt.Errorf("a crash counts as %v", reason)
	}
	fmt.Println("open")
	for n := 1; ; n++ {
		rows := make([]Row, 1+mrand.IntN(5))
		if n%10 == 0 {
			rows = make([]Row, 100)
		}
		var ack strings.Builder
		err := v.InTx(ctx, func(tx *Tx) error {
			for i := range rows {
				rows[i].Payload = make([]byte, 16+mrand.IntN(1500))
				rand.Read(rows[i].Payload)
			}
			first, err := tx.AppendAll(rows)
			for i, r := range rows {
				fmt.Fprintf(&ack, "row %d %s\n", first+int64(i), hex.EncodeToString(r.Payload[:16]))
			}
			fmt.Fprintf(&ack, "newest %d\n", first+int64(len(rows))-1)
			return errors.Join(err, tx.Put("newest", fmt.Append(nil, first+int64(len(rows))-1)))
		})
		if err != nil {
			return err
		}
		os.Stdout.WriteString(ack.String())
		if n%7 == 0 {
			id := 1 + mrand.Int64N(v.Last())
			if err := v.InTx(ctx, func(tx *Tx) error { return tx.Replace(id, 1, []byte("erased")) }); err != nil {
				return err
			}
			fmt.Printf("erased %d\n", id)
		}
		if n%11 == 0 { // another key file, with the same passphrase
			if err := v.ChangePassphrase(ctx, passphrase, passphrase); err != nil {
				return err
			}
		}
	}
}

const kills = 260

func TestAKillLosesNothingAcknowledged(t *testing.T) {
	const vaults = 4
	for i := range vaults {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			cfg := newConfig(t)
			seen := history{rows: map[int64]string{}, erased: map[int64]bool{}}
			for life := range kills / vaults {
				seen.read(t, killed(t, cfg, life%10))
				seen.check(t, cfg)
				if t.Failed() {
					return
				}
			}
			if len(seen.rows) < kills/vaults {
				t.Errorf("only %d rows were saved: the test does not reach what it is for", len(seen.rows))
			}
		})
	}
}

// killed runs a saver, kills it at a random moment after some lines, and returns what it printed. Before the first line
// it is not open; and however slow the machine is, a life with several lines has saved something.
func killed(t *testing.T, cfg Config, lines int) []byte {
	cmd := child(t, "saver", cfg)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var all bytes.Buffer
	r := bufio.NewReader(out)
	for range lines {
		line, err := r.ReadString('\n')
		all.WriteString(line)
		if err != nil {
			break
		}
	}
	time.Sleep(time.Duration(mrand.Int64N(int64(25 * time.Millisecond))))
	cmd.Process.Kill()
	r.WriteTo(&all)
	cmd.Wait()
	return all.Bytes()
}

// history is what a vault must hold.
type history struct {
	rows   map[int64]string // the first bytes of every row acknowledged or found
	erased map[int64]bool
	newest int64
}

func (h *history) read(t *testing.T, out []byte) {
	for line := range bytes.Lines(out) {
		if line[len(line)-1] != '\n' {
			return // cut short
		}
		var id int64
		var start string
		switch f := strings.Fields(string(line)); f[0] {
		case "row":
			id, _ = strconv.ParseInt(f[1], 10, 64)
			start = f[2]
			if old, ok := h.rows[id]; ok {
				t.Errorf("row %d was given out twice: %s and %s", id, old, start)
			}
			h.rows[id] = start
		case "newest":
			h.newest, _ = strconv.ParseInt(f[1], 10, 64)
		case "erased":
			id, _ = strconv.ParseInt(f[1], 10, 64)
			h.erased[id] = true
		case "open":
		default:
			t.Errorf("the child says: %s", line)
		}
	}
}

func (h *history) check(t *testing.T, cfg Config) {
	v, err := Open(t.Context(), cfg, passphrase)
	if errors.Is(err, ErrMissing) && len(h.rows) == 0 {
		return // killed during the first creation
	}
	if err != nil {
		t.Error(err)
		return
	}
	defer v.Close()
	if reason, yes := v.Restored(); yes {
		t.Errorf("a crash counts as %v", reason)
	}
	found := int64(0)
	err = v.Scan(t.Context(), 1, func(id int64, kind uint8, payload []byte) error {
		found = id
		if kind == 1 {
			h.erased[id] = true
		}
		want, known := h.rows[id]
		switch {
		case h.erased[id]:
			if string(payload) != "erased" {
				t.Errorf("row %d is back after it was erased", id)
			}
			h.rows[id] = want
		case !known: // committed, but killed before it could say so
			h.rows[id] = hex.EncodeToString(payload[:16])
		case want != hex.EncodeToString(payload[:16]):
			t.Errorf("row %d holds something else than was acknowledged", id)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if found != int64(len(h.rows)) {
		t.Errorf("%d rows are there, %d were acknowledged or seen", found, len(h.rows))
	}
	if h.newest > 0 {
		b, err := v.Get(t.Context(), "newest")
		if n, _ := strconv.ParseInt(string(b), 10, 64); err != nil || n != found || n < h.newest {
			t.Errorf("the value says %s, the log ends with %d, %d was acknowledged (%v)", b, found, h.newest, err)
		}
	}
	var ok string
	if err := v.db.Read.QueryRow(`PRAGMA integrity_check`).Scan(&ok); err != nil || ok != "ok" {
		t.Errorf("integrity check: %s %v", ok, err)
	}
}
