package share_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/share/internal/secp"
	"github.com/warifu/warifu/share/internal/sharetest"
)

const seed = 1

func source() *rand.ChaCha8 { return rand.NewChaCha8([32]byte{seed}) }

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// extended is what a BIP-32 xpub holds.
type extended struct {
	depth byte
	index uint32
	chain [32]byte
	key   []byte
}

// decodeXpub decodes the Base58Check form of a BIP-32 public node and checks
// its checksum, so that a mistyped vector cannot pass for a good one.
func decodeXpub(t testing.TB, s string) extended {
	t.Helper()
	const alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	n := new(big.Int)
	for _, c := range s {
		digit := strings.IndexRune(alphabet, c)
		if digit < 0 {
			t.Fatalf("%s is not Base58", s)
		}
		n.Mul(n, big.NewInt(58)).Add(n, big.NewInt(int64(digit)))
	}
	b := n.FillBytes(make([]byte, 82))
	first := sha256.Sum256(b[:78])
	second := sha256.Sum256(first[:])
	if !bytes.Equal(second[:4], b[78:]) || binary.BigEndian.Uint32(b) != 0x0488b21e {
		t.Fatalf("%s is not an xpub", s)
	}
	return extended{depth: b[4], index: binary.BigEndian.Uint32(b[9:]), chain: [32]byte(b[13:45]), key: b[45:78]}
}

// TestBIP32Vectors walks every public step of BIP-32's test vectors 1 and 2
// (bitcoin/bips, bip-0032.mediawiki). Vectors 3 and 4 have none.
func TestBIP32Vectors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, parent, child string
		path                []uint32
	}{
		{
			"1: m/0' to m/0'/1",
			"xpub68Gmy5EdvgibQVfPdqkBBCHxA5htiqg55crXYuXoQRKfDBFA1WEjWgP6LHhwBZeNK1VTsfTFUHCdrfp1bgwQ9xv5ski8PX9rL2dZXvgGDnw",
			"xpub6ASuArnXKPbfEwhqN6e3mwBcDTgzisQN1wXN9BJcM47sSikHjJf3UFHKkNAWbWMiGj7Wf5uMash7SyYq527Hqck2AxYysAA7xmALppuCkwQ",
			[]uint32{1},
		},
		{
			"1: m/0'/1/2' to m/0'/1/2'/2",
			"xpub6D4BDPcP2GT577Vvch3R8wDkScZWzQzMMUm3PWbmWvVJrZwQY4VUNgqFJPMM3No2dFDFGTsxxpG5uJh7n7epu4trkrX7x7DogT5Uv6fcLW5",
			"xpub6FHa3pjLCk84BayeJxFW2SP4XRrFd1JYnxeLeU8EqN3vDfZmbqBqaGJAyiLjTAwm6ZLRQUMv1ZACTj37sR62cfN7fe5JnJ7dh8zL4fiyLHV",
			[]uint32{2},
		},
		{
			"1: m/0'/1/2' to m/0'/1/2'/2/1000000000",
			"xpub6D4BDPcP2GT577Vvch3R8wDkScZWzQzMMUm3PWbmWvVJrZwQY4VUNgqFJPMM3No2dFDFGTsxxpG5uJh7n7epu4trkrX7x7DogT5Uv6fcLW5",
			"xpub6H1LXWLaKsWFhvm6RVpEL9P4KfRZSW7abD2ttkWP3SSQvnyA8FSVqNTEcYFgJS2UaFcxupHiYkro49S8yGasTvXEYBVPamhGW6cFJodrTHy",
			[]uint32{2, 1000000000},
		},
		{
			"2: m to m/0",
			"xpub661MyMwAqRbcFW31YEwpkMuc5THy2PSt5bDMsktWQcFF8syAmRUapSCGu8ED9W6oDMSgv6Zz8idoc4a6mr8BDzTJY47LJhkJ8UB7WEGuduB",
			"xpub69H7F5d8KSRgmmdJg2KhpAK8SR3DjMwAdkxj3ZuxV27CprR9LgpeyGmXUbC6wb7ERfvrnKZjXoUmmDznezpbZb7ap6r1D3tgFxHmwMkQTPH",
			[]uint32{0},
		},
		{
			"2: m/0/2147483647' to m/0/2147483647'/1",
			"xpub6ASAVgeehLbnwdqV6UKMHVzgqAG8Gr6riv3Fxxpj8ksbH9ebxaEyBLZ85ySDhKiLDBrQSARLq1uNRts8RuJiHjaDMBU4Zn9h8LZNnBC5y4a",
			"xpub6DF8uhdarytz3FWdA8TvFSvvAh8dP3283MY7p2V4SeE2wyWmG5mg5EwVvmdMVCQcoNJxGoWaU9DCWh89LojfZ537wTfunKau47EL2dhHKon",
			[]uint32{1},
		},
		{
			"2: m/0/2147483647'/1/2147483646' to m/0/2147483647'/1/2147483646'/2",
			"xpub6ERApfZwUNrhLCkDtcHTcxd75RbzS1ed54G1LkBUHQVHQKqhMkhgbmJbZRkrgZw4koxb5JaHWkY4ALHY2grBGRjaDMzQLcgJvLJuZZvRcEL",
			"xpub6FnCn6nSzZAw5Tw7cgR9bi15UV96gLZhjDstkXXxvCLsUXBGXPdSnLFbdpq8p9HmGsApME5hQTZ3emM2rnY5agb9rXpVGyy3bdW6EEgAtqt",
			[]uint32{2},
		},
	}
	for _, tt := range tests {
		parent, want := decodeXpub(t, tt.parent), decodeXpub(t, tt.child)
		if int(want.depth-parent.depth) != len(tt.path) || want.index != tt.path[len(tt.path)-1] {
			t.Errorf("%s: vectors do not belong together", tt.name)
		}
		acc := roster.Account{Suite: roster.Secp256k1, ChainCode: parent.chain, Commitments: [][]byte{parent.key}}
		_, child, chain, err := share.Derive(acc, tt.path)
		if err != nil || !bytes.Equal(child, want.key) || chain != want.chain {
			t.Errorf("%s: key %x, chain %x, %v", tt.name, child, chain, err)
		}
	}
}

// TestJunkMnemonic is the account that every Ethereum developer knows: the
// mnemonic "test test test test test test test test test test test junk" with
// an empty passphrase, at the node m/44'/60'/0' of BIP-44. The node follows from
// BIP-39 and BIP-32, the addresses are the first ten of Hardhat and Anvil.
func TestJunkMnemonic(t *testing.T) {
	t.Parallel()
	acc := roster.Account{
		Name: roster.Ethereum, Suite: roster.Secp256k1, Origin: roster.EthereumOrigin,
		ChainCode:   [32]byte(unhex(t, "2258179af5cec58ce793fba06d3ef8ac640d481802e0ae39c9cc3fc5a8ce1812")),
		Commitments: [][]byte{unhex(t, "0206b81bac860f5a7442a85664d339809955b3ac9a5782200095127ac78aab71f5")},
	}
	account := unhex(t, "bdc37e0491647f2e79b49dcd55a769d589853f6531bda4572079d3e4e6a3bd91")
	for i, want := range []string{
		"0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
		"0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC", "0x90F79bf6EB2c4f870365E785982E1f101E93b906",
		"0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65", "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc",
		"0x976EA74026E726554dB657fA54763abd0C3a0aa9", "0x14dC79964da2C08b23698B3D3cc7Ca32193d9955",
		"0x23618e81E3f5cdF7f54C3d65f7FBc0aBf5B21E8f", "0xa0Ee7A142d267C1f36714E4a8F75612F20a79720",
	} {
		path, err := share.ParsePath(fmt.Sprintf("0/%d", i))
		if err != nil {
			t.Fatal(err)
		}
		tweak, child, _, err := share.Derive(acc, path)
		if err != nil {
			t.Fatal(err)
		}
		addr, err := share.EthereumAddress(child)
		if err != nil || share.FormatAddress(addr) != want {
			t.Errorf("0/%d: %s, want %s (%v)", i, share.FormatAddress(addr), want, err)
		}
		// The tweak is what devices add to their shares: account key plus
		// tweak must be the child's private key.
		k, err := secp.ParseSecret(account)
		if err != nil {
			t.Fatal(err)
		}
		d, err := secp.ParseScalar(tweak[:])
		if err != nil {
			t.Fatal(err)
		}
		if b := secp.BaseMul(k.AddPublic(d)).Bytes(); !bytes.Equal(b[:], child) {
			t.Errorf("0/%d: key plus tweak is another key", i)
		}
	}
}

// TestDeriveComposes checks that the tweak of a path is the sum of the tweaks
// of its steps.
func TestDeriveComposes(t *testing.T) {
	t.Parallel()
	rec, _ := sharetest.Deal(t, source(), 2, 1, 2, 3)
	acc, _ := rec.Account(roster.Ethereum)
	whole, child, chain, err := share.Derive(acc, []uint32{7, 0, 1<<31 - 1})
	if err != nil {
		t.Fatal(err)
	}
	var sum secp.Scalar
	for _, index := range []uint32{7, 0, 1<<31 - 1} {
		step, key, next, err := share.Derive(acc, []uint32{index})
		if err != nil {
			t.Fatal(err)
		}
		s, err := secp.ParseScalar(step[:])
		if err != nil {
			t.Fatal(err)
		}
		sum = sum.Add(s)
		acc.ChainCode, acc.Commitments = next, [][]byte{key}
	}
	if sum.Bytes() != whole || !bytes.Equal(acc.GroupKey(), child) || acc.ChainCode != chain {
		t.Errorf("seed %d: steps and path disagree", seed)
	}
}

func TestDeriveEmptyPath(t *testing.T) {
	t.Parallel()
	rec, _ := sharetest.Deal(t, source(), 2, 1, 2, 3)
	for _, acc := range rec.Accounts {
		tweak, child, chain, err := share.Derive(acc, nil)
		if err != nil || tweak != [32]byte{} || !bytes.Equal(child, acc.GroupKey()) || chain != acc.ChainCode {
			t.Errorf("seed %d: %s: tweak %x, child %x: %v", seed, acc.Name, tweak, child, err)
		}
	}
}

// TestChildKeyThatDoesNotExist forces the cases of BIP-32 that hashing never
// reaches: I_L = q − 1 is the last tweak, q and above are none, and I_L = −k
// leads to the point at infinity.
func TestChildKeyThatDoesNotExist(t *testing.T) {
	t.Parallel()
	const order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
	tests := []struct {
		name, left string
		key        uint64
		ok         bool
	}{
		{"zero", strings.Repeat("00", 32), 5, true},
		{"order-minus-one", order[:63] + "0", 5, true},
		{"order", order, 5, false},
		{"order-plus-one", order[:63] + "2", 5, false},
		{"all-ones", strings.Repeat("ff", 32), 5, false},
		{"infinity", order[:63] + "0", 1, false},
	}
	for _, tt := range tests {
		key := secp.BaseMulVartime(secp.NewScalar(tt.key)).Bytes()
		var i [64]byte
		copy(i[:], unhex(t, tt.left))
		i[63] = 9
		_, child, chain, err := share.ChildKey(key[:], i)
		if (err == nil) != tt.ok {
			t.Errorf("%s: child %x: %v", tt.name, child, err)
		}
		if tt.ok && (chain[31] != 9 || len(child) != 33) {
			t.Errorf("%s: child %x, chain %x", tt.name, child, chain)
		}
	}
}

func TestDeriveRefuses(t *testing.T) {
	t.Parallel()
	rec, _ := sharetest.Deal(t, source(), 2, 1, 2, 3)
	eth, _ := rec.Account(roster.Ethereum)
	ssh, _ := rec.Account(roster.SSH)
	with := func(acc roster.Account, key []byte) roster.Account {
		acc.Commitments = [][]byte{key}
		return acc
	}
	unknown := eth
	unknown.Suite = 9
	tests := []struct {
		name string
		acc  roster.Account
		path []uint32
	}{
		{"hardened", eth, []uint32{1 << 31}},
		{"too-deep", eth, make([]uint32, share.MaxDepth+1)},
		{"ed25519-with-path", ssh, []uint32{0}},
		{"unknown-suite", unknown, nil},
		{"no-key", roster.Account{Suite: roster.Secp256k1}, nil},
		{"key-off-curve", with(eth, append([]byte{2}, bytes.Repeat([]byte{0xff}, 32)...)), nil},
		{"key-of-other-suite", with(eth, ssh.GroupKey()), nil},
		{"ed25519-identity", with(ssh, append([]byte{1}, make([]byte, 31)...)), nil},
	}
	for _, tt := range tests {
		if _, child, _, err := share.Derive(tt.acc, tt.path); err == nil {
			t.Errorf("%s: child %x", tt.name, child)
		}
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "0", "0/0", "1/5", "2147483647", "0/1/2/3/4/5/6/7"} {
		path, err := share.ParsePath(s)
		if err != nil || share.FormatPath(path) != s {
			t.Errorf("%q: %v, %v", s, path, err)
		}
	}
	for _, s := range []string{
		"/", "0/", "/0", "0//0", "m", "m/0/0", "00", "0/01", "+1", "-1", " 0", "0 ", "0x1", "1e3", "1_0", "2147483648",
		"4294967296", "99999999999999999999", "0'", "0h", "0/1/2/3/4/5/6/7/8", "٣", strings.Repeat("1", 200),
	} {
		if path, err := share.ParsePath(s); err == nil {
			t.Errorf("%q accepted as %v", s, path)
		}
	}
}

// TestEIP55Vectors are the examples of EIP-55.
func TestEIP55Vectors(t *testing.T) {
	t.Parallel()
	for _, want := range []string{
		"0x52908400098527886E0F7030069857D2E4169EE7", "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
		"0xde709f2102306220921060314715629080e2fb77", "0x27b1fdb04752bbc536007a920d24acb045561c26",
		"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
		"0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
	} {
		if got := share.FormatAddress([20]byte(unhex(t, strings.ToLower(want[2:])))); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestEthereumAddressRefuses(t *testing.T) {
	t.Parallel()
	// The base point of SEC 2, section 2.4.1.
	g, y := secp.Base().Bytes(), unhex(t, "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8")
	tests := []struct {
		name string
		pub  []byte
	}{
		{"empty", nil},
		{"uncompressed", append(append([]byte{4}, g[1:]...), y...)},
		{"hybrid-prefix", append([]byte{6}, g[1:]...)},
		{"off-curve", append([]byte{2}, bytes.Repeat([]byte{0xff}, 32)...)},
		{"zero", make([]byte, 33)},
	}
	for _, tt := range tests {
		if a, err := share.EthereumAddress(tt.pub); err == nil {
			t.Errorf("%s: %x", tt.name, a)
		}
	}
}
