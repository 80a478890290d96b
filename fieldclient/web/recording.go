package web

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"kua/fieldclient"
	"kua/fieldclient/vault"
	"kua/syncproto"
)

// A recording comes in slices while somebody speaks, and is sealed as it comes. A lock, a closed page or a browser that
// died ends it: what was spoken until then is saved. Only a program that is killed loses it, so static/evidence.js begins
// a new recording every few minutes.

// recording is one that is being made.
type recording struct {
	id    string
	scope syncproto.ScopeID
	links []syncproto.EntityID
	in    *io.PipeWriter
	next  int         // number of the slice that is awaited
	quiet *time.Timer // ends it when nothing comes any more
	ended chan struct{}
	made  syncproto.EntityID // once it has ended
	err   error
}

// silent is how long a recording waits for its next slice. The page sends one every two seconds.
const silent = 20 * time.Second

var (
	errRecording = errors.New("a recording is being made already")
	errOver      = errors.New("this recording has ended")
)

// beginRecording is POST /visits/{visit}/recordings; the answer is the recording's id.
func beginRecording(a *ask) error {
	scope, err := a.scopeOf()
	if err != nil {
		return err
	}
	e, err := evidenceSaid(map[string]string{"link": a.field("link"), "restricted": a.field("restricted")})
	if err != nil {
		return err
	}
	e.Kind, e.Media, e.Partial = "audio", soundMedia(a.field("media")), true
	if e.Media == "" {
		return errNoPage
	}
	if err := a.client.MayLink(a.Context(), scope, e.Links, e.Kind); err != nil {
		return err
	}
	var id [16]byte
	a.s.random(id[:])
	r := &recording{id: hex.EncodeToString(id[:]), scope: scope, links: e.Links, ended: make(chan struct{})}
	a.s.mu.Lock()
	if a.s.recording != nil {
		a.s.mu.Unlock()
		return errRecording
	}
	a.s.recording = r
	var out *io.PipeReader
	out, r.in = io.Pipe()
	r.quiet = time.AfterFunc(silent, func() { r.in.Close() })
	a.s.mu.Unlock()
	go a.s.keepRecording(context.WithoutCancel(a.Context()), a.client, r, e, out)
	a.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(a.w, r.id)
	return nil
}

// keepRecording seals what comes until it ends.
func (s *Server) keepRecording(ctx context.Context, c *fieldclient.Client, r *recording, e fieldclient.Evidence, out *io.PipeReader) {
	defer close(r.ended)
	r.made, r.err = c.AddEvidence(ctx, r.scope, e, out)
	why := errOver
	if errors.Is(r.err, vault.ErrFull) {
		why = r.err
	}
	out.CloseWithError(why) // who goes on writing hears of it
	r.quiet.Stop()
	s.mu.Lock()
	s.recording = nil
	s.lastRecording = r
	s.mu.Unlock()
}

// recordingOf finds the one that an address names, also when it has ended meanwhile.
func (a *ask) recordingOf() (*recording, error) {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	for _, r := range []*recording{a.s.recording, a.s.lastRecording} {
		if r != nil && r.id == a.PathValue("recording") && r.scope.String() == a.PathValue("visit") {
			return r, nil
		}
	}
	return nil, errOver
}

// addSlice is POST /visits/{visit}/recordings/{recording}/{slice}: the next bytes, numbered from 0. One that came already
// is passed over, so that a page may send again what it is not sure of.
func addSlice(a *ask) error {
	r, err := a.recordingOf()
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(a.PathValue("slice"))
	if err != nil || a.Header.Get(csrfHeader) == "" {
		return errNoPage
	}
	b, err := io.ReadAll(a.Body) // at most maxBody
	if err != nil {
		return err
	}
	defer clear(b)
	a.s.slicing.Lock()
	defer a.s.slicing.Unlock()
	switch {
	case n < r.next:
		a.w.WriteHeader(http.StatusNoContent)
		return nil
	case n > r.next:
		return errOver // a slice is missing: what came before it is whole
	}
	if err := a.client.MayLink(a.Context(), r.scope, r.links, "audio"); errors.Is(err, fieldclient.ErrNoRecord) || errors.Is(err, fieldclient.ErrNoUse) { // taken back while they spoke
		r.in.CloseWithError(err)
		return err
	} else if err != nil {
		return err
	}
	r.quiet.Reset(silent)
	if _, err := r.in.Write(b); err != nil {
		return err
	}
	r.next++
	a.w.WriteHeader(http.StatusNoContent)
	return nil
}

// endRecording is POST /visits/{visit}/recordings/{recording}/end: the answer shows what was saved.
func endRecording(a *ask) error {
	r, err := a.recordingOf()
	if err != nil {
		return err
	}
	r.in.Close()
	<-r.ended
	if r.err != nil && r.made == (syncproto.EntityID{}) {
		return r.err
	}
	return a.evidenceAnswer(r.scope, r.made) // where the disk is full, the slice that it did not take was told so
}

// saveRecording ends a recording that is being made, and waits until it is saved.
func (s *Server) saveRecording() {
	s.mu.Lock()
	r := s.recording
	s.mu.Unlock()
	if r == nil {
		return
	}
	r.in.Close()
	<-r.ended
}
