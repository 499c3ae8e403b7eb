package intent

import (
	"fmt"
	"math/big"
	"strings"
	"unicode/utf8"

	"github.com/ethereum/go-ethereum/common"
)

func (td *typedData) describe(w *writer) {
	name, version := td.domain.str("name"), td.domain.str("version")
	chain, contract := td.chain(), td.contract()

	w.summary = "sign " + short(td.primary)
	if name != "" {
		w.summary += " for " + short(name)
	}
	if contract != nil {
		w.summary += " at " + checksummed(*contract)
	}
	if chain != nil {
		w.summary += " on " + chainName(chain)
	}
	known := td.recognise(w)
	if !known {
		w.warn("what this permits is unknown: warifu shows what is signed and does not know what its reader makes of it")
	}
	td.describeUnsigned(w)

	s := &typedShower{w: w, chain: chain, known: known}
	for i, m := range td.domain.members {
		v := td.domain.items[i]
		switch m.name + ":" + m.typ {
		case "name:string":
			w.text("domain name", name)
		case "version:string":
			w.text("domain version", version)
		case "chainId:uint256":
			w.chain("chain", chain)
			if n, ok := networkOf(chain); ok && n.test && !known {
				w.warn("the domain names a test network, but who reads the signature decides where it counts")
			}
		case "verifyingContract:address":
			w.line("contract", w.address(chain, *contract))
		case "salt:bytes32":
			w.line("domain salt", v.text)
		default:
			w.warn("the domain declares " + m.name + " as " + m.typ + ", which is not in the standard (EIP-712); few programs read it")
			s.value(v, "domain."+m.name)
		}
	}
	if len(td.domain.members) == 0 {
		w.flag("domain", "(empty)")
		w.warn("the domain is empty: every program, on every chain, may take the signature for its own")
	} else {
		if chain == nil {
			w.warn("the domain names no chain; the signature may be used on every chain")
		}
		if contract == nil {
			w.warn("the domain names no contract; every contract of that name may accept the signature")
		}
	}
	w.line("type", show(td.primary, maxShortText))
	for i, m := range td.message.members {
		// The prefix keeps a field from posing as a line of our own.
		s.value(td.message.items[i], "message."+m.name)
	}
	if s.hidden > 0 {
		w.flag("message", fmt.Sprintf("… %d more values", s.hidden))
		w.warn(fmt.Sprintf("the typed data is too long to be shown whole: %d values are not shown", s.hidden))
	}
}

// describeUnsigned tells what the asking device left out of the document.
func (td *typedData) describeUnsigned(w *writer) {
	if len(td.unsigned) == 0 {
		return
	}
	for _, path := range td.unsigned {
		w.flag("not signed", short(path))
	}
	w.warn("the device that asks says: " + unsignedText(td.unsigned))
}

// unsignedText says what a document held that is not signed.
func unsignedText(paths []string) string {
	var names []string
	for i, path := range paths {
		if i == maxFindings {
			names = append(names, fmt.Sprintf("and %d more", len(paths)-i))
			break
		}
		names = append(names, short(path))
	}
	return "the document has fields that no type declares and that are not signed: " + strings.Join(names, ", ")
}

// chain returns the chain of the domain, or nil.
func (td *typedData) chain() *big.Int { return td.domain.get("chainId").num }

// contract returns the contract of the domain, or nil.
func (td *typedData) contract() *common.Address {
	v := td.domain.get("verifyingContract")
	if v.typ != "address" {
		return nil
	}
	a := v.addressValue()
	return &a
}

// str returns a field that is a string, or "".
func (v value) str(name string) string {
	if f := v.get(name); f.typ == "string" {
		return f.text
	}
	return ""
}

// A typedShower writes values, each atom on a line.
type typedShower struct {
	w      *writer
	chain  *big.Int
	known  bool // the typed data was recognised
	lines  int
	hidden int // atoms that found no line
}

// value writes v and what is inside it. label is made of identifiers and
// indexes.
func (s *typedShower) value(v value, label string) {
	switch v.shape {
	case structure:
		for i, m := range v.members {
			s.value(v.items[i], s.join(label, "."+m.name))
		}
		return
	case list:
		for i, item := range v.items {
			s.value(item, s.join(label, fmt.Sprintf("[%d]", i)))
		}
		if len(v.items) > 0 {
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
func (s *typedShower) join(label, step string) string {
	if len(label)+len(step) <= maxLabel {
		return label + step
	}
	s.w.warn("names of fields are too long to be shown whole")
	label += step
	const head = 16
	tail := label[len(label)-maxLabel+head+len("…"):]
	for !utf8.RuneStart(tail[0]) { // in an earlier "…"
		tail = tail[1:]
	}
	return cut(label, head) + "…" + tail
}

func (s *typedShower) atom(v value, label string) {
	w := s.w
	switch {
	case v.shape == list:
		w.line(label, "(an empty list)")
	case v.typ == "address":
		w.line(label, w.address(s.chain, v.addressValue()))
	case v.typ == "string" && v.text == "":
		w.line(label, "(an empty string)")
	case v.typ == "string":
		w.text(label, v.text)
	case v.typ == "bytes" && v.text == "0x":
		w.line(label, "(no bytes)")
	case v.typ == "bytes":
		w.text(label, v.text)
		// Forwarders and accounts of contracts take a whole call this way.
		if !w.callRead || label != "message.data" {
			w.lines[len(w.lines)-1].Warn = true
			w.warn(label + ": bytes whose meaning is unknown; they may be a call")
		}
	case v.typ == "bytes32" && s.mayStandForMore(v, label):
		w.flag(label, v.text)
		w.warn(label + ": a hash may stand for a whole order, or for many; what it is cannot be shown")
	default:
		w.line(label, v.text)
	}
}

// mayStandForMore reports whether 32 bytes may be the hash of something that
// moves assets. In typed data that is recognised, only names tell.
func (s *typedShower) mayStandForMore(v value, label string) bool {
	if strings.Trim(v.text, "0x") == "" {
		return false
	}
	if !s.known {
		return true
	}
	name := plainName(label[strings.LastIndexByte(label, '.')+1:])
	return name != "zonehash" && (strings.Contains(name, "root") || strings.Contains(name, "hash") || strings.Contains(name, "digest"))
}
