package intent_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/signer/core/apitypes"

	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/wire"
)

// digestOf decodes a document and compares its digest with that of the
// reference, which reads the document itself.
func digestOf(t *testing.T, doc string) intent.Intent {
	t.Helper()
	_, ctx := cow(t)
	in := readJSON(t, intent.TypedData, doc, ctx)
	var r reference
	r.parse(t, []byte(doc))
	if !bytes.Equal(in.ToSign, r.digest()) {
		t.Fatalf("digest %x, reference %x", in.ToSign, r.digest())
	}
	return in
}

// move is an action of an exchange that writes colons into its types. Its
// domain names a test network, and it counts on the main one.
const move = `{"domain":{"name":"HyperliquidSignTransaction","version":"1","chainId":421614,"verifyingContract":"0x0000000000000000000000000000000000000000"},
"primaryType":"HyperliquidTransaction:UsdSend","types":{"HyperliquidTransaction:UsdSend":[{"name":"hyperliquidChain","type":"string"},
{"name":"destination","type":"string"},{"name":"amount","type":"string"},{"name":"time","type":"uint64"}],
"EIP712Domain":[{"name":"name","type":"string"},{"name":"version","type":"string"},{"name":"chainId","type":"uint256"},{"name":"verifyingContract","type":"address"}]},
"message":{"hyperliquidChain":"Mainnet","destination":"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed","amount":"250.5","time":1764000000123}}`

func TestColonInPrimaryType(t *testing.T) {
	t.Parallel()
	key, ctx := cow(t)
	in := digestOf(t, move)
	if want := `move "250.5" USDC on Hyperliquid to "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed" ("Mainnet")`; in.Summary != want {
		t.Errorf("summary %q, want %q", in.Summary, want)
	}
	wantWarning(t, in, "without a transaction of this account, whatever chain the domain names")
	payload := normalize(t, intent.Input{Kind: intent.TypedData, JSON: []byte(move)})
	if _, err := intent.Finish(intent.TypedData, payload, ctx, sign(t, key, in.ToSign)); err != nil {
		t.Error(err)
	}
	// What such a type refers to is hashed in two ways: ethers follows it, and
	// MetaMask and viem, for whom a name ends at the colon, do not.
	for name, types := range map[string]string{
		"structure":  `"A:B":[{"name":"c","type":"C"}],"C":[{"name":"x","type":"bool"}]`,
		"list":       `"A:B":[{"name":"c","type":"C[]"}],"C":[{"name":"x","type":"bool"}]`,
		"head":       `"A:B":[{"name":"x","type":"bool"}],"A":[{"name":"x","type":"bool"}]`,
		"referenced": `"A:B":[{"name":"c","type":"C:D"}],"C:D":[{"name":"x","type":"bool"}]`,
	} {
		_, err := intent.Normalize(intent.Input{Kind: intent.TypedData, JSON: fmt.Appendf(nil,
			`{"types":{"EIP712Domain":[{"name":"name","type":"string"}],%s},"primaryType":"A:B","domain":{"name":"n"},"message":{"x":true,"c":{"x":true}}}`, types)})
		t.Run(name, func(t *testing.T) { wantError(t, err, intent.CodeBadTypedData, "with a colon in two ways") })
	}
}

// Where go-ethereum's apitypes hash a document, ours is the same.
func TestTypedDataAgreesWithAPITypes(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{mail, bulkOrder(1), permit("1", usdc, map[string][]string{"T": {"int8 i", "bytes3 b", "bytes d", "uint256[2][] l"}}, "T",
		`{"i":"-5","b":"0x010203","d":"0x","l":[["1","2"],["3","4"]]}`)} {
		in := digestOf(t, doc)
		var td apitypes.TypedData
		if err := json.Unmarshal([]byte(doc), &td); err != nil {
			t.Fatal(err)
		}
		want, _, err := apitypes.TypedDataAndHash(td)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(in.ToSign, want) {
			t.Errorf("digest %x, apitypes %x", in.ToSign, want)
		}
	}
}

const letter = `{"types":{"EIP712Domain":[{"name":"name","type":"string"}],"Line":[{"name":"text","type":"string"}],
"Letter":[{"name":"lines","type":"Line[]"}]},"primaryType":"Letter","domain":{"name":"Post"},"message":{"lines":[{"text":"a"},{"text":"b"}]}}`

// Fields that no type declares are left out and told, by the device that asks
// and by every other, and cannot be slipped into a payload.
func TestUndeclaredFieldsAreLeftOutAndTold(t *testing.T) {
	t.Parallel()
	_, ctx := cow(t)
	loose := strings.NewReplacer(
		`{"text":"a"}`, `{"text":"a","size":3}`, `{"text":"b"}`, `{"size":4,"text":"b"}`,
		`{"name":"Post"}`, `{"name":"Post","chainId":1}`, `"message":{`, `"message":{"to":{"deep":[1,null]},`,
		`"primaryType"`, `"metadata":{},"primaryType"`, `{"name":"text","type":"string"}`, `{"name":"text","type":"string","doc":""}`,
	).Replace(letter)
	in := intent.Input{Kind: intent.TypedData, JSON: []byte(loose)}
	payload, shown := read(t, in, ctx)
	plain := normalize(t, intent.Input{Kind: intent.TypedData, JSON: []byte(letter)})
	if want := digestOf(t, letter); !bytes.Equal(shown.ToSign, want.ToSign) {
		t.Error("what is left out changes the digest")
	}
	want := []string{"domain.chainId", "message.lines[].size", "message.to", "metadata", "types.Line[].doc"}
	type body struct {
		Version  uint8    `cbor:"1,keyasint"`
		JSON     []byte   `cbor:"2,keyasint"`
		Unsigned []string `cbor:"3,keyasint,omitempty"`
	}
	var got, bare body
	if err := wire.Unmarshal(payload, &got); err != nil {
		t.Fatal(err)
	}
	if err := wire.Unmarshal(plain, &bare); err != nil {
		t.Fatal(err)
	}
	if got.Version != 2 || !slices.Equal(got.Unsigned, want) || bare.Version != 1 || !bytes.Equal(got.JSON, bare.JSON) {
		t.Errorf("version %d, %q, %s", got.Version, got.Unsigned, got.JSON)
	}
	for _, path := range want {
		wantLine(t, shown, "not signed", `"`+path+`"`)
		wantWarning(t, shown, `"`+path+`"`)
	}
	wantWarning(t, shown, "the device that asks says: the document has fields that no type declares and that are not signed")
	if notes := intent.Notes(in); len(notes) != 1 || !strings.Contains(notes[0], `"message.to"`) {
		t.Errorf("notes %q", notes)
	}
	if notes := intent.Notes(intent.Input{Kind: intent.TypedData, JSON: []byte(letter)}); len(notes) != 0 {
		t.Errorf("notes %q", notes)
	}

	extra := strings.Replace(string(bare.JSON), `{"text":"a"}`, `{"text":"a","size":"3"}`, 1)
	for name, c := range map[string]struct {
		b    body
		want string
	}{
		"inside":         {body{1, []byte(extra), nil}, "not in canonical form"},
		"inside-told":    {body{2, []byte(extra), []string{"message.lines[].size"}}, "not in canonical form"},
		"none":           {body{2, bare.JSON, nil}, "list of unsigned fields"},
		"old-version":    {body{1, bare.JSON, []string{"x"}}, "malformed payload"},
		"later-version":  {body{3, bare.JSON, []string{"x"}}, "malformed payload"},
		"unsorted":       {body{2, bare.JSON, []string{"b", "a"}}, "list of unsigned fields"},
		"twice":          {body{2, bare.JSON, []string{"a", "a"}}, "list of unsigned fields"},
		"empty-name":     {body{2, bare.JSON, []string{""}}, "list of unsigned fields"},
		"long":           {body{2, bare.JSON, []string{strings.Repeat("x", 257)}}, "list of unsigned fields"},
		"too-many":       {body{2, bare.JSON, names(65)}, "list of unsigned fields"},
		"as-many-as-may": {body{2, bare.JSON, names(64)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := intent.Decode(intent.TypedData, wire.Marshal(c.b), ctx)
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			wantError(t, err, intent.CodeBadPayload, c.want)
		})
	}
	hostileName := strings.Replace(letter, `"message":{`, `"message":{"\u001b[2J\u202e":1,`, 1)
	_, shown = read(t, intent.Input{Kind: intent.TypedData, JSON: []byte(hostileName)}, ctx)
	checkShown(t, "hostile name", shown)
	wantLine(t, shown, "not signed", `"message.\u{1b}[2J\u{202e}"`)
}

func names(n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprintf("f%03d", i))
	}
	return out
}

// What a domain declares is signed as it is declared, and said not to be in the
// standard.
func TestUnusualDomains(t *testing.T) {
	t.Parallel()
	in := digestOf(t, `{"types":{"EIP712Domain":[{"name":"name","type":"bytes32"},{"name":"chainId","type":"string"},{"name":"verifyingContract","type":"string"},{"name":"realm","type":"Realm"}],
"Realm":[{"name":"id","type":"uint8"}],"M":[{"name":"b","type":"bool"}]},"primaryType":"M",
"domain":{"name":"0x4100000000000000000000000000000000000000000000000000000000000000","chainId":"one","verifyingContract":"here","realm":{"id":"7"}},"message":{"b":true}}`)
	for label, value := range map[string]string{
		"domain.chainId": "one", "domain.verifyingContract": "here", "domain.realm.id": "7",
		"domain.name": "0x4100000000000000000000000000000000000000000000000000000000000000",
	} {
		wantLine(t, in, label, value)
	}
	wantWarning(t, in, "the domain declares chainId as string, which is not in the standard")
	wantWarning(t, in, "the domain declares realm as Realm")
	wantWarning(t, in, "the domain names no chain")
	wantWarning(t, in, "the domain names no contract")
	if in.Summary != `sign "M"` {
		t.Error(in.Summary)
	}
	in = digestOf(t, `{"types":{"EIP712Domain":[],"M":[{"name":"b","type":"bool"}]},"primaryType":"M","domain":{},"message":{"b":true}}`)
	wantWarning(t, in, "the domain is empty")
	wantLine(t, in, "domain", "(empty)")
	in = digestOf(t, `{"types":{"EIP712Domain":[{"name":"chainId","type":"uint64"}],"M":[{"name":"b","type":"bool"}]},"primaryType":"M","domain":{"chainId":"10"},"message":{"b":true}}`)
	wantLine(t, in, "domain.chainId", "10")
	wantWarning(t, in, "the domain declares chainId as uint64")
}

// A person who wrote a document for another program hears of all differences
// at once.
func TestAllDifferencesAreToldAtOnce(t *testing.T) {
	t.Parallel()
	_, err := intent.Normalize(intent.Input{Kind: intent.TypedData, JSON: []byte(
		`{"types":{"EIP712Domain":[{"name":"name","type":"string"}],"M":[{"name":"a","type":"address"},{"name":"n","type":"uint8"},{"name":"b","type":"bool"},{"name":"d","type":"bytes"},{"name":"m","type":"bool"}]},
"primaryType":"M","domain":{"name":"n"},"message":{"a":"vitalik.eth","n":300,"b":"true","d":"0102"}}`)})
	for _, want := range []string{"message.a: an address is 0x", "message.n: out of the range", "message.b is a string", "message.d is not 0x", "message.m is missing"} {
		wantError(t, err, intent.CodeBadTypedData, want)
	}
	_, err = intent.Normalize(intent.Input{Kind: intent.TypedData, JSON: []byte(
		`{"types":{"EIP712Domain":[{"name":"name","type":"string"}],"M":[{"name":"a","type":"uint"},{"name":"n","type":"Foo"}]},"primaryType":"M","domain":{"name":"n"},"message":{}}`)})
	wantError(t, err, intent.CodeBadTypedData, `unknown type "uint"`)
	wantError(t, err, intent.CodeBadTypedData, `unknown type "Foo"`)

	// As viem prints a transaction, with numbers for its bigints.
	_, err = intent.Normalize(intent.Input{Kind: intent.Transaction, JSON: []byte(
		`{"type":"eip1559","chainId":1,"nonce":7,"gas":21000,"maxFeePerGas":"2000000000","maxPriorityFeePerGas":"0x1","to":"bob.eth","value":"1","kzg":null,"account":"me"}`)})
	for _, want := range []string{"type is not a quantity", `chainId is not a quantity but the decimal number 1: write "0x1"`, `nonce is not a quantity but the decimal number 7: write "0x7"`,
		`write "0x5208"`, "maxFeePerGas is not", "to: an address is", "value is not", `unknown field "kzg"`, `unknown field "account"`} {
		wantError(t, err, intent.CodeBadTransaction, want)
	}
	// Of very many, some.
	many := `{"types":{"EIP712Domain":[{"name":"name","type":"string"}],"M":[{"name":"l","type":"bool[]"}]},"primaryType":"M","domain":{"name":"n"},"message":{"l":[` + strings.Repeat("1,", 999) + `1]}}`
	_, err = intent.Normalize(intent.Input{Kind: intent.TypedData, JSON: []byte(many)})
	wantError(t, err, intent.CodeBadTypedData, "; and 984 more")
}

// bulkOrder writes a tree of orders for Seaport with 2^height
// leaves.
func bulkOrder(height int) string {
	types := map[string][]map[string]string{
		"EIP712Domain":      fields("name:string", "version:string", "chainId:uint256", "verifyingContract:address"),
		"BulkOrder":         fields("tree:OrderComponents" + strings.Repeat("[2]", height)),
		"OrderComponents":   fields("offerer:address", "zone:address", "offer:OfferItem[]", "consideration:ConsiderationItem[]", "orderType:uint8", "startTime:uint256", "endTime:uint256", "zoneHash:bytes32", "salt:uint256", "conduitKey:bytes32", "counter:uint256"),
		"OfferItem":         fields("itemType:uint8", "token:address", "identifierOrCriteria:uint256", "startAmount:uint256", "endAmount:uint256"),
		"ConsiderationItem": fields("itemType:uint8", "token:address", "identifierOrCriteria:uint256", "startAmount:uint256", "endAmount:uint256", "recipient:address"),
	}
	var tree []any
	for i := range 1 << height {
		tree = append(tree, map[string]any{
			"offerer": cowAddress, "zone": zero, "orderType": "0", "startTime": "1764000000", "endTime": "1766000000",
			"zoneHash": "0x" + strings.Repeat("00", 32), "salt": fmt.Sprint(1000 + i), "conduitKey": "0x" + strings.Repeat("00", 32), "counter": "3",
			"offer": []any{map[string]string{"itemType": "2", "token": someone, "identifierOrCriteria": fmt.Sprint(40 + i), "startAmount": "1", "endAmount": "1"}},
			"consideration": []any{
				map[string]string{"itemType": "0", "token": zero, "identifierOrCriteria": "0", "startAmount": "1950000000000000000", "endAmount": "1900000000000000000", "recipient": cowAddress},
				map[string]string{"itemType": "0", "token": zero, "identifierOrCriteria": "0", "startAmount": "50000000000000000", "endAmount": "50000000000000000", "recipient": someone},
			},
		})
	}
	for len(tree) > 1 {
		var up []any
		for i := 0; i < len(tree); i += 2 {
			up = append(up, []any{tree[i], tree[i+1]})
		}
		tree = up
	}
	b, err := json.Marshal(map[string]any{
		"types": types, "primaryType": "BulkOrder", "message": map[string]any{"tree": tree[0]},
		"domain": map[string]any{"name": "Seaport", "version": "1.6", "chainId": "1", "verifyingContract": "0x0000000000000068F116a894984e2DB1123eB395"},
	})
	if err != nil {
		panic(err)
	}
	return string(b)
}

// fields returns the members of a type, each "name:type".
func fields(of ...string) (out []map[string]string) {
	for _, f := range of {
		name, typ, _ := strings.Cut(f, ":")
		out = append(out, map[string]string{"name": name, "type": typ})
	}
	return out
}

// A bulk order of 32 orders is signed, and each order in it is told.
func TestBulkOrderOf32(t *testing.T) {
	t.Parallel()
	key, ctx := cow(t)
	doc := bulkOrder(5)
	in := digestOf(t, doc)
	payload := normalize(t, intent.Input{Kind: intent.TypedData, JSON: []byte(doc)})
	r, err := intent.Finish(intent.TypedData, payload, ctx, sign(t, key, in.ToSign))
	if err != nil {
		t.Fatal(err)
	}
	back := bytes.Clone(r.Signature)
	back[64] -= 27
	if pub, err := crypto.SigToPub(in.ToSign, back); err != nil || crypto.PubkeyToAddress(*pub) != ctx.Address {
		t.Errorf("the signature is of %v, %v", pub, err)
	}
	if want := "order: give the token with the id 40 of the collection at " + someone + " for 1.9 ETH on Ethereum mainnet, and 31 more"; in.Summary != want {
		t.Errorf("summary %q, want %q", in.Summary, want)
	}
	for i := range 32 {
		wantLine(t, in, fmt.Sprintf("order %d gives", i+1), fmt.Sprintf("the token with the id %d of the collection at %s", 40+i, someone))
		wantLine(t, in, fmt.Sprintf("order %d gets", i+1), "1.9 ETH")
		wantLine(t, in, fmt.Sprintf("order %d pays others", i+1), "0.05 ETH to "+someone)
	}
	wantLine(t, in, "message.tree[1][1][1][1][1].salt", "1031")
	wantWarning(t, in, "one signature for 32 orders")
	wantWarning(t, in, "this signature alone lets whoever fills the order take what it gives")
	checkShown(t, "bulk order", in)
}
