package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// The words that are typed into the visit. None of them may be found on a disk.
const (
	daylight  = "daylightwindowsarepainted"
	chlorine  = "chlorinesmellinthecorridor"
	spoken    = "theycameatnightsaidtheperson"
	warm      = "cellswerewarmaccordingtoaigerim"
	cold      = "cellswerecoldaccordingtobolat"
	both      = "warmaboveandcoldbelow"
	visitName = "springroundincolonytwelve"
)

// season is what the steps pass on to each other.
type season struct {
	*stage
	facility, visit string
}

func (s *stage) play() {
	w := &season{stage: s}
	for _, step := range []func(){w.founding, w.people, w.preparation, w.offline, w.reunion, w.settlement, w.lateSibling, w.overwrite, w.theft,
		w.oldLaptop, w.oldServer, w.proof, w.disks} {
		step()
	}
}

func (w *season) founding() {
	w.title("An empty server, and the organisation's first coordinator", "A root key that stays offline signs the organisation into being; the server only ever learns public keys.")
	setup := w.server("init", "--data", w.path("server"), "--url", "http://127.0.0.1:0", "--json").at("setup")
	w.startServer()
	w.kua("saule", "setup")
	w.kua("saule", "org", "create", "--name", "National Preventive Mechanism", "--coordinator", "saule", "--server", w.url, "--setup", setup,
		"--root-key", "root.key", "--recovery-key", "recovery.key")
	w.sees(w.kua("saule", "roster", "--json").at("members", "saule", "grants", "0", "role") == "coordinator", "saule is the first coordinator, on a server at %s", w.url)
}

func (w *season) people() {
	w.title("Invite, enrol, compare six words, approve", "Two people read six words to each other: nobody in between, not even the server, can slip in another laptop.")
	for _, who := range [][2]string{{"aigerim", "leader"}, {"bolat", "monitor"}, {"dana", "monitor"}} {
		w.kua("saule", "invite", "--name", who[0], "--role", who[1], "--region", "KZ-75", "--out", who[0]+".invitation")
		w.kua(who[0], "setup")
		asked := w.kua(who[0], "enrol", who[0]+".invitation", "--json")
		w.exits(1, "saule", "approve", asked.at("invitation"), "babab", "babab", "babab", "babab", "babab", "babab")
		w.kua("saule", append([]string{"approve", asked.at("invitation")}, strings.Fields(asked.at("words"))...)...)
		w.kua(who[0], "enrol", "finish")
		w.sees(w.kua(who[0], "device", "--json").at("name") == who[0], "%s joined; the words were: %s", who[0], asked.at("words"))
	}
}

func (w *season) preparation() {
	w.title("A facility, and a visit to it", "The visit's key is wrapped to the team, the coordinators and the recovery key before anything is saved.")
	w.kua("saule", "sync")
	w.shown("saule", "template", "import", "colony", "--approve")
	w.facility = w.shown("saule", "facility", "add", "--set", "name=Colony 12", "--set", "region=KZ-75", "--json").at("record")
	w.visit = w.shown("saule", "visit", "new", "--facility", w.facility, "--title", visitName, "--team", "aigerim,bolat,dana", "--json").at("visit")
	w.kua("saule", "sync")
	for _, who := range []string{"aigerim", "bolat", "dana"} {
		w.kua(who, "sync")
		w.sees(w.kua(who, "visit", "list", "--json").at("0", "title") == visitName, "%s's laptop has the visit and can read it", who)
	}
}

func (w *season) offline() {
	w.title("Two monitors in the building, no network", "Answering, noting, interviewing, searching: all of it works without a server, and each save is on the disk when it returns.")
	check(w.stopServer())
	w.shown("aigerim", "checklist", "open", w.visit, "colony")
	w.shown("aigerim", "checklist", "answer", "COL-04", "partly", "--source", "observation", "--note", daylight)
	w.shown("aigerim", "checklist", "answer", "CORE-03", "met")
	w.shown("aigerim", "interview", w.visit, "--kind", "private", "--consent", "C2", "--summary", spoken)
	w.shown("aigerim", "set", w.visit, "summary", warm)
	w.checklist()
	w.shown("bolat", "note", w.visit, chlorine)
	w.shown("bolat", "set", w.visit, "summary", cold)
	w.exits(4, "bolat", "sync")
	w.sees(w.kua("bolat", "search", "chlorine", "--json").count() == 1, "bolat finds his note by a word of it")
	w.sees(w.kua("aigerim", "status", "--json").at("total", "saved") == "5", "aigerim's status: five changesets saved here, none stored elsewhere")
	w.sees(w.kua("bolat", "history", w.visit, "summary", "--json").at("0", "name") == "bolat", "the history of the summary names bolat, and no receipt yet")
}

// checklist fills in all of a starter checklist, as a person would: what is open next depends on the answers so far.
func (w *season) checklist() {
	w.shown("bolat", "checklist", "open", w.visit, "colony")
	asked := 0
	for range 4 {
		var lines strings.Builder
		shown := w.kua("bolat", "checklist", "show", "--json")
		for i := range shown.count() {
			n := strconv.Itoa(i)
			if shown.at(n, "status") != "open" {
				continue
			}
			value := map[string]string{"integer": "3", "decimal": "2.5", "date": "2026-04-02", "text": "asseenonthewalk"}[shown.at(n, "type")]
			if choices := shown.count(n, "choices"); choices > 0 {
				value = shown.at(n, "choices", strconv.Itoa(i%choices), "value")
			}
			if value == "" || i%9 == 0 {
				value = "(not-checked)"
			}
			fmt.Fprintf(&lines, "%s\t%s\n", shown.at(n, "place"), value)
			asked++
		}
		if lines.Len() == 0 {
			break
		}
		check(os.WriteFile(w.path("answers"), []byte(lines.String()), 0o600))
		w.kua("bolat", "checklist", "fill", w.path("answers"))
		check(os.Remove(w.path("answers")))
	}
	w.kua("bolat", "checklist", "answer", "COL-04", "--status", "access-refused")
	progress := w.kua("bolat", "checklist", "progress", "--json")
	w.sees(progress.at("0", "open") == "0", "bolat filled in all of the checklist for colonies: %d questions; %s answered, %s silent, none open", asked,
		progress.at("0", "answered"), progress.at("0", "silent"))
}

func (w *season) reunion() {
	w.title("One syncs, the other's work travels on a stick", "The server stores and signs for what it cannot read; the receipts go back on the stick.")
	w.startServer()
	w.shown("aigerim", "sync")
	written := w.kua("bolat", "status", "--json").at("total", "saved")
	w.shown("bolat", "courier", "export", "bolat.kua")
	w.sees(w.kua("bolat", "status", "--json").at("total", "carried") == written, "bolat's status: %s changesets carried, not yet stored", written)
	delivered := w.shown("aigerim", "courier", "deliver", "bolat.kua", "--json")
	w.sees(delivered.at("complete") == "true", "the server stored the stick: %s", delivered.at("results"))
	w.shown("bolat", "courier", "import", "bolat.kua.receipts")
	w.sees(w.kua("bolat", "status", "--json").at("total", "stored") == written, "bolat's status: stored, although his laptop never met the server")
	w.shown("saule", "sync")
	conflicts := w.kua("saule", "conflicts", "--json")
	w.sees(conflicts.count("0", "fields", "summary", "heads") == 2, "saule sees two different summaries, side by side")
	answers := w.kua("saule", "checklist", "show", "COL-04", "--visit", w.visit)
	w.sees(strings.Contains(answers.out, daylight) && strings.Contains(answers.out, "access-refused"), "each monitor's own answer to the checklist item stands: no conflict there")
	w.shown("aigerim", "checklist", "agree", "COL-04", "partly")
	w.shown("aigerim", "sync")
	w.kua("saule", "sync")
	w.sees(strings.Contains(w.kua("saule", "checklist", "group", "--all", "--visit", w.visit).out, "agreed by aigerim: answered partly"), "the leader set the group's answer; bolat's stays as a minority view")
}

func (w *season) settlement() {
	w.title("The coordinator settles it, with a reason", "A signed decision hides exactly what it lists, and everybody sees the same.")
	w.shown("saule", "resolve", w.visit, "summary", both, "--reason", "both are right, on different floors")
	w.kua("saule", "sync")
	for _, who := range []string{"aigerim", "bolat"} {
		w.kua(who, "sync")
		v := w.kua(who, "record", "show", w.visit, "--json")
		w.sees(v.at("fields", "summary", "heads", "0", "value") == both && v.count("fields", "summary", "heads") == 1, "%s sees the settled summary", who)
	}
	w.sees(w.kua("aigerim", "history", w.visit, "summary", "--json").at("2", "reason") == "both are right, on different floors", "the history keeps both drafts and the reason")
}

func (w *season) lateSibling() {
	w.title("A third answer comes late", "Dana wrote offline too. What the coordinator had not seen is not hidden by her decision: the conflict opens again.")
	w.shown("dana", "set", w.visit, "summary", "dana was in the hospital wing")
	w.kua("dana", "sync")
	w.kua("saule", "sync")
	w.sees(w.kua("saule", "conflicts", "--json").count() == 1, "the conflict is open again")
	w.shown("saule", "resolve", w.visit, "summary", both, "--reason", "the hospital wing is in the annex")
	w.kua("saule", "sync")
	w.kua("dana", "sync")
	w.sees(w.kua("dana", "conflicts", "--json").count() == 0, "settled again, and dana sees it")
}

func (w *season) overwrite() {
	w.title("Somebody changes somebody else's words", "An ordinary edit of a foreign answer takes effect, but waits for a right-holder as a review item.")
	w.kua("bolat", "sync")
	w.shown("bolat", "set", w.visit, "title", "bolatpreferredanothertitle")
	w.kua("bolat", "sync")
	w.kua("saule", "sync")
	review := w.kua("saule", "attention", "--json")
	w.sees(review.at("0", "fields", "title", "review", "0", "replaced", "value") == visitName, "saule sees what bolat replaced")
	w.exits(5, "bolat", "endorse", w.visit, "title")
	w.shown("saule", "endorse", w.visit, "title")
	w.sees(w.kua("saule", "attention", "--json").count() == 0, "endorsed; bolat could not have done that himself")
	w.kua("saule", "sync")
}

func (w *season) theft() {
	w.title("A laptop is reported stolen", "What it had delivered stands. What comes later is kept, shown apart, and decided by a person.")
	stolen := w.kua("dana", "device", "--json").at("device")
	w.kua("dana", "note", w.visit, "danawrotethisonthetrain")
	w.shown("saule", "revoke", stolen, "--reason", "reported stolen")
	w.shown("dana", "sync")
	w.kua("saule", "sync")
	waiting := w.kua("saule", "quarantine", "list", "--json")
	w.sees(waiting.at("0", "code") == "late-after-revocation" && waiting.at("0", "name") == "dana", "her late note waits in quarantine")
	w.sees(!strings.Contains(w.kua("saule", "visit", "show", w.visit).out, "danawrotethisonthetrain"), "it has no effect yet")
	w.shown("saule", "quarantine", "admit", waiting.at("0", "changeset"), "--reason", "it was found in her bag")
	w.sees(strings.Contains(w.kua("saule", "visit", "show", w.visit).out, "danawrotethisonthetrain"), "a person let it take effect")
	w.kua("saule", "sync")
}

func (w *season) oldLaptop() {
	w.title("An old copy of a laptop's data is put back", "The laptop notices by itself, never signs a number twice, and fetches what the copy did not hold.")
	w.kua("aigerim", "sync")
	w.replace(w.path("laptops", "aigerim", "data"), w.path("backup-of-aigerim"))
	w.kua("aigerim", "note", w.visit, "aigerimwrotethisafterthebackup")
	w.kua("aigerim", "sync")
	w.replace(w.path("backup-of-aigerim"), w.path("laptops", "aigerim", "data"))
	noticed := w.shown("aigerim", "note", w.visit, "aigerimwrotethisaftertherestore")
	w.sees(strings.Contains(noticed.err, "put back from a copy"), "the laptop said so, and went on in a new feed")
	w.shown("aigerim", "sync")
	all := w.kua("aigerim", "visit", "show", w.visit).out
	w.sees(strings.Contains(all, "aigerimwrotethisafterthebackup") && strings.Contains(all, "aigerimwrotethisaftertherestore"), "both notes are there: nothing is lost")
	w.sees(w.kua("aigerim", "incidents", "--json").count("forks") == 0, "nothing forked; the incident is noted")
}

func (w *season) oldServer() {
	w.title("An old backup of the server is put back", "The server begins a new life; the laptops notice and send again what it lost.")
	w.server("backup", w.path("server.backup"), "--with-key", "--data", w.path("server"))
	w.kua("bolat", "sync")
	w.kua("bolat", "note", w.visit, "bolatwrotethisaftertheserverbackup")
	w.kua("bolat", "sync")
	check(w.stopServer())
	check(os.Rename(w.path("server"), w.path("burnt")))
	w.server("restore", w.path("server.backup"), "--data", w.path("server"))
	w.startServer()
	again := w.shown("bolat", "sync")
	w.sees(strings.Contains(again.out, "what it had lost was sent again"), "bolat's laptop noticed")
	w.kua("saule", "sync")
	w.sees(strings.Contains(w.kua("saule", "visit", "show", w.visit).out, "bolatwrotethisaftertheserverbackup"), "the note that the backup did not hold is back")
	for _, who := range []string{"aigerim", "bolat", "saule"} {
		w.kua(who, "sync")
		w.kua(who, "sync")
		st := w.kua(who, "status", "--json")
		w.sees(st.at("total", "saved") == "0" && st.at("total", "stored") == "0", "%s: every changeset is in the proven log again", who)
	}
}

func (w *season) proof() {
	w.title("Verify everything, alone, offline", "A fresh process without a server checks every signature, chain, value, root and right.")
	check(w.stopServer())
	for _, who := range []string{"saule", "aigerim", "bolat"} {
		v := w.kua(who, "verify", "--json")
		w.sees(v.count("faults") == 0, "%s: %s roster records, %s changesets, %s values hold", who, v.at("roster"), v.at("changesets"), v.at("values"))
	}
	v := w.server("verify", "--data", w.path("server"), "--json")
	w.sees(v.count("faults") == 0, "server: %s changesets and %s log entries hold, without one readable value", v.at("changesets"), v.at("logEntries"))
}

func (w *season) disks() {
	w.title("Search every disk for the words that were typed", "A seized server or a locked laptop holds no testimony.")
	words := []string{daylight, chlorine, spoken, warm, cold, both, visitName, "danawrotethis", "bolatwrotethis", "aigerimwrotethis", "asseenonthewalk"}
	for _, folder := range []string{"server", "burnt", "laptops"} {
		found := w.holding(w.path(folder), words...)
		w.sees(len(found) == 0, "%s: none of %d words %s", folder, len(words), strings.Join(found, "; "))
	}
	w.sees(len(w.holding(w.path("bolat.kua"), words...))+len(w.holding(w.path("server.backup"), words...)) == 0, "the stick and the server's backup: none either")
	w.sees(len(w.holding(w.path("server"), "Colony 12")) > 0, "only the registry of facilities is in clear on the server, as meant")
}
