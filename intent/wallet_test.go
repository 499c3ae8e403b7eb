package intent_test

import (
	"bytes"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/warifu/warifu/intent"
)

// packed writes one call of multiSend.
func packed(operation byte, to string, value int64, data []byte) []byte {
	return bytes.Join([][]byte{{operation}, common.HexToAddress(to).Bytes(), common.LeftPadBytes(big.NewInt(value).Bytes(), 32),
		common.LeftPadBytes(big.NewInt(int64(len(data))).Bytes(), 32), data}, nil)
}

func execTx(to string, value int64, data []byte, operation uint8, price int64) []byte {
	return call("execTransaction(address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,bytes)", common.HexToAddress(to), big.NewInt(value), data, operation,
		new(big.Int), new(big.Int), big.NewInt(price), common.Address{}, common.Address{}, make([]byte, 65))
}

// What a wallet is made to do stands in the bytes of the call, with the
// operation.
func TestWalletCalls(t *testing.T) {
	t.Parallel()
	_, ctx := cow(t)
	const batch = "0x40A2aCCbd92BCA938b02010E17A5b8929b49130D"
	transfer := call("transfer(address,uint256)", common.HexToAddress(someone), big.NewInt(2500000))
	most := new(big.Int).Sub(new(big.Int).Lsh(common.Big1, 256), common.Big1)
	approve := call("approve(address,uint256)", common.HexToAddress(someone), most)
	multi := call("multiSend(bytes)", bytes.Join([][]byte{packed(0, usdc, 0, transfer), packed(0, someone, 5, nil), packed(1, someone, 0, []byte{1, 2, 3, 4})}, nil))
	const takesOver = "a delegate call: the code at " + someone + " gets full control of the wallet"

	in := readJSON(t, intent.Transaction, txTo("0x1", batch, "0x0", execTx(usdc, 0, transfer, 0, 0)), ctx)
	if want := "let the wallet transfer 2.5 USDC to " + someone + ", at " + usdc + " (USDC token), at " + batch; !strings.HasPrefix(in.Summary, want) {
		t.Errorf("summary %q, want %q", in.Summary, want)
	}
	for label, value := range map[string]string{"inner 1 operation": "call", "inner 1 to": usdc + " (USDC token)", "inner 1 call": "transfer 2.5 USDC to " + someone, "inner 1 argument to": someone} {
		wantLine(t, in, label, value)
	}
	in = readJSON(t, intent.Transaction, txTo("0x1", batch, "0x0", execTx(someone, 7, nil, 0, 3)), ctx)
	wantLine(t, in, "inner 1 amount", "0.000000000000000007 ETH")
	wantWarning(t, in, "the wallet also pays for gas, at 3 base units")
	in = readJSON(t, intent.Transaction, txTo("0x1", batch, "0x0", execTx(someone, 0, approve, 1, 0)), ctx)
	wantWarning(t, in, takesOver)
	wantWarning(t, in, "the allowance is unlimited")
	wantLine(t, in, "inner 1 operation", "delegate call")
	if !strings.HasPrefix(in.Summary, "let the wallet run foreign code by a delegate call: ") {
		t.Error(in.Summary)
	}
	wantWarning(t, readJSON(t, intent.Transaction, txTo("0x1", batch, "0x0", execTx(someone, 0, approve, 2, 0)), ctx), "an unknown operation of the wallet")
	in = readJSON(t, intent.Transaction, txTo("0x1", batch, "0x0", call("execTransactionFromModule(address,uint256,bytes,uint8)", common.HexToAddress(someone), new(big.Int), approve, uint8(1))), ctx)
	wantWarning(t, in, takesOver)

	check := func(in intent.Intent, at string) {
		t.Helper()
		for label, value := range map[string]string{
			at + "1 operation": "call", at + "1 call": "transfer 2.5 USDC to " + someone, at + "2 to": someone, at + "2 amount": "0.000000000000000005 ETH",
			at + "3 operation": "delegate call", at + "3 call": "an unknown function, 0x01020304",
		} {
			wantLine(t, in, label, value)
		}
		wantWarning(t, in, takesOver)
		checkShown(t, "calls", in)
	}
	check(readJSON(t, intent.Transaction, txTo("0x1", batch, "0x0", multi), ctx), "inner ")
	in = readJSON(t, intent.Transaction, txTo("0x1", usdc, "0x0", execTx(batch, 0, multi, 1, 0)), ctx)
	check(in, "inner 1.")
	wantWarning(t, in, "a delegate call: the code at "+batch)
	// Too deep to be told, and said to be.
	in = readJSON(t, intent.Transaction, txTo("0x1", batch, "0x0", execTx(batch, 0, execTx(batch, 0, execTx(usdc, 0, transfer, 0, 0), 0, 0), 0, 0)), ctx)
	wantWarning(t, in, "1 calls inside the call are not shown")
	// A typed-data transaction of a wallet that makes many calls.
	safe := map[string][]string{"SafeTx": {"address to", "uint256 value", "bytes data", "uint8 operation", "uint256 safeTxGas"}}
	in = readJSON(t, intent.TypedData, permit("1", someone, safe, "SafeTx", fmt.Sprintf(`{"to":%q,"value":0,"data":"0x%x","operation":1,"safeTxGas":0}`, batch, multi)), ctx)
	check(in, "inner ")
	wantWarning(t, in, "a delegate call: the code at "+batch)

	var crowd []byte
	for i := range 70 {
		crowd = append(crowd, packed(0, usdc, 0, []byte{9, 9, 9, byte(i)})...)
	}
	in = readJSON(t, intent.Transaction, txTo("0x1", batch, "0x0", call("multiSend(bytes)", append(crowd, packed(1, someone, 0, []byte{1, 2, 3, 4})...))), ctx)
	wantWarning(t, in, takesOver)
	many := call("multiSend(bytes)", bytes.Repeat(packed(0, someone, 1, nil), 70))
	in = readJSON(t, intent.Transaction, txTo("0x1", batch, "0x0", many), ctx)
	wantWarning(t, in, "6 calls inside the call are not shown")
	for name, b := range map[string][]byte{
		"short": packed(0, someone, 1, nil)[:84], "long": append(packed(0, someone, 1, nil), 9), "size": append(bytes.Clone(packed(0, someone, 1, nil)[:53]), bytes.Repeat([]byte{0xff}, 32)...),
		"size-over": append(bytes.Clone(packed(0, someone, 1, nil)[:84]), 1),
	} {
		in := readJSON(t, intent.Transaction, txTo("0x1", batch, "0x0", call("multiSend(bytes)", b)), ctx)
		t.Run(name, func(t *testing.T) { wantWarning(t, in, "the calls of multiSend are malformed") })
	}
}

func TestDelegationWords(t *testing.T) {
	t.Parallel()
	_, ctx := cow(t)
	types := map[string][]string{"Delegation": {"address delegate", "address delegator", "bytes32 authority", "Caveat[] caveats", "uint256 salt"}, "Caveat": {"address enforcer", "bytes terms"}}
	doc := func(delegate, delegator, caveats string) string {
		return permit("1", usdc, types, "Delegation", fmt.Sprintf(`{"delegate":%q,"delegator":%q,"authority":"0x%s","caveats":[%s],"salt":0}`, delegate, delegator, strings.Repeat("ff", 32), caveats))
	}
	in := readJSON(t, intent.TypedData, doc(someone, cowAddress, ""), ctx)
	if want := "let " + someone + " make calls in the name of " + cowAddress + ", without any limit"; in.Summary != want {
		t.Errorf("summary %q, want %q", in.Summary, want)
	}
	wantWarning(t, in, "the delegation has no limit: "+someone+" can move everything")
	wantWarning(t, in, "without a transaction of this account")
	in = readJSON(t, intent.TypedData, doc(someone, usdc, fmt.Sprintf(`{"enforcer":%q,"terms":"0x01"}`, usdc)), ctx)
	wantWarning(t, in, "what the 1 conditions of the delegation leave is unknown")
	wantWarning(t, in, "the delegation is by "+usdc+", which is not this account")
	wantWarning(t, in, "message.caveats[0].terms: bytes whose meaning is unknown")
	wantWarning(t, readJSON(t, intent.TypedData, doc(zero, cowAddress, ""), ctx), "the delegation names nobody")
	checkShown(t, "delegation", in)
}

// A transaction of zkSync is signed as typed data, and is one.
func TestZkSyncTransactionWords(t *testing.T) {
	t.Parallel()
	_, ctx := cow(t)
	types := map[string][]string{"Transaction": {"uint256 txType", "uint256 from", "uint256 to", "uint256 gasLimit", "uint256 gasPerPubdataByteLimit", "uint256 maxFeePerGas",
		"uint256 maxPriorityFeePerGas", "uint256 paymaster", "uint256 nonce", "uint256 value", "bytes data", "bytes32[] factoryDeps", "bytes paymasterInput"}}
	doc := func(from, to, value, data, paymaster string) string {
		return permit("324", usdc, types, "Transaction", fmt.Sprintf(`{"txType":"113","from":%q,"to":%q,"gasLimit":"1000000","gasPerPubdataByteLimit":"50000","maxFeePerGas":"1000000000",
"maxPriorityFeePerGas":"0","paymaster":%q,"nonce":"0","value":%q,"data":%q,"factoryDeps":[],"paymasterInput":"0x"}`, from, to, paymaster, value, data))
	}
	in := readJSON(t, intent.TypedData, doc(cowAddress, someone, "500000000000000000", "0x", "0"), ctx)
	if want := "send 0.5 ETH to " + someone + " on zkSync Era"; in.Summary != want {
		t.Errorf("summary %q, want %q", in.Summary, want)
	}
	wantWarning(t, in, "this typed data is a transaction: whoever has the signature can send it")
	wantLine(t, in, "max fee", "0.001 ETH")
	approve := fmt.Sprintf("0x%x", call("approve(address,uint256)", common.HexToAddress(someone), new(big.Int).Sub(new(big.Int).Lsh(common.Big1, 256), common.Big1)))
	in = readJSON(t, intent.TypedData, doc(someone, usdc, "0", approve, usdc), ctx)
	wantWarning(t, in, "the allowance is unlimited")
	wantWarning(t, in, "the transaction is from "+someone+", which is not this account")
	wantWarning(t, in, "the fee is paid by way of the contract "+usdc)
	if strings.Contains(fmt.Sprint(in.Warnings), "message.data: bytes") {
		t.Errorf("%q", in.Warnings)
	}
	in = readJSON(t, intent.TypedData, doc(cowAddress, "0x1"+strings.Repeat("0", 41), "0", "0x", "0"), ctx)
	wantWarning(t, in, "is no address")
	checkShown(t, "zksync", in)
}
