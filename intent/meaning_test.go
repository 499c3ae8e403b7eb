package intent_test

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/warifu/warifu/intent"
)

// A collection takes the number of approve for the id of a token: zero is the
// id of one there, and takes nothing back.
func TestZeroIsATokenOfACollection(t *testing.T) {
	t.Parallel()
	_, ctx := cow(t)
	data := call("approve(address,uint256)", common.HexToAddress(someone), big.NewInt(0))
	in := readJSON(t, intent.Transaction, txTo("0x1", someone, "0x0", data), ctx)
	wantWarning(t, in, "in a collection this lets "+someone+" move the token with the id 0")
	if !strings.Contains(in.Summary, "or let it move the token with the id 0") {
		t.Error(in.Summary)
	}
	in = readJSON(t, intent.Transaction, txTo("0x1", usdc, "0x0", data), ctx)
	if len(in.Warnings) != 0 || strings.Contains(in.Summary, "id 0") {
		t.Errorf("%q %q", in.Summary, in.Warnings)
	}
	// Permit2 moves no collections.
	data = call("approve(address,address,uint160,uint48)", common.HexToAddress(someone), common.HexToAddress(someone), big.NewInt(0), big.NewInt(0))
	in = readJSON(t, intent.Transaction, txTo("0x1", "0x000000000022D473030F116dDEE9F6B43aC78BA3", "0x0", data), ctx)
	if strings.Contains(in.Summary+fmt.Sprint(in.Warnings), "id 0") {
		t.Errorf("%q %q", in.Summary, in.Warnings)
	}
}

// An increase by nothing takes nothing back.
func TestIncreaseByNothingKeepsTheAllowance(t *testing.T) {
	t.Parallel()
	_, ctx := cow(t)
	in := readJSON(t, intent.Transaction, txTo("0x1", usdc, "0x0", call("increaseAllowance(address,uint256)", common.HexToAddress(someone), big.NewInt(0))), ctx)
	if want := "increase the allowance of " + someone + " by nothing: what it may take, it keeps"; !strings.HasPrefix(in.Summary, want) {
		t.Errorf("summary %q, want %q", in.Summary, want)
	}
}

// What an unknown contract does under a known name is said to be unknown, for
// every function: without a warning a device might approve by itself.
func TestUnknownContractsAreAlwaysSaidToBe(t *testing.T) {
	t.Parallel()
	_, ctx := cow(t)
	a, n := common.HexToAddress(someone), big.NewInt(7)
	for _, data := range [][]byte{
		call("transfer(address,uint256)", a, n),
		call("transferFrom(address,address,uint256)", a, a, n),
		call("approve(address,uint256)", a, n),
		call("approve(address,uint256)", a, new(big.Int)),
		call("increaseAllowance(address,uint256)", a, n),
		call("increaseAllowance(address,uint256)", a, new(big.Int)),
		call("decreaseAllowance(address,uint256)", a, n),
		call("permit(address,address,uint256,uint256,uint8,bytes32,bytes32)", a, a, n, n, uint8(27), [32]byte{1}, [32]byte{2}),
		call("setApprovalForAll(address,bool)", a, true),
		call("setApprovalForAll(address,bool)", a, false),
		call("safeTransferFrom(address,address,uint256)", a, a, n),
		call("safeTransferFrom(address,address,uint256,bytes)", a, a, n, []byte("x")),
		call("safeTransferFrom(address,address,uint256,uint256,bytes)", a, a, n, n, []byte("x")),
		call("safeBatchTransferFrom(address,address,uint256[],uint256[],bytes)", a, a, []*big.Int{n}, []*big.Int{n}, []byte("x")),
		call("deposit()"),
		call("withdraw(uint256)", n),
		call("approve(address,address,uint160,uint48)", a, a, n, n),
		call("multicall(bytes[])", [][]byte{}),
		call("multicall(uint256,bytes[])", n, [][]byte{}),
	} {
		in := readJSON(t, intent.Transaction, txTo("0x1", "0x1111111111111111111111111111111111111111", "0x0", data), ctx)
		if !slices.ContainsFunc(in.Warnings, func(w string) bool { return strings.Contains(w, "is unknown; it may do something else") }) {
			t.Errorf("%s: %q", in.Summary, in.Warnings)
		}
	}
}

// What is cut is warned of, wherever it stands.
func TestWhatIsCutIsWarnedOf(t *testing.T) {
	t.Parallel()
	_, ctx := cow(t)
	a := common.HexToAddress(someone)
	data := call("safeTransferFrom(address,address,uint256,bytes)", a, a, big.NewInt(1), make([]byte, 257))
	in := readJSON(t, intent.Transaction, txTo("0x1", usdc, "0x0", data), ctx)
	wantWarning(t, in, "argument data: too long to be shown whole")
	list := strings.Repeat(fmt.Sprintf(`{"address":%q,"storageKeys":[]},`, someone), 65)
	tx := strings.TrimSuffix(txTo("0x1", usdc, "0x0", nil), "}") + `,"accessList":[` + strings.TrimSuffix(list, ",") + "]}"
	in = readJSON(t, intent.Transaction, tx, ctx)
	wantWarning(t, in, "access list: too long to be shown whole")
	checkShown(t, "access list", in)
	in = readMessage(t, signInText("service.org", "hi")+strings.Repeat("\n- x", 300))
	wantWarning(t, in, "resources: too many to be shown whole")
	checkShown(t, "resources", in)
}

// A fee that takes what an account has is one on every chain.
func TestHighFeeOnEveryChain(t *testing.T) {
	t.Parallel()
	_, ctx := cow(t)
	for chain, warned := range map[int]string{1: "100000000000000000", 56: "100000000000000000", 137: "10000000000000000000", 100: "10000000000000000000",
		42220: "10000000000000000000", 43114: "10000000000000000000", 999999: "100000000000000000", 8453: "100000000000000000"} {
		most, _ := new(big.Int).SetString(warned, 10)
		for _, less := range []int64{0, 1} {
			fee := new(big.Int).Div(most, big.NewInt(100000))
			tx := fmt.Sprintf(`{"chainId":"0x%x","nonce":"0x0","gas":"0x186a0","to":%q,"value":"0x0","maxFeePerGas":"0x%x","maxPriorityFeePerGas":"0x0"}`,
				chain, someone, fee.Sub(fee, big.NewInt(less)))
			in := readJSON(t, intent.Transaction, tx, ctx)
			got := slices.ContainsFunc(in.Warnings, func(w string) bool { return strings.Contains(w, "the fee is unusually high") })
			if got != (less == 0) {
				t.Errorf("chain %d, %d less than %s: %q", chain, less, warned, in.Warnings)
			}
		}
	}
}

// An account that somebody else hands over is no ordinary part of a transaction.
func TestForeignHandOverIsWarnedOf(t *testing.T) {
	t.Parallel()
	_, ctx := cow(t)
	in := readJSON(t, intent.Transaction, setCode("["+authorization(t, "other", 1)+"]"), ctx)
	wantWarning(t, in, "over to code")
}

// A name that is quoted in our sentence cannot end it and go on in our words.
func TestQuotedNamesDoNotEndEarly(t *testing.T) {
	t.Parallel()
	_, ctx := cow(t)
	_, in := read(t, intent.Input{Kind: intent.TypedData, JSON: typedText(t, `USDC" at `+usdc)}, ctx)
	if want := `sign "T" for "USDC\" at ` + usdc + `"`; in.Summary != want {
		t.Errorf("summary %s, want %s", in.Summary, want)
	}
	if in := readMessage(t, `a" \" b`); in.Summary != `sign the message "a\" \\\" b"` {
		t.Error(in.Summary)
	}
}
