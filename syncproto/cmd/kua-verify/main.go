// Command kua-verify checks a courier bundle of Kua alone: offline, without a server, with nothing of Kua but the
// protocol library. It verifies every roster record, changeset and receipt, judges every right, merges every record,
// and checks checkpoints and proofs of the public log. It exits with 1 where anything is wrong.
//
//	kua-verify [--root HEX] [--checkpoint FILE] [--proof FILE]… [--attachments DIR]… [--partial] [--json] BUNDLE…
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	err := run(os.Args[1:], os.Stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "kua-verify:", err)
		os.Exit(1)
	}
}

var errFaults = errors.New("the bundle does not hold: see the report")

// files is a flag that may be given several times.
type files []string

func (f *files) String() string     { return strings.Join(*f, " ") }
func (f *files) Set(v string) error { *f = append(*f, v); return nil }

// run is main with its surroundings passed in.
func run(args []string, stdout io.Writer) error {
	var root string
	var checkpoints, proofs, originals files
	var partial, asJSON bool
	set := flag.NewFlagSet("kua-verify", flag.ContinueOnError)
	set.Usage = func() {
		fmt.Fprintln(set.Output(), "usage: kua-verify [flags] BUNDLE...\n\nBundles are read together: changesets may be in one and receipts in another.")
		set.PrintDefaults()
	}
	set.StringVar(&root, "root", "", "the organisation's root key in hexadecimal, from paper; without it compare what is printed")
	set.Var(&checkpoints, "checkpoint", "checkpoint `file` of the public log; may be repeated")
	set.Var(&proofs, "proof", "`file` that proves that a changeset stands in the log (.tlog-proof); may be repeated")
	set.Var(&originals, "attachments", "`folder` of sealed originals beside a bundle (BUNDLE.attachments); may be repeated")
	set.BoolVar(&partial, "partial", false, "the bundle holds only what is new: missing parts of a feed are no fault")
	set.BoolVar(&asJSON, "json", false, "print JSON")
	if err := set.Parse(args); err != nil {
		return err
	}
	if set.NArg() == 0 {
		return errors.New("name at least one bundle; kua-verify -h tells more")
	}
	e := newEvidence()
	for _, path := range set.Args() {
		if err := e.readFile(path); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	r := e.examine(root, partial)
	for _, path := range checkpoints {
		if err := r.with(path, e.checkpoint); err != nil {
			return err
		}
	}
	for _, path := range proofs {
		if err := r.with(path, e.proof); err != nil {
			return err
		}
	}
	for _, dir := range originals {
		if err := r.attachments(dir); err != nil {
			return err
		}
	}
	if err := r.print(stdout, asJSON); err != nil {
		return err
	}
	if len(r.Faults) > 0 {
		return errFaults
	}
	return nil
}

func (r *report) print(w io.Writer, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	return r.text(w)
}

const maxFile = 1 << 20 // bytes of a checkpoint or proof

// with hands the content of a small file to a check, whose failure is a fault.
func (r *report) with(path string, check func(*report, []byte) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return err
	}
	if len(b) > maxFile {
		return fmt.Errorf("%s: larger than %d bytes: this is no checkpoint or proof", path, maxFile)
	}
	if err := check(r, b); err != nil {
		r.fault("%s: %v", path, err)
	}
	return nil
}
