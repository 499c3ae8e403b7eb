package intent_test

import (
	"bytes"
	"crypto/ecdsa"
	"encoding/json"
	"fmt"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/holiman/uint256"

	"github.com/warifu/warifu/intent"
)

// mail is the example of EIP-712, signed there with the key keccak256("cow").
const mail = `{"types":{"EIP712Domain":[{"name":"name","type":"string"},{"name":"version","type":"string"},
{"name":"chainId","type":"uint256"},{"name":"verifyingContract","type":"address"}],
"Person":[{"name":"name","type":"string"},{"name":"wallet","type":"address"}],
"Mail":[{"name":"from","type":"Person"},{"name":"to","type":"Person"},{"name":"contents","type":"string"}]},
"primaryType":"Mail","domain":{"name":"Ether Mail","version":"1","chainId":1,
"verifyingContract":"0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC"},
"message":{"from":{"name":"Cow","wallet":"0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"},
"to":{"name":"Bob","wallet":"0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"},"contents":"Hello, Bob!"}}`

func TestEIP712Example(t *testing.T) {
	t.Parallel()
	key, ctx := cow(t)
	payload, in := read(t, intent.Input{Kind: intent.TypedData, JSON: []byte(mail)}, ctx)
	if want := unhex(t, "be609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2"); !bytes.Equal(in.ToSign, want) {
		t.Fatalf("digest %x, want %x", in.ToSign, want)
	}
	r, err := intent.Finish(intent.TypedData, payload, ctx, sign(t, key, in.ToSign))
	if err != nil {
		t.Fatal(err)
	}
	want := unhex(t, "4355c47d63924e8a72e509b65029052eb6c299d53a04e167c5775fd466751c9d"+
		"07299936d304c153f6443dfa05f40ff007d72911b6f72307f996231605b91562"+"1c")
	if !bytes.Equal(r.Signature, want) {
		t.Fatalf("signature %x, want %x", r.Signature, want)
	}
}

// eip155 is the example of EIP-155, signed there with the key 0x4646….
const eip155 = `{"nonce":"0x9","gasPrice":"0x4a817c800","gas":"0x5208",
"to":"0x3535353535353535353535353535353535353535","value":"0xde0b6b3a7640000","data":"0x","chainId":"0x1"}`

func TestEIP155Example(t *testing.T) {
	t.Parallel()
	key, err := crypto.ToECDSA(bytes.Repeat([]byte{0x46}, 32))
	if err != nil {
		t.Fatal(err)
	}
	ctx := intent.Context{Account: "ethereum", Address: crypto.PubkeyToAddress(key.PublicKey)}
	payload, in := read(t, intent.Input{Kind: intent.Transaction, JSON: []byte(eip155)}, ctx)
	if want := unhex(t, "daf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53"); !bytes.Equal(in.ToSign, want) {
		t.Fatalf("digest %x, want %x", in.ToSign, want)
	}
	r, err := intent.Finish(intent.Transaction, payload, ctx, sign(t, key, in.ToSign))
	if err != nil {
		t.Fatal(err)
	}
	want := unhex(t, "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83")
	if !bytes.Equal(r.Raw, want) {
		t.Fatalf("raw %x, want %x", r.Raw, want)
	}
	if !bytes.Equal(r.TxHash, crypto.Keccak256(want)) {
		t.Fatalf("hash %x", r.TxHash)
	}
}

// The message and signature are those of go-ethereum's documentation of
// personal_sign and of web3.js, key 0x4c0883a6….
func TestEIP191Example(t *testing.T) {
	t.Parallel()
	key, err := crypto.HexToECDSA("4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318")
	if err != nil {
		t.Fatal(err)
	}
	ctx := intent.Context{Account: "ethereum", Address: crypto.PubkeyToAddress(key.PublicKey)}
	payload, in := read(t, intent.Input{Kind: intent.Message, Message: []byte("Some data")}, ctx)
	if want := unhex(t, "1da44b586eb0729ff70a73c326926f6ed5a25f5b056e7f47fbc6e58d86871655"); !bytes.Equal(in.ToSign, want) {
		t.Fatalf("digest %x, want %x", in.ToSign, want)
	}
	r, err := intent.Finish(intent.Message, payload, ctx, sign(t, key, in.ToSign))
	if err != nil {
		t.Fatal(err)
	}
	want := unhex(t, "b91467e570a6466aa9e9876cbcd013baba02900b8979d43fe208a4a4f339f5fd6007e74cd82e037b800186422fc2da167c747ef045e5d18a5f5d4300f8e1a0291c")
	if !bytes.Equal(r.Signature, want) {
		t.Fatalf("signature %x, want %x", r.Signature, want)
	}
}

func sign(t testing.TB, key *ecdsa.PrivateKey, digest []byte) []byte {
	t.Helper()
	sig, err := crypto.Sign(digest, key)
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

// txJSON writes tx the way geth does, without what belongs to a signature.
func txJSON(t testing.TB, tx *types.Transaction, chain *big.Int) []byte {
	t.Helper()
	b, err := tx.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	for _, k := range []string{"v", "r", "s", "yParity", "hash"} {
		delete(m, k)
	}
	m["chainId"] = fmt.Sprintf("%#x", chain)
	if b, err = json.Marshal(m); err != nil {
		t.Fatal(err)
	}
	return b
}

// Every type signs to the bytes that go-ethereum's own signer makes of it.
func TestTransactionsAgreeWithGoEthereum(t *testing.T) {
	t.Parallel()
	key, ctx := cow(t)
	other, _ := account(t, "other")
	to := common.HexToAddress("0x3535353535353535353535353535353535353535")
	chain := big.NewInt(11155111)
	access := types.AccessList{
		{Address: to, StorageKeys: []common.Hash{{1}, {2}}},
		{Address: common.Address{9}, StorageKeys: []common.Hash{}},
	}
	auth, err := types.SignSetCode(other, types.SetCodeAuthorization{
		ChainID: *uint256.NewInt(11155111), Address: common.Address{0xaa}, Nonce: 3,
	})
	if err != nil {
		t.Fatal(err)
	}
	huge := new(big.Int).Lsh(big.NewInt(1), 255)
	for name, data := range map[string]types.TxData{
		"legacy":          &types.LegacyTx{Nonce: 1, GasPrice: big.NewInt(5e9), Gas: 21000, To: &to, Value: big.NewInt(7)},
		"legacy-creation": &types.LegacyTx{GasPrice: big.NewInt(5e9), Gas: 90000, Value: new(big.Int), Data: []byte{0x60, 0x00}},
		"legacy-huge":     &types.LegacyTx{GasPrice: big.NewInt(0), Gas: 21000, To: &to, Value: huge},
		"access-list":     &types.AccessListTx{ChainID: chain, Nonce: 1, GasPrice: big.NewInt(5e9), Gas: 30000, To: &to, Value: new(big.Int), Data: []byte{1}, AccessList: access},
		"dynamic-fee":     &types.DynamicFeeTx{ChainID: chain, Nonce: 1<<63 + 1, GasTipCap: big.NewInt(1), GasFeeCap: big.NewInt(2), Gas: 30000, To: &to, Value: big.NewInt(1), AccessList: access},
		"dynamic-create":  &types.DynamicFeeTx{ChainID: chain, GasTipCap: new(big.Int), GasFeeCap: big.NewInt(2), Gas: 30000, Value: new(big.Int), Data: bytes.Repeat([]byte{3}, 300)},
		"set-code": &types.SetCodeTx{ChainID: uint256.MustFromBig(chain), Nonce: 4, GasTipCap: uint256.NewInt(1), GasFeeCap: uint256.NewInt(2),
			Gas: 60000, To: to, Value: uint256.NewInt(0), AccessList: access, AuthList: []types.SetCodeAuthorization{auth}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tx := types.NewTx(data)
			signer := types.LatestSignerForChainID(chain)
			payload, in := read(t, intent.Input{Kind: intent.Transaction, JSON: txJSON(t, tx, chain)}, ctx)
			if want := signer.Hash(tx); !bytes.Equal(in.ToSign, want[:]) {
				t.Fatalf("digest %x, want %x", in.ToSign, want)
			}
			r, err := intent.Finish(intent.Transaction, payload, ctx, sign(t, key, in.ToSign))
			if err != nil {
				t.Fatal(err)
			}
			signed, err := types.SignTx(tx, signer, key)
			if err != nil {
				t.Fatal(err)
			}
			want, err := signed.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(r.Raw, want) {
				t.Errorf("raw %x, want %x", r.Raw, want)
			}
			if hash := signed.Hash(); !bytes.Equal(r.TxHash, hash[:]) {
				t.Errorf("hash %x, want %x", r.TxHash, hash)
			}
			if r.Signature[64] > 1 {
				t.Errorf("v is %d, want the parity", r.Signature[64])
			}
			if want := fmt.Sprintf("0x%x", ctx.PublicKey); r.PublicKey != want {
				t.Errorf("public key %s, want %s", r.PublicKey, want)
			}
		})
	}
}

// Nothing that does not verify becomes a result.
func TestFinishVerifies(t *testing.T) {
	t.Parallel()
	key, ctx := cow(t)
	stranger, _ := account(t, "stranger")
	sshKey, sshCtx := sshAccount()
	for _, in := range []intent.Input{
		{Kind: intent.Message, Message: []byte("hello")},
		{Kind: intent.TypedData, JSON: []byte(mail)},
		{Kind: intent.Transaction, JSON: []byte(eip155)},
	} {
		payload, what := read(t, in, ctx)
		good := sign(t, key, what.ToSign)
		high := bytes.Clone(good) // the other root: s = n - s, flipped parity
		s := new(big.Int).Sub(crypto.S256().Params().N, new(big.Int).SetBytes(good[32:64]))
		s.FillBytes(high[32:64])
		high[64] ^= 1
		wrongV := bytes.Clone(good)
		wrongV[64] ^= 1
		bigV := bytes.Clone(good)
		bigV[64] = 27
		for name, sig := range map[string][]byte{
			"stranger": sign(t, stranger, what.ToSign),
			"digest":   sign(t, key, crypto.Keccak256(what.ToSign)),
			"high-s":   high, "wrong-v": wrongV, "v-27": bigV,
			"short": good[:64], "long": append(bytes.Clone(good), 0), "none": nil, "zero": make([]byte, 65),
		} {
			if _, err := intent.Finish(in.Kind, payload, ctx, sig); err == nil {
				t.Errorf("%s: signature %q was accepted", in.Kind, name)
			} else {
				wantError(t, err, intent.CodeBadSignature, "")
			}
		}
		if _, err := intent.Finish(in.Kind, payload, ctx, good); err != nil {
			t.Errorf("%s: %v", in.Kind, err)
		}
	}
	payload, what := read(t, fileInput(), sshCtx)
	sig, err := sshKey.Sign(nil, what.ToSign, &ed25519Options)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]byte{nil, sig[:63], append(bytes.Clone(sig), 0), make([]byte, 64)} {
		_, err := intent.Finish(intent.SSHFile, payload, sshCtx, bad)
		wantError(t, err, intent.CodeBadSignature, "does not verify")
	}
}

// The bytes of payloads are wire format: devices of two releases must agree.
func TestGoldenPayloads(t *testing.T) {
	t.Parallel()
	const (
		sha512 = "85337c2b9f6c9280b33d0b7d5dc853c2a23fe33b44fba394b478d24f5653c984dd2c3cdbd64ce8e91d7e0135dac5bc965e5d9a6aeeaaf64cc699f957a4436b7c"
		to     = "5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"
	)
	small := `{"types":{"EIP712Domain":[{"name":"chainId","type":"uint256"}],"B":[{"name":"y","type":"int8[]"},{"name":"x","type":"bool"}],"A":[{"name":"b","type":"B"}]},
"primaryType":"A","domain":{"chainId":"0x0a"},"message":{"b":{"x":true,"y":[-1]}}}`
	canonical := `{"domain":{"chainId":"10"},"message":{"b":{"y":["-1"],"x":true}},"primaryType":"A",` +
		`"types":{"A":[{"name":"b","type":"B"}],"B":[{"name":"y","type":"int8[]"},{"name":"x","type":"bool"}],"EIP712Domain":[{"name":"chainId","type":"uint256"}]}}`
	for name, c := range map[string]struct {
		in   intent.Input
		want string
	}{
		// A map of two: 1, the version; 2, the text.
		"message": {intent.Input{Kind: intent.Message, Message: []byte("hi")}, "a2" + "0101" + "02" + "42" + "6869"},
		// A map of two: 1, the version; 2, the canonical JSON, 0xee bytes.
		"typed-data": {intent.Input{Kind: intent.TypedData, JSON: []byte(small)}, "a2" + "0101" + "02" + "58ee" + fmt.Sprintf("%x", canonical)},
		// A map of three: 1, the version; 2, the EIP-155 preimage; 3, no sender.
		"legacy": {intent.Input{Kind: intent.Transaction, JSON: []byte(eip155)}, "a3" + "0101" + "02" + "582d" +
			"ec" + "09" + "8504a817c800" + "825208" + "943535353535353535353535353535353535353535" + "880de0b6b3a7640000" + "80" + "01" + "80" + "80" + "03" + "40"},
		// The same with type 2, its fields, an empty access list, no signature and a sender.
		"dynamic": {intent.Input{Kind: intent.Transaction, JSON: []byte(`{"chainId":"0x1","nonce":"0x0","gas":"0x5208","maxFeePerGas":"0x2","maxPriorityFeePerGas":"0x1","to":"0x` + to + `","from":"0x` + to + `"}`)},
			"a3" + "0101" + "02" + "5824" + "02" + "e2" + "01" + "80" + "01" + "02" + "825208" + "94" + to + "80" + "80" + "c0" + "80" + "80" + "80" + "03" + "54" + to},
		// A map of five: the version, the namespace, the hash, the name, the size.
		"ssh-file": {fileInput(), "a5" + "0101" + "02" + "6466696c65" + "03" + "5840" + sha512 + "04" + "696e6f7465732e747874" + "05" + "17"},
	} {
		if got := normalize(t, c.in); fmt.Sprintf("%x", got) != c.want {
			t.Errorf("%s: payload\n%x, want\n%s", name, got, c.want)
		}
	}
}
