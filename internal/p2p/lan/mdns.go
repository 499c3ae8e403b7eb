package lan

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/libp2p/zeroconf/v2"
	"github.com/miekg/dns"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"github.com/warifu/warifu/internal/p2p/rate"
)

// The multicast groups of mDNS (RFC 6762, section 3).
var (
	mdnsGroup4 = &net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: 5353}
	mdnsGroup6 = &net.UDPAddr{IP: net.ParseIP("ff02::fb"), Port: 5353}
)

const (
	// firstQuery doubles up to lastQuery between questions (RFC 6762, section 5.2).
	firstQuery = time.Second
	lastQuery  = time.Minute

	// maxServiceIPs bounds the addresses kept of one service.
	maxServiceIPs = 16
)

// browse asks the local network for a service and hands out what is found, until
// ctx is done. It returns at once if none of the interfaces can be used, or there
// are none.
//
// zeroconf's own browser hands out a service once, with the addresses of the
// first answer. That answer may have come by an interface whose addresses are
// of no use, and a device answers by each of its interfaces. Here a service is
// handed out again when another address of it is heard of, the newest first.
func browse(ctx context.Context, service string, out chan<- *zeroconf.ServiceEntry, interfaces []net.Interface) {
	sockets := joinGroups(interfaces)
	if len(sockets) == 0 {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	var parts sync.WaitGroup
	defer func() {
		cancel()
		for _, s := range sockets {
			s.close() // which ends its listening
		}
		parts.Wait()
	}()
	answers := make(chan *dns.Msg)
	for _, s := range sockets {
		parts.Go(func() { s.listen(ctx, answers) })
	}
	name := service + "." + beaconDomain
	query := new(dns.Msg)
	query.SetQuestion(name, dns.TypePTR)
	query.Id, query.RecursionDesired = 0, false
	packet, err := query.Pack()
	if err != nil {
		panic("p2p: internal error: " + err.Error())
	}

	heard := services{name: name, known: make(map[string]*heardOf)}
	again := time.NewTimer(0)
	defer again.Stop()
	for n := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
			for _, s := range sockets {
				s.ask(packet)
			}
			again.Reset(rate.Doubled(firstQuery, lastQuery, n))
			n++
		case m := <-answers:
			for _, e := range heard.take(m, time.Now()) {
				select {
				case out <- e:
				case <-ctx.Done():
					return
				}
			}
		}
	}
}

// An mdnsSocket is a socket of one IP version that has joined the group.
type mdnsSocket struct {
	conn       *net.UDPConn
	interfaces []net.Interface // on which it has
	send       func(packet []byte, by *net.Interface) error
}

func (s mdnsSocket) close() { s.conn.Close() }

// ask sends a question by every interface. One that cannot be sent is followed
// by others.
func (s mdnsSocket) ask(packet []byte) {
	for _, i := range s.interfaces {
		_ = s.send(packet, &i)
	}
}

// joinGroups opens a socket for each IP version that the system and one of the
// interfaces have.
func joinGroups(interfaces []net.Interface) (out []mdnsSocket) {
	// Listening at an address of multicast is what makes package net share
	// the port with other programs.
	if c, err := net.ListenUDP("udp4", mdnsGroup4); err == nil {
		p := ipv4.NewPacketConn(c)
		send := func(b []byte, by *net.Interface) error {
			if err := errors.Join(p.SetMulticastInterface(by), p.SetMulticastTTL(255)); err != nil {
				return err
			}
			_, err := p.WriteTo(b, nil, mdnsGroup4)
			return err
		}
		out = appendJoined(out, mdnsSocket{c, nil, send}, interfaces, func(i *net.Interface) error { return p.JoinGroup(i, mdnsGroup4) })
	}
	if c, err := net.ListenUDP("udp6", mdnsGroup6); err == nil {
		p := ipv6.NewPacketConn(c)
		send := func(b []byte, by *net.Interface) error {
			if err := errors.Join(p.SetMulticastInterface(by), p.SetMulticastHopLimit(255)); err != nil {
				return err
			}
			_, err := p.WriteTo(b, nil, mdnsGroup6)
			return err
		}
		out = appendJoined(out, mdnsSocket{c, nil, send}, interfaces, func(i *net.Interface) error { return p.JoinGroup(i, mdnsGroup6) })
	}
	return out
}

// appendJoined adds s if it can join the group on one of the interfaces, and
// closes it otherwise.
func appendJoined(list []mdnsSocket, s mdnsSocket, interfaces []net.Interface, join func(*net.Interface) error) []mdnsSocket {
	for _, i := range interfaces {
		if join(&i) == nil {
			s.interfaces = append(s.interfaces, i)
		}
	}
	if len(s.interfaces) == 0 {
		s.close()
		return list
	}
	return append(list, s)
}

// listen hands on every message of DNS that comes in, until ctx is done.
func (s mdnsSocket) listen(ctx context.Context, out chan<- *dns.Msg) {
	for b := make([]byte, 1<<16); ; {
		n, err := s.conn.Read(b)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			// An interface may be down for now.
			select {
			case <-ctx.Done():
				return
			case <-time.After(firstQuery):
			}
			continue
		}
		m := new(dns.Msg)
		if m.Unpack(b[:n]) != nil || !m.Response {
			continue
		}
		select {
		case out <- m:
		case <-ctx.Done():
			return
		}
	}
}

// services remembers what was heard of the instances of one service.
type services struct {
	name  string // with the domain
	known map[string]*heardOf
}

type heardOf struct {
	entry *zeroconf.ServiceEntry // as it was handed out last
	until time.Time
}

// take returns the services of which an answer says something new. Of names
// beyond maxSightings it forgets everything: whoever sends so many plays, and
// the caller counts what is handed out.
func (s *services) take(m *dns.Msg, now time.Time) (out []*zeroconf.ServiceEntry) {
	for name, e := range s.read(m, now) {
		if e == nil { // it says goodbye
			delete(s.known, name)
			continue
		}
		old := s.known[name]
		if old != nil && now.Before(old.until) {
			more := false
			e.AddrIPv4, more = merge(e.AddrIPv4, old.entry.AddrIPv4, more)
			e.AddrIPv6, more = merge(e.AddrIPv6, old.entry.AddrIPv6, more)
			if !more && slices.Equal(e.Text, old.entry.Text) {
				continue
			}
		}
		if len(s.known) >= maxSightings && old == nil {
			clear(s.known)
		}
		s.known[name] = &heardOf{e, e.Expiry}
		out = append(out, e)
	}
	return out
}

// merge puts those of old behind ips, and reports whether ips had one that is
// not among them or already reported more.
func merge(ips, old []net.IP, more bool) ([]net.IP, bool) {
	for _, ip := range ips {
		more = more || !slices.ContainsFunc(old, ip.Equal)
	}
	for _, ip := range old {
		if !slices.ContainsFunc(ips, ip.Equal) {
			ips = append(ips, ip)
		}
	}
	return ips[:min(len(ips), maxServiceIPs)], more
}

// read returns the instances that a message describes, with the text and the
// addresses that are in it, and nil for those that end.
func (s *services) read(m *dns.Msg, now time.Time) map[string]*zeroconf.ServiceEntry {
	out := make(map[string]*zeroconf.ServiceEntry)
	hosts := make(map[string]string) // by instance
	records := slices.Concat(m.Answer, m.Ns, m.Extra)
	for _, rr := range records {
		name := rr.Header().Name
		instance, ours := strings.CutSuffix(name, "."+s.name)
		if !ours || instance == "" {
			continue
		}
		if rr.Header().Ttl == 0 {
			out[name] = nil
			continue
		}
		e := out[name]
		if e == nil {
			e = new(zeroconf.ServiceEntry)
			e.Instance = instance
			e.Expiry = now.Add(time.Duration(min(rr.Header().Ttl, beaconTTL)) * time.Second)
			out[name] = e
		}
		switch rr := rr.(type) {
		case *dns.SRV:
			hosts[name] = rr.Target
		case *dns.TXT:
			e.Text = rr.Txt
		}
	}
	for _, rr := range records {
		for name, host := range hosts {
			e := out[name]
			if e == nil || rr.Header().Name != host {
				continue
			}
			switch rr := rr.(type) {
			case *dns.A:
				e.AddrIPv4 = append(e.AddrIPv4, rr.A)
			case *dns.AAAA:
				e.AddrIPv6 = append(e.AddrIPv6, rr.AAAA)
			}
		}
	}
	for name, e := range out {
		if e != nil && (len(e.Text) == 0 || len(e.AddrIPv4)+len(e.AddrIPv6) == 0) {
			delete(out, name) // a question, or an answer that is not whole
		}
	}
	return out
}
