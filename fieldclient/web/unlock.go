package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"kua/fieldclient"
	"kua/fieldclient/vault"
)

// made reports whether this laptop has been set up.
func (s *Server) made() (bool, error) {
	_, err := os.Stat(filepath.Join(s.cfg.Client.Vault.Dir, "keys"))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// unlockingPage is ui/unlock.html.
type unlockingPage struct {
	Page
	Wrong string // key of what to say of the passphrase that was typed
}

func unlockPage(a *ask) error {
	if a.client != nil {
		return a.to("/")
	}
	return a.page("unlock", &unlockingPage{Page: Page{Title: a.words.T("unlock.title")}})
}

// unlock opens the laptop. One passphrase is tried at a time: trying is made slow on purpose.
func unlock(a *ask) error {
	a.s.opening.Lock()
	defer a.s.opening.Unlock()
	if a.s.client.Load() != nil {
		return a.to("/")
	}
	if at := vault.SyncedBy(a.s.cfg.Client.Vault.Dir); at != "" {
		return fmt.Errorf("%w (%s)", vault.ErrSynced, at)
	}
	c, err := fieldclient.Open(a.Context(), a.s.cfg.Client, a.PostFormValue("passphrase"))
	wrong := ""
	switch {
	case errors.Is(err, vault.ErrMistyped):
		wrong = "unlock.mistyped"
	case errors.Is(err, vault.ErrWrongPassphrase):
		wrong = "unlock.wrong"
	}
	if wrong != "" {
		return a.pageAs(http.StatusUnprocessableEntity, "unlock", &unlockingPage{Page{Title: a.words.T("unlock.title")}, wrong})
	}
	if err != nil {
		return err
	}
	if err := a.s.opened(a.Context(), c); err != nil {
		return errors.Join(err, c.Close())
	}
	return a.to("/")
}

// opened takes over an open laptop with what it remembers of its screens.
func (s *Server) opened(ctx context.Context, c *fieldclient.Client) error {
	language, err := c.Remembered(ctx, keepLanguage)
	if err != nil {
		return err
	}
	idle, err := c.Remembered(ctx, keepIdle)
	if err != nil {
		return err
	}
	if language != "" {
		s.mu.Lock()
		s.language = languageOf(language)
		s.mu.Unlock()
	}
	if n, err := strconv.Atoi(idle); err == nil {
		s.watch.setIdle(n)
	}
	if err := s.watchGate(c); err != nil {
		return err
	}
	s.watch.touch()
	s.client.Store(c)
	return nil
}
