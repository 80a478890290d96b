package web

import (
	"slices"
	"strconv"
)

// What the screens remember, in the vault: a browser's own store is a file in clear.
const (
	keepLanguage = "screens/language"
	keepIdle     = "screens/idle" // minutes
)

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
		if err := a.client.Remember(a.Context(), keepLanguage, language); err != nil {
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
	if err := a.client.Remember(a.Context(), keepIdle, strconv.Itoa(n)); err != nil {
		return err
	}
	a.s.watch.setIdle(n)
	return a.to("/settings")
}
