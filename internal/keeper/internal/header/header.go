// Package header is the format of the one plain thing that a device's store
// needs: the slots in which its master keys are wrapped, as in the header of
// an encrypted disk. Every slot wraps the same keys for another unlocker.
//
// It is a package of its own so that keepertest can make a header with costs
// that suit a test, without a door for it in package keeper.
package header

import (
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"golang.org/x/crypto/chacha20poly1305"
	"golang.org/x/text/unicode/norm"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/wire"
)

// Max bounds an encoded header in bytes.
const Max = 2 << 10

const (
	version        = 1
	kindPassphrase = "passphrase"
	maxSlots       = 4
	saltSize       = 32
	wrappedSize    = 2*secret.Size + chacha20poly1305.Overhead
)

const (
	tagSlot wire.Tag = "keeper/slot"
	tagSum  wire.Tag = "keeper/header-sum"
)

// A file is the encoded header. Sum covers the encoding of all that stands
// before it. It is no secret and stops nobody; it tells damage apart from a
// wrong passphrase, which would otherwise look the same to a person.
type file struct {
	_       struct{} `cbor:",toarray"`
	Version uint8
	Slots   []slot
	Sum     []byte
}

// A slot wraps the data key and the share key, in this order, with
// XChaCha20-Poly1305 under what the unlocker of its kind gives.
type slot struct {
	_         struct{} `cbor:",toarray"`
	Kind      string
	MemoryKiB uint32
	Time      uint32
	Threads   uint8
	Salt      []byte
	Nonce     []byte
	Wrapped   []byte
}

// MasterKeys are what a header protects.
type MasterKeys struct {
	Data  secret.Key // seals everything but shares
	Share secret.Key // seals the epoch keys, which seal shares
}

// Wipe clears both keys.
func (m MasterKeys) Wipe() {
	m.Data.Wipe()
	m.Share.Wipe()
}

// ErrPassphrase says that the header is whole and that no slot opens with the
// passphrase.
var ErrPassphrase = errors.New("wrong passphrase")

// Wrap draws master keys from rand and returns them with the header that
// protects them.
func Wrap(rand io.Reader, passphrase []byte, p Params) (MasterKeys, []byte, error) {
	if err := p.Check(); err != nil {
		return MasterKeys{}, nil, err
	}
	data, err := secret.New(rand)
	if err != nil {
		return MasterKeys{}, nil, err
	}
	share, err := secret.New(rand)
	if err != nil {
		data.Wipe()
		return MasterKeys{}, nil, err
	}
	keys := MasterKeys{Data: data, Share: share}
	s := slot{
		Kind: kindPassphrase, MemoryKiB: p.MemoryKiB, Time: p.Time, Threads: p.Threads,
		Salt: make([]byte, saltSize), Nonce: make([]byte, chacha20poly1305.NonceSizeX),
	}
	for _, b := range [][]byte{s.Salt, s.Nonce} {
		if _, err := io.ReadFull(rand, b); err != nil {
			keys.Wipe()
			return MasterKeys{}, nil, fmt.Errorf("read randomness: %w", err)
		}
	}
	if err := s.wrap(keys, passphrase); err != nil {
		keys.Wipe()
		return MasterKeys{}, nil, err
	}
	f := file{Version: version, Slots: []slot{s}}
	f.Sum = f.sum()
	return keys, wire.Marshal(f), nil
}

// Unwrap returns the master keys that the passphrase opens. The error is or
// wraps [ErrPassphrase], or [wire.ErrMalformed] for a header that is damaged.
// It takes as long as the costs in the header say, once per slot.
func Unwrap(header, passphrase []byte) (MasterKeys, error) {
	f, err := parse(header)
	if err != nil {
		return MasterKeys{}, err
	}
	for _, s := range f.Slots {
		keys, err := s.unwrap(passphrase)
		if err == nil {
			return keys, nil
		}
	}
	return MasterKeys{}, ErrPassphrase
}

// Check parses a header without opening it.
func Check(header []byte) error {
	_, err := parse(header)
	return err
}

func parse(b []byte) (file, error) {
	if len(b) > Max {
		return file{}, fmt.Errorf("header of %d bytes: %w", len(b), wire.ErrMalformed)
	}
	var f file
	if err := wire.Unmarshal(b, &f); err != nil {
		return file{}, fmt.Errorf("header: %w", err)
	}
	// The sum comes first: after damage nothing else is worth a word.
	sum := f.sum()
	if string(f.Sum) != string(sum) {
		return file{}, fmt.Errorf("header does not match its sum: %w", wire.ErrMalformed)
	}
	if f.Version != version {
		return file{}, fmt.Errorf("header version %d, want %d: %w", f.Version, version, wire.ErrMalformed)
	}
	if len(f.Slots) == 0 || len(f.Slots) > maxSlots {
		return file{}, fmt.Errorf("header with %d slots: %w", len(f.Slots), wire.ErrMalformed)
	}
	for i, s := range f.Slots {
		if err := s.check(); err != nil {
			return file{}, fmt.Errorf("header slot %d: %w: %w", i+1, err, wire.ErrMalformed)
		}
	}
	return f, nil
}

func (f file) sum() []byte {
	f.Sum = nil
	h := wire.Sum(tagSum, wire.Marshal(f))
	return h[:]
}

func (s slot) params() Params {
	return Params{MemoryKiB: s.MemoryKiB, Time: s.Time, Threads: s.Threads}
}

func (s slot) check() error {
	if s.Kind != kindPassphrase {
		return errors.New("unlocker that this version does not know")
	}
	if err := s.params().Check(); err != nil {
		return err
	}
	if len(s.Salt) != saltSize || len(s.Nonce) != chacha20poly1305.NonceSizeX || len(s.Wrapped) != wrappedSize {
		return errors.New("field of a wrong length")
	}
	return nil
}

// ad is the associated data of a slot: everything that it says in plain.
func (s slot) ad() []byte {
	s.Wrapped = nil
	h := wire.Sum(tagSlot, []byte{version}, wire.Marshal(s))
	return h[:]
}

func (s *slot) wrap(keys MasterKeys, passphrase []byte) error {
	kek, done := s.kek(passphrase)
	defer done()
	aead, err := chacha20poly1305.NewX(kek)
	if err != nil {
		return err
	}
	plain := make([]byte, 0, 2*secret.Size)
	defer func() { clear(plain) }()
	for _, k := range []secret.Key{keys.Data, keys.Share} {
		err := k.Use(func(b *[secret.Size]byte) error {
			plain = append(plain, b[:]...)
			return nil
		})
		if err != nil {
			return err
		}
	}
	s.Wrapped = aead.Seal(nil, s.Nonce, plain, s.ad())
	return nil
}

func (s slot) unwrap(passphrase []byte) (MasterKeys, error) {
	kek, done := s.kek(passphrase)
	defer done()
	aead, err := chacha20poly1305.NewX(kek)
	if err != nil {
		return MasterKeys{}, err
	}
	plain, err := aead.Open(nil, s.Nonce, s.Wrapped, s.ad())
	if err != nil {
		return MasterKeys{}, ErrPassphrase
	}
	// check has seen the length of Wrapped, so plain has two keys.
	return MasterKeys{
		Data:  secret.Take((*[secret.Size]byte)(plain[:secret.Size])),
		Share: secret.Take((*[secret.Size]byte)(plain[secret.Size:])),
	}, nil
}

// kek derives the key that wraps. The passphrase is brought to NFC first
// (RFC 8265, section 4.2.1), so that it does not matter how a keyboard
// composes a letter. done clears what was made on the way.
func (s slot) kek(passphrase []byte) (kek []byte, done func()) {
	var own []byte
	if utf8.Valid(passphrase) && !norm.NFC.IsNormal(passphrase) {
		own = norm.NFC.Append(make([]byte, 0, 4*len(passphrase)), passphrase...)
		passphrase = own
	}
	kek = s.params().derive(passphrase, s.Salt)
	return kek, func() {
		clear(own)
		clear(kek)
	}
}
