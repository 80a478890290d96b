package fieldclient

import "testing"

func TestOnlyTLSOrThisMachineIsASealedLine(t *testing.T) {
	for base, want := range map[string]bool{
		"https://kua.example": true, "http://127.0.0.1:8440": true, "http://[::1]:8440": true, "http://localhost:1": true,
		"http://kua.example": false, "http://10.0.0.1": false, "http://127.0.0.1.example": false, "ftp://127.0.0.1": false, "": false,
	} {
		if got := sealedLine(base); got != want {
			t.Errorf("%q: got %t", base, got)
		}
	}
}

func TestAServersWordsCannotSteerATerminal(t *testing.T) {
	if got := plainLine("no\x1b[2Jmore\r\nқысым"); got != "no?[2Jmore??қысым" {
		t.Errorf("got %q", got)
	}
	if got := plainLine(string(make([]byte, 10_000))); len(got) > maxDetail+4 {
		t.Errorf("%d bytes are shown", len(got))
	}
}
