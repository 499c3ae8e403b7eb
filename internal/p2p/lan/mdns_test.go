package lan

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/zeroconf/v2"
	"github.com/miekg/dns"
	"github.com/warifu/warifu/pairing"
)

// answer is what a device says of a service by one of its interfaces. Each ip is
// one of its addresses there.
func answer(t testing.TB, name string, ttl uint32, text string, ips ...string) *dns.Msg {
	t.Helper()
	host := "host-of-" + name
	lines := []string{
		fmt.Sprintf("%s %d IN SRV 0 0 9 %s", name, ttl, host),
		fmt.Sprintf("%s %d IN TXT %q", name, ttl, text),
	}
	for _, ip := range ips {
		kind := "A"
		if strings.Contains(ip, ":") {
			kind = "AAAA"
		}
		lines = append(lines, fmt.Sprintf("%s %d IN %s %s", host, ttl, kind, ip))
	}
	m := new(dns.Msg)
	m.Response = true
	for i, line := range lines {
		rr, err := dns.NewRR(line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if i < 2 {
			m.Answer = append(m.Answer, rr)
		} else {
			m.Extra = append(m.Extra, rr)
		}
	}
	return m
}

const testService = codeService + "." + beaconDomain

func said(list []*zeroconf.ServiceEntry) string {
	var out []string
	for _, e := range list {
		out = append(out, fmt.Sprint(e.Instance)+fmt.Sprint(e.Text)+fmt.Sprint(e.AddrIPv4)+fmt.Sprint(e.AddrIPv6))
	}
	return strings.Join(out, "; ")
}

// A service is handed out when it is heard of, and again whenever more is heard
// of it: another address, another text, or the same after it was gone.
func TestServicesSayWhatIsNew(t *testing.T) {
	t.Parallel()
	s := services{name: testService, known: make(map[string]*heardOf)}
	now := time.Unix(1e9, 0)
	a, b := "a."+testService, "b."+testService
	for i, tc := range []struct {
		m    *dns.Msg
		want string
	}{
		{answer(t, a, 120, "x", "fe80::1"), "a[x][][fe80::1]"},
		{answer(t, a, 120, "x", "fe80::1"), ""},
		{answer(t, a, 120, "x", "10.0.0.1", "fe80::2"), "a[x][10.0.0.1][fe80::2 fe80::1]"},
		{answer(t, a, 120, "x", "fe80::1", "10.0.0.1"), ""},
		{answer(t, b, 120, "x", "10.0.0.1"), "b[x][10.0.0.1][]"},
		{answer(t, a, 120, "y", "10.0.0.1"), "a[y][10.0.0.1][fe80::2 fe80::1]"},
		{answer(t, a, 0, "y"), ""}, // it is gone
		{answer(t, a, 120, "y", "10.0.0.1"), "a[y][10.0.0.1][]"},
		{answer(t, a, 120, "y"), ""},            // no address
		{answer(t, a, 120, "", "10.0.0.2"), ""}, // no text
		{answer(t, "a._other._udp.local.", 120, "x", "10.0.0.1"), ""},
		{answer(t, testService, 120, "x", "10.0.0.1"), ""},
		{new(dns.Msg), ""},
	} {
		if tc.m != nil && i == 9 {
			tc.m.Answer = tc.m.Answer[:1] // without its TXT record
		}
		if got := said(s.take(tc.m, now)); got != tc.want {
			t.Errorf("%d: %q, want %q", i, got, tc.want)
		}
	}
	// What nobody has repeated for its time is news, and never for longer
	// than ours, whatever it says of itself.
	s.take(answer(t, b, 1<<30, "x", "10.0.0.9"), now)
	if got := said(s.take(answer(t, b, 120, "x", "10.0.0.9"), now.Add(beaconTTL*time.Second))); got != "b[x][10.0.0.9][]" {
		t.Errorf("after its time: %q", got)
	}
}

// Neither names nor addresses make us remember without end.
func TestServicesAreBounded(t *testing.T) {
	t.Parallel()
	s := services{name: testService, known: make(map[string]*heardOf)}
	now := time.Unix(1e9, 0)
	for i := range 10 * maxSightings {
		s.take(answer(t, fmt.Sprintf("n%d.%s", i, testService), 120, "x", "10.0.0.1"), now)
		if len(s.known) > maxSightings {
			t.Fatalf("%d names are remembered", len(s.known))
		}
	}
	name := "a." + testService
	for i := range 100 * maxServiceIPs {
		for _, e := range s.take(answer(t, name, 120, "x", fmt.Sprintf("10.0.%d.%d", i/256, i%256)), now) {
			if len(e.AddrIPv4) > maxServiceIPs || !e.AddrIPv4[0].Equal(net.IPv4(10, 0, byte(i/256), byte(i%256))) {
				t.Fatalf("%d addresses: %v", len(e.AddrIPv4), e.AddrIPv4)
			}
		}
	}
}

// A device that shows the code is tried at each address at which it is seen, a
// few times in all.
func TestCodeSearchVisitsAgain(t *testing.T) {
	t.Parallel()
	h := codeHost(t)
	code := parseCode(t, "1234 5678")
	hosts := make(chan CodeHost, pairing.MaxTries*maxCodeVisits)
	s := codeSearch{code: code, hosts: hosts, seen: make(map[string]*codeVisits), onLink: func(ip netip.Addr) bool { return netip.MustParsePrefix("192.0.2.0/24").Contains(ip.Unmap()) }}
	see := func(ips ...net.IP) int {
		before := len(hosts)
		e := &zeroconf.ServiceEntry{Text: []string{codeBeacon{peer: h.id, tcp: 1, hint: code.Hint(h.Peer())}.text()}, AddrIPv4: ips}
		s.take(e, false)
		return len(hosts) - before
	}
	a, b := net.IPv4(192, 0, 2, 1), net.IPv4(192, 0, 2, 2)
	for i, tc := range []struct {
		ips  []net.IP
		want int
	}{
		{nil, 0},
		{[]net.IP{a}, 1},
		{[]net.IP{a}, 0},
		{[]net.IP{b, a}, 1},
		{[]net.IP{a, b}, 0},
	} {
		if got := see(tc.ips...); got != tc.want {
			t.Errorf("%d: sent %d times, want %d", i, got, tc.want)
		}
	}
	for i := range 100 {
		see(net.IPv4(192, 0, 2, byte(3+i)))
	}
	if len(hosts) != maxCodeVisits || len(s.seen) != 1 {
		t.Errorf("%d visits of %d devices, want %d of 1", len(hosts), len(s.seen), maxCodeVisits)
	}
}

func FuzzServices(f *testing.F) {
	for _, m := range []*dns.Msg{answer(f, "a."+testService, 120, "x", "10.0.0.1", "fe80::1"), answer(f, "a."+testService, 0, "x")} {
		b, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := services{name: testService, known: make(map[string]*heardOf)}
		m := new(dns.Msg)
		if m.Unpack(b) != nil {
			return
		}
		for _, e := range s.take(m, time.Unix(1e9, 0)) {
			if e.Instance == "" || len(e.Text) == 0 || len(e.AddrIPv4)+len(e.AddrIPv6) == 0 {
				t.Fatalf("not whole: %+v", e)
			}
		}
	})
}

// Looking for a service ends whenever it is told to, and leaves nothing behind
// that would go on listening.
func TestBrowseEnds(t *testing.T) {
	t.Parallel()
	for i := range 200 {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			browse(ctx, codeService, make(chan *zeroconf.ServiceEntry), codeLANNow(true).interfaces)
		}()
		if i%2 == 0 {
			time.Sleep(time.Millisecond) // it may have begun to listen
		}
		cancel()
		<-ended
	}
}
