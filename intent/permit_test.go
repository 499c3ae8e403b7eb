package intent_test

import (
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/warifu/warifu/intent"
)

// DAI takes an expiry of zero for no end, not for 1970.
func TestExpiryZeroOfDAINeverEnds(t *testing.T) {
	t.Parallel()
	_, ctx := cow(t)
	types := map[string][]string{"Permit": {"address holder", "address spender", "uint256 nonce", "uint256 expiry", "bool allowed"}}
	read := func(expiry int) intent.Intent {
		return readJSON(t, intent.TypedData, permit("1", "0x6B175474E89094C44Da98b954EedeAC495271d0F", types, "Permit",
			fmt.Sprintf(`{"holder":%q,"spender":%q,"nonce":1,"expiry":%d,"allowed":true}`, cowAddress, someone, expiry)), ctx)
	}
	in := read(0)
	wantLine(t, in, "can be used until", "no end")
	wantWarning(t, in, "does not expire")
	wantLine(t, read(9), "can be used until", "1970-01-01 00:00:09 UTC")
}

// The deadline of a signature for Permit2 is not the end of what it allows.
func TestPermit2SaysUntilWhenTokensMayBeTaken(t *testing.T) {
	t.Parallel()
	_, ctx := cow(t)
	types := map[string][]string{"PermitSingle": {"PermitDetails details", "address spender", "uint256 sigDeadline"},
		"PermitDetails": {"address token", "uint160 amount", "uint48 expiration", "uint48 nonce"}}
	for expiration, want := range map[int64]string{
		1700000000:   "2023-11-14 22:13:20 UTC",
		0:            "the end of the block in which the signature is used",
		1<<48 - 1:    "no end",
		1<<36 - 1:    "4147-08-20 07:32:15 UTC",
		1 << 36:      "no end",
		9:            "1970-01-01 00:00:09 UTC",
		253402300799: "no end",
	} {
		in := readJSON(t, intent.TypedData, permit("1", "0x000000000022D473030F116dDEE9F6B43aC78BA3", types, "PermitSingle", fmt.Sprintf(
			`{"details":{"token":%q,"amount":"5","expiration":%d,"nonce":1},"spender":%q,"sigDeadline":"60"}`, usdc, expiration, someone)), ctx)
		wantLine(t, in, "may be taken until", want)
		wantLine(t, in, "can be used until", "1970-01-01 00:01:00 UTC")
		if want == "no end" {
			wantWarning(t, in, "does not expire")
		}
	}
}

// Tokens of collections are handed over by signatures, too.
func TestCollectionPermits(t *testing.T) {
	t.Parallel()
	_, ctx := cow(t)
	one := map[string][]string{"Permit": {"address spender", "uint256 tokenId", "uint256 nonce", "uint256 deadline"}}
	in := readJSON(t, intent.TypedData, permit("1", usdc, one, "Permit", fmt.Sprintf(`{"spender":%q,"tokenId":12,"nonce":1,"deadline":9}`, someone)), ctx)
	if want := "let " + someone + " move the token with the id 12 of the collection at " + usdc; !strings.HasPrefix(in.Summary, want) {
		t.Errorf("summary %q, want %q", in.Summary, want)
	}
	wantWarning(t, in, "this signature alone lets "+someone+" move tokens")
	wantLine(t, in, "can be used until", "1970-01-01 00:00:09 UTC")
	all := map[string][]string{"PermitForAll": {"address operator", "bool approved", "uint256 nonce", "uint256 deadline"}}
	in = readJSON(t, intent.TypedData, permit("1", someone, all, "PermitForAll", fmt.Sprintf(`{"operator":%q,"approved":true,"nonce":1,"deadline":9}`, someone)), ctx)
	wantWarning(t, in, "this signature alone lets "+someone+" move tokens")
	if !strings.Contains(in.Summary, "every token, now and later,") {
		t.Error(in.Summary)
	}
	in = readJSON(t, intent.TypedData, permit("1", someone, all, "PermitForAll", fmt.Sprintf(`{"operator":%q,"approved":false,"nonce":1,"deadline":9}`, someone)), ctx)
	if !strings.HasPrefix(in.Summary, `sign "PermitForAll"`) || len(in.Warnings) != 0 {
		t.Errorf("%q %q", in.Summary, in.Warnings)
	}
}

// A wallet that is made to run foreign code, or to pay for gas, says so.
func TestSafeRefundAndDelegateCall(t *testing.T) {
	t.Parallel()
	_, ctx := cow(t)
	types := map[string][]string{"SafeTx": {"address to", "uint256 value", "bytes data", "uint8 operation", "uint256 safeTxGas", "uint256 baseGas",
		"uint256 gasPrice", "address gasToken", "address refundReceiver", "uint256 nonce"}}
	for _, c := range []struct {
		operation, price int
		summary          string
		refund           bool
	}{
		{0, 0, "confirm a transaction of", false},
		{1, 0, "confirm a delegate call of", false},
		{0, 5, "confirm a transaction of", true},
	} {
		in := readJSON(t, intent.TypedData, permit("1", someone, types, "SafeTx", fmt.Sprintf(
			`{"to":%q,"value":0,"data":"0x","operation":%d,"safeTxGas":0,"baseGas":0,"gasPrice":%d,"gasToken":%q,"refundReceiver":%q,"nonce":3}`,
			someone, c.operation, c.price, zero, someone)), ctx)
		if !strings.HasPrefix(in.Summary, c.summary) {
			t.Errorf("%+v: %s", c, in.Summary)
		}
		if got := strings.Contains(fmt.Sprint(in.Warnings), "the wallet also pays for gas, at 5 base units"); got != c.refund {
			t.Errorf("%+v: %q", c, in.Warnings)
		}
	}
}

// Bytes that nobody reads are said to be unknown: a forwarder calls what they say
// in the name of who signed.
func TestUnreadBytesOfTypedDataAreWarnedOf(t *testing.T) {
	t.Parallel()
	_, ctx := cow(t)
	types := map[string][]string{"ForwardRequest": {"address from", "address to", "uint256 value", "uint256 gas", "uint256 nonce", "bytes data"}}
	const warning = "message.data: bytes whose meaning is unknown"
	in := readJSON(t, intent.TypedData, permit("1", someone, types, "ForwardRequest", fmt.Sprintf(
		`{"from":%q,"to":%q,"value":0,"gas":1,"nonce":1,"data":"0x095ea7b3"}`, cowAddress, usdc)), ctx)
	wantWarning(t, in, warning)
	checkShown(t, "forward", in)
	in = readJSON(t, intent.TypedData, permit("1", someone, types, "ForwardRequest", fmt.Sprintf(
		`{"from":%q,"to":%q,"value":0,"gas":1,"nonce":1,"data":"0x"}`, cowAddress, usdc)), ctx)
	if strings.Contains(fmt.Sprint(in.Warnings), "bytes whose meaning") {
		t.Errorf("%q", in.Warnings)
	}
	wantWarning(t, in, "what this permits is unknown")
	// The call of a Safe is read.
	safe := map[string][]string{"SafeTx": {"address to", "uint256 value", "bytes data", "uint8 operation", "uint256 safeTxGas"}}
	in = readJSON(t, intent.TypedData, permit("1", someone, safe, "SafeTx", fmt.Sprintf(
		`{"to":%q,"value":0,"data":"0x%x","operation":0,"safeTxGas":0}`, usdc, call("transfer(address,uint256)", common.HexToAddress(someone), big.NewInt(1)))), ctx)
	if len(in.Warnings) != 0 {
		t.Errorf("%q", in.Warnings)
	}
}
