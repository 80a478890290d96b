package main

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"kua/fieldclient"
	"kua/fieldclient/form"
	"kua/fieldclient/offline"
	"kua/fieldclient/picture"
	"kua/fieldclient/vault"
	"kua/syncproto"
)

// Exit codes, for scripts.
const (
	exitOK          = 0
	exitFailure     = 1
	exitUsage       = 2
	exitPassphrase  = 3
	exitUnreachable = 4
	exitRefused     = 5
)

// advice is what a person reads after an error: whether anything was lost, and what to do.
type advice struct {
	is   error
	exit int
	safe string
	do   string
}

const untouched = "Nothing was changed, nothing is lost."

// catalogue is searched from the top.
var catalogue = []advice{
	{errUsage, exitUsage, untouched, "Correct the command and run it again; `kua COMMAND --help` shows how it goes."},
	{vault.ErrMistyped, exitPassphrase, untouched, "Compare the recovery secret with the paper, group by group."},
	{vault.ErrWrongPassphrase, exitPassphrase, untouched, "Check the keyboard layout and Caps Lock and try again, or type the recovery secret instead of the passphrase."},
	{offline.ErrWrongPassphrase, exitPassphrase, untouched, "Check the passphrase of the key file; if it is right, the file was changed: use the other copy."},
	{vault.ErrLocked, exitFailure, untouched, "Close the other Kua on this data folder, or wait until it has finished."},
	{vault.ErrMissing, exitFailure, untouched, "Run `kua setup` to make this laptop ready, or name its data folder with --data."},
	{vault.ErrExists, exitFailure, untouched, "This laptop is set up already. Use it as it is, or name another folder with --data."},
	{vault.ErrDamaged, exitFailure, "The damaged file was left as it is: nothing was overwritten.", "Copy the data folder away, put back a backup, and sync: the server and other laptops give back what they hold."},
	{vault.ErrFull, exitFailure, "What was saved before is safe; this was not saved.", "Make room on the disk: empty the bin, or move away what is not Kua's. Then do it again."},
	{vault.ErrNewer, exitFailure, untouched, "Install the version of Kua that wrote this folder, or a later one."},
	{fieldclient.ErrUnreachable, exitUnreachable, "What you wrote is safe on this laptop.", "Go on working; run `kua sync` when there is a network, or `kua courier export` to carry it on a stick."},
	{fieldclient.ErrNotEnrolled, exitRefused, untouched, "Run `kua enrol` with your invitation, let your coordinator approve it, then run `kua enrol finish`."},
	{fieldclient.ErrNoRight, exitRefused, "Nothing was saved, and nothing that was saved before has changed.", "Ask your coordinator: `kua roster` shows who may do what."},
	{fieldclient.ErrNotApproved, exitRefused, untouched, "Ask your coordinator to approve it: `kua template approve`. Or take an approved one: `kua template list`."},
	{fieldclient.ErrNoRecord, exitRefused, untouched, "Write down nothing of what was said. If the person allows more, set the interview's consent first."},
	{fieldclient.ErrNoUse, exitRefused, untouched, "If the person allows it now, change their consent first. What does not show or hear them is kept without the link."},
	{fieldclient.ErrOneSource, exitRefused, untouched, "Name two kinds of source first: `kua set FINDING sources observation,document`. Or call it alleged or observed."},
	{fieldclient.ErrNoTable, exitRefused, "It is not approved. What was approved before is in use as it was.", "Import the form once more with each table that is named, as a .csv file: `kua template import FORM --file TABLE.csv`. Then approve that."},
	{fieldclient.ErrTemplateAway, exitFailure, untouched, "Sync, or import a courier bundle that was exported with --all, and try again."},
	{fieldclient.ErrNoReason, exitUsage, untouched, "Run it again with --reason: the debrief and the report say why the group changed its mind."},
	{fieldclient.ErrOtherForm, exitUsage, untouched, "Name a template of the same form: `kua template list`."},
	{errIncomplete, exitFailure, "All that you have answered is saved.", "Answer what is listed, or say why it stays open with --status."},
	{errForm, exitFailure, untouched, "Correct the form in a spreadsheet program, row by row as listed, and run it again."},
	{form.ErrHasErrors, exitFailure, untouched, "Correct the form in a spreadsheet program, row by row as listed, and run it again."},
	{fieldclient.ErrNoKeeper, exitRefused, untouched, "Let a coordinator of the region who stays outside be in the roster, and sync; or work without gate mode."},
	{fieldclient.ErrAway, exitRefused, untouched, "Run `kua travel-light --back VISIT`, then `kua sync`."},
	{fieldclient.ErrNoCustodians, exitFailure, untouched, "Ask your coordinator for two custodians in the roster of this region; keep the name on paper, apart, until then."},
	{fieldclient.ErrRestricted, exitRefused, untouched, "Ask a health expert of the team; only one of them can lift this."},
	{fieldclient.ErrTooLarge, exitFailure, untouched, "Split the recording or file into parts and add them one by one."},
	{fieldclient.ErrNotHeld, exitFailure, untouched, "Run `kua evidence fetch` where there is a network, or import the stick that carries it."},
	{fieldclient.ErrNotStored, exitRefused, "Nothing was removed.", "Run `kua sync` until nothing waits, then try again."},
	{picture.ErrNone, exitFailure, untouched, "Export the original without --derived if its metadata may leave the laptop."},
	{picture.ErrTooLarge, exitFailure, untouched, "Export the original without --derived if its metadata may leave the laptop."},
	{errAmbiguous, exitUsage, untouched, "Type more of the id."},
	{fieldclient.ErrNotFound, exitFailure, untouched, "Check the id; if it was written on another laptop, sync first."},
}

// wire is advice for what a server answers, by its code.
var wire = map[syncproto.Code]advice{
	syncproto.CodeUnauthorized: {exit: exitRefused, safe: "What you wrote is safe on this laptop.", do: "Ask your coordinator whether this laptop was approved or revoked, and what your role allows."},
	syncproto.CodeLimited:      {exit: exitUnreachable, safe: "What you wrote is safe on this laptop.", do: "The server is busy. Run it again in a minute."},
	syncproto.CodeVersion:      {exit: exitFailure, safe: untouched, do: "Update Kua."},
	syncproto.CodeNotFound:     {exit: exitFailure, safe: untouched, do: "Check the id and the server's address; the server may be of an older version."},
	syncproto.CodeTooLarge:     {exit: exitFailure, safe: untouched, do: "Split it into smaller parts."},
}

var elsewise = advice{exit: exitFailure, safe: "What was saved before is safe.", do: "Read the reason above. `kua doctor` checks this laptop; `kua verify` checks everything that it holds."}

// partly says that a command saved some of its lines before or beside what went wrong.
type partly struct {
	saved   int
	stopped int // the line at which it stopped; 0 where it went through to the end
	err     error
}

func (p *partly) Error() string { return p.err.Error() }
func (p *partly) Unwrap() error { return p.err }

// advice says what was saved; what to do about the error itself is as it is elsewhere.
func (p *partly) advice() advice {
	ad := adviceFor(p.err)
	if p.stopped > 0 {
		ad.safe = fmt.Sprintf("%d lines are saved. Line %d and those behind it are not.", p.saved, p.stopped)
		ad.do += fmt.Sprintf(" Then run it again with the lines from %d on.", p.stopped)
		return ad
	}
	ad.safe = fmt.Sprintf("%d lines are saved. Those that are listed above are not.", p.saved)
	ad.do = "Correct the lines that are listed, and run it again with them alone."
	return ad
}

// adviceFor finds what to tell a person.
func adviceFor(err error) advice {
	var some *partly
	if errors.As(err, &some) && some.saved > 0 {
		return some.advice()
	}
	if i := slices.IndexFunc(catalogue, func(ad advice) bool { return errors.Is(err, ad.is) }); i >= 0 {
		return catalogue[i]
	}
	var refusal *fieldclient.RemoteError
	if errors.As(err, &refusal) {
		if ad, ok := wire[refusal.Problem.Code]; ok {
			return ad
		}
		if refusal.Status == http.StatusForbidden || refusal.Status == http.StatusUnauthorized {
			return wire[syncproto.CodeUnauthorized]
		}
	}
	var coded *syncproto.Error
	if errors.As(err, &coded) {
		if ad, ok := wire[coded.Code]; ok {
			return ad
		}
	}
	return elsewise
}

// explain tells a person what happened, that nothing was lost, and what to do. It returns the exit code.
func (a *app) explain(err error) int {
	ad := adviceFor(err)
	fmt.Fprintf(shown{a.err}, "kua: %v\n     %s\n     %s\n", err, ad.safe, ad.do)
	return ad.exit
}
