package browser

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp/kb"
)

// hear keeps what the browser says of the page: requests to elsewhere, and errors of scripts and of the page's policy.
func (b *Tab) hear(ev any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := ev.(type) {
	case *network.EventRequestWillBeSent:
		if !b.mayAsk(e.Request.URL) {
			b.Foreign = append(b.Foreign, e.Request.URL)
		}
	case *page.EventFrameNavigated:
		b.listens = b.listens && e.Frame.ParentID != ""
	case *network.EventResponseReceived:
		b.listens = b.listens || e.Response.URL == b.own+"/events" && e.Response.Status == 200
	case *audits.EventIssueAdded:
		switch e.Issue.Code { // most issues are advice
		case audits.InspectorIssueCodeContentSecurityPolicyIssue, audits.InspectorIssueCodeMixedContentIssue, audits.InspectorIssueCodeBlockedByResponseIssue, audits.InspectorIssueCodeCorsIssue:
			if c := e.Issue.Details.CorsIssueDetails; c != nil && c.Request.URL == "" {
				return // the browser's own, as it goes to a page that asks for a launch again
			}
			text, err := json.Marshal(e.Issue.Details)
			if err == nil {
				b.Messages = append(b.Messages, string(e.Issue.Code)+" "+string(text))
			}
		}
	case *runtime.EventExceptionThrown:
		b.Messages = append(b.Messages, e.ExceptionDetails.Error())
	case *log.EventEntryAdded:
		if e.Entry.Level == log.LevelError {
			b.Messages = append(b.Messages, e.Entry.Text+" "+e.Entry.URL)
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type != runtime.APITypeError && e.Type != runtime.APITypeAssert {
			return
		}
		for _, arg := range e.Args {
			text, err := json.Marshal(arg.Value)
			if err == nil {
				b.Messages = append(b.Messages, string(text)+" "+arg.Description)
			}
		}
	}
}

// mayAsk reports whether an address is of the program that let the tab in, or goes nowhere: the launch file, what a page
// made itself.
func (b *Tab) mayAsk(address string) bool {
	for _, own := range []string{"about:", "blob:" + b.own + "/", b.own + "/"} {
		if b.own != "" && strings.HasPrefix(address, own) {
			return true
		}
	}
	if strings.HasPrefix(address, "data:") {
		return true // the browser's own drawings of fields; the policy lets no page use any
	}
	return strings.HasPrefix(address, "file://") && strings.HasSuffix(address, "/open.html")
}

// Listens waits until the page hears the program, which tells it when the laptop locks. A page that a person has looked
// at for a moment does.
func (b *Tab) Listens() {
	b.T.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		b.mu.Lock()
		listens := b.listens
		b.mu.Unlock()
		if listens {
			return
		}
	}
	b.T.Fatal("the page never listened")
}

// QuickLock locks by the key, and waits for the page that unlocks.
func (b *Tab) QuickLock() {
	b.T.Helper()
	b.Listens()
	b.Key(kb.F9)
	b.Until(`location.pathname === "/unlock" && document.readyState === "complete"`)
}
