package prooflog

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

var (
	// ErrFork says that two trees of one log cannot both be true: one is not a continuation of the other. Keep both
	// checkpoints; together they are the evidence.
	ErrFork = errors.New("the log was forked: it contradicts an earlier checkpoint; keep both checkpoints and report it")
	// ErrRollback says that the log offers fewer leaves than it had before.
	ErrRollback = errors.New("the log was rolled back: it is shorter than an earlier checkpoint; keep both checkpoints and report it")

	errProof = errors.New("the proof does not lead to the root: fetch it again")
)

// CheckInclusion verifies that leaf is the leaf hash at index, counted from 0, in tree. proof holds the hashes from the
// leaf's sibling up (RFC 6962 §2.1.1).
func CheckInclusion(tree Tree, index uint64, leaf Hash, proof []Hash) error {
	if err := tree.Check(); err != nil {
		return fmt.Errorf("checking inclusion: %w", err)
	}
	if index >= tree.Size {
		return fmt.Errorf("checking inclusion: entry %d is not among %d", index, tree.Size)
	}
	if err := tlog.CheckRecord(proof, int64(tree.Size), tree.Root, int64(index), leaf); err != nil {
		return fmt.Errorf("checking inclusion of entry %d in %d: %w", index, tree.Size, errProof)
	}
	return nil
}

// CheckConsistency verifies that newer continues older (RFC 6962 §2.1.2). The proof is empty where older is empty or
// both have one size. It is ErrRollback where newer is smaller, and ErrFork where both have one size and two roots; any
// other failure may be the fault of the proof alone (Prover.Consistency tells a fork apart).
func CheckConsistency(older, newer Tree, proof []Hash) error {
	if err := checkConsistency(older, newer, proof); err != nil {
		return fmt.Errorf("checking consistency of %d with %d: %w", older.Size, newer.Size, err)
	}
	return nil
}

func checkConsistency(older, newer Tree, proof []Hash) error {
	if err := errors.Join(older.Check(), newer.Check()); err != nil {
		return err
	}
	switch {
	case newer.Size < older.Size:
		return ErrRollback
	case newer.Size == older.Size && newer.Root != older.Root:
		return ErrFork
	case newer.Size == older.Size, older.Size == 0:
		if len(proof) != 0 {
			return errProof
		}
		return nil
	}
	if tlog.CheckTree(proof, int64(newer.Size), newer.Root, int64(older.Size), older.Root) != nil {
		return errProof
	}
	return nil
}
