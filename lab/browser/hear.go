package browser

import (
	"encoding/json"
	"net"
	"net/url"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
)

// hear keeps what the browser says of the page: requests to elsewhere, and errors of scripts and of the page's policy.
func (b *Tab) hear(ev any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := ev.(type) {
	case *network.EventRequestWillBeSent:
		u, err := url.Parse(e.Request.URL)
		if err != nil || (u.Scheme == "http" || u.Scheme == "https" || u.Scheme == "ws") && !net.ParseIP(u.Hostname()).IsLoopback() {
			b.Foreign = append(b.Foreign, e.Request.URL)
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
