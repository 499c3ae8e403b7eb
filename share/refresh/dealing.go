package refresh

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hpke"
	"errors"
	"fmt"
	"slices"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/wire"
)

// A dealing is the body of a deal statement:
//
//	per account, in the order of the record: t' points
//	per receiver, ascending: enc (32 bytes) ‖ ciphertext (per account 32, and 16)
//
// Each sealed part holds the receiver's sub-shares of all accounts, under HPKE
// (RFC 9180: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305).
type dealing struct {
	commitments [][][]byte // by account
	sealed      [][]byte   // by receiver, in the order of receivers
}

const (
	tagSealInfo wire.Tag = "refresh/seal-info"
	tagSealData wire.Tag = "refresh/seal-data"

	encSize = 32
	macSize = 16
)

func sealedSize(accounts int) int { return encSize + accounts*scalarSize + macSize }

// SealInfo is the HPKE info of every sealed sub-share of an attempt.
func SealInfo(attempt wire.Hash) []byte {
	h := wire.Sum(tagSealInfo, attempt[:])
	return h[:]
}

// sealData is the associated data that ties a sealed sub-share to one dealer,
// one receiver and the commitments that it must fit.
func sealData(attempt wire.Hash, dealer, receiver wire.Slot, commitments []byte) []byte {
	h := wire.Sum(tagSealData, attempt[:], wire.U16(dealer), wire.U16(receiver), commitments)
	return h[:]
}

// commitmentBytes is the public half of a dealing.
func (d dealing) commitmentBytes() []byte {
	var b []byte
	for _, list := range d.commitments {
		b = append(b, slices.Concat(list...)...)
	}
	return b
}

func (d dealing) bytes() []byte { return append(d.commitmentBytes(), slices.Concat(d.sealed...)...) }

// parseDealing takes apart a body of exactly the length that p and the record
// ask for.
func parseDealing(p Proposal, parent roster.Record, b []byte) (dealing, bool) {
	receivers := p.receivers()
	size := len(receivers) * sealedSize(len(parent.Accounts))
	for _, a := range parent.Accounts {
		size += p.Threshold * a.Suite.PointSize()
	}
	if len(b) != size {
		return dealing{}, false
	}
	next := func(n int) []byte {
		head := b[:n:n]
		b = b[n:]
		return head
	}
	var d dealing
	for _, a := range parent.Accounts {
		var list [][]byte
		for range p.Threshold {
			list = append(list, next(a.Suite.PointSize()))
		}
		d.commitments = append(d.commitments, list)
	}
	for range receivers {
		d.sealed = append(d.sealed, next(sealedSize(len(parent.Accounts))))
	}
	return d, true
}

// makeDealing re-deals this device's shares. HPKE draws its own randomness, so
// that a dealing must be durable before it is sent: it cannot be made again.
func (m *Machine) makeDealing() ([]byte, error) {
	receivers := m.p.receivers()
	var d dealing
	values := make([][]secret.Key, len(receivers))
	defer func() {
		for _, list := range values {
			for _, k := range list {
				k.Wipe()
			}
		}
	}()
	for _, a := range m.parent.Accounts {
		own, ok := m.cfg.Shares[a.Name]
		if !ok {
			return nil, fmt.Errorf("refresh: no share of %s to deal", a.Name)
		}
		c, at, err := algebraOf(a.Suite).deal(own, m.p.Threshold, receivers, m.cfg.Rand)
		if err != nil {
			return nil, fmt.Errorf("refresh: deal %s: %w", a.Name, err)
		}
		for i, k := range at {
			values[i] = append(values[i], k)
		}
		if public, err := share.PublicShare(a, m.cfg.Self); err != nil || string(c[0]) != string(public) {
			return nil, fmt.Errorf("refresh: the share of %s is not the one that the record lists", a.Name)
		}
		d.commitments = append(d.commitments, c)
	}
	public := d.commitmentBytes()
	for i, slot := range receivers {
		plain := make([]byte, 0, len(values[i])*scalarSize)
		for _, k := range values[i] {
			if err := k.Use(func(b *[secret.Size]byte) error { plain = append(plain, b[:]...); return nil }); err != nil {
				clear(plain)
				return nil, err
			}
		}
		box, err := m.sealTo(slot, public, plain)
		clear(plain)
		if err != nil {
			return nil, err
		}
		d.sealed = append(d.sealed, box)
	}
	return d.bytes(), nil
}

func (m *Machine) sealTo(slot wire.Slot, public, plain []byte) ([]byte, error) {
	d, _ := m.draft.Device(slot)
	key, err := ecdh.X25519().NewPublicKey(d.Box[:])
	if err != nil {
		return nil, fmt.Errorf("refresh: box key of device %d: %w", slot, err)
	}
	pub, err := hpke.NewDHKEMPublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("refresh: box key of device %d: %w", slot, err)
	}
	enc, s, err := hpke.NewSender(pub, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), SealInfo(m.attempt))
	if err != nil {
		return nil, fmt.Errorf("refresh: seal to device %d: %w", slot, err)
	}
	ct, err := s.Seal(sealData(m.attempt, m.cfg.Self, slot, public), plain)
	if err != nil {
		return nil, fmt.Errorf("refresh: seal to device %d: %w", slot, err)
	}
	return append(enc, ct...), nil
}

// ErrSealed says that a sealed part does not open, which is the fault of
// whoever sealed it.
var ErrSealed = errors.New("refresh: what was sealed does not open")

// OpenBox opens what was sealed to the X25519 key priv under info and data.
func OpenBox(priv *ecdh.PrivateKey, enc, info, data, ciphertext []byte) ([]byte, error) {
	key, err := hpke.NewDHKEMPrivateKey(priv)
	if err != nil {
		return nil, fmt.Errorf("refresh: box key: %w", err)
	}
	r, err := hpke.NewRecipient(enc, key, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), info)
	if err != nil {
		return nil, ErrSealed
	}
	plain, err := r.Open(data, ciphertext)
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}

// checkBox reports whether something can be sealed to a box key. Points of low
// order, with which X25519 yields no secret, are refused.
func checkBox(box [32]byte) error {
	pub, err := ecdh.X25519().NewPublicKey(box[:])
	if err != nil {
		return err
	}
	// Any scalar tells: it is a multiple of the cofactor by construction.
	one, err := ecdh.X25519().NewPrivateKey(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		return err
	}
	_, err = one.ECDH(pub)
	return err
}

var errOwnKey = errors.New("refresh: this device cannot open what is sealed to it")

// receive opens what every dealer sealed to this device and adds it up.
func (m *Machine) receive() (keys []secret.Key, bad wire.Slot, err error) {
	plains, bad, err := m.parts()
	defer func() {
		for _, b := range plains {
			clear(b)
		}
	}()
	if err != nil {
		return nil, bad, err
	}
	for a, acc := range m.parent.Accounts {
		g := algebraOf(acc.Suite)
		var parts [][]byte
		for _, plain := range plains {
			parts = append(parts, plain[a*scalarSize:][:scalarSize])
		}
		k, err := g.combineShares(m.p.Dealers, parts)
		fits := err == nil
		if fits {
			err = k.Use(func(b *[secret.Size]byte) error {
				fits = g.checkShare(b[:], m.record.Accounts[a].Commitments, m.cfg.Self)
				return nil
			})
		}
		if err != nil || !fits {
			// Parts that fit their commitments add up to one that fits the
			// sum, so this is a mistake of ours and nobody's lie.
			panic("refresh: internal error: checked parts do not add up")
		}
		keys = append(keys, k)
	}
	return keys, 0, nil
}

// parts returns what every dealer sealed to this device, by dealer, for the
// caller to wipe. Of several whose part does not fit it names the first; if no
// part at all opens, the fault is this device's own and nobody is named.
func (m *Machine) parts() (plains [][]byte, bad wire.Slot, err error) {
	opened := false
	for _, dealer := range m.p.Dealers {
		plain, err := m.open(dealer)
		plains = append(plains, plain)
		switch {
		case err != nil && !errors.Is(err, ErrSealed):
			return plains, 0, err
		case err == nil:
			opened = true
		}
		if bad == 0 && (err != nil || !m.fits(dealer, plain)) {
			bad = dealer
		}
	}
	switch {
	case !opened:
		m.suspect(m.cfg.Self, "cannot open what is sealed to it")
		return plains, 0, errOwnKey
	case bad != 0:
		m.suspect(bad, "sealed a sub-share that does not fit")
		return plains, bad, errSubShare
	}
	return plains, 0, nil
}

// open returns what a dealer sealed to this device.
func (m *Machine) open(dealer wire.Slot) ([]byte, error) {
	d := m.dealings[dealer]
	box := d.sealed[slices.Index(m.p.receivers(), m.cfg.Self)]
	return m.cfg.Open(box[:encSize], SealInfo(m.attempt),
		sealData(m.attempt, dealer, m.cfg.Self, d.commitmentBytes()), box[encSize:])
}

// fits reports whether plain holds this device's values of the polynomials
// that the dealer committed to.
func (m *Machine) fits(dealer wire.Slot, plain []byte) bool {
	if len(plain) != len(m.parent.Accounts)*scalarSize {
		return false
	}
	for a, acc := range m.parent.Accounts {
		if !algebraOf(acc.Suite).checkShare(plain[a*scalarSize:][:scalarSize], m.dealings[dealer].commitments[a], m.cfg.Self) {
			return false
		}
	}
	return true
}
