package change

// A Kind names a kind of change in a request. Values are wire format: requests
// are signed and replicated.
type Kind string

const (
	Add       Kind = "add"       // a device comes in
	Replace   Kind = "replace"   // one comes in for another, which is lost
	Lost      Kind = "lost"      // a device is in the wrong hands, or gone
	Refresh   Kind = "refresh"   // the same devices get fresh shares
	Leave     Kind = "leave"     // the device that asks goes
	Freeze    Kind = "freeze"    // nothing is signed
	Thaw      Kind = "thaw"      // the end of that, and of what was said of lost devices
	Vacation  Kind = "vacation"  // a device is silent for a while, and stays
	Veto      Kind = "veto"      // a device that is silent stays for now
	Remove    Kind = "remove"    // a device that is silent may go
	Threshold Kind = "threshold" // another number of devices must sign
)

// Kinds lists all kinds.
func Kinds() (out []Kind) {
	for _, r := range rules {
		out = append(out, r.kind)
	}
	return out
}

// rule returns the rule of k, or one by which nothing comes of it.
func (k Kind) rule() rule {
	for _, r := range rules {
		if r.kind == k {
			return r
		}
	}
	return rule{}
}

// Known reports whether k is a kind of change. Requests for a signature have kinds
// of their own, those of package intent, and a later release may have others.
func (k Kind) Known() bool { return k.rule().kind != "" }

// Has reports whether a change of kind k says all that is in f.
func (k Kind) Has(f Fields) bool { return k.rule().fields&f == f }

// Consent says whose yes brings a change of kind k about.
func (k Kind) Consent() Consent { return k.rule().consent }

// Goes says who is out of the circle after a change of kind k, be it by the
// re-deal that the change asks for or by one that it only allows.
func (k Kind) Goes() Party { return k.rule().goes }

// ByRedeal reports whether a change of kind k is brought about by a re-deal.
func (k Kind) ByRedeal() bool { return k.rule().redeal != 0 }

// Accuses reports whether whoever agrees to a change of kind k calls the device
// lost that it is about.
func (k Kind) Accuses() bool { return k.rule().charges == Subject }

// Repeated reports whether a device says its yes to a change of kind k again in a
// new epoch. It does not where it is muted: where what its person says against the
// circle counts only once another says it, too. The members know of that; a
// newcomer knows of no thaw, and would heed it.
func (k Kind) Repeated(muted bool) bool { return k.rule().charges != Circle || !muted }
