package web

import (
	"fmt"
	"net/http"
	"time"
)

// event is one message to all open pages.
type event struct{ name, data string }

// events is a page's stream: it lives as long as the page is open, and tells it when the laptop locks.
func events(a *ask) error {
	s := a.s
	c := make(chan event, 4)
	s.mu.Lock()
	if s.streams[c] = true; s.parted {
		c <- event{eventEnd, EndLocked} // it came too late for a ticket, and must not go on showing what it shows
	}
	s.listening.Add(1)
	s.mu.Unlock()
	defer s.listening.Done()
	s.watch.page(1)
	defer func() {
		s.mu.Lock()
		delete(s.streams, c)
		s.mu.Unlock()
		s.watch.page(-1)
	}()
	a.w.Header().Set("Content-Type", "text/event-stream")
	flow := http.NewResponseController(a.w)
	fmt.Fprint(a.w, "retry: 1000\n\n")
	if err := flow.Flush(); err != nil {
		return nil // it went away
	}
	pulse := time.NewTicker(15 * time.Second) // a page that was closed by force is noticed
	defer pulse.Stop()
	for {
		select {
		case <-a.Context().Done():
			return nil
		case <-pulse.C:
			fmt.Fprint(a.w, ":\n\n")
		case e := <-c:
			fmt.Fprintf(a.w, "event: %s\ndata: %s\n\n", e.name, e.data)
			if e.name == eventEnd {
				_ = flow.Flush()
				select { // a page goes when its stream closes: not before what it still sends is saved
				case <-s.answered:
				case <-a.Context().Done():
				}
				return nil
			}
		}
		if flow.Flush() != nil {
			return nil
		}
	}
}

// eventEnd tells a page to forget what it shows. Its data is "locked TICKET", "wiped" or "quit".
const eventEnd = "end"

// farewell tells every open page that the screens end, and hands each a ticket for the next process.
func (s *Server) farewell(why string) (tickets []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parted = true
	for c := range s.streams {
		data := why
		if why == EndLocked {
			t := s.ticket()
			tickets = append(tickets, t)
			data += " " + t
		}
		select {
		case c <- event{eventEnd, data}:
		default: // a page that does not read is closed with its connection
		}
	}
	return tickets
}
