package web

import (
	"errors"
	"net/http"

	"kua/fieldclient"
)

// need is what a door asks for before it opens.
type need int

const (
	launched need = iota // a session
	unlocked             // and an open laptop
	member               // that a coordinator has approved
	byItself             // and the page sends it with nobody there, which is no sign of life
)

// door is one address of the screens.
type door struct {
	pattern string // as of http.ServeMux
	need    need
	answer  func(*ask) error
}

// all are all doors on one screen. A screen's file stands beside each group.
func all() []door {
	return []door{
		{"GET /static/{name}", launched, static},
		{"GET /events", launched, events}, // events.go
		{"GET /{$}", launched, front},     // front.go

		{"GET /setup", launched, setupPage}, // setup.go
		{"POST /setup", launched, setup},
		{"GET /unlock", launched, unlockPage}, // unlock.go
		{"POST /unlock", launched, unlock},
		{"GET /enrol", unlocked, enrolPage}, // enrol.go
		{"POST /enrol", unlocked, enrol},
		{"POST /enrol/finish", unlocked, enrolFinish},

		{"POST /language", launched, setLanguage}, // settings.go
		{"GET /settings", unlocked, settingsPage},
		{"POST /settings", unlocked, saveSettings},
		{"POST /alive", launched, alive}, // lock.go
		{"POST /lock", launched, lock},
		{"POST /quit", launched, quit},
		{"GET /wipe", launched, wipePage},
		{"POST /wipe", launched, wipe},
		{"POST /wipe/cancel", launched, wipeCancel},

		{"GET /today", member, today},             // today.go
		{"GET /visits/new", member, newVisitPage}, // newvisit.go
		{"POST /visits/new", member, newVisit},
		{"GET /visits/{visit}", member, visitFront}, // visit.go
		{"GET /visits/{visit}/entry", member, visitEntry},
		{"GET /visits/{visit}/prepare", member, visitPrepare}, // prepare.go
		{"POST /visits/{visit}/team", member, addToTeam},
		{"GET /visits/{visit}/followups", member, visitFollowups}, // followup.go
		{"POST /visits/{visit}/followups", member, checkRecommendation},
		{"GET /visits/{visit}/protect", member, visitProtect}, // protect.go
		{"POST /visits/{visit}/gate", member, setGate},
		{"POST /visits/{visit}/release", member, releaseGate},
		{"POST /visits/{visit}/travel", member, travelLight},
		{"POST /visits/back", member, bringBack},
		{"GET /visits/{visit}/interviews", member, visitInterviews}, // interviews.go
		{"POST /visits/{visit}/interviews", member, newInterview},
		{"GET /visits/{visit}/interviews/{interview}", member, interviewOf}, // interview.go
		{"POST /visits/{visit}/interviews/{interview}/level", member, interviewSetLevel},
		{"POST /visits/{visit}/interviews/{interview}/remove", member, removeInterview},
		{"POST /visits/{visit}/interviews/{interview}/consents", member, askConsent}, // consents.go
		{"POST /visits/{visit}/interviews/{interview}/consents/{consent}/withdraw", member, withdrawConsent},
		{"GET /visits/{visit}/interviews/{interview}/identity", member, identityForm}, // identity.go
		{"POST /visits/{visit}/interviews/{interview}/identity", member, sealIdentity},
		{"GET /visits/{visit}/evidence", member, visitEvidence}, // evidence.go
		{"POST /visits/{visit}/evidence", member, addEvidence},  // upload.go
		{"GET /visits/{visit}/evidence/{evidence}", member, evidenceOf},
		{"GET /visits/{visit}/evidence/{evidence}/picture/{side}", member, evidencePicture},
		{"GET /visits/{visit}/evidence/{evidence}/sound", member, evidenceSound},
		{"POST /visits/{visit}/recordings", byItself, beginRecording}, // recording.go
		{"POST /visits/{visit}/recordings/{recording}/{slice}", byItself, addSlice},
		{"POST /visits/{visit}/recordings/{recording}/end", byItself, endRecording},
		{"GET /visits/{visit}/observations", member, visitObservations}, // records.go
		{"GET /visits/{visit}/documents", member, visitDocuments},
		{"POST /visits/{visit}/records/{kind}", member, addRecord},
		{"POST /record/remove", member, removeRecord},
		{"POST /record/restore", member, restoreRecord},
		{"GET /visits/{visit}/debrief", member, visitDebrief}, // debrief.go
		{"POST /visits/{visit}/debrief", member, debriefAgree},
		{"GET /visits/{visit}/findings", member, visitFindings}, // records.go
		{"GET /visits/{visit}/recommendations", member, visitRecommendations},
		{"GET /visits/{visit}/checklists", member, checklistsOf}, // checklists.go
		{"POST /visits/{visit}/checklists", member, checklistOpen},
		{"GET /visits/{visit}/checklists/{list}/version", member, checklistVersion},
		{"POST /visits/{visit}/checklists/{list}/version", member, checklistVersion},
		{"GET /visits/{visit}/checklists/{list}", member, checklistStart}, // checklist.go
		{"GET /visits/{visit}/checklists/{list}/section/{section}", member, checklistSection},
		{"GET /visits/{visit}/checklists/{list}/one/{number}", member, checklistOne},
		{"POST /visits/{visit}/checklists/{list}/answer", member, checklistAnswer},
		{"POST /visits/{visit}/checklists/{list}/row", member, checklistRow},
		{"POST /visits/{visit}/checklists/{list}/more", member, checklistMore},
		{"POST /visits/{visit}/checklists/{list}/paper", member, checklistPaper},
		{"GET /visits/{visit}/checklists/{list}/check", member, checklistCheck},
		{"GET /visits/{visit}/checklists/{list}/print", member, checklistPrint},
		{"POST /field", member, saveField},                    // field.go
		{"GET /at/{scope}/{entity}/{field}", member, fieldAt}, // at.go
		{"POST /at/{scope}/{entity}/{field}/resolve", member, resolve},
		{"POST /at/{scope}/{entity}/{field}/endorse", member, endorse},
		{"GET /attention", member, attentionAll}, // attention.go, quarantine.go
		{"GET /visits/{visit}/attention", member, attentionOne},
		{"GET /search", member, searchPage}, // search.go
		{"POST /search", member, search},
		{"GET /sync", member, syncScreen}, // sync.go
		{"GET /sync/progress", member, syncProgress},
		{"POST /sync/start", member, syncStart},
		{"POST /sync/stop", member, syncStop},
		{"POST /courier/export", member, courierExport}, // courier.go
		{"POST /courier/import", member, courierImport},
		{"POST /courier/deliver", member, courierDeliver},
	}
}

// doors makes the handler of all addresses.
func (s *Server) doors() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc(launchPath, s.launch)
	for _, d := range all() {
		mux.Handle(d.pattern, s.open(d))
	}
	mux.Handle("/", s.open(door{"/", launched, func(*ask) error { return errNoPage }}))
	return mux
}

// open answers at one door: it lets in whom the door is for, and turns an error into a page.
func (s *Server) open(d door) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		se := s.sessionOf(r)
		if se == nil {
			s.closed(w, http.StatusForbidden)
			return
		}
		a := &ask{Request: r, w: w, s: s, session: se, client: s.client.Load()}
		a.words = s.screens.speaks[s.languageNow()]
		if r.Method != http.MethodGet && !se.mayChange(r) {
			a.fail(errForm)
			return
		}
		if d.pattern != "GET /events" { // a stream lasts as long as its page
			if !s.admit(r) {
				s.closed(w, http.StatusServiceUnavailable)
				return
			}
			defer func() {
				_ = http.NewResponseController(w).Flush() // an end that waits for this answer closes its connection
				s.handling.Done()
			}()
		}
		if d.need != byItself && (r.Method != http.MethodGet || r.Header.Get("Sec-Fetch-Mode") == "navigate") { // what a page asks by itself is no sign of life
			s.watch.touch()
		}
		err := d.need.check(a)
		if err == nil {
			err = d.answer(a)
		}
		if err != nil {
			a.fail(err)
		}
	})
}

func (n need) check(a *ask) error {
	if n == launched {
		return nil
	}
	if a.client == nil {
		return errLocked
	}
	if n >= member {
		if _, err := a.client.Person(); err != nil {
			return err
		}
	}
	return nil
}

var (
	errNoPage = errors.New("there is no such page")
	errForm   = errors.New("the form is not of a page of this session")
	errLocked = errors.New("the laptop is locked")
)

// front leads to where this laptop stands: set-up, unlocking, enrolment or the day's work.
func front(a *ask) error {
	switch made, err := a.s.made(); {
	case err != nil:
		return err
	case !made:
		return a.to("/setup")
	case a.client == nil:
		return a.to("/unlock")
	}
	if _, err := a.client.Person(); errors.Is(err, fieldclient.ErrNotEnrolled) {
		return a.to("/enrol")
	} else if err != nil {
		return err
	}
	return a.to("/today")
}
