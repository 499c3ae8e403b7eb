package intent

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// wide returns typed data with n structures whose type refers, through an empty
// list, to many types with long names: encoding that type once for each
// structure would make a small document expensive.
func wide(n int) []byte {
	var b strings.Builder
	b.WriteString(`{"types":{"EIP712Domain":[{"name":"name","type":"string"}],"Basket":[{"name":"all","type":"Fruit[]"}],"Fruit":[{"name":"r","type":"T0[]"},{"name":"s","type":"string"}]`)
	for i := range 40 {
		long := strings.Repeat("x", 100)
		fmt.Fprintf(&b, `,"T%d":[{"name":"%s","type":"T%d[]"},{"name":"b","type":"bool"}]`, i, long, i+1)
	}
	b.WriteString(`,"T40":[{"name":"b","type":"bool"}]},"primaryType":"Basket","domain":{"name":"Market"},"message":{"all":[`)
	b.WriteString(strings.TrimSuffix(strings.Repeat(`{"r":[],"s":"pear"},`, n), ","))
	b.WriteString(`]}}`)
	return []byte(b.String())
}

// work returns how often and how much Decode allocates for a payload: each
// step of it makes something. The test must not be parallel to others.
func work(t *testing.T, kind Kind, payload []byte) (allocs, bytes float64) {
	t.Helper()
	ctx := Context{Account: "ethereum", Address: [20]byte{1}, PublicKey: make([]byte, 33)}
	decode := func() {
		in, err := Decode(kind, payload, ctx)
		if err != nil {
			t.Fatal(err)
		}
		in.Hash()
	}
	decode()
	const rounds = 4
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range rounds {
		decode()
	}
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / rounds, float64(after.TotalAlloc-before.TotalAlloc) / rounds
}

// Twice the document is at most twice the work, whatever it is made of.
func TestDecodingIsLinear(t *testing.T) {
	list := func(typ, item string) func(int) []byte {
		return func(n int) []byte {
			return fmt.Appendf(nil, `{"types":{"EIP712Domain":[{"name":"name","type":"string"}],"M":[{"name":"l","type":"%s[]"}],"P":[{"name":"a","type":"address"},{"name":"n","type":"uint256"}]},"primaryType":"M","domain":{"name":"D"},"message":{"l":[%s]}}`,
				typ, strings.TrimSuffix(strings.Repeat(item+",", n), ","))
		}
	}
	text := func(unit string) func(int) []byte {
		return func(n int) []byte { return []byte(strings.Repeat(unit, n)) }
	}
	for name, c := range map[string]struct {
		kind Kind
		make func(n int) []byte
		n    int
	}{
		"structures":   {TypedData, wide, 400},
		"pairs":        {TypedData, list("P", `{"a":"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed","n":"7"}`), 500},
		"numbers":      {TypedData, list("uint8", `"7"`), 2000},
		"strings":      {TypedData, list("string", `"раураl \u0301"`), 1000},
		"bytes":        {TypedData, list("bytes", `"0x0102"`), 1000},
		"empty-lists":  {TypedData, list("uint8[]", `[]`), 2000},
		"lines":        {Message, text("раураl\n"), 100},
		"words":        {Message, text("раураl "), 500},
		"unseen-marks": {Message, text("\u0301\u200b"), 500},
	} {
		payload := func(n int) []byte {
			in := Input{Kind: c.kind, Message: c.make(n), JSON: c.make(n)}
			p, err := Normalize(in)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			return p
		}
		one, two := payload(c.n), payload(2*c.n)
		allocs1, bytes1 := work(t, c.kind, one)
		allocs2, bytes2 := work(t, c.kind, two)
		if allocs2 > 2.2*allocs1 || bytes2 > 2.6*bytes1 {
			t.Errorf("%s: %d bytes take %.0f steps and %.0f bytes, %d bytes take %.0f and %.0f",
				name, len(one), allocs1, bytes1, len(two), allocs2, bytes2)
		}
	}
}

// Long names, nested deep, do not multiply with the values below them.
func TestLabelsAreBounded(t *testing.T) {
	const (
		maxName  = 128 // bytes that a name may have
		maxLabel = 160 // bytes that a label may have
	)
	var types, open, end strings.Builder
	long := strings.Repeat("n", maxName)
	for i := range 13 {
		fmt.Fprintf(&types, `,"T%d":[{"name":"%s","type":"T%d"}]`, i, long, i+1)
		fmt.Fprintf(&open, `{"%s":`, long)
		end.WriteString("}")
	}
	doc := fmt.Sprintf(`{"types":{"EIP712Domain":[{"name":"name","type":"string"}]%s,"T13":[{"name":"l","type":"bool[]"}]},"primaryType":"T0","domain":{"name":"D"},"message":%s{"l":[%s]}%s}`,
		types.String(), open.String(), strings.TrimSuffix(strings.Repeat("true,", 3000), ","), end.String())
	p, err := Normalize(Input{Kind: TypedData, JSON: []byte(doc)})
	if err != nil {
		t.Fatal(err)
	}
	in, err := Decode(TypedData, p, Context{Account: "ethereum", Address: [20]byte{1}})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, l := range in.Lines {
		if len(l.Label) > maxLabel {
			t.Fatalf("a label of %d bytes: %s", len(l.Label), l.Label)
		}
		if strings.HasSuffix(l.Label, fmt.Sprintf(".l[%d]", n)) {
			n++
		}
	}
	if n != 3000 {
		t.Errorf("%d of 3000 values have their line", n)
	}
	if !strings.Contains(fmt.Sprint(in.Warnings), "names of fields are too long") {
		t.Errorf("%q", in.Warnings)
	}
}
