package intent_test

import (
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/warifu/warifu/intent"
)

// message writes typed data at a contract, of one type whose fields are
// "type name=value", the value as JSON.
func message(contract, primary string, of ...string) string {
	types := map[string][]string{primary: nil}
	var values []string
	for _, f := range of {
		declared, v, _ := strings.Cut(f, "=")
		types[primary] = append(types[primary], declared)
		_, name, _ := strings.Cut(declared, " ")
		values = append(values, fmt.Sprintf("%q:%s", name, v))
	}
	return permit("1", contract, types, primary, "{"+strings.Join(values, ",")+"}")
}

func q(s string) string { return `"` + s + `"` }

const weth = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"

// Orders move assets by a signature alone, whatever the exchange calls its
// fields.
func TestOrdersAreWarnedOf(t *testing.T) {
	t.Parallel()
	_, ctx := cow(t)
	me, other, h32 := q(cowAddress), q(someone), q("0x"+strings.Repeat("ab", 32))
	const alone = "this signature alone lets whoever fills the order take what it gives, without a transaction of this account"
	cow := []string{"address sellToken=" + q(usdc), "address buyToken=" + q(weth), "address receiver=" + me, `uint256 sellAmount="2500000"`, `uint256 buyAmount="1000000000000000000"`,
		"uint32 validTo=1764000000", "bytes32 appData=" + h32, `uint256 feeAmount="7"`, `string kind="sell"`, "bool partiallyFillable=false"}
	zeroX := []string{"address makerToken=" + q(usdc), "address takerToken=" + q(weth), `uint128 makerAmount="1"`, `uint128 takerAmount="0"`, `uint128 takerTokenFeeAmount="0"`,
		"address maker=" + me, "address taker=" + other, "address sender=" + other, "address feeRecipient=" + other, "bytes32 pool=" + h32, `uint64 expiry="1764000000"`, `uint256 salt="1"`}
	oneInch := []string{`uint256 salt="1"`, "address maker=" + other, "address receiver=" + other, "address makerAsset=" + q(usdc), "address takerAsset=" + q(weth),
		`uint256 makingAmount="5000000"`, `uint256 takingAmount="3"`, `uint256 makerTraits="0"`}
	blur := func(side int) []string {
		return []string{"address trader=" + me, fmt.Sprintf("uint8 side=%d", side), "address matchingPolicy=" + other, "address collection=" + other, `uint256 tokenId="77"`, `uint256 amount="1"`,
			"address paymentToken=" + q(weth), `uint256 price="2000000000000000000"`, `uint256 listingTime="1"`, `uint256 expirationTime="1764000000"`, `uint256 salt="1"`, `bytes extraParams="0x"`}
	}
	looksRare := []string{"bool isOrderAsk=true", "address signer=" + me, "address collection=" + other, `uint256 price="0"`, `uint256 tokenId="5"`, `uint256 amount="1"`, "address strategy=" + other,
		"address currency=" + q(weth), `uint256 nonce="1"`, `uint256 endTime="1764000000"`}
	for name, c := range map[string]struct {
		doc     string
		summary string
		lines   map[string]string
		warn    []string
	}{
		"cow": {message(someone, "Order", cow...), "order: give 2.5 USDC of the token at " + usdc + " (USDC token) for 1 WETH of the token at " + weth + " (WETH token) on Ethereum mainnet",
			map[string]string{"order fee": "7 base units besides", "can be used until": "2025-11-24 16:00:00 UTC"}, nil},
		"0x":       {message(someone, "LimitOrder", zeroX...), "order: give 0.000001 USDC", nil, []string{"the order asks for nothing in return"}},
		"1inch":    {message(someone, "Order", oneInch...), "order: give 5 USDC", nil, []string{"names the giver " + someone, "what the order gets goes to " + someone}},
		"blur-ask": {message(someone, "Order", blur(1)...), "order: give the token with the id 77 of the collection at " + someone + " for 2 WETH", nil, nil},
		"blur-bid": {message(someone, "Order", blur(0)...), "order: give 2 WETH of the token at " + weth + " (WETH token) for the token with the id 77", nil, nil},
		"blur-odd": {message(someone, "Order", blur(2)...), "order: give either the token with the id 77", nil, nil},
		"looks":    {message(someone, "MakerOrder", looksRare...), "order: give the token with the id 5", nil, []string{"the order asks for nothing in return"}},
		"0x-nft": {message(someone, "ERC721Order", "uint8 direction=0", "address maker="+me, `uint256 expiry="9"`, "address erc20Token="+q(weth), `uint256 erc20TokenAmount="1000000000000000000"`,
			"address erc721Token="+other, `uint256 erc721TokenId="3"`), "order: give the token with the id 3 of the collection at " + someone + " for 1 WETH", nil, nil},
		"0x-3": {message(someone, "Order", "address makerAddress="+me, `uint256 makerAssetAmount="4"`, `uint256 takerAssetAmount="5"`, `bytes makerAssetData="0xf47261b0"`, `bytes takerAssetData="0x01"`),
			"order: give 4 base units of an asset that stands in bytes only", nil, []string{"message.makerAssetData: bytes whose meaning is unknown"}},
		"wyvern": {message(someone, "Order", "address maker="+me, "address target="+other, `uint256 basePrice="0"`, `bytes calldata="0x01"`), "order: give what the call in its bytes moves", nil, nil},
		"blur-2": {message(someone, "Order", "address trader="+me, "address collection="+other, "bytes32 listingsRoot="+h32, `uint256 numberOfListings="9"`, `uint256 expirationTime="9"`),
			"order: give tokens of the collection at " + someone, nil, []string{"message.listingsRoot: a hash may stand for a whole order, or for many"}},
		"other-names": {message(someone, "Swap", "address token_in="+q(usdc), `uint112 amount_in="1000000"`, "address token_out="+q(weth), `uint256 min_amount_out="1"`, "address recipient="+other),
			"order: give 1 USDC", nil, []string{"what the order gets goes to " + someone}},
	} {
		t.Run(name, func(t *testing.T) {
			in := readJSON(t, intent.TypedData, c.doc, ctx)
			if !strings.HasPrefix(in.Summary, c.summary) {
				t.Errorf("summary %q, want %q", in.Summary, c.summary)
			}
			wantWarning(t, in, alone)
			for label, value := range c.lines {
				wantLine(t, in, label, value)
			}
			for _, w := range c.warn {
				wantWarning(t, in, w)
			}
			if strings.Contains(fmt.Sprint(in.Warnings), "what this permits is unknown") {
				t.Errorf("%q", in.Warnings)
			}
			checkShown(t, name, in)
		})
	}
}

// A Seaport order that gives this account nothing says so, and amounts that
// change over time are told at their worst.
func TestSeaportOrderWords(t *testing.T) {
	t.Parallel()
	_, ctx := cow(t)
	one := bulkOrder(1)
	in := readJSON(t, intent.TypedData, one, ctx)
	if strings.Contains(fmt.Sprint(in.Warnings), "nothing in return") || strings.Contains(fmt.Sprint(in.Warnings), "another giver") {
		t.Errorf("%q", in.Warnings)
	}
	in = readJSON(t, intent.TypedData, strings.ReplaceAll(one, `"recipient":"`+cowAddress, `"recipient":"`+usdc), ctx)
	wantWarning(t, in, "2 of 2 orders give this account nothing in return")
	wantLine(t, in, "order 1 gets", "nothing")
	in = readJSON(t, intent.TypedData, strings.Replace(one, `"offerer":"`+cowAddress, `"offerer":"`+someone, 1), ctx)
	wantWarning(t, in, "1 of 2 orders name another giver than this account")
	for _, c := range []struct{ old, new, label, want string }{
		{`"endAmount":"1","identifierOrCriteria":"40","itemType":"2","startAmount":"1"`, `"endAmount":"9","identifierOrCriteria":"40","itemType":"3","startAmount":"4"`, "order 1 gives", "9 of the token with the id 40 of the collection at " + someone},
		{`"identifierOrCriteria":"40","itemType":"2"`, `"identifierOrCriteria":"0","itemType":"4"`, "order 1 gives", "any token of the collection at " + someone},
		{`"identifierOrCriteria":"40","itemType":"2"`, `"identifierOrCriteria":"99","itemType":"4"`, "order 1 gives", "a token that a hash names of the collection at " + someone},
		{`"identifierOrCriteria":"40","itemType":"2","startAmount":"1","token":"` + someone, `"identifierOrCriteria":"0","itemType":"1","startAmount":"2000000","token":"` + usdc, "order 1 gives", "2 USDC of the token at " + usdc + " (USDC token)"},
		{`"identifierOrCriteria":"40","itemType":"2"`, `"identifierOrCriteria":"40","itemType":"9"`, "order 1 gives", "something unknown at " + someone},
	} {
		if !strings.Contains(one, c.old) {
			t.Fatalf("the order has no %s", c.old)
		}
		wantLine(t, readJSON(t, intent.TypedData, strings.Replace(one, c.old, c.new, 1), ctx), c.label, c.want)
	}
}

// A hash that stands for orders, in a tree or alone, is not shown as if it were
// harmless.
func TestHashesMayStandForOrders(t *testing.T) {
	t.Parallel()
	_, ctx := cow(t)
	root := q("0x" + strings.Repeat("5e", 32))
	in := readJSON(t, intent.TypedData, message(someone, "Root", "bytes32 root="+root), ctx)
	wantWarning(t, in, "message.root: a hash may stand for a whole order, or for many; what it is cannot be shown")
	wantWarning(t, in, "what this permits is unknown")
	in = readJSON(t, intent.TypedData, message(someone, "T", "bytes32 anything="+root, "bytes32 none="+q("0x"+strings.Repeat("00", 32))), ctx)
	wantWarning(t, in, "message.anything: a hash may")
	if strings.Contains(fmt.Sprint(in.Warnings), "message.none") {
		t.Errorf("%q", in.Warnings)
	}
	agent := strings.Replace(message(zero, "Agent", `string source="a"`, "bytes32 connectionId="+root), `"chainId":"1"`, `"chainId":"1337"`, 1)
	in = readJSON(t, intent.TypedData, agent, ctx)
	wantWarning(t, in, "message.connectionId: a hash stands for a whole order or another action on Hyperliquid")
	wantLine(t, in, "chain", "1337 (a development chain or Hyperliquid)")
	// The test network of a domain is no comfort.
	in = readJSON(t, intent.TypedData, strings.Replace(message(someone, "T", "bool b=true"), `"chainId":"1"`, `"chainId":"11155111"`, 1), ctx)
	wantWarning(t, in, "the domain names a test network, but who reads the signature decides where it counts")
}

// Permissions under other names of fields are permissions.
func TestPermitsUnderOtherNames(t *testing.T) {
	t.Parallel()
	_, ctx := cow(t)
	me, other := q(cowAddress), q(someone)
	max96 := new(big.Int).Sub(new(big.Int).Lsh(common.Big1, 96), common.Big1).String()
	for name, c := range map[string]struct {
		doc     string
		summary string
		warn    []string
	}{
		"narrow":    {message(usdc, "Permit", "address owner="+me, "address spender="+other, `uint128 value="1500000"`, `uint64 deadline="9"`), "let " + someone + " take 1.5 USDC on Ethereum mainnet", nil},
		"renamed":   {message(usdc, "Approval", "address _holder="+me, "address _operator="+other, `uint256 max_amount="1500000"`, `uint256 valid_until="9"`), "let " + someone + " take 1.5 USDC", nil},
		"no-end":    {message(usdc, "Approval", "address spender="+other, `uint256 amount="1500000"`), "let " + someone + " take 1.5 USDC", []string{"does not expire"}},
		"uint64":    {message(someone, "Permit", "address spender="+other, `uint64 amount="18446744073709551615"`, `uint256 deadline="9"`), "let " + someone + " take unlimited, 18446744073709551615", []string{"the amount is unlimited"}},
		"uint96":    {message(someone, "Permit", "address grantee="+other, "uint96 rawAmount=\"1\"", `uint96 amount="`+max96+`"`, `uint256 expiry="9"`), "let " + someone + " take unlimited", []string{"the amount is unlimited"}},
		"token":     {message(someone, "Permit", "address token="+q(usdc), "address spender="+other, `uint256 amount="1500000"`, `uint256 expiry="9"`), "let " + someone + " take 1.5 USDC", nil},
		"operator":  {message(someone, "Permission", "address owner="+me, "address operator="+other, "bool allowed=true", `uint48 expiry="9"`), "let " + someone + " move every token, now and later,", []string{"move tokens, without a transaction"}},
		"multi":     {message(someone, "Permit", "address operator="+other, `uint256 id="4"`, `uint256 amount="10"`, `uint256 deadline="9"`), "let " + someone + " move 10 of the token with the id 4", nil},
		"authorize": {message(usdc, "ReceiveWithAuthorization", "address from="+me, "address to="+other, `uint256 value="1500000"`, `uint256 validBefore="9"`), "let " + someone + " take 1.5 USDC", nil},
		"foreign":   {message(usdc, "Permit", "address grantor="+other, "address spender="+other, `uint256 wad="1500000"`, `uint256 deadline="9"`), "let " + someone + " take 1.5 USDC", []string{"names the owner " + someone}},
	} {
		t.Run(name, func(t *testing.T) {
			in := readJSON(t, intent.TypedData, c.doc, ctx)
			if !strings.HasPrefix(in.Summary, c.summary) {
				t.Errorf("summary %q, want %q", in.Summary, c.summary)
			}
			wantWarning(t, in, "without a transaction of this account")
			for _, w := range c.warn {
				wantWarning(t, in, w)
			}
			checkShown(t, name, in)
		})
	}
	// Inside another structure, and in a list.
	types := map[string][]string{"Batch": {"Allowance[] allowances", "uint256 nonce"}, "Allowance": {"address spender", "address token", "uint160 amount", "uint48 expiration"}}
	in := readJSON(t, intent.TypedData, permit("1", someone, types, "Batch", fmt.Sprintf(
		`{"nonce":1,"allowances":[{"spender":%s,"token":%q,"amount":"1000000","expiration":9},{"spender":%s,"token":%q,"amount":"5","expiration":9}]}`, other, usdc, q(cowAddress), weth)), ctx)
	wantLine(t, in, "allows", someone+" to take 1 USDC of the token at "+usdc+" (USDC token)")
	wantWarning(t, in, "what this permits is unknown") // around them
	wantLine(t, in, "allows", cowAddress+" (this account) to take 0.000000000000000005 WETH of the token at "+weth+" (WETH token)")
	// Permit2 with conditions of somebody else.
	types = map[string][]string{"PermitWitnessTransferFrom": {"TokenPermissions permitted", "address spender", "uint256 nonce", "uint256 deadline", "Witness witness"},
		"TokenPermissions": {"address token", "uint256 amount"}, "Witness": {"bytes32 orderHash"}}
	in = readJSON(t, intent.TypedData, permit("1", "0x000000000022D473030F116dDEE9F6B43aC78BA3", types, "PermitWitnessTransferFrom", fmt.Sprintf(
		`{"permitted":{"token":%q,"amount":"1000000"},"spender":%s,"nonce":1,"deadline":9,"witness":{"orderHash":"0x%s"}}`, usdc, other, strings.Repeat("5e", 32))), ctx)
	wantWarning(t, in, "without a transaction of this account")
	wantWarning(t, in, `the further field "witness", whose meaning is unknown`)
	wantWarning(t, in, "message.witness.orderHash: a hash may stand for")
	// What looks taken back may be something else for who reads the other fields.
	in = readJSON(t, intent.TypedData, message(usdc, "Permit", "address spender="+other, `uint256 value="0"`, `uint256 deadline="9"`, `uint256 nonce="1"`), ctx)
	if len(in.Warnings) != 0 {
		t.Errorf("%q", in.Warnings)
	}
	in = readJSON(t, intent.TypedData, message(usdc, "Permit", "address spender="+other, `uint256 value="0"`, `uint256 deadline="9"`, `uint256 rights="1"`), ctx)
	wantWarning(t, in, `the further field "rights", whose meaning is unknown`)
	// A deadline alone is no permission.
	in = readJSON(t, intent.TypedData, message(usdc, "Login", "address account="+me, `uint256 deadline="9"`), ctx)
	wantWarning(t, in, "what this permits is unknown")
}
