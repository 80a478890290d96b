package web

import (
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"time"

	"kua/fieldclient"
	"kua/syncproto"
)

// An original goes from the browser straight into the sealed file. It is never a file in clear, nor all of it in memory:
// the body is read as a stream, and net/http must not parse it, for that writes what is large to a temporary file.

// streamed reports whether a request's body is an original, which is larger than a form.
func streamed(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, "/visits/") && strings.HasSuffix(r.URL.Path, "/evidence")
}

// bodyLimit returns how many bytes a request may bring.
func bodyLimit(r *http.Request) int64 {
	if streamed(r) {
		return fieldclient.MaxEvidence + maxBody // and what the form adds
	}
	return maxBody
}

// Bounds of the form around an original.
const (
	maxParts = 8
	maxPart  = 4 << 10 // bytes of a part that is no file
)

var errNoFile = errors.New("the form holds no file")

// addEvidence is POST /visits/{visit}/evidence. Parts that say something about the original come before it.
func addEvidence(a *ask) error {
	scope, err := a.scopeOf()
	if err != nil {
		return err
	}
	if a.Header.Get(csrfHeader) == "" {
		return errForm // a form without the script: its body was not let through
	}
	defer a.stopReadingAtLock()()
	parts, err := a.MultipartReader()
	if err != nil {
		return fmt.Errorf("reading a form: %w", err)
	}
	said := map[string]string{}
	for range maxParts {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return errNoFile
		}
		if err != nil {
			return fmt.Errorf("reading a form: %w", err)
		}
		if part.FormName() == "file" {
			return a.keepOriginal(scope, said, part)
		}
		b, err := io.ReadAll(io.LimitReader(part, maxPart+1))
		if err != nil || len(b) > maxPart {
			return errors.Join(errNoPage, err)
		}
		said[part.FormName()] = string(b)
	}
	return errNoFile
}

func (a *ask) keepOriginal(scope syncproto.ScopeID, said map[string]string, part *multipart.Part) error {
	e, err := evidenceSaid(said)
	if err != nil {
		return err
	}
	e.Name = part.FileName()
	if len(e.Name) > 200 || strings.ContainsAny(e.Name, "\n\r\x00") {
		e.Name = "" // a name is a help, and no reason to lose a photo
	}
	id, err := a.client.AddEvidence(a.Context(), scope, e, part)
	if err != nil {
		return err
	}
	return a.evidenceAnswer(scope, id)
}

// evidenceSaid reads what a form says of an original.
func evidenceSaid(said map[string]string) (e fieldclient.Evidence, err error) {
	e.Restricted = said["restricted"] == "yes"
	if said["link"] == "" {
		return e, nil
	}
	id, err := syncproto.ParseEntityID(said["link"])
	if err != nil {
		return e, errNoPage
	}
	e.Links = []syncproto.EntityID{id}
	return e, nil
}

// evidenceAnswer shows what was saved: that it is in the answer means that the disk has it.
func (a *ask) evidenceAnswer(scope syncproto.ScopeID, id syncproto.EntityID) error {
	v, err := a.client.Record(a.Context(), scope, id)
	if err != nil {
		return err
	}
	one, err := a.oneEvidence(v)
	if err != nil {
		return err
	}
	return a.part("evidencecard", a.evidenceCard(one))
}

// stopReadingAtLock breaks off a body that is still coming when the screens end: a lock waits for nobody's upload. What
// has come whole is saved. It returns what ends the watch.
func (a *ask) stopReadingAtLock() (end func()) {
	quit, ended := make(chan struct{}), make(chan struct{})
	flow := http.NewResponseController(a.w)
	go func() {
		defer close(ended)
		select {
		case <-quit:
		case <-a.s.ending:
			_ = flow.SetReadDeadline(time.Unix(1, 0)) // a test's recorder has no connection
		}
	}()
	return func() { close(quit); <-ended }
}
