package node

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"math/big"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

// watchOnly does what a wallet does with an extended key, with go-ethereum's curve
// and big integers, and nothing of ours: BIP-32's public derivation along path, and
// the address of what comes of it.
func watchOnly(t *testing.T, xpub string, path ...uint32) string {
	t.Helper()
	const alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	n := new(big.Int)
	for _, c := range xpub {
		n.Mul(n, big.NewInt(58)).Add(n, big.NewInt(int64(strings.IndexRune(alphabet, c))))
	}
	raw := n.FillBytes(make([]byte, 82))
	once := sha256.Sum256(raw[:78])
	if twice := sha256.Sum256(once[:]); string(twice[:4]) != string(raw[78:]) {
		t.Fatalf("%s: the checksum is wrong", xpub)
	}
	chain := raw[13:45]
	key, err := crypto.DecompressPubkey(raw[45:78])
	if err != nil {
		t.Fatal(err)
	}
	point := crypto.FromECDSAPub(key)
	x, y := new(big.Int).SetBytes(point[1:33]), new(big.Int).SetBytes(point[33:])
	for _, index := range path {
		mac := hmac.New(sha512.New, chain)
		mac.Write(append([]byte{2 + byte(y.Bit(0))}, x.FillBytes(make([]byte, 32))...))
		mac.Write(binary.BigEndian.AppendUint32(nil, index))
		i := mac.Sum(nil)
		stepX, stepY := crypto.S256().ScalarBaseMult(i[:32])
		x, y = crypto.S256().Add(x, y, stepX, stepY)
		chain = i[32:]
	}
	hash := crypto.Keccak256(x.FillBytes(make([]byte, 32)), y.FillBytes(make([]byte, 32)))
	return common.BytesToAddress(hash[12:]).Hex()
}

// TestExtendedKeyFollowsTheAccount: a wallet that is given the extended key sees the
// address that status shows and those that requests sign with.
func TestExtendedKeyFollowsTheAccount(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 92)
	l.found(2, 3)
	for _, d := range l.devices {
		accounts := d.core.Status().Accounts
		eth, ssh := accounts[0], accounts[1]
		if got := watchOnly(t, eth.Xpub, 0, 0); got != eth.Address || eth.Path != "m/44'/60'/0'/0/0" {
			t.Errorf("%s at 0/0 is %s, and status shows %s at %s", eth.Xpub, got, eth.Address, eth.Path)
		}
		if ssh.Xpub != "" {
			t.Errorf("an ssh key has an extended key: %s", ssh.Xpub)
		}
	}
}
