package roster

import "fmt"

// Settings are the circle's rules for devices that fall silent. Durations are
// in seconds; docs/architecture.md, "The life of a removal by silence", has them
// at work.
type Settings struct {
	_ struct{} `cbor:",toarray"`

	Quiet         uint64 // silent for so long: shown as quiet
	Suspect       uint64 // silent for so long, and this device was online for
	SuspectOnline uint64 // so long of it: suspected
	Grace         uint64 // from suspicion to removal, if a spare device remains
	GraceNoSpare  uint64 // the same if all that remain must sign
	NoSpareAuto   bool   // remove by itself even if no spare device remains
	Budget        uint64 // between two removals that nobody confirmed
	BudgetNoSpare uint64 // the same if no spare device remains
}

const (
	hour = 3600
	day  = 24 * hour
)

// DefaultSettings returns what a circle is founded with.
func DefaultSettings() Settings {
	return Settings{
		Quiet: 2 * day, Suspect: 7 * day, SuspectOnline: 3 * day,
		Grace: 7 * day, GraceNoSpare: 14 * day, NoSpareAuto: true,
		Budget: 30 * day, BudgetNoSpare: 90 * day,
	}
}

// maxWait bounds every duration: what takes longer never happens.
const maxWait = 10 * 365 * day

// Check reports whether the settings make sense: each step comes after the one
// before, and nobody is removed without a moment of warning.
func (s Settings) Check() error {
	for _, d := range []uint64{s.Quiet, s.Suspect, s.SuspectOnline, s.Grace, s.GraceNoSpare, s.Budget, s.BudgetNoSpare} {
		if d > maxWait {
			return fmt.Errorf("roster: setting of %d seconds, at most %d", d, uint64(maxWait))
		}
	}
	if s.Quiet == 0 || s.Suspect < s.Quiet || s.SuspectOnline > s.Suspect || s.Grace == 0 || s.GraceNoSpare < s.Grace {
		return fmt.Errorf("roster: settings whose steps are out of order")
	}
	return nil
}
