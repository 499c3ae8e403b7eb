package typed

import (
	"fmt"
	"math/big"
	"strings"
	"unicode/utf8"

	"github.com/ethereum/go-ethereum/common"

	"github.com/warifu/warifu/intent/internal/eip712"
	"github.com/warifu/warifu/intent/internal/eth"
	"github.com/warifu/warifu/intent/internal/text"
	"github.com/warifu/warifu/intent/internal/words"
)

// Limits of what is shown.
const (
	maxValues = 4096 // lines of values
	maxLabel  = 160  // bytes of the path to a value
	maxGrants = 64   // permissions and orders
	maxOrders = 128  // orders that are signed as one
)

// A teller puts one document into words.
type teller struct {
	*eip712.Document

	// callRead says that the bytes of the field data were read as a call.
	callRead bool
}

func (td *teller) describe(w *words.Writer) {
	name, version := td.Domain.Str("name"), td.Domain.Str("version")
	chain, contract := td.chain(), td.contract()

	w.Summary = "sign " + text.Quote(td.Primary)
	if name != "" {
		w.Summary += " for " + text.Quote(name)
	}
	if contract != nil {
		w.Summary += " at " + eth.Checksum(*contract)
	}
	if chain != nil {
		w.Summary += " on " + words.ChainName(chain)
	}
	known := td.recognise(w)
	if !known {
		w.Warn("what this permits is unknown: warifu shows what is signed and does not know what its reader makes of it")
	}
	td.describeUnsigned(w)

	s := &shower{w: w, chain: chain, known: known, callRead: td.callRead}
	for i, m := range td.Domain.Members {
		v := td.Domain.Items[i]
		switch m.Name + ":" + m.Type {
		case "name:string":
			w.Text("domain name", name)
		case "version:string":
			w.Text("domain version", version)
		case "chainId:uint256":
			w.Chain("chain", chain)
			if n, ok := words.NetworkOf(chain); ok && n.Test && !known {
				w.Warn("the domain names a test network, but who reads the signature decides where it counts")
			}
		case "verifyingContract:address":
			w.Line("contract", w.Address(chain, *contract))
		case "salt:bytes32":
			w.Line("domain salt", v.Text)
		default:
			w.Warn("the domain declares " + m.Name + " as " + m.Type + ", which is not in the standard (EIP-712); few programs read it")
			s.value(v, "domain."+m.Name)
		}
	}
	if len(td.Domain.Members) == 0 {
		w.Flag("domain", "(empty)")
		w.Warn("the domain is empty: every program, on every chain, may take the signature for its own")
	} else {
		if chain == nil {
			w.Warn("the domain names no chain; the signature may be used on every chain")
		}
		if contract == nil {
			w.Warn("the domain names no contract; every contract of that name may accept the signature")
		}
	}
	w.Line("type", text.Show(td.Primary, text.MaxShort))
	for i, m := range td.Message.Members {
		// The prefix keeps a field from posing as a line of our own.
		s.value(td.Message.Items[i], "message."+m.Name)
	}
	if s.hidden > 0 {
		w.Flag("message", fmt.Sprintf("… %d more values", s.hidden))
		w.Warn(fmt.Sprintf("the typed data is too long to be shown whole: %d values are not shown", s.hidden))
	}
}

// describeUnsigned tells what the asking device left out of the document.
func (td *teller) describeUnsigned(w *words.Writer) {
	if len(td.Unsigned) == 0 {
		return
	}
	for _, path := range td.Unsigned {
		w.Flag("not signed", text.Quote(path))
	}
	w.Warn("the device that asks says: " + Unsigned(td.Unsigned))
}

// chain returns the chain of the domain, or nil.
func (td *teller) chain() *big.Int { return td.Domain.Get("chainId").Num }

// contract returns the contract of the domain, or nil.
func (td *teller) contract() *common.Address {
	v := td.Domain.Get("verifyingContract")
	if v.Type != "address" {
		return nil
	}
	a := v.Address()
	return &a
}

// A shower writes values, each atom on a line.
type shower struct {
	w        *words.Writer
	chain    *big.Int
	known    bool // the typed data was recognised
	callRead bool // as teller.callRead
	lines    int
	hidden   int // atoms that found no line
}

// value writes v and what is inside it. label is made of identifiers and
// indexes.
func (s *shower) value(v eip712.Value, label string) {
	switch v.Shape {
	case eip712.Structure:
		for i, m := range v.Members {
			s.value(v.Items[i], s.join(label, "."+m.Name))
		}
		return
	case eip712.List:
		for i, item := range v.Items {
			s.value(item, s.join(label, fmt.Sprintf("[%d]", i)))
		}
		if len(v.Items) > 0 {
			return
		}
	}
	if s.lines++; s.lines > maxValues {
		s.hidden++
		return
	}
	s.atom(v, label)
}

// join makes the label of a part. Of a long path the beginning and the end are
// kept.
func (s *shower) join(label, step string) string {
	if len(label)+len(step) <= maxLabel {
		return label + step
	}
	s.w.Warn("names of fields are too long to be shown whole")
	label += step
	const head = 16
	tail := label[len(label)-maxLabel+head+len("…"):]
	for !utf8.RuneStart(tail[0]) { // in an earlier "…"
		tail = tail[1:]
	}
	return text.Cut(label, head) + "…" + tail
}

func (s *shower) atom(v eip712.Value, label string) {
	w := s.w
	switch {
	case v.Shape == eip712.List:
		w.Line(label, "(an empty list)")
	case v.Type == "address":
		w.Line(label, w.Address(s.chain, v.Address()))
	case v.Type == "string" && v.Text == "":
		w.Line(label, "(an empty string)")
	case v.Type == "string":
		w.Text(label, v.Text)
	case v.Type == "bytes" && v.Text == "0x":
		w.Line(label, "(no bytes)")
	case v.Type == "bytes":
		w.Text(label, v.Text)
		// Forwarders and accounts of contracts take a whole call this way.
		if !s.callRead || label != "message.data" {
			w.Mark()
			w.Warn(label + ": bytes whose meaning is unknown; they may be a call")
		}
	case v.Type == "bytes32" && s.mayStandForMore(v, label):
		w.Flag(label, v.Text)
		w.Warn(label + ": a hash may stand for a whole order, or for many; what it is cannot be shown")
	default:
		w.Line(label, v.Text)
	}
}

// mayStandForMore reports whether 32 bytes may be the hash of something that
// moves assets. In typed data that is recognised, only names tell.
func (s *shower) mayStandForMore(v eip712.Value, label string) bool {
	if strings.Trim(v.Text, "0x") == "" {
		return false
	}
	if !s.known {
		return true
	}
	name := plainName(label[strings.LastIndexByte(label, '.')+1:])
	return name != "zonehash" && (strings.Contains(name, "root") || strings.Contains(name, "hash") || strings.Contains(name, "digest"))
}
