package vault

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unicode/utf16"

	"kua/internal/sqldb"
)

// The words of an interview; none may be found in a file.
const (
	canaryWord   = "Қанат-Kanarievsky-7731"
	canaryName   = "interview.with.kanarievsky"
	canarySecret = "canary passphrase of seven words nobody types"
)

// canaryChild writes the words everywhere it can, sorts more of them than fit a sorter's memory, prints the recovery
// secret, and waits with all files open. When its input ends, it closes the vault.
func canaryChild(cfg Config) error {
	ctx := context.Background()
	v, recovery, err := Create(ctx, cfg, canarySecret)
	if err != nil {
		return err
	}
	note := []byte(strings.Repeat(canaryWord+" ", 20))
	err = v.InTx(ctx, func(tx *Tx) error {
		rows := make([]Row, 2000)
		for i := range rows {
			rows[i] = Row{1, note}
		}
		_, err := tx.AppendAll(rows)
		return errors.Join(err, tx.Put(canaryName, note), tx.Replace(3, 1, []byte(canaryWord)))
	})
	if err != nil {
		return err
	}
	if err := v.ChangePassphrase(ctx, recovery, canarySecret); err != nil {
		return err
	}
	projection, err := sqldb.Open(ctx, sqldb.Config{Memory: true})
	if err != nil {
		return err
	}
	if _, err := projection.Write.Exec(`
		CREATE TABLE t (a TEXT);
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)
		INSERT INTO t (a) SELECT hex(randomblob(150)) || $1 FROM n`, canaryWord+canaryWord); err != nil {
		return err
	}
	rows, err := projection.Read.Query(`SELECT a FROM t ORDER BY a`)
	if err != nil {
		return err
	}
	rows.Next()
	fmt.Println(recovery)
	bufio.NewReader(os.Stdin).ReadString('\n')
	return errors.Join(rows.Close(), projection.Close(), v.Close())
}

func TestNoWordIsFoundOnTheDisk(t *testing.T) {
	for _, kill := range []bool{false, true} {
		t.Run(fmt.Sprintf("kill=%t", kill), func(t *testing.T) {
			cfg, tmp := newConfig(t), t.TempDir()
			cmd := child(t, "canary", cfg, "TMPDIR="+tmp, "SQLITE_TMPDIR="+tmp, "TMP="+tmp, "TEMP="+tmp)
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			recovery, _ := bufio.NewReader(out).ReadString('\n')
			recovery = strings.TrimSpace(recovery)
			if len(recovery) != 44 {
				cmd.Process.Kill()
				t.Fatalf("the child says %q", recovery)
			}
			words := []string{canaryWord, canaryName, canarySecret, recovery, "Kanarievsky", "kanarievsky", "seven words"}
			search := func(when string) {
				t.Helper()
				for _, dir := range []string{cfg.Dir, cfg.StateDir, tmp} {
					for name, b := range readAll(t, dir) {
						for _, hit := range find(b, words) {
							t.Errorf("%s: %s in %s", when, hit, filepath.Join(dir, name))
						}
					}
				}
				for name, b := range openFiles(t, cmd.Process.Pid) { // those that are deleted too
					for _, hit := range find(b, words) {
						t.Errorf("%s: %s in the open file %s", when, hit, name)
					}
				}
			}
			search("open")
			if kill {
				cmd.Process.Kill()
			}
			in.Close()
			if err := cmd.Wait(); err != nil && !kill {
				t.Fatal(err)
			}
			search("after")
			if n := len(readAll(t, tmp)); n != 0 {
				t.Errorf("%d temporary files are left", n)
			}
			v, err := Open(t.Context(), cfg, canarySecret)
			if err != nil {
				t.Fatal(err)
			}
			if _, b, err := v.Read(t.Context(), 2000); err != nil || !bytes.Contains(b, []byte(canaryWord)) {
				t.Errorf("the words are not in the vault either: %v", err)
			}
			mustClose(t, v)
		})
	}
}

// openFiles reads what a process has open, on Linux.
func openFiles(t *testing.T, pid int) map[string][]byte {
	out := map[string][]byte{}
	if runtime.GOOS != "linux" {
		return out
	}
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return out // it has ended
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
			continue
		}
		target, _ := os.Readlink(path)
		if b, err := os.ReadFile(path); err == nil {
			out[target] = b
		}
	}
	return out
}

// find returns which words are in b, in any usual encoding.
func find(b []byte, words []string) (hits []string) {
	for _, w := range words {
		var le, be []byte
		for _, u := range utf16.Encode([]rune(w)) {
			le, be = binary.LittleEndian.AppendUint16(le, u), binary.BigEndian.AppendUint16(be, u)
		}
		forms := map[string][]byte{
			"text": []byte(w), "UTF-16LE": le, "UTF-16BE": be,
			"hex": []byte(hex.EncodeToString([]byte(w))), "HEX": []byte(strings.ToUpper(hex.EncodeToString([]byte(w)))),
		}
		for shift := range 3 { // the three ways in which the word can fall on base64's groups, less the ragged ends
			for name, enc := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
				s := enc.EncodeToString(append(make([]byte, shift), w...))
				forms[fmt.Sprint(name, shift)] = []byte(s[4 : len(s)-4])
			}
		}
		for form, f := range forms {
			if bytes.Contains(b, f) {
				hits = append(hits, fmt.Sprintf("%q as %s", w, form))
			}
		}
	}
	return hits
}

func TestTheSearchFindsWhatIsThere(t *testing.T) {
	words := []string{canaryWord}
	for _, pad := range []string{"", "x", "xy"} {
		text := []byte(pad + "before " + canaryWord + " after")
		for _, b := range []string{
			string(text), hex.EncodeToString(text), base64.StdEncoding.EncodeToString(text), base64.RawURLEncoding.EncodeToString(text),
		} {
			if len(find([]byte(b), words)) == 0 {
				t.Errorf("not found in %s", b)
			}
		}
	}
	var wide []byte
	for _, u := range utf16.Encode([]rune("a " + canaryWord)) {
		wide = binary.LittleEndian.AppendUint16(wide, u)
	}
	if len(find(wide, words)) == 0 || len(find([]byte("nothing here"), words)) != 0 {
		t.Error("the search is blind, or sees ghosts")
	}
}
