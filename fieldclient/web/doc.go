// Package web is the field application: what a monitor opens inside a facility. It answers on a loopback port of the
// laptop, in Kazakh, Russian and English, to one browser that it let in itself.
//
// # Two processes
//
// Host (host.go) keeps the port, the browser with its throw-away profile (browser.go) and the launch file (launch.go). It
// knows no secret. The process that it starts (child.go) is the Server: it unlocks the laptop once, and it ends at every
// lock, so that its memory goes with it. An open page hears of the lock by its stream (events.go), forgets what it shows, and
// comes back to the next process with a ticket.
//
// Every request passes guard.go: this very address in Host, a page of ours by Origin and Sec-Fetch-Site, a session by its
// cookie, and for whatever is not GET the token of a page of that session.
//
// # To add a screen
//
//  1. One Go file for it, such as documents.go. A page is a struct that embeds Page, or VisitPage for a part of a visit;
//     a handler is a func(*ask) error that reads the form, calls one method of the client and ends with
//     return a.page("documents", p), a.part("card", data) or a.to("/visits/%s", id). It returns what goes wrong:
//     errors.go turns it into three sentences.
//  2. One template, ui/documents.html, that defines "main". {{t "key"}} says words, {{n "key" 3}} words with a number, {{word
//     "code.visit.status" .}} joins a key; {{template "field" .}} shows a box. Files that begin with _ are shared by all.
//  3. One file of words for each language, locales/{kk,ru,en}/documents.po. The files of a language are read as one.
//  4. One line in routes.go, which lists all doors. What the rail of a visit names (parts in visit.go) shows as soon as
//     GET /visits/{visit}/NAME is a door.
//  5. An example of the page in pages_test.go, which draws every page with everything there and with nothing there.
//
// # Fields that save themselves
//
// boxOf (field.go) makes the box of any field in the vocabulary. In the page it posts itself to /field when it is left, and
// 0.9 s after the last key; the answer is the same box with "saved", which means that the disk has it. A box sends back
// which answers it showed, and a save replaces nothing else. Whatever a screen adds of its own kind keeps to that: hidden
// fields "seen", fieldclient.Target.Seen, an id on the form that does not change, and the attribute data-field, by which
// kua.js knows what is not saved yet and brings it home before a lock.
//
// # What a screen must not do
//
// No words of a person in an address, a header, a log or an error; opaque ids only. No inline script or style: the policy
// forbids both; behaviour is a data- attribute that static/kua.js reads. No request body over a megabyte unless it is read
// as a stream: net/http would write it to a temporary file. No store of the browser; what a screen remembers goes through
// Client.Remember. All inputs have autocomplete="off", spellcheck="false", autocapitalize="off"; a test looks.
package web
