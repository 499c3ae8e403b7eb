package intent_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/warifu/warifu/intent"
)

const (
	cowAddress = "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"
	someone    = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
	usdc       = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"
	zero       = "0x0000000000000000000000000000000000000000"
)

// signInText writes a message of EIP-4361 with the example's fields.
func signInText(domain, statement string) string {
	return domain + " wants you to sign in with your Ethereum account:\n" + cowAddress + "\n\n" + statement + "\n\n" +
		"URI: https://service.org/login\nVersion: 1\nChain ID: 1\nNonce: 32891756\nIssued At: 2021-09-30T16:25:24Z\n" +
		"Expiration Time: 2021-10-01T16:25:24Z\nRequest ID: r1\nResources:\n- ipfs://Qm\n- https://example.com/x"
}

func typedText(t testing.TB, s string) []byte {
	t.Helper()
	b, err := json.Marshal(map[string]any{
		"types": map[string]any{
			"EIP712Domain": []any{map[string]string{"name": "name", "type": "string"}, map[string]string{"name": "version", "type": "string"}},
			"T":            []any{map[string]string{"name": "s", "type": "string"}},
		},
		"primaryType": "T", "domain": map[string]any{"name": s, "version": s}, "message": map[string]any{"s": s},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func readMessage(t testing.TB, text string) intent.Intent {
	t.Helper()
	_, ctx := cow(t)
	_, in := read(t, intent.Input{Kind: intent.Message, Message: []byte(text)}, ctx)
	return in
}

func TestMessageWords(t *testing.T) {
	t.Parallel()
	in := readMessage(t, "hello\nworld")
	if in.Summary != `sign the message "hello\nworld"` || in.Purpose != "eip191" || in.Account != "ethereum" || len(in.Warnings) != 0 {
		t.Errorf("%+v", in)
	}
	wantLine(t, in, "address", cowAddress)
	wantLine(t, in, "length", "11 bytes")
	wantLine(t, in, "message line 1", "hello")
	wantLine(t, in, "message line 2", "world")
	wantLine(t, in, "digest", fmt.Sprintf("0x%x", in.ToSign))

	wantWarning(t, readMessage(t, strings.Repeat("\x01", 32)), "looks like a hash")
	wantWarning(t, readMessage(t, "0x"+strings.Repeat("ab", 32)), "looks like a hash")
	wantWarning(t, readMessage(t, strings.Repeat("ab", 32)), "looks like a hash")
	wantWarning(t, readMessage(t, "\x19\x01rest"), "signed data of Ethereum")
	in = readMessage(t, "\xff\xfe")
	wantWarning(t, in, "not text")
	wantLine(t, in, "bytes", "0xfffe")
	if want := "sign a message of 2 bytes that are not text"; in.Summary != want {
		t.Errorf("summary %q, want %q", in.Summary, want)
	}
	wantWarning(t, readMessage(t, "p\u0430ypal"), "mixes Cyrillic")
}

func TestLongMessageSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	in := readMessage(t, strings.Repeat("é", 10000))
	wantWarning(t, in, "3616 bytes are not shown")
	wantLine(t, in, "message", "… 3616 more bytes")
	in = readMessage(t, strings.Repeat("\n", 300)+"x")
	wantWarning(t, in, "46 bytes are not shown")
	in = readMessage(t, strings.Repeat("\x80", 5000))
	wantLine(t, in, "bytes", "0x"+strings.Repeat("80", 2048)+" … 2952 more bytes")
}

func TestSignInWords(t *testing.T) {
	t.Parallel()
	in := readMessage(t, signInText("service.org", "I accept the terms"))
	if in.Summary != `sign in to "service.org" with this account` || len(in.Warnings) != 0 {
		t.Errorf("%q %q", in.Summary, in.Warnings)
	}
	for label, value := range map[string]string{
		"site": "service.org", "signs in as": cowAddress + " (this account)", "statement": "I accept the terms",
		"uri": "https://service.org/login", "chain": "1 (Ethereum mainnet)", "nonce": "32891756",
		"issued at": "2021-09-30T16:25:24Z", "expires": "2021-10-01T16:25:24Z", "request id": "r1", "resource": "ipfs://Qm",
	} {
		wantLine(t, in, label, value)
	}
	without := strings.Replace(signInText("service.org", "@"), "\n\n@\n\n", "\n\n\n", 1)
	if in := readMessage(t, without); len(in.Warnings) != 0 || !strings.HasPrefix(in.Summary, "sign in to") {
		t.Errorf("without a statement: %q %q", in.Summary, in.Warnings)
	}
	in = readMessage(t, signInText("service.org", "hi")+strings.Repeat("\n- x", 300))
	wantLine(t, in, "resources", "… 46 more")
	in = readMessage(t, "service.org wants you to sign in with your Ethereum account:")
	wantWarning(t, in, "second line is not an address")
	if want := "sign a message that imitates a sign-in: \"service.org wants"; !strings.HasPrefix(in.Summary, want) {
		t.Errorf("summary %q, want %q", in.Summary, want)
	}
	base := signInText("service.org", "hi")
	for name, c := range map[string]struct{ old, new, want string }{
		"other-host":     {"https://service.org/", "https://evil.org/", `the address of its page is "evil.org"`},
		"port":           {"https://service.org/", "https://service.org:8080/", `is "service.org:8080"`},
		"userinfo":       {"https://service.org/", "https://service.org@evil.org/", `is "evil.org"`},
		"backslash":      {"https://service.org/", `https://service.org\@evil.org/`, "the URI is not one (RFC 3986)"},
		"at":             {"service.org wants", "service.org@evil.org wants", "contains an @"},
		"punycode-below": {"service.org wants", "www.xn--srvice-bya.org wants", "is an encoded one"},
		"punycode":       {"service.org wants", "xn--srvice-bya.org wants", "is an encoded one"},
		"non-ascii":      {"service.org wants", "sérvice.org wants", "outside ASCII"},
		"other-account":  {cowAddress, someone, "which is not this one"},
		"bad-checksum":   {cowAddress, strings.Replace(cowAddress, "CD", "Cd", 1), "second line is not an address"},
		"leading-text":   {"service.org wants", "hi\nservice.org wants", "first line does not name"},
		"no-site":        {"service.org wants", " wants", "first line does not name"},
		"site-path":      {"service.org wants", "service.org/x wants", "first line does not name"},
		"no-gap":         {cowAddress + "\n\n", cowAddress + "\n", "empty line after the address"},
		"two-statements": {"hi\n\n", "hi\nho\n\n", "statement is not one line"},
		"no-uri":         {"URI: ", "URL: ", "URI is missing"},
		"bad-uri":        {"https://service.org/login", "service.org", "the URI is not one (RFC 3986)"},
		"no-scheme":      {"https://service.org/login", "://service.org/login", "the URI is not one (RFC 3986)"},
		"path-scheme":    {"https://service.org/login", "evil.org/x://service.org", "the URI is not one (RFC 3986)"},
		"version":        {"Version: 1", "Version: 2", "not of version 1"},
		"chain":          {"Chain ID: 1", "Chain ID: x", "chain ID is missing"},
		"nonce":          {"Nonce: 32891756", "Nonce: 3289", "nonce is missing or shorter"},
		"no-date":        {"Issued At: 2021-09-30T16:25:24Z\n", "", "time of issue"},
		"trailing":       {"https://example.com/x", "https://example.com/x\nmore", "is not expected"},
		"crlf":           {"\n", "\r\n", "first line does not name"},
		"unknown-chain":  {"Chain ID: 1", "Chain ID: 999999", "chain 999999 is not known"},
	} {
		if !strings.Contains(base, c.old) {
			t.Fatalf("%s: the base has no %q", name, c.old)
		}
		in := readMessage(t, strings.Replace(base, c.old, c.new, 1))
		if c.want == "" {
			if len(in.Warnings) != 0 {
				t.Errorf("%s: %q", name, in.Warnings)
			}
			continue
		}
		t.Run(name, func(t *testing.T) { wantWarning(t, in, c.want) })
	}
}

// permit returns typed data with the given types of the message.
func permit(chain, contract string, types map[string][]string, primary, message string) string {
	all := map[string][]map[string]string{"EIP712Domain": {
		{"name": "name", "type": "string"}, {"name": "chainId", "type": "uint256"}, {"name": "verifyingContract", "type": "address"},
	}}
	for name, fields := range types {
		for _, f := range fields {
			typ, field, _ := strings.Cut(f, " ")
			all[name] = append(all[name], map[string]string{"name": field, "type": typ})
		}
	}
	b, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf(`{"types":%s,"primaryType":%q,"domain":{"name":"N","chainId":%q,"verifyingContract":%q},"message":%s}`,
		b, primary, chain, contract, message)
}

func TestPermitWords(t *testing.T) {
	t.Parallel()
	_, ctx := cow(t)
	erc20 := map[string][]string{"Permit": {"address owner", "address spender", "uint256 value", "uint256 nonce", "uint256 deadline"}}
	message := func(owner, value, deadline string) string {
		return fmt.Sprintf(`{"owner":%q,"spender":%q,"value":%q,"nonce":"0","deadline":%q}`, owner, someone, value, deadline)
	}
	in := readJSON(t, intent.TypedData, permit("1", usdc, erc20, "Permit", message(cowAddress, "1500000", "1700000000")), ctx)
	if want := "let " + someone + " take 1.5 USDC on Ethereum mainnet"; in.Summary != want {
		t.Errorf("summary %q, want %q", in.Summary, want)
	}
	wantWarning(t, in, "this signature alone lets "+someone)
	wantLine(t, in, "allows", someone+" to take 1.5 USDC of the token at "+usdc+" (USDC token)")
	wantLine(t, in, "can be used until", "2023-11-14 22:13:20 UTC")
	if slices.ContainsFunc(in.Warnings, func(w string) bool { return strings.Contains(w, "unlimited") }) {
		t.Errorf("%q", in.Warnings)
	}

	most := new(big.Int).Sub(new(big.Int).Lsh(common.Big1, 256), common.Big1).String()
	in = readJSON(t, intent.TypedData, permit("1", usdc, erc20, "Permit", message(someone, most, most)), ctx)
	wantWarning(t, in, "amount is unlimited")
	wantWarning(t, in, "does not expire")
	wantWarning(t, in, "names the owner "+someone)
	in = readJSON(t, intent.TypedData, permit("1", someone, erc20, "Permit", message(cowAddress, "7", "9")), ctx)
	wantLine(t, in, "allows", someone+" to take 7 base units of an unknown token contract of the token at "+someone)
	wantLine(t, in, "can be used until", "1970-01-01 00:00:09 UTC")
	in = readJSON(t, intent.TypedData, permit("1", usdc, erc20, "Permit", message(cowAddress, "0", "9")), ctx)
	wantLine(t, in, "allows", "nothing of the token at "+usdc+" (USDC token) (takes an earlier permission back)")

	dai := map[string][]string{"Permit": {"address holder", "address spender", "uint256 nonce", "uint256 expiry", "bool allowed"}}
	in = readJSON(t, intent.TypedData, permit("1", "0x6B175474E89094C44Da98b954EedeAC495271d0F", dai, "Permit",
		fmt.Sprintf(`{"holder":%q,"spender":%q,"nonce":1,"expiry":0,"allowed":true}`, cowAddress, someone)), ctx)
	wantWarning(t, in, "amount is unlimited")

	const permit2 = "0x000000000022D473030F116dDEE9F6B43aC78BA3"
	details := "PermitDetails"
	single := map[string][]string{"PermitSingle": {details + " details", "address spender", "uint256 sigDeadline"},
		details: {"address token", "uint160 amount", "uint48 expiration", "uint48 nonce"}}
	max160 := new(big.Int).Sub(new(big.Int).Lsh(common.Big1, 160), common.Big1).String()
	in = readJSON(t, intent.TypedData, permit("8453", permit2, single, "PermitSingle", fmt.Sprintf(
		`{"details":{"token":"0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913","amount":%q,"expiration":1,"nonce":1},"spender":%q,"sigDeadline":"1"}`, max160, someone)), ctx)
	if want := "let " + someone + " take unlimited USDC on Base"; in.Summary != want {
		t.Errorf("summary %q, want %q", in.Summary, want)
	}
	wantLine(t, in, "contract", permit2+" (Permit2)")
	wantWarning(t, in, "amount is unlimited")

	transfer := map[string][]string{"PermitBatchTransferFrom": {"TokenPermissions[] permitted", "address spender", "uint256 nonce", "uint256 deadline"},
		"TokenPermissions": {"address token", "uint256 amount"}}
	in = readJSON(t, intent.TypedData, permit("1", permit2, transfer, "PermitBatchTransferFrom", fmt.Sprintf(
		`{"permitted":[{"token":%q,"amount":"1"},{"token":%q,"amount":"2"}],"spender":%q,"nonce":1,"deadline":1}`, usdc, someone, someone)), ctx)
	if want := "let " + someone + " take 0.000001 USDC and 1 more on Ethereum mainnet"; in.Summary != want {
		t.Errorf("summary %q, want %q", in.Summary, want)
	}
	wantLine(t, in, "allows", someone+" to take 2 base units of an unknown token contract of the token at "+someone)

	auth := map[string][]string{"TransferWithAuthorization": {"address from", "address to", "uint256 value", "uint256 validAfter", "uint256 validBefore", "bytes32 nonce"}}
	in = readJSON(t, intent.TypedData, permit("1", usdc, auth, "TransferWithAuthorization", fmt.Sprintf(
		`{"from":%q,"to":%q,"value":"5","validAfter":0,"validBefore":1,"nonce":"0x%064x"}`, cowAddress, someone, 1)), ctx)
	wantWarning(t, in, "this signature alone lets "+someone)
}

func TestSafeWords(t *testing.T) {
	t.Parallel()
	_, ctx := cow(t)
	types := map[string][]string{"SafeTx": {"address to", "uint256 value", "bytes data", "uint8 operation", "uint256 safeTxGas", "uint256 baseGas",
		"uint256 gasPrice", "address gasToken", "address refundReceiver", "uint256 nonce"}}
	message := func(operation int) string {
		return fmt.Sprintf(`{"to":%q,"value":"1000000000000000000","data":"0x%x","operation":%d,"safeTxGas":0,"baseGas":0,"gasPrice":0,"gasToken":%q,"refundReceiver":%q,"nonce":3}`,
			usdc, call("transfer(address,uint256)", common.HexToAddress(someone), big.NewInt(2500000)), operation, zero, zero)
	}
	in := readJSON(t, intent.TypedData, permit("1", someone, types, "SafeTx", message(0)), ctx)
	if want := "confirm a transaction of the wallet " + someone + " to " + usdc + " with 1 ETH: transfer 2.5 USDC to " + someone; in.Summary != want {
		t.Errorf("summary %q, want %q", in.Summary, want)
	}
	wantLine(t, in, "wallet sends", "1 ETH")
	chainless := strings.NewReplacer(`{"name":"chainId","type":"uint256"},`, "", `"chainId":"1",`, "").Replace(permit("1", someone, types, "SafeTx", message(0)))
	in = readJSON(t, intent.TypedData, chainless, ctx)
	wantLine(t, in, "wallet sends", "1 of the chain's own coin")
	wantLine(t, in, "message.to", usdc)
	in = readJSON(t, intent.TypedData, permit("1", someone, types, "SafeTx", message(1)), ctx)
	wantWarning(t, in, "a delegate call")
	in = readJSON(t, intent.TypedData, permit("1", someone, types, "SafeTx", message(2)), ctx)
	wantWarning(t, in, "unknown operation")
}

func TestTypedDataWords(t *testing.T) {
	t.Parallel()
	_, ctx := cow(t)
	in := readJSON(t, intent.TypedData, mail, ctx)
	if want := `sign "Mail" for "Ether Mail" at 0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC on Ethereum mainnet`; in.Summary != want {
		t.Errorf("summary %q, want %q", in.Summary, want)
	}
	wantLine(t, in, "message.from.wallet", cowAddress+" (this account)")
	wantLine(t, in, "message.contents", "Hello, Bob!")
	wantLine(t, in, "type", "Mail")
	if len(in.Warnings) != 1 || !strings.Contains(in.Warnings[0], "what this permits is unknown") {
		t.Errorf("%q", in.Warnings)
	}
	_, in = read(t, intent.Input{Kind: intent.TypedData, JSON: typedText(t, strings.Repeat("long ", 1000))}, ctx)
	wantWarning(t, in, "names no chain")
	wantWarning(t, in, "names no contract")
	wantWarning(t, in, "message.s: too long")
	wantWarning(t, in, "domain name: too long")
	// 2^64 + 1 is not mainnet.
	in = readJSON(t, intent.TypedData, permit("18446744073709551617", usdc, map[string][]string{"T": {"bool b"}}, "T", `{"b":true}`), ctx)
	wantLine(t, in, "chain", "18446744073709551617 (unknown chain)")
	wantLine(t, in, "contract", usdc)
	// A field cannot pose as a line of our own.
	in = readJSON(t, intent.TypedData, permit("1", someone, map[string][]string{"T": {"string digest", "string account", "uint8[] empty", "bytes none", "string blank"}}, "T",
		`{"digest":"0x00","account":"x","empty":[],"none":"0x","blank":""}`), ctx)
	wantLine(t, in, "message.blank", "(an empty string)")
	wantLine(t, in, "message.digest", "0x00")
	wantLine(t, in, "message.empty", "(an empty list)")
	wantLine(t, in, "message.none", "(no bytes)")
	for _, label := range []string{"digest", "account"} {
		n := 0
		for _, l := range in.Lines {
			if l.Label == label {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d lines %q", n, label)
		}
	}
}

func txTo(chain, to, value string, data []byte) string {
	return fmt.Sprintf(`{"chainId":%q,"nonce":"0x7","gas":"0x186a0","maxFeePerGas":"0x6fc23ac00","maxPriorityFeePerGas":"0x3b9aca00","to":%q,"value":%q,"input":"0x%x"}`,
		chain, to, value, data)
}

func TestTransactionWords(t *testing.T) {
	t.Parallel()
	_, ctx := cow(t)
	in := readJSON(t, intent.Transaction, txTo("0x1", someone, "0x6f05b59d3b20001", nil), ctx)
	if want := "send 0.500000000000000001 ETH to " + someone + " on Ethereum mainnet"; in.Summary != want {
		t.Errorf("summary %q, want %q", in.Summary, want)
	}
	for label, value := range map[string]string{
		"type": "2 (with priority fee)", "chain": "1 (Ethereum mainnet)", "to": someone, "amount": "0.500000000000000001 ETH",
		"max fee": "0.003 ETH", "gas": "100000", "max fee per gas": "30 gwei", "priority fee per gas": "1 gwei", "nonce": "7",
	} {
		wantLine(t, in, label, value)
	}
	if len(in.Warnings) != 0 {
		t.Errorf("%q", in.Warnings)
	}
	for chain, want := range map[string]string{
		"0xaa36a7": "11155111 (Sepolia, a test network)", "0x64": "100 (Gnosis)", "0x89": "137 (Polygon)", "0xa": "10 (OP Mainnet)",
		"0xa4b1": "42161 (Arbitrum One)", "0x2105": "8453 (Base)", "0x4268": "17000 (Holesky, a test network)", "0x88bb0": "560048 (Hoodi, a test network)",
	} {
		wantLine(t, readJSON(t, intent.Transaction, txTo(chain, someone, "0x1", nil), ctx), "chain", want)
	}
	in = readJSON(t, intent.Transaction, txTo("0x64", someone, "0xde0b6b3a7640000", nil), ctx)
	wantLine(t, in, "amount", "1 xDAI")
	in = readJSON(t, intent.Transaction, txTo("0xf423f", someone, "0xde0b6b3a7640000", nil), ctx)
	wantLine(t, in, "amount", "1 of the chain's own coin")
	wantLine(t, in, "chain", "999999 (unknown chain)")
	wantWarning(t, in, "999999 is not known")

	in = readJSON(t, intent.Transaction, txTo("0x1", zero, "0x1", nil), ctx)
	wantWarning(t, in, "zero address")
	wantLine(t, in, "amount", "0.000000000000000001 ETH")
	in = readJSON(t, intent.Transaction, txTo("0x1", cowAddress, "0x0", []byte{1, 2, 3, 4}), ctx)
	wantWarning(t, in, "this account itself")
	in = readJSON(t, intent.Transaction, strings.Replace(txTo("0x1", someone, "0x1", nil), "0x186a0", "0x5207", 1), ctx)
	wantWarning(t, in, "less than any transaction needs")
	in = readJSON(t, intent.Transaction, strings.Replace(txTo("0x1", someone, "0x1", nil), "0x186a0", "0x1000001", 1), ctx)
	wantWarning(t, in, "more than Ethereum allows")
	wantWarning(t, in, "unusually high: up to 0.50331651 ETH")

	in = readJSON(t, intent.Transaction, strings.Replace(txTo("0x1", someone, "0x0", []byte{0x60, 0x80}), `"to":"`+someone+`",`, "", 1), ctx)
	if want := "create a contract from 2 bytes of code on Ethereum mainnet"; in.Summary != want {
		t.Errorf("summary %q, want %q", in.Summary, want)
	}
	wantLine(t, in, "to", "nobody: this creates a contract")
	wantLine(t, in, "new contract", crypto.CreateAddress(ctx.Address, 7).Hex())
	wantWarning(t, in, "creates a contract")
}

func TestAuthorizationWords(t *testing.T) {
	t.Parallel()
	_, ctx := cow(t)
	_, other := account(t, "other")
	who := common.Address(other.Address).Hex()
	in := readJSON(t, intent.Transaction, setCode("["+authorization(t, "other", 1)+","+authorization(t, "other", 0)+","+authorization(t, "other", 10)+"]"), ctx)
	wantLine(t, in, "authorization 1", who+" hands its account to the code at "+someone)
	wantLine(t, in, "authorization 1 nonce", "5")
	wantLine(t, in, "authorization 1 chain", "1 (Ethereum mainnet)")
	wantLine(t, in, "authorization 2 chain", "every chain")
	wantWarning(t, in, "authorization 2 is valid on every chain")
	wantWarning(t, in, "authorization 3 is for another chain")
}
