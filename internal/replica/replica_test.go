package replica_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"kua/internal/replica"
	"kua/internal/replica/replicatest"
	"kua/internal/sqldb"
)

func TestStoreOnFiles(t *testing.T) {
	t.Parallel()
	replicatest.Run(t, func(t *testing.T) *sql.DB {
		db := open(t, sqldb.Config{Path: filepath.Join(t.TempDir(), "replica.db")})
		// The suite asks what is kept, not whether it survives a power cut.
		if _, err := db.ExecContext(t.Context(), `PRAGMA synchronous = OFF`); err != nil {
			t.Fatal(err)
		}
		return db
	})
}

func TestStoreInMemory(t *testing.T) {
	t.Parallel()
	replicatest.Run(t, func(t *testing.T) *sql.DB { return open(t, sqldb.Config{Memory: true}) })
}

func open(t *testing.T, cfg sqldb.Config) *sql.DB {
	t.Helper()
	db, err := sqldb.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if err := sqldb.Migrate(t.Context(), db.Write, "replica", replica.Migrations, "migrations/sqlite"); err != nil {
		t.Fatal(err)
	}
	return db.Write
}
