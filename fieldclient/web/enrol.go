package web

import (
	"errors"
	"io"
	"net/http"
	"strings"

	"kua/fieldclient"
	"kua/syncproto"
)

// enrolmentPage is ui/enrol.html.
type enrolmentPage struct {
	Page
	Words   []string // six of them, once the laptop has asked to join
	Waiting bool     // the coordinator has not approved yet
	Wrong   string   // key of what to say of what was given
}

func enrolPage(a *ask) error { return a.enrolling(http.StatusOK, "", false) }

func (a *ask) enrolling(status int, wrong string, waiting bool) error {
	if _, err := a.client.Person(); err == nil {
		return a.to("/")
	}
	words, err := a.client.EnrolWords(a.Context())
	if err != nil {
		return err
	}
	return a.pageAs(status, "enrol", &enrolmentPage{Page{Title: a.words.T("enrol.title")}, words, waiting, wrong})
}

const maxInvitation = 16 << 10

// invitation returns what was pasted, or what stands in the file that was chosen.
func (a *ask) invitation() (string, error) {
	if text := strings.TrimSpace(a.PostFormValue("code")); text != "" {
		return text, nil
	}
	f, _, err := a.FormFile("file")
	if errors.Is(err, http.ErrMissingFile) || errors.Is(err, http.ErrNotMultipart) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxInvitation))
	return strings.TrimSpace(string(b)), err
}

// enrol asks the server to join, with keys that this laptop made, and shows the six words to compare.
func enrol(a *ask) error {
	text, err := a.invitation()
	if err != nil {
		return err
	}
	card, err := syncproto.ParseInvitationCard(text)
	if err != nil {
		return a.enrolling(http.StatusUnprocessableEntity, "enrol.wrong", false)
	}
	if _, err := a.client.Enrol(a.Context(), card, strings.TrimSpace(a.field("label"))); err != nil {
		return err
	}
	return a.to("/enrol")
}

// enrolFinish looks whether the coordinator has approved.
func enrolFinish(a *ask) error {
	err := a.client.FinishEnrol(a.Context())
	if errors.Is(err, fieldclient.ErrNotEnrolled) {
		return a.enrolling(http.StatusOK, "", true)
	}
	if err != nil {
		return err
	}
	return a.to("/sync") // the visits and the list of places come with the first sync
}
