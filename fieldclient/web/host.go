package web

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Host keeps the screens open over locks. It holds no secret of the laptop: whatever was unlocked is in the memory of a
// process that it starts, and that ends at each lock. That is the only sure way to empty the memory of a Go program.
type Host struct {
	Command func() *exec.Cmd  // the program that calls RunScreens, in a new process
	Browser *Browser          // nil: only say how to open the screens
	Say     func(path string) // told where the launch file is, where no browser is opened

	listener net.Listener // where a process can hand its port on; else nil
	file     *launchFile
	window   *window
	language string
}

// The times of the host.
const (
	tokenRenewed = tokenLife * 2 / 3 // a launch file that nobody opened gets a new token
	ticketWait   = 45 * time.Second  // for a page to come back after a lock, before a new one is opened
	farewellWait = 10 * time.Second  // for a process to end by itself
	restarts     = 3                 // of a process that ends without a word, in a row
)

// ErrWiped says that the laptop was wiped from the screens: nobody can read what was here.
var ErrWiped = errors.New("the laptop was wiped: nobody can read what was here")

// Run shows the screens until the person quits, closes the browser that was opened for them, or ctx ends.
func (h *Host) Run(ctx context.Context) (err error) {
	_ = sweepRuns() // what cannot be removed now is tried at the next start
	if h.file, err = newLaunchFile(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.file.remove(), h.window.remove()) }()
	if canInherit {
		if h.listener, err = Listen(); err != nil {
			return fmt.Errorf("opening a port of this machine: %w", err)
		}
		defer h.listener.Close()
	}
	var tickets []string
	for silent := 0; ; {
		end, err := h.once(ctx, tickets)
		switch {
		case end.Why == EndWiped:
			return ErrWiped
		case end.Why == EndQuit || ctx.Err() != nil:
			return nil
		case end.Why == EndLocked:
			silent = 0
		default:
			if silent++; silent > restarts {
				return fmt.Errorf("showing the screens: the process ended without a word: %w", err)
			}
		}
		if tickets = end.Tickets; !canInherit {
			tickets = nil // the next process has another port; its page is opened anew
		}
	}
}

// running is one process with the screens, as its host sees it.
type process struct {
	cmd     *exec.Cmd
	in      *json.Encoder
	close   func() error
	said    chan Message
	address string
	killed  *time.Timer // nil until the process must end
}

// mustEnd kills the process if it does not end by itself in time. Only the first call counts.
func (p *process) mustEnd() {
	if p.killed == nil {
		p.killed = time.AfterFunc(farewellWait, func() { _ = p.cmd.Process.Kill() })
	}
}

// once starts a process with the screens and stays with it until it ends.
func (h *Host) once(ctx context.Context, tickets []string) (end Ending, err error) {
	p, err := h.start()
	if err != nil {
		return end, err
	}
	life := &life{h: h, p: p, tickets: tickets}
	end, err = life.run(ctx)
	p.close()
	p.mustEnd()
	defer p.killed.Stop()
	for m := range p.said { // until it ends
		if m.End == EndWiped { // it was told to end during the countdown
			end = Ending{Why: EndWiped}
		}
	}
	return end, errors.Join(err, p.cmd.Wait())
}

func (h *Host) start() (*process, error) {
	cmd := h.Command()
	if err := inherit(cmd, h.listener); err != nil {
		return nil, err
	}
	cmd.Env = withoutSecrets(cmd.Environ())
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the screens: %w", err)
	}
	for _, f := range cmd.ExtraFiles {
		f.Close()
	}
	p := &process{cmd: cmd, in: json.NewEncoder(in), close: in.Close, said: make(chan Message)}
	go p.listen(out)
	return p, nil
}

func (p *process) listen(out io.Reader) {
	defer close(p.said)
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, maxMessage)
	for lines.Scan() {
		var m Message
		if json.Unmarshal(lines.Bytes(), &m) == nil {
			p.said <- m
		}
	}
}

// withoutSecrets keeps passphrases that scripts put into the environment away from the screens and the browser.
func withoutSecrets(env []string) []string {
	var out []string
	for _, e := range env {
		if name, _, _ := strings.Cut(e, "="); !strings.HasPrefix(name, "KUA_") || !strings.Contains(name, "PASSPHRASE") {
			out = append(out, e)
		}
	}
	return out
}

// life is what happens while one process runs.
type life struct {
	h       *Host
	p       *process
	tickets []string
	invited bool   // a launch file or a ticket waits for a browser
	token   string // that the process has been told and the launch file not yet
	renew   *time.Timer
}

func (l *life) run(ctx context.Context) (end Ending, err error) {
	l.renew = time.NewTimer(time.Hour)
	defer l.renew.Stop()
	for {
		closed := l.h.window.ended()
		select {
		case m, ok := <-l.p.said:
			if !ok {
				return end, errors.Join(err, io.ErrUnexpectedEOF)
			}
			if m.End != "" {
				return Ending{m.End, m.Tickets}, err
			}
			if err := l.hear(m); err != nil {
				return Ending{Why: EndQuit}, err
			}
		case <-l.renew.C:
			if l.invited {
				if err := l.invite(); err != nil {
					return Ending{Why: EndQuit}, err
				}
			}
		case <-closed: // the person closed the browser that was opened for the screens
			l.h.window.over = true
			_ = l.p.in.Encode(Message{Quit: true})
		case <-ctx.Done():
			_ = l.p.in.Encode(Message{Quit: true})
			return Ending{Why: EndQuit}, nil
		}
	}
}

func (l *life) hear(m Message) error {
	switch {
	case m.Ending:
		l.p.mustEnd() // whatever holds it up: the keys are in its memory
	case m.Language != "":
		l.h.language = m.Language
	case m.Launched:
		l.invited = false
		return os.RemoveAll(l.h.file.path)
	case m.Address != "":
		l.p.address = m.Address
		if l.h.language != "" {
			if err := l.p.in.Encode(Message{Language: l.h.language}); err != nil {
				return err
			}
		}
		for _, t := range l.tickets {
			if err := l.p.in.Encode(Message{Token: t}); err != nil {
				return err
			}
		}
		l.invited = true
		if len(l.tickets) > 0 {
			l.renew.Reset(ticketWait)
		} else if err := l.invite(); err != nil {
			return err
		}
		return l.p.in.Encode(Message{Begin: true})
	case m.Offered && l.token != "":
		return l.publish()
	}
	return nil
}

// invite makes a token and tells it to the process with the screens. When that knows it, publish follows.
func (l *life) invite() error {
	var b [32]byte
	if _, err := rand.Read(b[:]); err != nil {
		return err
	}
	l.token = hex.EncodeToString(b[:])
	l.renew.Reset(tokenRenewed)
	return l.p.in.Encode(Message{Token: l.token})
}

// publish writes the launch file and opens it, or says where it is. A file that nobody has opened yet only gets the new
// token.
func (l *life) publish() error {
	_, err := os.Stat(l.h.file.path)
	again := err == nil
	if err := l.h.file.write(l.p.address, l.token); err != nil {
		return err
	}
	l.token = ""
	if again {
		return nil
	}
	if l.h.Browser == nil {
		l.h.Say(l.h.file.path)
		return nil
	}
	w, err := l.h.Browser.open(l.h.window, l.h.file.path)
	if err != nil {
		return err
	}
	l.h.window = w
	return nil
}
