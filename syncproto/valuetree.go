package syncproto

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

// Salt hides a value behind its leaf hash. Without it anybody could hash "yes" and "no" and compare.
type Salt [32]byte

// ValueLeaf is one leaf of the value tree: either a value with its salt, or, after an erasure, only the hash.
type ValueLeaf struct {
	Salt   Salt
	Value  []byte // one canonical CBOR item; nil where the value was erased
	Hash   Hash   // set where the value was erased
	Erased bool
}

// saltAt derives the salt of value i from the changeset's seed: HMAC-SHA256(seed, i).
func saltAt(seed *[32]byte, i int) Salt {
	m := hmac.New(sha256.New, seed[:])
	var n [4]byte
	binary.BigEndian.PutUint32(n[:], uint32(i))
	m.Write(n[:])
	return Salt(m.Sum(nil))
}

// leafHash is SHA-256(0x00 ‖ i ‖ salt ‖ value), i as four bytes, most significant first (docs/protocol.md §2).
func leafHash(i int, salt Salt, value []byte) Hash {
	h := sha256.New()
	var pre [5]byte
	binary.BigEndian.PutUint32(pre[1:], uint32(i))
	h.Write(pre[:])
	h.Write(salt[:])
	h.Write(value)
	return Hash(h.Sum(nil))
}

func nodeHash(l, r Hash) Hash {
	var b [65]byte
	b[0] = 1
	copy(b[1:], l[:])
	copy(b[33:], r[:])
	return sha256.Sum256(b[:])
}

// split returns the largest power of two smaller than n (RFC 9162 §2.1.1).
func split(n int) int {
	k := 1
	for k<<1 < n {
		k <<= 1
	}
	return k
}

// treeRoot returns the RFC 9162-shaped root over leaf hashes.
func treeRoot(leaves []Hash) Hash {
	switch len(leaves) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return leaves[0]
	}
	k := split(len(leaves))
	return nodeHash(treeRoot(leaves[:k]), treeRoot(leaves[k:]))
}

func hashLeaves(leaves []ValueLeaf) []Hash {
	out := make([]Hash, len(leaves))
	for i, l := range leaves {
		if l.Erased {
			out[i] = l.Hash
		} else {
			out[i] = leafHash(i, l.Salt, l.Value)
		}
	}
	return out
}

// ValueRoot returns the root of the value tree that a header commits to.
func ValueRoot(leaves []ValueLeaf) Hash { return treeRoot(hashLeaves(leaves)) }

// ValueProof proves one value against a header's value root without showing the others (docs/protocol.md §2).
type ValueProof struct {
	Index int
	Count int
	Salt  Salt
	Value []byte
	Path  []Hash // sibling hashes from the leaf to the root
}

// ProveValue returns the proof of value i.
func ProveValue(leaves []ValueLeaf, i int) (ValueProof, error) {
	if i < 0 || i >= len(leaves) {
		return ValueProof{}, fmt.Errorf("proving value %d of %d: no such value", i, len(leaves))
	}
	if leaves[i].Erased {
		return ValueProof{}, fmt.Errorf("proving value %d: it was erased", i)
	}
	return ValueProof{i, len(leaves), leaves[i].Salt, leaves[i].Value, treePath(hashLeaves(leaves), i)}, nil
}

func treePath(leaves []Hash, i int) []Hash {
	if len(leaves) < 2 {
		return nil
	}
	k := split(len(leaves))
	if i < k {
		return append(treePath(leaves[:k], i), treeRoot(leaves[k:]))
	}
	return append(treePath(leaves[k:], i-k), treeRoot(leaves[:k]))
}

// Check reports whether the proof leads to root.
func (p ValueProof) Check(root Hash) error {
	if p.Index < 0 || p.Index >= p.Count || p.Count > MaxOps {
		return errors.New("checking value proof: index outside the changeset")
	}
	got, rest, err := climb(leafHash(p.Index, p.Salt, p.Value), p.Index, p.Count, p.Path)
	if err != nil {
		return err
	}
	if len(rest) != 0 || got != root {
		return errors.New("checking value proof: it does not lead to the signed root")
	}
	return nil
}

// climb recomputes the root of a tree of n leaves from leaf i and returns what is left of path.
func climb(leaf Hash, i, n int, path []Hash) (Hash, []Hash, error) {
	if n < 2 {
		return leaf, path, nil
	}
	k := split(n)
	left := i < k
	var sub Hash
	var err error
	if left {
		sub, path, err = climb(leaf, i, k, path)
	} else {
		sub, path, err = climb(leaf, i-k, n-k, path)
	}
	if err != nil {
		return Hash{}, nil, err
	}
	if len(path) == 0 {
		return Hash{}, nil, errors.New("checking value proof: the path is too short")
	}
	if left {
		return nodeHash(sub, path[0]), path[1:], nil
	}
	return nodeHash(path[0], sub), path[1:], nil
}
