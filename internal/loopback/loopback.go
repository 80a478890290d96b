// Package loopback finds ports of this machine for servers that go away and come back at the same address.
package loopback

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// Below what systems hand out to whoever asks for any port, and to outgoing connections: from 32768 on Linux, from 49152
// elsewhere (RFC 6335 §6). A port of that range is somebody else's as soon as its server is down.
const (
	lowest  = 16384
	highest = 32767
)

// Address returns an address of 127.0.0.1, host and port, on which nothing listens. It goes on being free while its
// server is down, unless a program asks for it by its number.
func Address() (string, error) {
	var err error
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", lowest+rand.IntN(highest-lowest+1))
		var l net.Listener
		if l, err = net.Listen("tcp4", address); err == nil {
			return address, l.Close()
		}
	}
	return "", fmt.Errorf("finding a free port of this machine: %w", err)
}
