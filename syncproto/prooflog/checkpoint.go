package prooflog

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

const (
	// MaxSize is the largest tree that is accepted, in leaves. The index arithmetic of x/mod/sumdb/tlog ends near 2^62.
	MaxSize = 1 << 56
	// MaxCheckpoint is the largest signed checkpoint in bytes, cosignatures included.
	MaxCheckpoint = 64 << 10
)

// Tree is the state of a log: its number of leaves and its RFC 6962 root hash. The zero Tree is not the empty log; see
// EmptyTree.
type Tree struct {
	Size uint64
	Root Hash
}

// EmptyTree returns the tree without leaves, whose root is SHA-256 of nothing.
func EmptyTree() Tree { return Tree{Root: sha256.Sum256(nil)} }

// Check refuses a tree that no log can have: too large, or empty with a root.
func (t Tree) Check() error {
	if t.Size > MaxSize {
		return fmt.Errorf("a tree of %d leaves, at most %d", t.Size, uint64(MaxSize))
	}
	if t.Size == 0 && t != EmptyTree() {
		return errors.New("an empty tree with the root of another")
	}
	return nil
}

// VerifierKey returns the public half of a log's key as the C2SP signed-note text <origin>+<hash>+<base64>. Whether the
// key is of small order is for the caller to check (syncproto.CheckKey).
func VerifierKey(origin string, pub ed25519.PublicKey) (string, error) {
	key, err := note.NewEd25519VerifierKey(origin, pub)
	if err != nil {
		return "", fmt.Errorf("making verifier key: %w", err)
	}
	if _, err := note.NewVerifier(key); err != nil {
		return "", fmt.Errorf("making verifier key for origin %q: %w", origin, err)
	}
	return key, nil
}

// NewVerifier returns the verifier of a log's checkpoints.
func NewVerifier(origin string, pub ed25519.PublicKey) (note.Verifier, error) {
	key, err := VerifierKey(origin, pub)
	if err != nil {
		return nil, err
	}
	return note.NewVerifier(key)
}

// SignerKey returns a log's private key as the signed-note text PRIVATE+KEY+<origin>+<hash>+<base64>. It is a secret.
func SignerKey(origin string, priv ed25519.PrivateKey) (string, error) {
	if len(priv) != ed25519.PrivateKeySize {
		return "", fmt.Errorf("making signer key: want %d bytes, got %d", ed25519.PrivateKeySize, len(priv))
	}
	public, err := VerifierKey(origin, priv.Public().(ed25519.PublicKey))
	if err != nil {
		return "", err
	}
	hash := strings.Split(public, "+")[1] // an origin holds no plus
	seed := append([]byte{algEd25519}, priv.Seed()...)
	return "PRIVATE+KEY+" + origin + "+" + hash + "+" + base64.StdEncoding.EncodeToString(seed), nil
}

const algEd25519 = 1 // C2SP signed-note, "signature types"

// NewSigner returns the signer of a log's checkpoints.
func NewSigner(origin string, priv ed25519.PrivateKey) (note.Signer, error) {
	key, err := SignerKey(origin, priv)
	if err != nil {
		return nil, err
	}
	return note.NewSigner(key)
}

// SignCheckpoint returns the C2SP tlog-checkpoint of a tree as a signed note: origin, size and root, no extension
// lines. The signer carries the origin as its name. It is the caller's duty never to sign a smaller or a different tree
// than before.
func SignCheckpoint(origin string, tree Tree, signer note.Signer) ([]byte, error) {
	if err := tree.Check(); err != nil {
		return nil, fmt.Errorf("signing checkpoint: %w", err)
	}
	if signer.Name() != origin {
		return nil, fmt.Errorf("signing checkpoint: the key is named %q, the log %q", signer.Name(), origin)
	}
	text := fmt.Sprintf("%s\n%d\n%s\n", origin, tree.Size, tree.Root)
	signed, err := note.Sign(&note.Note{Text: text}, signer)
	if err != nil {
		return nil, fmt.Errorf("signing checkpoint: %w", err)
	}
	return signed, nil
}

// OpenCheckpoint verifies a signed checkpoint and returns its tree. It wants the given origin and a valid signature by a
// verifier named like the origin, that is by the log itself. Signature lines of unknown keys, such as cosignatures, are
// passed over; a line of a known key must be valid. Verifiers with other names may be given, and never stand in for the
// log's. Extension lines are passed over as C2SP tlog-checkpoint demands.
func OpenCheckpoint(signed []byte, origin string, verifiers ...note.Verifier) (Tree, error) {
	if len(signed) > MaxCheckpoint {
		return Tree{}, fmt.Errorf("opening checkpoint: %d bytes, at most %d", len(signed), MaxCheckpoint)
	}
	opened, err := note.Open(signed, note.VerifierList(verifiers...))
	if err != nil {
		return Tree{}, fmt.Errorf("opening checkpoint: %w", err)
	}
	byLog := false
	for _, sig := range opened.Sigs {
		byLog = byLog || sig.Name == origin
	}
	if !byLog {
		return Tree{}, fmt.Errorf("opening checkpoint: not signed by the log %q itself", origin)
	}
	tree, err := parseTree(opened.Text, origin)
	if err != nil {
		return Tree{}, fmt.Errorf("opening checkpoint: %w", err)
	}
	return tree, nil
}

// parseTree reads the body of a checkpoint, whose last line ends with a newline.
func parseTree(text, origin string) (Tree, error) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) < 3 {
		return Tree{}, fmt.Errorf("%d lines, want origin, size and root", len(lines))
	}
	if lines[0] != origin {
		return Tree{}, fmt.Errorf("it is of the log %.100q, not of %q", lines[0], origin)
	}
	size, err := parseDecimal(lines[1])
	if err != nil {
		return Tree{}, fmt.Errorf("tree size: %w", err)
	}
	root, err := parseHash(lines[2])
	if err != nil {
		return Tree{}, fmt.Errorf("root hash: %w", err)
	}
	for _, extension := range lines[3:] {
		if extension == "" {
			return Tree{}, errors.New("an empty extension line")
		}
	}
	tree := Tree{Size: size, Root: root}
	return tree, tree.Check()
}

// parseDecimal reads an unsigned number without sign or leading zeros.
func parseDecimal(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || strconv.FormatUint(n, 10) != s {
		return 0, fmt.Errorf("%.30q is not a decimal number", s)
	}
	return n, nil
}

// cutLine returns the text before the first newline and what follows it.
func cutLine(b []byte) (line string, rest []byte, ok bool) {
	before, rest, ok := bytes.Cut(b, []byte("\n"))
	return string(before), rest, ok
}
