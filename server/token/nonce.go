package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// nonces issues and checks nonces without remembering them: a nonce is the time since the process began, with an
// HMAC under a secret that dies with the process. So a stranger's requests cost no memory, and a restart, which
// forgets the proofs seen, also ends every nonce that they were made with: the two can not come apart.
// Counting from the start of the process keeps steps of the wall clock out (time.Time.Sub is monotonic).
type nonces struct {
	secret [32]byte
	start  time.Time
	now    func() time.Time
}

const nonceBytes = 8 + 16 // microseconds since start, HMAC-SHA256 cut to 128 bits

func newNonces(now func() time.Time, rand io.Reader) (*nonces, error) {
	n := &nonces{start: now(), now: now}
	if _, err := io.ReadFull(rand, n.secret[:]); err != nil {
		return nil, fmt.Errorf("drawing nonce secret: %w", err)
	}
	return n, nil
}

func (n *nonces) elapsed() time.Duration { return n.now().Sub(n.start) }

func (n *nonces) issue() string { return n.at(max(0, n.elapsed())) }

func (n *nonces) at(t time.Duration) string {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, nonceBytes), uint64(t/time.Microsecond))
	return base64.RawURLEncoding.EncodeToString(append(b, n.mac(b)...))
}

func (n *nonces) mac(b []byte) []byte {
	h := hmac.New(sha256.New, n.secret[:])
	h.Write(b)
	return h.Sum(nil)[:16]
}

// check returns the present and when a good nonce was issued, both since the start of the process.
func (n *nonces) check(nonce string) (now, issued time.Duration, err error) {
	if nonce == "" {
		return 0, 0, errors.New("nonce is missing")
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(nonce)
	if err != nil || len(b) != nonceBytes || !hmac.Equal(n.mac(b[:8]), b[8:]) {
		return 0, 0, errors.New("nonce is not of this process")
	}
	now = n.elapsed()
	issued = time.Duration(binary.BigEndian.Uint64(b)) * time.Microsecond
	if issued > now || now-issued > NonceLife {
		return 0, 0, errors.New("nonce is stale")
	}
	return now, issued, nil
}

// verdict is what replays says of an id.
type verdict int

const (
	fresh verdict = iota
	replayed
	forgotten
)

// replays remembers the signed ids seen in one NonceLife, at most limit of them. When it is full it forgets the
// oldest and from then on takes no nonce as old as that one's: a flood costs its victims a second round trip, never a
// replay and never a lockout. Only devices that the server knows get this far.
type replays struct {
	limit int

	mu    sync.Mutex // guards what follows
	ids   map[[32]byte]struct{}
	queue []seen // a ring, oldest at head
	head  int
	floor time.Duration // nonces issued at or before it are refused
	last  time.Duration // the newest present that add was told
}

type seen struct {
	id     [32]byte
	added  time.Duration
	issued time.Duration
}

func newReplays(limit int) *replays {
	return &replays{limit: max(1, limit), ids: make(map[[32]byte]struct{}), floor: -1}
}

// add remembers the id of a proof made with a nonce issued at the given time. All times count from the process's start.
func (r *replays) add(now, issued time.Duration, name string) verdict {
	id := sha256.Sum256([]byte(name))
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.ids[id]; ok {
		return replayed
	}
	// A caller may come late with an old present, after its id was dropped: judge the nonce again by the newest.
	r.last = max(r.last, now)
	now = r.last
	if issued <= r.floor || now-issued > NonceLife {
		return forgotten
	}
	for len(r.ids) > 0 && now-r.queue[r.head].added > NonceLife {
		r.drop()
	}
	if len(r.ids) == r.limit {
		r.floor = max(r.floor, r.drop().issued)
		if issued <= r.floor {
			return forgotten
		}
	}
	r.ids[id] = struct{}{}
	r.push(seen{id: id, added: now, issued: issued})
	return fresh
}

func (r *replays) push(s seen) {
	if n := len(r.ids); n > len(r.queue) {
		grown := make([]seen, min(r.limit, max(64, 2*len(r.queue))))
		k := copy(grown, r.queue[r.head:])
		copy(grown[k:], r.queue[:r.head])
		r.queue, r.head = grown, 0
	}
	r.queue[(r.head+len(r.ids)-1)%len(r.queue)] = s
}

func (r *replays) drop() seen {
	s := r.queue[r.head]
	r.head = (r.head + 1) % len(r.queue)
	delete(r.ids, s.id)
	return s
}
