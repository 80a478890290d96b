package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// ErrNewer says that a later version of Kua has changed the tables.
var ErrNewer = errors.New("the database was written by a newer version of Kua: install that version or a later one")

// table is not STRICT so that one text serves both dialects.
const table = `
	CREATE TABLE IF NOT EXISTS migration (
		owner  TEXT    NOT NULL,
		number INTEGER NOT NULL,
		name   TEXT    NOT NULL,
		PRIMARY KEY (owner, number)
	)`

// Migrate brings the tables of one owner, a package that keeps tables in db, up to date. It runs the files of dir in
// fsys that have not run yet, each in its own transaction. They are named 0001_words.sql, 0002_words.sql and so on
// without a gap; a file that has run anywhere must not be changed or renamed. Several owners may share a database.
//
// It fails with ErrNewer when db holds a migration that fsys does not know.
func Migrate(ctx context.Context, db *sql.DB, owner string, fsys fs.FS, dir string) error {
	if err := migrate(ctx, db, owner, fsys, dir); err != nil {
		return fmt.Errorf("preparing the tables of %s: %w", owner, err)
	}
	return nil
}

func migrate(ctx context.Context, db *sql.DB, owner string, fsys fs.FS, dir string) error {
	names, err := migrations(fsys, dir)
	if err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, table); err != nil {
		return err
	}
	done, err := applied(ctx, db, owner)
	if err != nil {
		return err
	}
	if len(done) > len(names) {
		return fmt.Errorf("%w (found %s)", ErrNewer, done[len(done)-1])
	}
	for i, name := range names {
		if i < len(done) && done[i] != name {
			return fmt.Errorf("%w (found %s in place of %s)", ErrNewer, done[i], name)
		}
		if i < len(done) {
			continue
		}
		if err := apply(ctx, db, owner, i+1, fsys, path.Join(dir, name)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// apply runs one file. Its row goes first: where two processes meet here, the second waits for the first and is
// refused.
func apply(ctx context.Context, db *sql.DB, owner string, number int, fsys fs.FS, file string) error {
	ddl, err := fs.ReadFile(fsys, file)
	if err != nil {
		return err
	}
	mine := false
	err = InTx(ctx, db, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO migration (owner, number, name) VALUES ($1, $2, $3)`, owner, number, path.Base(file))
		if err != nil {
			return err
		}
		mine = true
		_, err = tx.ExecContext(ctx, string(ddl))
		return err
	})
	if !mine && IsUnique(err) {
		return nil
	}
	return err
}

// migrations returns the names in dir, in order.
func migrations(fsys fs.FS, dir string) ([]string, error) {
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if path.Ext(e.Name()) != ".sql" {
			continue
		}
		digits, _, _ := strings.Cut(e.Name(), "_")
		if n, err := strconv.Atoi(digits); err != nil || n != len(names)+1 {
			return nil, fmt.Errorf("migration %s must have the number %04d", e.Name(), len(names)+1)
		}
		names = append(names, e.Name())
	}
	return names, nil
}

// applied returns the names of what has run for owner, in order.
func applied(ctx context.Context, db *sql.DB, owner string) ([]string, error) {
	rows, err := db.QueryContext(ctx, `SELECT name FROM migration WHERE owner = $1 ORDER BY number`, owner)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}
