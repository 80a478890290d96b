package web

import (
	"crypto/rand"
	"errors"
	"net/http"
	"strings"

	"kua/fieldclient"
	"kua/fieldclient/vault"
	"kua/syncproto"
)

// settingUpPage is ui/setup.html.
type settingUpPage struct {
	Page
	Offered string // a passphrase of seven random words
	Wrong   string // key of what to say of what was typed
	DataDir string
}

func setupPage(a *ask) error { return a.settingUp(http.StatusOK, "") }

func (a *ask) settingUp(status int, wrong string) error {
	if made, err := a.s.made(); err != nil || made {
		return errors.Join(err, a.to("/"))
	}
	offered, err := syncproto.SuggestPassphrase(rand.Reader)
	if err != nil {
		return err
	}
	return a.pageAs(status, "setup", &settingUpPage{Page{Title: a.words.T("setup.title")}, offered, wrong, a.s.cfg.Client.Vault.Dir})
}

// Bounds of a passphrase that a person chooses: it is all that stands between a stolen laptop and its testimony.
const (
	fewestWords = 6
	fewestChars = 20
)

func weak(passphrase string) bool {
	words := strings.Fields(passphrase)
	return len(words) < fewestWords && len([]rune(strings.Join(words, " "))) < fewestChars
}

// recoveryPage is ui/recovery.html. It is the answer to a form and has no address: it cannot be shown again.
type recoveryPage struct {
	Page
	Secret string
}

// setup makes the keys of this laptop.
func setup(a *ask) error {
	passphrase := a.PostFormValue("passphrase")
	switch {
	case weak(passphrase):
		return a.settingUp(http.StatusUnprocessableEntity, "setup.weak")
	case strings.Join(strings.Fields(passphrase), " ") != strings.Join(strings.Fields(a.PostFormValue("again")), " "):
		return a.settingUp(http.StatusUnprocessableEntity, "setup.differ")
	}
	a.s.opening.Lock()
	defer a.s.opening.Unlock()
	cfg := a.s.cfg.Client
	if a.s.cfg.KDF != nil {
		cfg.Vault.KDF = a.s.cfg.KDF()
	} else {
		cfg.Vault.KDF = vault.DefaultKDF()
	}
	c, recovery, err := fieldclient.Create(a.Context(), cfg, passphrase)
	if err != nil {
		return err
	}
	if err := a.s.opened(a.Context(), c); err != nil {
		return errors.Join(err, c.Close())
	}
	if err := c.Remember(a.Context(), keepLanguage, a.words.Language); err != nil {
		return err
	}
	a.client = c
	return a.page("recovery", &recoveryPage{Page{Title: a.words.T("recovery.title")}, recovery})
}
