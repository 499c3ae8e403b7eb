// Package sharetest deals circles and proposals for the tests of packages that
// use shares. It is its own trusted dealer, which nothing else here ever is:
// no production code may import it.
package sharetest

import (
	"crypto/ed25519"
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/share/internal/poly"
	"github.com/warifu/warifu/wire"
)

// Shares are the shares of one account, by slot, in the encoding of its suite.
type Shares map[wire.Slot]secret.Key

// Deal returns the record of a founding epoch and, by account name, the shares
// of every device in slots. Everything is drawn from rng.
func Deal(t testing.TB, rng io.Reader, threshold int, slots ...wire.Slot) (roster.Record, map[string]Shares) {
	t.Helper()
	rec := roster.Record{Version: roster.Version, Threshold: threshold, Settings: roster.DefaultSettings()}
	draw(t, rng, rec.Circle[:], rec.Transcript[:])
	for _, slot := range slots {
		d := roster.Device{Slot: slot, Name: fmt.Sprintf("device %d", slot), Kind: roster.Laptop, Peer: make([]byte, 38)}
		draw(t, rng, d.Identity[:], d.Peer, d.Box[:], d.Presence[:])
		key := ed25519.NewKeyFromSeed(d.Identity[:])
		d.Identity = wire.DeviceID(key.Public().(ed25519.PublicKey))
		identities.Store(d.Identity, key)
		rec.Devices = append(rec.Devices, d)
	}
	eth := roster.Account{Name: roster.Ethereum, Suite: roster.Secp256k1, Origin: roster.EthereumOrigin}
	ssh := roster.Account{Name: roster.SSH, Suite: roster.Ed25519}
	draw(t, rng, eth.ChainCode[:])

	shares := map[string]Shares{}
	eth.Commitments, shares[eth.Name] = deal(t, poly.Secp256k1(), rng, threshold, slots)
	ssh.Commitments, shares[ssh.Name] = deal(t, poly.Ed25519(), rng, threshold, slots)
	rec.Accounts = []roster.Account{eth, ssh}
	if err := rec.Check(); err != nil {
		t.Fatal(err)
	}
	return rec, shares
}

// identities are the identity keys of all devices that were ever dealt to.
var identities sync.Map

// Sign returns the function that signs with the identity key of a device.
func Sign(rec roster.Record, slot wire.Slot) func(msg []byte) [64]byte {
	d, _ := rec.Device(slot)
	return func(msg []byte) [64]byte {
		key, _ := identities.Load(d.Identity)
		return [64]byte(ed25519.Sign(key.(ed25519.PrivateKey), msg))
	}
}

func deal[S poly.Scalar[S], K poly.Secret[K, S], P poly.Point[P]](t testing.TB, g poly.Group[S, K, P], rng io.Reader, threshold int, slots []wire.Slot) ([][]byte, Shares) {
	t.Helper()
	f, err := g.Random(threshold, rng)
	if err != nil {
		t.Fatal(err)
	}
	shares := Shares{}
	for _, x := range slots {
		shares[x] = g.Eval(f, x).Key()
	}
	return g.EncodePoints(g.Commit(f)), shares
}

// Proposal returns a proposal of the first signer that passes
// [share.Proposal.Check] under rec.
func Proposal(t testing.TB, rng io.Reader, rec roster.Record, account string, path []uint32, message []byte, signers ...wire.Slot) share.Proposal {
	t.Helper()
	acc, ok := rec.Account(account)
	if !ok {
		t.Fatalf("no account %q", account)
	}
	_, child, _, err := share.Derive(acc, path)
	if err != nil {
		t.Fatal(err)
	}
	p := share.Proposal{
		Version: share.Version, Suite: acc.Suite, Circle: rec.Circle, Epoch: rec.Epoch, Record: rec.Hash(),
		Account: account, GroupKey: acc.GroupKey(), Signers: signers, Path: path, ChildKey: child,
		Purpose: "test", Message: message, Initiator: signers[0], Expires: 1 << 40,
	}
	draw(t, rng, p.Request[:], p.Intent[:], p.Nonce[:])
	if err := p.Check(rec); err != nil {
		t.Fatal(err)
	}
	return p
}

func draw(t testing.TB, rng io.Reader, into ...[]byte) {
	t.Helper()
	for _, b := range into {
		if _, err := io.ReadFull(rng, b); err != nil {
			t.Fatal(err)
		}
	}
}
