package web

import (
	"bufio"
	"context"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kua/fieldclient"
	"kua/syncproto"
)

// stream opens a page's stream and returns its lines.
func (e *site) stream() <-chan string {
	e.t.Helper()
	req, err := http.NewRequest("GET", e.base+"/events", nil)
	check(e.t, err)
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	res, err := e.Do(req)
	check(e.t, err)
	lines := make(chan string, 64)
	go func() {
		defer close(lines)
		defer res.Body.Close()
		for s := bufio.NewScanner(res.Body); s.Scan(); {
			lines <- s.Text()
		}
	}()
	if first := <-lines; first != "retry: 1000" {
		e.t.Fatalf("the stream begins with %q", first)
	}
	return lines
}

func last(lines <-chan string) (data string) {
	for l := range lines {
		if d, ok := strings.CutPrefix(l, "data: "); ok {
			data = d
		}
	}
	return data
}

// waits lets the end take as long as this machine does, where nothing hangs.
func (e *site) waits() {
	e.s.last.patience, e.s.last.farewell, e.s.last.closing = time.Hour, time.Hour, time.Hour
}

func atWork(t testing.TB) (*person, *site) {
	t.Helper()
	m := newMechanism(t)
	p := m.join("Aigerim", syncproto.RoleLeader)
	m.share()
	return p, unlockedSite(t, p)
}

func TestALockEndsTheProcessAndHandsEachPageATicket(t *testing.T) {
	p, e := atWork(t)
	e.waits()
	one, two := e.stream(), e.stream()
	c := e.s.client.Load()
	res, _ := e.post("/lock", url.Values{}, csrfHeader, e.csrf)
	if got := res.Header.Get("Clear-Site-Data"); got != `"cache", "storage"` {
		t.Errorf("Clear-Site-Data is %q", got)
	}
	end := <-e.ended
	if end.Why != EndLocked || len(end.Tickets) != 2 || end.Tickets[0] == end.Tickets[1] {
		t.Fatalf("it ended with %+v", end)
	}
	held := map[string]bool{last(one): true, last(two): true}
	for _, ticket := range end.Tickets {
		if len(ticket) != 64 || !held["locked "+ticket] {
			t.Errorf("no page holds the ticket %s: %v", ticket, held)
		}
	}
	if _, err := c.Remembered(context.Background(), "x"); err == nil {
		t.Error("the laptop is still open after the lock")
	}
	again := serve(t, p.cfg) // the next process
	again.s.Offer(end.Tickets[0])
	if res, _ := again.send("POST", "/launch", url.Values{"token": {end.Tickets[0]}}, "Origin", again.base); res.StatusCode != http.StatusOK {
		t.Errorf("the ticket: %s", res.Status)
	}
	if res, body := again.get("/unlock"); res.StatusCode != http.StatusOK || strings.Contains(body, "Aigerim") {
		t.Errorf("the next process shows %s", body)
	}
	if res, _ := again.get("/today"); res.StatusCode != http.StatusForbidden {
		t.Errorf("the next process shows the day before it is unlocked: %s", res.Status)
	}
}

func TestWithoutScriptALockLeavesAPageThatNamesNobody(t *testing.T) {
	_, e := atWork(t)
	res, body := e.post("/lock", url.Values{})
	if res.StatusCode != http.StatusOK || strings.Contains(body, "Aigerim") {
		t.Errorf("%s: %s", res.Status, body)
	}
	if end := <-e.ended; end.Why != EndLocked {
		t.Errorf("it ended with %+v", end)
	}
}

func TestASaveThatHasBegunIsFinishedBeforeTheLock(t *testing.T) {
	p, e := atWork(t)
	ctx := context.Background()
	scope, err := e.s.client.Load().OpenVisit(ctx, "KZ-75", []syncproto.PersonID{p.id}, map[string]string{"title": "Visit"})
	check(t, err)
	e.waits()
	e.s.handling.Add(1) // as a request that is being answered
	saved := make(chan error, 1)
	e.s.end(EndLocked)
	go func() {
		defer e.s.handling.Done()
		_, err := e.s.client.Load().Create(ctx, scope, "observation", map[string]string{"text": "chlorine"})
		saved <- err
	}()
	check(t, <-saved)
	<-e.ended
	c, err := fieldclient.Open(ctx, p.cfg, passphrase)
	check(t, err)
	defer c.Close()
	if list, err := c.Records(ctx, scope, "observation"); err != nil || len(list) != 1 {
		t.Errorf("after the lock there are %d observations: %v", len(list), err)
	}
}

func TestALockWaitsForNoRequestThatNeverEnds(t *testing.T) {
	p, e := atWork(t)
	page := e.stream()
	e.waits()
	e.s.last.patience, e.s.last.unheard = time.Millisecond, time.Millisecond
	e.s.handling.Add(1) // as a write to a stick that hangs
	defer e.s.handling.Done()
	e.s.end(EndLocked)
	if end := <-e.ended; end.Why != EndLocked || last(page) != "locked "+end.Tickets[0] {
		t.Errorf("it ended with %+v", end)
	}
	c, err := fieldclient.Open(context.Background(), p.cfg, passphrase) // nobody holds the keys any more
	check(t, err)
	check(t, c.Close())
}

func TestWhatAPageStillSendsAtItsFarewellIsSavedAndNothingIsShown(t *testing.T) {
	p, e := atWork(t)
	ctx := context.Background()
	scope, err := e.s.client.Load().OpenVisit(ctx, "KZ-75", []syncproto.PersonID{p.id}, map[string]string{"title": "Visit"})
	check(t, err)
	e.get("/today")
	page := e.stream()
	e.waits()
	sent := make(chan struct{})
	e.s.last.flush = func() { <-sent }
	e.s.end(EndLocked)
	for l := range page {
		if strings.HasPrefix(l, "data: ") {
			break
		}
	}
	if res, body := e.send("GET", "/today", nil, "Sec-Fetch-Site", "same-origin"); res.StatusCode != http.StatusServiceUnavailable || strings.Contains(body, "Aigerim") {
		t.Errorf("a page after the farewell: %s", res.Status)
	}
	if res, _ := e.post("/visits/"+scope.String()+"/records/observation", url.Values{"text": {"chlorine"}}); res.StatusCode >= 400 {
		t.Errorf("what was typed in the last moment: %s", res.Status)
	}
	close(sent)
	<-e.ended
	c, err := fieldclient.Open(ctx, p.cfg, passphrase)
	check(t, err)
	defer c.Close()
	if list, err := c.Records(ctx, scope, "observation"); err != nil || len(list) != 1 {
		t.Errorf("after the lock there are %d observations: %v", len(list), err)
	}
}

func TestAWipeCanBeCalledOffAndElseNobodyReadsTheLaptop(t *testing.T) {
	p, e := atWork(t)
	e.s.grace = time.Hour
	e.post("/wipe", url.Values{})
	if _, body := e.get("/wipe"); !strings.Contains(body, "data-countdown") {
		t.Error("no countdown is shown")
	}
	begun := e.s.wiping
	e.post("/wipe/cancel", url.Values{})
	if begun.timer.Stop() {
		t.Error("the wipe was still on its way after it was called off")
	}
	if _, body := e.get("/wipe"); strings.Contains(body, "data-countdown") {
		t.Error("the countdown goes on after it was called off")
	}
	e.s.grace = time.Millisecond
	e.post("/wipe", url.Values{})
	if end := <-e.ended; end.Why != EndWiped || len(end.Tickets) != 0 {
		t.Errorf("it ended with %+v", end)
	}
	if _, err := os.Stat(filepath.Join(p.cfg.Vault.Dir, "keys")); !os.IsNotExist(err) {
		t.Errorf("the key file is still there: %v", err)
	}
}

func TestAWipeIsFinishedWhateverEndsTheScreensDuringTheCountdown(t *testing.T) {
	for name, end := range map[string]func(*site){
		"a lock":             func(e *site) { e.post("/lock", url.Values{}) },
		"quitting":           func(e *site) { e.post("/quit", url.Values{}) },
		"the program's end":  func(e *site) { e.stop() },
		"the automatic lock": func(e *site) { e.s.end(EndLocked); e.s.end(EndLocked) },
	} {
		t.Run(name, func(t *testing.T) {
			p, e := atWork(t)
			e.s.grace = time.Hour
			e.post("/wipe", url.Values{})
			page := e.stream()
			e.waits()
			end(e)
			if end := <-e.ended; end.Why != EndWiped || len(end.Tickets) != 0 {
				t.Errorf("it ended with %+v", end)
			}
			if told := last(page); told != EndWiped {
				t.Errorf("the page was told %q", told)
			}
			if _, err := os.Stat(filepath.Join(p.cfg.Vault.Dir, "keys")); !os.IsNotExist(err) {
				t.Errorf("the key file is still there: %v", err)
			}
		})
	}
}

func TestALockedLaptopIsWipedWithoutAPassphrase(t *testing.T) {
	m := newMechanism(t)
	p := m.join("Aigerim", syncproto.RoleLeader)
	m.share()
	check(t, p.Client.Close())
	e := serve(t, p.cfg).enter()
	e.s.grace = time.Millisecond
	e.get("/wipe")
	e.post("/wipe", url.Values{})
	if end := <-e.ended; end.Why != EndWiped {
		t.Errorf("it ended with %+v", end)
	}
	if _, err := fieldclient.Open(context.Background(), p.cfg, passphrase); err == nil {
		t.Error("the laptop opens after the wipe")
	}
}

func TestAFolderThatIsCopiedToANetworkIsNotOpened(t *testing.T) {
	m := newMechanism(t)
	p := m.join("Aigerim", syncproto.RoleLeader)
	m.share()
	check(t, p.Client.Close())
	moved := filepath.Join(t.TempDir(), "OneDrive - Ministry")
	check(t, os.Rename(filepath.Dir(p.cfg.Vault.Dir), moved))
	p.cfg.Vault.Dir, p.cfg.Vault.StateDir = filepath.Join(moved, "data"), filepath.Join(moved, "state")
	e := serve(t, p.cfg).enter()
	e.get("/unlock")
	if res, body := e.post("/unlock", url.Values{"passphrase": {passphrase}}); res.StatusCode != http.StatusForbidden || !strings.Contains(body, "OneDrive") || e.s.client.Load() != nil {
		t.Errorf("%s: %s", res.Status, body)
	}
}

func TestAWrongPassphraseSaysSoAndOpensNothing(t *testing.T) {
	m := newMechanism(t)
	p := m.join("Aigerim", syncproto.RoleLeader)
	m.share()
	check(t, p.Client.Close())
	e := serve(t, p.cfg).enter()
	e.get("/unlock")
	res, body := e.post("/unlock", url.Values{"passphrase": {"seven loud words"}})
	if res.StatusCode != http.StatusUnprocessableEntity || strings.Contains(body, "seven loud words") || !strings.Contains(body, "Caps Lock") {
		t.Errorf("%s: %s", res.Status, body)
	}
}
