package refresh

import (
	"crypto/ecdh"
	"crypto/hpke"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/wire"
)

const tagTranscript wire.Tag = "refresh/transcript"

// Dealings are what this device deals, and what was dealt in the attempt: what
// everybody can check of it adds up to a record, and what is sealed to this
// device to its new shares.
type dealings struct {
	*terms
	right     map[wire.Slot]dealing // by dealer
	broken    bool                  // a dealing is wrong, or all of them together are
	cancelled bool                  // they are right one by one, and cancel each other out
}

// make re-deals this device's shares. HPKE draws its own randomness, so that a
// dealing must be durable before it is sent: it cannot be made again.
func (ds *dealings) make(shares map[string]secret.Key, rand io.Reader) ([]byte, error) {
	receivers := ds.p.receivers()
	var d dealing
	values := make([][]secret.Key, len(receivers))
	defer func() {
		for _, list := range values {
			for _, k := range list {
				k.Wipe()
			}
		}
	}()
	for _, a := range ds.parent.Accounts {
		own, ok := shares[a.Name]
		if !ok {
			return nil, fmt.Errorf("refresh: no share of %s to deal", a.Name)
		}
		c, at, err := algebraOf(a.Suite).deal(own, ds.p.Threshold, receivers, rand)
		if err != nil {
			return nil, fmt.Errorf("refresh: deal %s: %w", a.Name, err)
		}
		for i, k := range at {
			values[i] = append(values[i], k)
		}
		if public, err := share.PublicShare(a, ds.self); err != nil || string(c[0]) != string(public) {
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
		box, err := ds.sealTo(slot, public, plain)
		clear(plain)
		if err != nil {
			return nil, err
		}
		d.sealed = append(d.sealed, box)
	}
	return d.bytes(), nil
}

// sealTo seals plain to the device in slot, beside commitments that are public.
func (ds *dealings) sealTo(slot wire.Slot, public, plain []byte) ([]byte, error) {
	d, _ := ds.draft.Device(slot)
	key, err := ecdh.X25519().NewPublicKey(d.Box[:])
	if err != nil {
		return nil, fmt.Errorf("refresh: box key of device %d: %w", slot, err)
	}
	pub, err := hpke.NewDHKEMPublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("refresh: box key of device %d: %w", slot, err)
	}
	enc, s, err := hpke.NewSender(pub, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), SealInfo(ds.attempt))
	if err != nil {
		return nil, fmt.Errorf("refresh: seal to device %d: %w", slot, err)
	}
	ct, err := s.Seal(sealData(ds.attempt, ds.self, slot, public), plain)
	if err != nil {
		return nil, fmt.Errorf("refresh: seal to device %d: %w", slot, err)
	}
	return append(enc, ct...), nil
}

// take takes a dealing that is right by itself.
func (ds *dealings) take(s statement) { ds.right[s.Slot], _ = parseDealing(ds.p, ds.parent, s.Body) }

// combine returns the epoch to be once every dealing is known and right, and
// nothing before. If they are right one by one and together they are not, the
// attempt is broken.
func (ds *dealings) combine() *epoch {
	if ds.broken || len(ds.right) < len(ds.p.Dealers) {
		return nil
	}
	// Unless the sum is a sharing. By chance it is one but once in 2^252.
	ds.broken = true
	fields := [][]byte{ds.attempt[:]}
	for _, d := range ds.p.Dealers {
		fields = append(fields, wire.U16(d), ds.right[d].bytes())
	}
	r := ds.draft
	r.Accounts = slices.Clone(ds.draft.Accounts)
	for a, acc := range ds.parent.Accounts {
		lists := make([][][]byte, len(ds.p.Dealers))
		for i, d := range ds.p.Dealers {
			lists[i] = ds.right[d].commitments[a]
		}
		sum, err := algebraOf(acc.Suite).combine(ds.p.Dealers, lists)
		if err != nil {
			ds.cancelled = true
			return nil
		}
		r.Accounts[a].Commitments = sum
	}
	r.Transcript = wire.Sum(tagTranscript, fields...)
	if r.Check() != nil || ds.parent.CheckNext(r) != nil {
		return nil
	}
	ds.broken = false
	return &epoch{attempt: ds.attempt, record: r, hash: r.Hash()}
}

var errOwnKey = errors.New("refresh: this device cannot open what is sealed to it")

// opener is [Config.Open].
type opener func(enc, info, data, ciphertext []byte) ([]byte, error)

// open returns what every dealer sealed to this device, by dealer, for the
// caller to wipe. Of several whose part does not fit it names the first; if no
// part at all opens, the fault is this device's own and nobody is named.
func (ds *dealings) open(with opener) (plains [][]byte, bad wire.Slot, err error) {
	opened := false
	for _, dealer := range ds.p.Dealers {
		plain, err := ds.openOne(dealer, with)
		plains = append(plains, plain)
		switch {
		case err != nil && !errors.Is(err, ErrSealed):
			return plains, 0, err
		case err == nil:
			opened = true
		}
		if bad == 0 && (err != nil || !ds.fits(dealer, plain)) {
			bad = dealer
		}
	}
	switch {
	case !opened:
		return plains, 0, errOwnKey
	case bad != 0:
		return plains, bad, errSubShare
	}
	return plains, 0, nil
}

// openOne returns what a dealer sealed to this device.
func (ds *dealings) openOne(dealer wire.Slot, with opener) ([]byte, error) {
	d := ds.right[dealer]
	box := d.sealed[slices.Index(ds.p.receivers(), ds.self)]
	return with(box[:encSize], SealInfo(ds.attempt), sealData(ds.attempt, dealer, ds.self, d.commitmentBytes()), box[encSize:])
}

// fits reports whether plain holds this device's values of the polynomials
// that the dealer committed to.
func (ds *dealings) fits(dealer wire.Slot, plain []byte) bool {
	if len(plain) != len(ds.parent.Accounts)*scalarSize {
		return false
	}
	for a, acc := range ds.parent.Accounts {
		if !algebraOf(acc.Suite).checkShare(plain[a*scalarSize:][:scalarSize], ds.right[dealer].commitments[a], ds.self) {
			return false
		}
	}
	return true
}

// add adds up what every dealer sealed to this device, by dealer, to its shares
// of the epoch, by account.
func (ds *dealings) add(plains [][]byte, e *epoch) (keys []secret.Key) {
	for a, acc := range ds.parent.Accounts {
		var parts [][]byte
		for _, plain := range plains {
			parts = append(parts, plain[a*scalarSize:][:scalarSize])
		}
		k, err := algebraOf(acc.Suite).combineShares(ds.p.Dealers, parts)
		fits := err == nil
		if fits {
			err = k.Use(func(b *[secret.Size]byte) error {
				fits = e.holds(a, b[:], ds.self)
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
	return keys
}

func wipeAll(plains [][]byte) {
	for _, b := range plains {
		clear(b)
	}
}
