// Package sharetest deals circles and proposals for the tests of packages that
// use shares. It is its own trusted dealer, which nothing else here ever is:
// no production code may import it.
package sharetest

import (
	"fmt"
	"io"
	"testing"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/share/internal/ed"
	"github.com/warifu/warifu/share/internal/secp"
	"github.com/warifu/warifu/wire"
)

// Shares are the shares of one account, by slot, in the encoding of its suite.
type Shares map[wire.Slot]secret.Key

// Deal returns the record of a founding epoch and, by account name, the shares
// of every device in slots. Everything is drawn from rng.
func Deal(t testing.TB, rng io.Reader, threshold int, slots ...wire.Slot) (roster.Record, map[string]Shares) {
	t.Helper()
	rec := roster.Record{Version: roster.Version, Threshold: threshold}
	draw(t, rng, rec.Circle[:], rec.Transcript[:])
	for _, slot := range slots {
		d := roster.Device{Slot: slot, Name: fmt.Sprintf("device %d", slot), Kind: roster.Laptop, Peer: make([]byte, 38)}
		draw(t, rng, d.Identity[:], d.Peer, d.Box[:], d.Presence[:])
		rec.Devices = append(rec.Devices, d)
	}
	eth := roster.Account{Name: roster.Ethereum, Suite: roster.Secp256k1, Origin: roster.EthereumOrigin}
	ssh := roster.Account{Name: roster.SSH, Suite: roster.Ed25519}
	draw(t, rng, eth.ChainCode[:])

	var f []secp.Secret
	var g []ed.Secret
	for range threshold {
		a, err := secp.RandomSecret(rng)
		if err != nil {
			t.Fatal(err)
		}
		b, err := ed.RandomSecret(rng)
		if err != nil {
			t.Fatal(err)
		}
		f, g = append(f, a), append(g, b)
		eth.Commitments = append(eth.Commitments, bytes33(secp.BaseMul(a)))
		ssh.Commitments = append(ssh.Commitments, bytes32(ed.BaseMul(b)))
	}
	rec.Accounts = []roster.Account{eth, ssh}
	if err := rec.Check(); err != nil {
		t.Fatal(err)
	}

	shares := map[string]Shares{roster.Ethereum: {}, roster.SSH: {}}
	for _, slot := range slots {
		var a secp.Secret
		var b ed.Secret
		for k := threshold - 1; k >= 0; k-- {
			a = a.MulPublic(secp.NewScalar(uint64(slot))).Add(f[k])
			b = b.MulPublic(ed.NewScalar(uint64(slot))).Add(g[k])
		}
		shares[roster.Ethereum][slot] = a.Key()
		shares[roster.SSH][slot] = b.Key()
	}
	return rec, shares
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

func bytes33(p secp.Point) []byte {
	b := p.Bytes()
	return b[:]
}

func bytes32(p ed.Point) []byte {
	b := p.Bytes()
	return b[:]
}
