package web

import (
	"errors"
	"net/http"
	"slices"

	"kua/fieldclient"
	"kua/fieldclient/form"
	"kua/fieldclient/picture"
	"kua/fieldclient/vault"
	"kua/syncproto"
)

// problem is how an error is shown: with its status, and with three sentences that stand in the catalogue as
// error.NAME.what, .safe and .do: what happened, whether anything was lost, what to do.
type problem struct {
	is     error
	status int
	name   string
}

// problems is searched from the top.
var problems = []problem{
	{errNoPage, http.StatusNotFound, "page"},
	{errForm, http.StatusForbidden, "form"},
	{errLocked, http.StatusForbidden, "locked"},
	{vault.ErrClosed, http.StatusForbidden, "locked"},
	{errBusy, http.StatusConflict, "busy"},
	{vault.ErrLocked, http.StatusConflict, "other"},
	{vault.ErrMissing, http.StatusNotFound, "missing"},
	{vault.ErrExists, http.StatusConflict, "exists"},
	{vault.ErrDamaged, http.StatusInternalServerError, "damaged"},
	{vault.ErrFull, http.StatusInsufficientStorage, "full"},
	{vault.ErrNewer, http.StatusInternalServerError, "newer"},
	{vault.ErrSynced, http.StatusForbidden, "synced"},
	{fieldclient.ErrUnreachable, http.StatusServiceUnavailable, "unreachable"},
	{fieldclient.ErrOpenLine, http.StatusForbidden, "openline"},
	{fieldclient.ErrNotEnrolled, http.StatusForbidden, "notenrolled"},
	{fieldclient.ErrNoRight, http.StatusForbidden, "noright"},
	{fieldclient.ErrOneSource, http.StatusConflict, "onesource"},
	{fieldclient.ErrUnread, http.StatusConflict, "unread"},
	{fieldclient.ErrNoReason, http.StatusUnprocessableEntity, "noreason"},
	{fieldclient.ErrNoRecord, http.StatusConflict, "norecord"},
	{fieldclient.ErrNoUse, http.StatusConflict, "nouse"},
	{form.ErrBadValue, http.StatusBadRequest, "badvalue"},
	{fieldclient.ErrNotApproved, http.StatusForbidden, "notapproved"},
	{fieldclient.ErrTemplateAway, http.StatusConflict, "templateaway"},
	{form.ErrNotRelevant, http.StatusConflict, "notasked"},
	{form.ErrNotAsked, http.StatusConflict, "notasked"},
	{form.ErrNoPlace, http.StatusNotFound, "notasked"},
	{form.ErrRepeatCount, http.StatusConflict, "notasked"},
	{fieldclient.ErrNoKeeper, http.StatusConflict, "nokeeper"},
	{fieldclient.ErrAway, http.StatusGone, "away"},
	{fieldclient.ErrRestricted, http.StatusForbidden, "restricted"},
	{fieldclient.ErrTooLarge, http.StatusRequestEntityTooLarge, "original"},
	{fieldclient.ErrNotHeld, http.StatusNotFound, "notheld"},
	{errNoFile, http.StatusBadRequest, "nofile"},
	{errRecording, http.StatusConflict, "recording"},
	{errOver, http.StatusConflict, "over"},
	{errConsent, http.StatusConflict, "consent"},
	{picture.ErrNone, http.StatusUnsupportedMediaType, "nopicture"},
	{picture.ErrTooLarge, http.StatusUnsupportedMediaType, "nopicture"},
	{fieldclient.ErrNotFound, http.StatusNotFound, "notfound"},
}

// refusals is by the code of a server, or of our own decoder.
var refusals = map[syncproto.Code]problem{
	syncproto.CodeUnauthorized: {nil, http.StatusForbidden, "refused"},
	syncproto.CodeLimited:      {nil, http.StatusServiceUnavailable, "limited"},
	syncproto.CodeVersion:      {nil, http.StatusConflict, "version"},
	syncproto.CodeTooLarge:     {nil, http.StatusRequestEntityTooLarge, "toolarge"},
}

func problemOf(err error) problem {
	if i := slices.IndexFunc(problems, func(p problem) bool { return errors.Is(err, p.is) }); i >= 0 {
		return problems[i]
	}
	if tooLong := new(http.MaxBytesError); errors.As(err, &tooLong) {
		return refusals[syncproto.CodeTooLarge]
	}
	var refusal *fieldclient.RemoteError
	if errors.As(err, &refusal) {
		if p, ok := refusals[refusal.Problem.Code]; ok {
			return p
		}
		if refusal.Status == http.StatusForbidden || refusal.Status == http.StatusUnauthorized {
			return refusals[syncproto.CodeUnauthorized]
		}
	}
	var coded *syncproto.Error
	if errors.As(err, &coded) {
		if p, ok := refusals[coded.Code]; ok {
			return p
		}
	}
	return problem{nil, http.StatusInternalServerError, "unknown"}
}

// errorPage is ui/error.html.
type errorPage struct {
	Page
	Problem string // name of the three sentences
	Detail  string // the error's own words, in English, for whoever helps
}

// fail answers with a page, or with the part of one that htmx puts where the person looks.
func (a *ask) fail(err error) {
	p := problemOf(err)
	page := &errorPage{Page: Page{Title: a.words.T("error.title")}, Problem: p.name, Detail: err.Error()}
	var failed error
	if a.htmx() {
		a.w.Header().Set("HX-Retarget", "#notices")
		a.w.Header().Set("HX-Reswap", "innerHTML")
		failed = a.render(p.status, a.s.screens.parts[a.words.Language], "problem", page)
	} else {
		failed = a.pageAs(p.status, "error", page)
	}
	if failed != nil { // even the page for errors has one
		http.Error(a.w, "Kua: "+err.Error(), http.StatusInternalServerError)
	}
}
