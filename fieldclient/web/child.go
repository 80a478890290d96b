package web

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// Message is what the host and the process with the screens tell each other, one JSON document a line over the pipes of
// the child. There is no secret in it but launch tokens, which live for seconds.
type Message struct {
	Address  string   `json:"address,omitempty"`  // to the host: the screens answer here
	Offered  bool     `json:"offered,omitempty"`  // to the host: the last token is known
	Launched bool     `json:"launched,omitempty"` // to the host: a browser was let in
	Language string   `json:"language,omitempty"` // to the host, and at the start from it: which one was chosen
	Ending   bool     `json:"ending,omitempty"`   // to the host: the process is about to end
	End      string   `json:"end,omitempty"`      // to the host: why the process ends
	Tickets  []string `json:"tickets,omitempty"`  // with End: what pages hold, to be offered by the next process
	Token    string   `json:"token,omitempty"`    // from the host: let one browser in that brings it
	Begin    bool     `json:"begin,omitempty"`    // from the host: all is said that must be known before the first answer
	Quit     bool     `json:"quit,omitempty"`     // from the host: end
}

const maxMessage = 64 << 10

// RunScreens is the process that holds an unlocked laptop: it answers on the listener and obeys its host, which speaks on
// in and listens on out. It ends when the laptop is locked, and when the host goes away.
func RunScreens(ctx context.Context, cfg Config, l net.Listener, in io.Reader, out io.Writer) error {
	var mu sync.Mutex
	enc := json.NewEncoder(out)
	cfg.Tell = func(m Message) {
		mu.Lock()
		defer mu.Unlock()
		_ = enc.Encode(m) // a host that went away is noticed on the other pipe
	}
	s, err := New(cfg, l.Addr().String())
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	begun := make(chan struct{})
	go func() {
		defer stop()
		_ = s.obey(in, sync.OnceFunc(func() { close(begun) }))
	}()
	cfg.tell(Message{Address: s.host})
	select { // until then a page that comes back waits at the port
	case <-begun:
	case <-ctx.Done():
	}
	end, err := s.Serve(ctx, l)
	cfg.tell(Message{End: end.Why, Tickets: end.Tickets})
	return err
}

// obey follows the host's messages until it goes away. It calls begin when the host says so.
func (s *Server) obey(in io.Reader, begin func()) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxMessage)
	for lines.Scan() {
		var m Message
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			return fmt.Errorf("reading what the host says: %w", err)
		}
		if m.Language != "" {
			s.mu.Lock()
			s.language = languageOf(m.Language)
			s.mu.Unlock()
		}
		if m.Token != "" {
			s.Offer(m.Token)
			s.cfg.tell(Message{Offered: true})
		}
		if m.Begin {
			begin()
		}
		if m.Quit {
			s.end(EndQuit)
		}
	}
	return errors.Join(lines.Err(), io.EOF)
}
