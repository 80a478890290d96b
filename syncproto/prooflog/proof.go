package prooflog

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

const (
	// ProofExtension is the file name extension of a proof.
	ProofExtension = ".tlog-proof"
	// MaxExtra is the largest extra data of a proof in bytes.
	MaxExtra = 64 << 10

	proofHead = "c2sp.org/tlog-proof@v1"
	maxHashes = 64
	maxProof  = len(proofHead) + MaxExtra*4/3 + 64 + maxHashes*45 + MaxCheckpoint
)

// Proof is the portable, offline-verifiable evidence that one entry stands in a log: C2SP tlog-proof@v1.
type Proof struct {
	Extra      []byte // not authenticated; a hint at most, absent when empty
	Index      uint64 // of the entry in the log, from 0
	Hashes     []Hash // the inclusion proof, from the leaf's sibling up
	Checkpoint []byte // the signed checkpoint, verbatim with its cosignatures
}

// Format returns the proof in its text form.
func (p Proof) Format() ([]byte, error) {
	switch {
	case len(p.Extra) > MaxExtra:
		return nil, fmt.Errorf("formatting proof: extra data of %d bytes, at most %d", len(p.Extra), MaxExtra)
	case p.Index >= MaxSize:
		return nil, fmt.Errorf("formatting proof: index %d, at most %d", p.Index, uint64(MaxSize)-1)
	case len(p.Hashes) > maxHashes:
		return nil, fmt.Errorf("formatting proof: %d hashes, at most %d", len(p.Hashes), maxHashes)
	case len(p.Checkpoint) == 0 || len(p.Checkpoint) > MaxCheckpoint:
		return nil, fmt.Errorf("formatting proof: a checkpoint of %d bytes, want 1 to %d", len(p.Checkpoint), MaxCheckpoint)
	}
	var b bytes.Buffer
	b.WriteString(proofHead + "\n")
	if len(p.Extra) > 0 {
		b.WriteString("extra " + base64.StdEncoding.EncodeToString(p.Extra) + "\n")
	}
	b.WriteString("index " + strconv.FormatUint(p.Index, 10) + "\n")
	for _, h := range p.Hashes {
		b.WriteString(h.String() + "\n")
	}
	b.WriteString("\n")
	b.Write(p.Checkpoint)
	return b.Bytes(), nil
}

// ParseProof reads the text form. It accepts exactly what Format returns, and verifies nothing: see Verify.
func ParseProof(text []byte) (Proof, error) {
	p, err := parseProof(text)
	if err != nil {
		return Proof{}, fmt.Errorf("parsing proof: %w", err)
	}
	return p, nil
}

func parseProof(text []byte) (p Proof, err error) {
	if len(text) > maxProof {
		return p, fmt.Errorf("%d bytes, at most %d", len(text), maxProof)
	}
	line, rest, ok := cutLine(text)
	if !ok || line != proofHead {
		return p, errors.New("it does not begin with " + proofHead)
	}
	line, rest, _ = cutLine(rest)
	if extra, found := strings.CutPrefix(line, "extra "); found {
		p.Extra, err = base64.StdEncoding.Strict().DecodeString(extra)
		if err != nil || len(p.Extra) == 0 || len(p.Extra) > MaxExtra || base64.StdEncoding.EncodeToString(p.Extra) != extra {
			return p, fmt.Errorf("the extra line is not 1 to %d bytes in base64", MaxExtra)
		}
		line, rest, _ = cutLine(rest)
	}
	index, found := strings.CutPrefix(line, "index ")
	if !found {
		return p, errors.New("no index line")
	}
	if p.Index, err = parseDecimal(index); err != nil || p.Index >= MaxSize {
		return p, fmt.Errorf("index %.30q is no number below %d", index, uint64(MaxSize))
	}
	if p.Hashes, rest, err = parseHashes(rest); err != nil {
		return p, err
	}
	if len(rest) == 0 || len(rest) > MaxCheckpoint {
		return p, fmt.Errorf("a checkpoint of %d bytes, want 1 to %d", len(rest), MaxCheckpoint)
	}
	p.Checkpoint = rest
	return p, nil
}

// parseHashes reads one hash a line up to the empty line, and returns what follows that.
func parseHashes(b []byte) (hashes []Hash, rest []byte, err error) {
	for len(hashes) <= maxHashes {
		line, rest, ok := cutLine(b)
		if !ok {
			return nil, nil, errors.New("no empty line before the checkpoint")
		}
		if line == "" {
			return hashes, rest, nil
		}
		h, err := parseHash(line)
		if err != nil {
			return nil, nil, fmt.Errorf("inclusion proof: %w", err)
		}
		hashes, b = append(hashes, h), rest
	}
	return nil, nil, fmt.Errorf("more than %d hashes", maxHashes)
}

// Verify checks that the entry with the given leaf hash stands at p.Index in the log named origin, and returns the tree
// of the proof's checkpoint. The verifiers are those of OpenCheckpoint.
func (p Proof) Verify(origin string, leaf Hash, verifiers ...note.Verifier) (Tree, error) {
	tree, err := OpenCheckpoint(p.Checkpoint, origin, verifiers...)
	if err != nil {
		return Tree{}, fmt.Errorf("verifying proof: %w", err)
	}
	if err := CheckInclusion(tree, p.Index, leaf, p.Hashes); err != nil {
		return Tree{}, fmt.Errorf("verifying proof: %w", err)
	}
	return tree, nil
}
