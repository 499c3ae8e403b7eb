package node

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/internal/commandline"
	"github.com/warifu/warifu/journal/journaltest"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/desk"
	"github.com/warifu/warifu/node/founding"
	"github.com/warifu/warifu/node/ledger"
	"github.com/warifu/warifu/node/meet"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// A lab is several devices, without goroutines, over a simulated network and
// clock. One seed decides everything that happens.
type lab struct {
	t        testing.TB
	now      time.Time
	rng      *rand.Rand
	devices  []*labDevice
	wire     []parcel
	settings roster.Settings
	step     time.Duration                              // between ticks while nothing is under way
	lossy    bool                                       // lose, repeat and reorder
	tamper   func(from, to *labDevice, b []byte) []byte // change what is delivered; nil drops it
	watch    func(from, to *labDevice, proto string, b []byte)
}

type parcel struct {
	from, to *labDevice
	protocol string
	msg      []byte
}

// A labDevice is one device: what survives a crash, and the core that does not.
type labDevice struct {
	lab     *lab
	name    string
	id      []byte
	journal *journaltest.Mem
	keeper  *labKeeper
	core    *core // nil while it is off
	allowed map[string]bool
	linked  map[*labDevice]bool
	beacon  [32]byte   // the key under which it shows itself on the local network
	older   [][32]byte // those under which it looks for others, too
	log     *bytes.Buffer
	faults  []string // that the link was told
	full    bool     // the link takes nothing more
}

// A labKeeper seals with a marker instead of a cipher, so that tests can see
// what would be sealed under which key.
type labKeeper struct {
	keys   map[string]bool
	locked bool
	fail   error
	early  error // why no passphrase is looked at yet
}

func (k *labKeeper) NewEpochKey(id string) error {
	if k.fail != nil {
		return k.fail
	}
	if k.locked {
		return errLabSealed
	}
	k.keys[id] = true
	return nil
}

var errLabSealed = errors.New("lab: sealed")

func (k *labKeeper) SealShare(id, name string, p []byte) ([]byte, error) {
	if k.locked || !k.keys[id] {
		return nil, errLabSealed
	}
	return append([]byte(id+"|"+name+"|"), p...), nil
}

func (k *labKeeper) OpenShare(id, name string, s []byte) ([]byte, error) {
	if k.fail != nil {
		return nil, k.fail
	}
	p, ok := bytes.CutPrefix(s, []byte(id+"|"+name+"|"))
	if k.locked || !k.keys[id] || !ok {
		return nil, errLabSealed
	}
	return bytes.Clone(p), nil
}

func (k *labKeeper) DestroyEpochKey(id string) error { delete(k.keys, id); return nil }
func (k *labKeeper) ListEpochKeys() ([]string, error) {
	return slices.Sorted(maps.Keys(k.keys)), k.fail
}
func (k *labKeeper) Lock()               { k.locked = true }
func (k *labKeeper) Unlock([]byte) error { k.locked = false; return nil }
func (k *labKeeper) MayUnlock() error    { return k.early }
func (k *labKeeper) Prove([]byte) error {
	if k.locked {
		return errLabSealed
	}
	return nil
}
func (k *labKeeper) Locked() bool { return k.locked }

// labDevice is the core's link, too.
func (d *labDevice) ID() []byte      { return d.id }
func (d *labDevice) Addrs() []string { return []string{"/ip4/127.0.0.1/tcp/" + d.name} }

func (d *labDevice) SetPeers(peers map[string][]string) {
	d.allowed = map[string]bool{}
	for id := range peers {
		d.allowed[id] = true
	}
	for other := range d.linked {
		if !d.allowed[string(other.id)] {
			d.lab.cut(d, other, "no longer allowed")
		}
	}
}

func (d *labDevice) SetBeacon(key [32]byte, older [][32]byte, _ uint16, _ map[uint16][]byte) {
	d.beacon, d.older = key, older
}

func (d *labDevice) Send(to []byte, protocol string, msg []byte) error {
	if d.full {
		return errors.New("lab: the queue is full")
	}
	for other := range d.linked {
		if bytes.Equal(other.id, to) {
			d.lab.wire = append(d.lab.wire, parcel{d, other, protocol, bytes.Clone(msg)})
			return nil
		}
	}
	return errors.New("lab: not connected")
}

func (d *labDevice) Fault(peer []byte, what string) {
	for _, other := range d.lab.devices {
		if bytes.Equal(other.id, peer) {
			d.faults = append(d.faults, other.name+": "+what)
		}
	}
}

func (d *labDevice) Connected(peer []byte) bool {
	for other := range d.linked {
		if bytes.Equal(other.id, peer) {
			return true
		}
	}
	return false
}

// newLab makes n devices that have been initialised and started.
func newLab(t testing.TB, n int, seed uint64) *lab {
	l := &lab{t: t, settings: roster.DefaultSettings(), step: 500 * time.Millisecond, now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), rng: rand.New(rand.NewPCG(seed, 1))}
	for i := range n {
		d := &labDevice{
			lab: l, name: []string{"phone", "laptop", "tablet", "desktop", "server", "watch", "router", "glasses", "car", "fridge"}[i],
			journal: journaltest.New(), keeper: &labKeeper{keys: map[string]bool{}}, linked: map[*labDevice]bool{},
			id: fmt.Appendf(nil, "peer id of device %d, 38 bytes long...", i), log: &bytes.Buffer{},
		}
		d.id = append(d.id, make([]byte, 38)...)[:38]
		if _, err := standing.Init(d.journal, d.keeper, l.random(), d.name, roster.Kind("phone")); err != nil {
			t.Fatal(err)
		}
		l.devices = append(l.devices, d)
		d.start()
	}
	return l
}

func (l *lab) random() *rand.ChaCha8 {
	var seed [32]byte
	for i := range seed {
		seed[i] = byte(l.rng.Uint32())
	}
	return rand.NewChaCha8(seed)
}

// timings lets a long simulation tick seldom without looking asleep.
func (l *lab) timings() standing.Timings {
	t := standing.DefaultTimings
	t.IdleTick = max(t.IdleTick, l.step)
	return t
}

// start boots a device from what survived.
func (d *labDevice) start() {
	d.lab.t.Helper()
	d.journal = d.journal.Restart()
	c, err := newCore(standing.Config{
		Words:   commandline.Words,
		Journal: d.journal, Keeper: d.keeper, Rand: d.lab.random(), Timings: d.lab.timings(),
		Log: slog.New(slog.NewTextHandler(d.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now: func() time.Time { return d.lab.now },
	})
	if err != nil {
		d.lab.t.Fatalf("%s does not start: %v", d.name, err)
	}
	d.core = c
	if err := c.start(d); err != nil {
		d.lab.t.Fatalf("%s does not start: %v", d.name, err)
	}
	d.lab.connect()
}

// kill takes a device away as a power cut does.
func (d *labDevice) kill() {
	d.core = nil
	for other := range d.linked {
		d.lab.cut(other, d, "connection reset")
	}
	clear(d.linked)
	var rest []parcel
	for _, p := range d.lab.wire {
		if p.from != d && p.to != d {
			rest = append(rest, p)
		}
	}
	d.lab.wire = rest
}

// cut ends the connection of two devices.
func (l *lab) cut(a, b *labDevice, why string) {
	for _, e := range [][2]*labDevice{{a, b}, {b, a}} {
		if e[0].linked[e[1]] {
			delete(e[0].linked, e[1])
			if e[0].core != nil {
				e[0].core.onDown(l.now, e[1].id, why)
			}
		}
	}
}

// connect joins all pairs that allow each other.
func (l *lab) connect() {
	for i, a := range l.devices {
		for _, b := range l.devices[i+1:] {
			if a.core == nil || b.core == nil || a.linked[b] || !a.allowed[string(b.id)] || !b.allowed[string(a.id)] {
				continue
			}
			a.linked[b], b.linked[a] = true, true
			a.core.onUp(l.now, b.id)
			b.core.onUp(l.now, a.id)
		}
	}
}

// run delivers messages and lets time pass until quiet, or until ok.
func (l *lab) run(limit time.Duration, ok func() bool) bool {
	end := l.now.Add(limit)
	for l.now.Before(end) {
		if ok != nil && ok() {
			return true
		}
		if len(l.wire) == 0 {
			l.now = l.now.Add(l.step)
			for _, d := range l.devices {
				if d.core != nil {
					d.core.tick(l.now)
				}
			}
			l.connect()
			continue
		}
		i := 0
		if l.lossy {
			i = l.rng.IntN(len(l.wire))
		}
		p := l.wire[i]
		fate := 99
		if l.lossy {
			fate = l.rng.IntN(12)
		}
		if fate != 0 { // 0: once more later
			l.wire = append(l.wire[:i:i], l.wire[i+1:]...)
		}
		if fate == 1 || p.to.core == nil || !p.to.linked[p.from] {
			continue
		}
		msg := bytes.Clone(p.msg)
		if l.tamper != nil {
			if msg = l.tamper(p.from, p.to, msg); msg == nil {
				continue
			}
		}
		if l.watch != nil {
			l.watch(p.from, p.to, p.protocol, msg)
		}
		p.to.core.onMessage(l.now, p.from.id, p.protocol, msg)
		l.connect()
	}
	return ok != nil && ok()
}

// found makes a circle of the first n devices. Pairing has its own tests; here
// the cards are handed over.
func (l *lab) found(threshold, n int) {
	l.t.Helper()
	l.beginFounding(threshold, n)
	if !l.run(time.Minute, func() bool {
		return l.all(n, func(c *core) bool { return c.Founding.State() == api.FoundingConfirming })
	}) {
		l.t.Fatalf("founding does not come to the question:\n%s", l.logs())
	}
	for _, d := range l.devices[:n] {
		if err := d.core.Confirm(d.core.Founding.Session.Hex(), true); err != nil {
			l.t.Fatal(err)
		}
	}
	if !l.run(time.Minute, func() bool { return l.all(n, func(c *core) bool { return c.Circle != nil }) }) {
		l.t.Fatalf("the circle does not stand:\n%s", l.logs())
	}
	l.run(2*time.Second, nil)
}

func (l *lab) beginFounding(threshold, n int) {
	l.t.Helper()
	founder := l.devices[0].core
	founder.Now = l.now
	if err := founder.BeginInviting(threshold, n, l.settings); err != nil {
		l.t.Fatal(err)
	}
	sponsor := meet.Newcomer{Card: founder.OwnCard([32]byte{1}), Addrs: founder.Link.Addrs()}
	for _, d := range l.devices[1:n] {
		c := d.core
		c.Now = l.now
		card := c.OwnCard([32]byte{1})
		if err := founder.AdmitNewcomer(meet.Newcomer{Card: card, Addrs: d.Addrs()}); err != nil {
			l.t.Fatal(err)
		}
		founder.settle()
		c.Joining = &founding.Joining{Sponsor: sponsor, Card: card, Touched: l.now}
		c.Pairing[string(sponsor.Card.Peer)] = sponsor.Addrs
		c.settle()
		l.connect()
	}
	if err := founder.Propose(); err != nil {
		l.t.Fatal(err)
	}
	founder.settle()
}

func (l *lab) all(n int, ok func(*core) bool) bool {
	for _, d := range l.devices[:n] {
		if d.core == nil || d.core.Founding == nil && d.core.Circle == nil || !ok(d.core) {
			return false
		}
	}
	return true
}

func (l *lab) logs() string {
	var b strings.Builder
	for _, d := range l.devices {
		fmt.Fprintf(&b, "--- %s\n%s", d.name, d.log)
	}
	return b.String()
}

// ask makes a message request at d.
func (d *labDevice) ask(text string) *ledger.Request {
	d.lab.t.Helper()
	d.core.Now = d.lab.now
	r, err := d.core.Ask(intent.Input{Kind: intent.Message, Message: []byte(text)}, roster.Ethereum, []uint32{0, 0}, desk.RequestLifetime)
	d.core.settle()
	if err != nil {
		d.lab.t.Fatal(err)
	}
	return r
}

// request is what d holds of the request id.
func (d *labDevice) request(id wire.RequestID) *ledger.Request { return d.core.Requests[id] }

// approves waits until d holds the request, and approves it.
func (d *labDevice) approves(id wire.RequestID) {
	d.lab.t.Helper()
	if !d.lab.run(10*time.Minute, func() bool { return d.request(id) != nil }) {
		d.lab.t.Fatalf("%s never saw the request\n%s", d.name, d.lab.logs())
	}
	d.core.Now = d.lab.now
	err := d.core.Approve(d.request(id), true)
	d.core.settle()
	if err != nil {
		d.lab.t.Fatal(err)
	}
}

func (d *labDevice) signed(id wire.RequestID) bool {
	return d.core != nil && d.request(id) != nil && d.request(id).State() == api.StateSigned
}
