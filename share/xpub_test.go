package share_test

import (
	"testing"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share"
)

// TestExtendedKey: what it writes is what BIP-32's test vectors 1 and 2 have for
// the same node, but for the parent, which a shared key does not have.
func TestExtendedKey(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		origin, xpub string
		depth        byte
		index        uint32
	}{
		{"m/0'", "xpub68Gmy5EdvgibQVfPdqkBBCHxA5htiqg55crXYuXoQRKfDBFA1WEjWgP6LHhwBZeNK1VTsfTFUHCdrfp1bgwQ9xv5ski8PX9rL2dZXvgGDnw", 1, 1 << 31},
		{"m/0'/1", "xpub6ASuArnXKPbfEwhqN6e3mwBcDTgzisQN1wXN9BJcM47sSikHjJf3UFHKkNAWbWMiGj7Wf5uMash7SyYq527Hqck2AxYysAA7xmALppuCkwQ", 2, 1},
		{"m/0/2147483647'", "xpub6ASAVgeehLbnwdqV6UKMHVzgqAG8Gr6riv3Fxxpj8ksbH9ebxaEyBLZ85ySDhKiLDBrQSARLq1uNRts8RuJiHjaDMBU4Zn9h8LZNnBC5y4a", 2, 1<<31 | 2147483647},
		{"m", "xpub661MyMwAqRbcFW31YEwpkMuc5THy2PSt5bDMsktWQcFF8syAmRUapSCGu8ED9W6oDMSgv6Zz8idoc4a6mr8BDzTJY47LJhkJ8UB7WEGuduB", 0, 0},
	} {
		vector := decodeXpub(t, tc.xpub)
		acc := roster.Account{Suite: roster.Secp256k1, Origin: tc.origin, ChainCode: vector.chain, Commitments: [][]byte{vector.key}}
		text, err := share.ExtendedKey(acc)
		if err != nil {
			t.Fatal(err)
		}
		if len(text) != 111 {
			t.Errorf("%s: %d characters", tc.origin, len(text))
		}
		got := decodeXpub(t, text)
		if got.depth != tc.depth || got.index != tc.index || got.chain != vector.chain || string(got.key) != string(vector.key) || vector.depth != tc.depth || vector.index != tc.index {
			t.Errorf("%s: %+v, want %+v", tc.origin, got, vector)
		}
		if tc.origin == "m" && text != tc.xpub { // which has no parent, either
			t.Errorf("the root is %s, want %s", text, tc.xpub)
		}
	}
	for _, acc := range []roster.Account{
		{Suite: roster.Ed25519, Commitments: [][]byte{make([]byte, 32)}},
		{Suite: roster.Secp256k1, Origin: "m"},
		{Suite: roster.Secp256k1, Origin: "m", Commitments: [][]byte{make([]byte, 33)}},
		{Suite: roster.Secp256k1, Origin: "44'/60'", Commitments: [][]byte{decodeXpub(t, "xpub661MyMwAqRbcFW31YEwpkMuc5THy2PSt5bDMsktWQcFF8syAmRUapSCGu8ED9W6oDMSgv6Zz8idoc4a6mr8BDzTJY47LJhkJ8UB7WEGuduB").key}},
		{Suite: roster.Secp256k1, Origin: "m/2147483648", Commitments: [][]byte{decodeXpub(t, "xpub661MyMwAqRbcFW31YEwpkMuc5THy2PSt5bDMsktWQcFF8syAmRUapSCGu8ED9W6oDMSgv6Zz8idoc4a6mr8BDzTJY47LJhkJ8UB7WEGuduB").key}},
	} {
		if text, err := share.ExtendedKey(acc); err == nil {
			t.Errorf("%+v: %s", acc, text)
		}
	}
}
