package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kua/internal/sqldb"
)

// command runs kua-server and returns what it prints.
func command(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out, log strings.Builder
	err := run(context.Background(), args, &out, &log)
	return out.String(), err
}

func TestBackupRestoreVerifyRebuildByCommand(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if _, err := command(t, "init", "--data", dir); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "kua.backup")
	out, err := command(t, "backup", file, "--data", dir, "--with-key", "--json")
	var made struct{ Server string }
	if err != nil || json.Unmarshal([]byte(out), &made) != nil || len(made.Server) != 32 {
		t.Fatalf("backup: %v, %s", err, out)
	}
	next := filepath.Join(t.TempDir(), "next")
	if out, err = command(t, "restore", file, "--data", next); err != nil || !strings.Contains(out, made.Server) {
		t.Fatalf("restore: %v, %s", err, out)
	}
	if out, err = command(t, "restore", file, "--data", next); err != nil || !strings.Contains(out, "is now") {
		t.Fatalf("restoring over it: %v, %s", err, out)
	}
	for _, args := range [][]string{{"rebuild"}, {"rebuild", "--json"}, {"verify"}, {"verify", "--json"}} {
		if out, err := command(t, append(args, "--data", next)...); err != nil || out == "" {
			t.Fatalf("%q: %v, %s", args, err, out)
		}
	}
	db, err := sqldb.Open(t.Context(), sqldb.Config{Path: filepath.Join(next, "server.db")})
	if err != nil {
		t.Fatal(err)
	}
	err = sqldb.InTx(t.Context(), db.Write, func(tx *sql.Tx) error {
		_, err := tx.Exec(`INSERT INTO team (scope, person, changeset) VALUES (1, ZEROBLOB(16), 1)`)
		return err
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if out, err := command(t, "verify", "--data", next); !errors.Is(err, errFaults) || !strings.Contains(out, "Wrong:") {
		t.Fatalf("verifying damage: %v, %s", err, out)
	}
}

func TestDataCommandsRefuseBadInput(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if _, err := command(t, "init", "--data", dir); err != nil {
		t.Fatal(err)
	}
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("no backup"), 0o600); err != nil {
		t.Fatal(err)
	}
	absent := filepath.Join(t.TempDir(), "absent")
	for _, args := range [][]string{
		{"backup", "--data", dir}, {"backup", text, "--data", dir}, {"backup", filepath.Join(absent, "x"), "--data", dir},
		{"restore", text, "--data", dir}, {"restore", absent, "--data", dir}, {"verify"}, {"verify", "--data", absent},
		{"rebuild", "--data", absent}, {"backup", filepath.Join(t.TempDir(), "x"), "--data", absent},
	} {
		if out, err := command(t, args...); err == nil {
			t.Fatalf("%q passed: %s", args, out)
		}
	}
	if _, err := os.Stat(absent); err == nil {
		t.Fatal("a refused command made a folder")
	}
}
