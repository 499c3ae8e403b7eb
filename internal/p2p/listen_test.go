package p2p_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/warifu/warifu/internal/p2p"
)

// A link tells its port if it has one.
func TestLinkPort(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		listen string
		has    bool
	}{
		{tcpOnly + " " + quicOnly, true},
		{tcpOnly, false}, // no QUIC there
	} {
		l, err := p2p.New(p2p.Config{Key: key(1), Listen: strings.Fields(tc.listen), Protocols: map[string]int{proto: 1}})
		if err != nil {
			t.Fatal(err)
		}
		got := l.Port()
		if got != 0 != tc.has {
			t.Errorf("%q: port %d", tc.listen, got)
		}
		for _, at := range []string{"/ip4/127.0.0.1/tcp/%d", "/ip4/127.0.0.1/udp/%d/quic-v1"} {
			if at = fmt.Sprintf(at, got); tc.has && !slices.Contains(l.Addrs(), at) {
				t.Errorf("it does not listen at %s, but at %q", at, l.Addrs())
			}
		}
		l.Close()
	}
}
