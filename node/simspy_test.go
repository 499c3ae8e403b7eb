package node

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/wire"
)

// O7 is that no secret is where others can read it: in a message, in the log, or
// on the disk outside of what the keeper has sealed. Secrets are every share that
// any disk has ever held and the private keys of devices; worlds that are nosy
// look for them.

// A simSecret is a secret in the forms in which it may show itself.
type simSecret struct {
	raw  [][]byte // in both orders of bytes, and in hexadecimal
	text []string // as programs print bytes and numbers
}

func newSecret(b []byte) (s simSecret) {
	b = bytes.Clone(b)
	back := bytes.Clone(b)
	slices.Reverse(back)
	for _, x := range [][]byte{b, back} {
		s.raw = append(s.raw, x, []byte(hex.EncodeToString(x)))
		// The last digits of base64 depend on what follows.
		s.text = append(s.text, string(x), hex.EncodeToString(x), fmt.Sprintf("%X", x), base64.RawStdEncoding.EncodeToString(x)[:40],
			base64.RawURLEncoding.EncodeToString(x)[:40], strings.Trim(fmt.Sprint(x), "[]"), strings.Trim(strconv.Quote(string(x)), `"`))
	}
	return s
}

func (s simSecret) in(b []byte) bool {
	return slices.ContainsFunc(s.raw, func(x []byte) bool { return bytes.Contains(b, x) })
}

// learnSeeds tells the oracle the private keys of all devices.
func (w *world) learnSeeds() {
	if !w.nosy {
		return
	}
	for _, d := range w.devices {
		if err := d.disk.mem.View(func(tx journal.Tx) error {
			raw, err := tx.Get(standing.BucketDevice, standing.DeviceKey)
			if err != nil {
				return err
			}
			var s standing.StoredDevice
			if err := wire.Unmarshal(raw, &s); err != nil {
				return err
			}
			presence, ok := d.disk.open(standing.PresenceID, "presence", s.Sealed)
			if !ok {
				return fmt.Errorf("the presence key of %s does not open", d.name)
			}
			w.truth.seeds = append(w.truth.seeds, newSecret(s.Identity), newSecret(s.Transport), newSecret(s.Box), newSecret(presence))
			return nil
		}); err != nil {
			w.fail("%w", err)
		}
	}
}

// overhear looks at a message.
func (t *truth) overhear(d *simDevice, msg []byte) {
	for _, s := range slices.Concat(t.shares, t.seeds) {
		if s.in(msg) {
			t.w.fail("O7: a secret in a message of %s", d.name)
		}
	}
}

// stored looks at what the last write of d has put on its disk. Private keys of
// devices are there in the clear, as far as this disk knows: the real journal
// seals all of itself.
func (w *world) stored(d *simDevice) {
	for _, b := range d.disk.puts {
		hits := slices.ContainsFunc(w.truth.shares, func(s simSecret) bool { return s.in(b) })
		if !hits {
			continue
		}
		for _, s := range d.disk.sealed {
			b = bytes.ReplaceAll(b, s, nil)
		}
		if slices.ContainsFunc(w.truth.shares, func(s simSecret) bool { return s.in(b) }) {
			w.fail("O7: a secret on the disk of %s that nobody has sealed", d.name)
		}
	}
	d.disk.puts = nil
}

// A simLog is what a device logs.
type simLog struct {
	d *simDevice
}

func (l *simLog) spied(b []byte) {
	w := l.d.w
	if w.nosy {
		for _, s := range slices.Concat(w.truth.shares, w.truth.seeds) {
			if slices.ContainsFunc(s.text, func(x string) bool { return bytes.Contains(b, []byte(x)) }) {
				w.fail("O7: a secret in the log of %s", l.d.name)
			}
		}
	}
	if v := w.verbose; v != nil {
		fmt.Fprintf(v, "%s %-8s %s", w.now.Format("01-02 15:04:05.000"), l.d.name, b)
	}
}

func (l *simLog) Write(b []byte) (int, error) { l.spied(b); return len(b), nil }

var _ io.Writer = (*simLog)(nil)
