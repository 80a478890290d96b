package web

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"kua/fieldclient"
	"kua/fieldclient/vault"
)

// What the screens remember, in the vault: a browser's own store is a file in clear.
const (
	stateLanguage = "web/language"
	stateIdle     = "web/idle" // minutes
)

// remembered returns a value that the screens keep in the vault, or "".
func remembered(ctx context.Context, c *fieldclient.Client, name string) (string, error) {
	b, err := c.Vault().Get(ctx, name)
	if errors.Is(err, vault.ErrNotFound) {
		return "", nil
	}
	return string(b), err
}

func remember(ctx context.Context, c *fieldclient.Client, name, value string) error {
	return c.Vault().InTx(ctx, func(tx *vault.Tx) error { return tx.Put(name, []byte(value)) })
}

// setLanguage changes the language of all screens and comes back to the page where it was chosen.
func setLanguage(a *ask) error {
	language := a.PostFormValue("to")
	if !slices.Contains(Languages, language) {
		return errNoPage
	}
	a.s.mu.Lock()
	a.s.language = language
	a.s.mu.Unlock()
	a.s.cfg.tell(Message{Language: language})
	if a.client != nil {
		if err := remember(a.Context(), a.client, stateLanguage, language); err != nil {
			return err
		}
	}
	back := a.PostFormValue("back")
	if !ownPath(back) {
		back = "/"
	}
	return a.to("%s", back)
}

// ownPath reports whether a path leads to a page of ours and nowhere else.
func ownPath(p string) bool {
	return len(p) > 0 && p[0] == '/' && (len(p) == 1 || p[1] != '/' && p[1] != '\\')
}

// settingPage is ui/settings.html.
type settingPage struct {
	Page
	Minutes  []int
	Now      int
	Device   string
	DataDir  string
	Server   string
	Restored string
}

func settingsPage(a *ask) error {
	p := &settingPage{Page: Page{Title: a.words.T("settings.title")}, Minutes: []int{1, 2, 3, 5, 10, IdleMost},
		Now: a.s.watch.idleMinutes(), Device: a.client.Device().ID.String(), DataDir: a.s.cfg.Client.Vault.Dir}
	if s := a.client.Server(); s != nil {
		p.Server = s.URL
	}
	return a.page("settings", p)
}

func saveSettings(a *ask) error {
	n, err := strconv.Atoi(a.PostFormValue("idle"))
	if err != nil || n < 1 || n > IdleMost {
		return errNoPage
	}
	if err := remember(a.Context(), a.client, stateIdle, strconv.Itoa(n)); err != nil {
		return err
	}
	a.s.watch.setIdle(n)
	return a.to("/settings")
}
