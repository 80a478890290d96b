package loopback

import (
	"net"
	"strconv"
	"testing"
)

func TestAnAddressIsFreeAndNotOneThatTheSystemHandsOut(t *testing.T) {
	a, err := Address()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // and again, as after a restart
		l, err := net.Listen("tcp4", a)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	_, port, err := net.SplitHostPort(a)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := strconv.Atoi(port); err != nil || n >= 32768 || n < 1024 {
		t.Errorf("port %s is one that any program may be given", port)
	}
}
