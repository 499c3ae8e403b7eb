package intent_test

import (
	"bytes"
	"math/big"
	"runtime"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/warifu/warifu/intent"
)

// call packs a call with go-ethereum's encoder.
func call(signature string, args ...any) []byte {
	_, rest, _ := strings.Cut(signature, "(")
	var types abi.Arguments
	if rest = strings.TrimSuffix(rest, ")"); rest != "" {
		for _, name := range strings.Split(rest, ",") {
			typ, err := abi.NewType(name, "", nil)
			if err != nil {
				panic(err)
			}
			types = append(types, abi.Argument{Type: typ})
		}
	}
	b, err := types.Pack(args...)
	if err != nil {
		panic(err)
	}
	return append(crypto.Keccak256([]byte(signature))[:4], b...)
}

func TestCallWords(t *testing.T) {
	t.Parallel()
	_, ctx := cow(t)
	to, me, none := common.HexToAddress(someone), common.HexToAddress(cowAddress), common.Address{}
	num := big.NewInt
	most := new(big.Int).Sub(new(big.Int).Lsh(common.Big1, 256), common.Big1)
	max160 := new(big.Int).Sub(new(big.Int).Lsh(common.Big1, 160), common.Big1)
	const permit2 = "0x000000000022D473030F116dDEE9F6B43aC78BA3"
	transfer := call("transfer(address,uint256)", to, num(100000000))
	word := func(b ...byte) []byte { return common.LeftPadBytes(b, 32) }
	for name, c := range map[string]struct {
		to      string
		data    []byte
		want    string // what the summary begins with
		warning string // or empty for none
	}{
		"transfer":          {usdc, transfer, "transfer 100 USDC to " + someone + ", at " + usdc + " (USDC token) on Ethereum mainnet", ""},
		"transfer-unknown":  {someone, call("transfer(address,uint256)", me, num(5)), "transfer 5 base units of an unknown token contract to " + cowAddress, "is unknown; it may do something else"},
		"transfer-zero":     {usdc, call("transfer(address,uint256)", none, num(5)), "transfer 0.000005 USDC", "zero address: the tokens are lost"},
		"transfer-token":    {usdc, call("transfer(address,uint256)", common.HexToAddress(usdc), num(5)), "transfer", "the token contract itself"},
		"transfer-from":     {usdc, call("transferFrom(address,address,uint256)", me, to, num(5)), "transfer 0.000005 USDC from " + cowAddress + " to " + someone, ""},
		"transfer-from-out": {usdc, call("transferFrom(address,address,uint256)", me, none, num(5)), "transfer 0.000005 USDC from", "zero address: the tokens are lost"},
		"transfer-from-id":  {someone, call("transferFrom(address,address,uint256)", me, to, most), "transfer an unlimited amount of an unknown token contract from", "is unknown"},
		"transfer-from-ens": {someone, call("transferFrom(address,address,uint256)", me, to, max160), "transfer an unlimited amount, or the token with the id " + max160.String(), "is unknown"},
		"approve":           {usdc, call("approve(address,uint256)", to, num(1)), "approve 0.000001 USDC for " + someone, ""},
		"approve-all":       {usdc, call("approve(address,uint256)", to, most), "approve unlimited USDC for " + someone, "allowance is unlimited"},
		"approve-129":       {usdc, call("approve(address,uint256)", to, new(big.Int).Lsh(common.Big1, 128)), "approve unlimited USDC", "allowance is unlimited"},
		"approve-uint96":    {someone, call("approve(address,uint256)", to, new(big.Int).Sub(new(big.Int).Lsh(common.Big1, 96), common.Big1)), "approve an unlimited amount", "allowance is unlimited"},
		"approve-none":      {usdc, call("approve(address,uint256)", to, num(0)), "take back what " + someone + " may take", ""},
		"approve-self":      {usdc, call("approve(address,uint256)", me, num(1)), "approve", "for this account itself"},
		"increase":          {usdc, call("increaseAllowance(address,uint256)", to, most), "increase the allowance by unlimited USDC", "allowance is unlimited"},
		"decrease":          {usdc, call("decreaseAllowance(address,uint256)", to, num(1)), "decrease the allowance of " + someone + " by 0.000001 USDC", ""},
		"permit":            {usdc, call("permit(address,address,uint256,uint256,uint8,bytes32,bytes32)", to, me, num(1), num(1), uint8(27), [32]byte{1}, [32]byte{2}), "use a permission of " + someone, ""},
		"operator":          {someone, call("setApprovalForAll(address,bool)", to, true), "let " + someone + " move every token", "right to move every token"},
		"operator-off":      {someone, call("setApprovalForAll(address,bool)", to, false), "take the rights over all tokens", ""},
		"nft":               {someone, call("safeTransferFrom(address,address,uint256)", me, to, num(9)), "transfer the token with id 9 from " + cowAddress, ""},
		"nft-data":          {someone, call("safeTransferFrom(address,address,uint256,bytes)", me, to, num(9), []byte("x")), "transfer the token with id 9", ""},
		"nft-zero":          {someone, call("safeTransferFrom(address,address,uint256)", me, none, num(9)), "transfer", "zero address"},
		"erc1155":           {someone, call("safeTransferFrom(address,address,uint256,uint256,bytes)", me, to, num(9), num(2), []byte{}), "transfer the token with id 9", ""},
		"erc1155-batch":     {someone, call("safeBatchTransferFrom(address,address,uint256[],uint256[],bytes)", me, to, []*big.Int{num(1), num(2)}, []*big.Int{num(3), num(4)}, []byte{}), "transfer 2 kinds of tokens", "is unknown"},
		"withdraw":          {"0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2", call("withdraw(uint256)", num(1e18)), "withdraw 1 WETH", ""},
		"permit2":           {permit2, call("approve(address,address,uint160,uint48)", common.HexToAddress(usdc), to, max160, num(1)), "approve unlimited USDC for " + someone, "allowance is unlimited"},
		"permit2-imposter":  {someone, call("approve(address,address,uint160,uint48)", common.HexToAddress(usdc), to, num(1), num(1)), "approve 0.000001 USDC", "looks like a call of Permit2"},
		"multicall":         {someone, call("multicall(bytes[])", [][]byte{transfer, {}}), "2 calls in one", ""},
		"multicall-until":   {someone, call("multicall(uint256,bytes[])", num(1), [][]byte{call("approve(address,uint256)", to, most)}), "1 calls in one", "allowance is unlimited"},
		"multicall-many":    {someone, call("multicall(bytes[])", make([][]byte, 65)), "65 calls in one", "1 calls inside"},
		"multicall-deep":    {someone, call("multicall(bytes[])", [][]byte{call("multicall(bytes[])", [][]byte{call("multicall(bytes[])", [][]byte{transfer})})}), "1 calls in one", "1 calls inside the call are not shown"},
		"unknown":           {someone, []byte{1, 2, 3, 4, 5}, "an unknown function, 0x01020304", "the call 0x01020304 is an unknown function"},
		"short":             {someone, []byte{1, 2, 3}, "3 bytes of unknown data", "meaning that is unknown"},
		"truncated":         {usdc, transfer[:67], "a malformed call of transfer(address,uint256)", "malformed call"},
		"no-arguments":      {usdc, transfer[:4], "a malformed call of transfer(address,uint256)", "malformed call"},
		"dirty-address":     {usdc, bytes.Join([][]byte{transfer[:4], bytes.Repeat([]byte{1}, 32), word(1)}, nil), "a malformed call of transfer", "malformed call"},
		"dirty-bool":        {usdc, bytes.Join([][]byte{call("setApprovalForAll(address,bool)", to, true)[:36], word(2)}, nil), "a malformed call of setApprovalForAll", "malformed call"},
		"extra":             {usdc, append(bytes.Clone(transfer), 1, 2), "transfer 100 USDC", "2 bytes follow the arguments"},
		"shared-offset":     {someone, sharedOffsets(200), "a malformed call of multicall(bytes[])", "malformed call"},
		"deposit-extra":     {"0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2", append(call("deposit()"), 9), "deposit the amount sent", "1 bytes follow"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := readJSON(t, intent.Transaction, txTo("0x1", c.to, "0x0", c.data), ctx)
			if !strings.HasPrefix(in.Summary, c.want) {
				t.Errorf("summary %q, want %q", in.Summary, c.want)
			}
			if c.warning != "" {
				wantWarning(t, in, c.warning)
			} else if c.to == usdc && len(in.Warnings) != 0 {
				t.Errorf("warnings %q", in.Warnings)
			}
			checkShown(t, name, in)
		})
	}
	in := readJSON(t, intent.Transaction, txTo("0x1", usdc, "0x1", transfer), ctx)
	wantWarning(t, in, "the call takes no coins, yet 0.000000000000000001 ETH are sent along")
	wantLine(t, in, "call", "transfer 100 USDC to "+someone)
	wantLine(t, in, "function", "transfer(address,uint256)")
	wantLine(t, in, "argument to", someone)
	wantLine(t, in, "argument amount", "100000000")
	in = readJSON(t, intent.Transaction, txTo("0x1", someone, "0x0", append([]byte{9, 9, 9, 9}, make([]byte, 1000)...)), ctx)
	wantLine(t, in, "data", "0x09090909"+strings.Repeat("00", 252)+" … 748 more bytes")
	wantLine(t, in, "function", "0x09090909 with 1000 bytes of arguments: an unknown function")
}

func TestInnerCallWords(t *testing.T) {
	t.Parallel()
	_, ctx := cow(t)
	to := common.HexToAddress(someone)
	inner := call("multicall(bytes[])", [][]byte{call("transfer(address,uint256)", to, big.NewInt(7)), {1, 2, 3, 4}})
	in := readJSON(t, intent.Transaction, txTo("0x1", usdc, "0x0", call("multicall(bytes[])", [][]byte{{}, inner})), ctx)
	wantLine(t, in, "call", "2 calls in one")
	wantLine(t, in, "argument calls", "2 calls")
	wantLine(t, in, "inner 1 data", "0x (too short for a call; unknown)")
	wantLine(t, in, "inner 2 function", "multicall(bytes[])")
	wantLine(t, in, "inner 2.1 call", "transfer 0.000007 USDC to "+someone)
	wantLine(t, in, "inner 2.1 argument amount", "7")
	wantLine(t, in, "inner 2.2 call", "an unknown function, 0x01020304")
	most := new(big.Int).Sub(new(big.Int).Lsh(common.Big1, 256), common.Big1)
	in = readJSON(t, intent.Transaction, txTo("0x1", usdc, "0x0", call("approve(address,uint256)", to, most)), ctx)
	wantLine(t, in, "argument amount", most.String()+" (the largest number)")
	wantLine(t, in, "argument spender", someone)
	batch := call("safeBatchTransferFrom(address,address,uint256[],uint256[],bytes)", to, to, []*big.Int{most}, []*big.Int{big.NewInt(3)}, []byte("xy"))
	in = readJSON(t, intent.Transaction, txTo("0x1", someone, "0x0", batch), ctx)
	wantLine(t, in, "argument token ids", "["+most.String()+"]")
	wantLine(t, in, "argument data", "0x7879")
	in = readJSON(t, intent.Transaction, txTo("0x1", usdc, "0x0",
		call("permit(address,address,uint256,uint256,uint8,bytes32,bytes32)", to, to, most, most, uint8(27), [32]byte{1}, [32]byte{})), ctx)
	wantLine(t, in, "argument v", "0x1b")
	wantLine(t, in, "argument r", "0x01"+strings.Repeat("00", 31))
	in = readJSON(t, intent.Transaction, txTo("0x1", usdc, "0x0", call("setApprovalForAll(address,bool)", to, true)), ctx)
	wantLine(t, in, "argument approved", "true")
}

// A few offsets that share one place must not be written out as many copies.
func TestSharedOffsetsStayCheap(t *testing.T) {
	_, ctx := cow(t)
	payload := normalize(t, intent.Input{Kind: intent.Transaction, JSON: []byte(txTo("0x1", someone, "0x0", sharedOffsets(3000)))})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := intent.Decode(intent.Transaction, payload, ctx); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 16<<20 {
		t.Errorf("%d bytes allocated", used)
	}
}

// sharedOffsets returns a multicall whose n calls are one and the same place.
func sharedOffsets(n int) []byte {
	one := call("multicall(bytes[])", [][]byte{make([]byte, 10000)})
	head, tail := one[:4+64], one[4+96:] // offset and length; the bytes
	b := bytes.Clone(head)
	big.NewInt(int64(n)).FillBytes(b[4+32 : 4+64])
	for range n {
		b = append(b, common.LeftPadBytes(big.NewInt(int64(32*n)).Bytes(), 32)...)
	}
	return append(b, tail...)
}

// The addresses of the built-in tokens carry their checksum.
func TestWellKnownTokens(t *testing.T) {
	t.Parallel()
	_, ctx := cow(t)
	for _, c := range []struct{ chain, address, symbol, one string }{
		{"0x1", "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", "USDC", "1000000"},
		{"0x1", "0xdAC17F958D2ee523a2206206994597C13D831ec7", "USDT", "1000000"},
		{"0x1", "0x6B175474E89094C44Da98b954EedeAC495271d0F", "DAI", "1000000000000000000"},
		{"0x1", "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2", "WETH", "1000000000000000000"},
		{"0x1", "0x2260FAC5E5542a773Aa44fBCfeDf7C193bc2C599", "WBTC", "100000000"},
		{"0xa", "0x0b2C639c533813f4Aa9D7837CAf62653d097Ff85", "USDC", "1000000"},
		{"0xa", "0x4200000000000000000000000000000000000006", "WETH", "1000000000000000000"},
		{"0x89", "0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359", "USDC", "1000000"},
		{"0x2105", "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913", "USDC", "1000000"},
		{"0x2105", "0x4200000000000000000000000000000000000006", "WETH", "1000000000000000000"},
		{"0xa4b1", "0xaf88d065e77c8cC2239327C5EDb3A432268e5831", "USDC", "1000000"},
		{"0xa4b1", "0x82aF49447D8a07e3bd95BD0d56f35241523fBab1", "WETH", "1000000000000000000"},
	} {
		one, _ := new(big.Int).SetString(c.one, 10)
		in := readJSON(t, intent.Transaction, txTo(c.chain, c.address, "0x0", call("transfer(address,uint256)", common.HexToAddress(someone), one)), ctx)
		if !strings.HasPrefix(in.Summary, "transfer 1 "+c.symbol+" to ") {
			t.Errorf("%s on %s: %q", c.symbol, c.chain, in.Summary)
		}
	}
}
