package web

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// tokenLife is how long a launch may take.
const tokenLife = 30 * time.Second

// launches are the tokens that let a browser in, each once. A token never stands in an argument, an address or a log.
type launches struct {
	until map[[32]byte]time.Duration // by hash of the token; on the monotonic clock
}

// Offer lets one browser in that brings this token within its life.
func (s *Server) Offer(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.launches.until[sha256.Sum256([]byte(token))] = s.mono() + tokenLife
}

func (s *Server) redeem(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, now := sha256.Sum256([]byte(token)), s.mono()
	until, ok := s.launches.until[h]
	delete(s.launches.until, h)
	for h, u := range s.launches.until {
		if u < now {
			delete(s.launches.until, h)
		}
	}
	return ok && now <= until
}

// launch begins a session. The page that it answers with goes to the first page by itself: after a redirect the browser
// would still think of the file that began it, and keep the strict cookie back.
func (s *Server) launch(w http.ResponseWriter, r *http.Request) {
	if !s.mayLaunch(r) || !s.redeem(r.PostFormValue("token")) {
		s.closed(w, http.StatusForbidden)
		return
	}
	se := &session{}
	s.random(se.secret[:])
	s.random(se.forms[:])
	s.mu.Lock()
	s.sessions = append(s.sessions, se)
	if s.language == "" {
		s.language = languageOf(r.Header.Get("Accept-Language"))
	}
	s.mu.Unlock()
	s.setCookie(w, se)
	w.Header().Set("Clear-Site-Data", `"cache", "storage"`) // what an earlier process left in this browser
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprint(w, `<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0;url=/"><link rel="icon" href="/static/kua.svg"><title>Kua</title><p><a href="/">Kua</a>`)
	s.cfg.tell(Message{Launched: true})
}

// mayLaunch reports whether a launch comes from a file or from the page that this program left at its lock: a site may not
// even try.
func (s *Server) mayLaunch(r *http.Request) bool {
	o := r.Header.Get("Origin")
	return r.Method == http.MethodPost && (o == "" || o == "null" || o == "http://"+s.host)
}

// closed tells a browser without a session how to get one. No language is known yet.
func (s *Server) closed(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprint(w, `<!doctype html><meta charset="utf-8"><title>Kua</title>`+
		`<p lang="kk">Бұл терезе жабылды. Kua бағдарламасын қайта ашыңыз: жазғаныңыз сақталды.`+
		`<p lang="ru">Это окно закрыто. Откройте Kua заново из программы: всё написанное сохранено.`+
		`<p lang="en">This window is closed. Open Kua again from the program: what you wrote is saved.`)
}

// Ticket returns a new launch token.
func (s *Server) ticket() string {
	var b [32]byte
	s.random(b[:])
	return hex.EncodeToString(b[:])
}

// launchPage posts the token by itself. It is a file and no page of the server: the policy of the server's pages, which
// forbids scripts like this, does not reach it.
var launchPage = template.Must(template.New("").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="referrer" content="no-referrer"><title>Kua</title>
<body><form method="post" action="http://{{.Address}}/launch"><input type="hidden" name="token" value="{{.Token}}"><button>Kua</button></form>
<script>document.forms[0].submit()</script></body></html>
`))

// launchFile is a file in a folder of its own that opens the screens once.
type launchFile struct {
	dir  *runDir
	path string
}

// newLaunchFile makes the folder, for this user only, where possible in memory.
func newLaunchFile() (*launchFile, error) {
	dir, err := newRunDir("launch")
	if err != nil {
		return nil, fmt.Errorf("making a folder for the launch file: %w", err)
	}
	return &launchFile{dir, filepath.Join(dir.path, "open.html")}, nil
}

// write puts a token into the file, in the place of the one before.
func (f *launchFile) write(address, token string) error {
	var b strings.Builder
	if err := launchPage.Execute(&b, struct{ Address, Token string }{address, token}); err != nil {
		return err
	}
	temp := f.path + ".new"
	if err := os.WriteFile(temp, []byte(b.String()), 0o600); err != nil {
		return fmt.Errorf("writing the launch file: %w", err)
	}
	return os.Rename(temp, f.path)
}

func (f *launchFile) remove() error { return f.dir.remove() }

// memoryDir returns a folder that is no disk, where the system has one that programs share; else the temporary folder.
func memoryDir() string {
	for _, dir := range []string{os.Getenv("XDG_RUNTIME_DIR"), "/dev/shm"} {
		if info, err := os.Stat(dir); err == nil && info.IsDir() && dir != "" {
			return dir
		}
	}
	return os.TempDir()
}
