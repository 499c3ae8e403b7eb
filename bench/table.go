package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"
)

// An aim is what a figure should be.
type aim struct {
	limit  float64
	strict bool // below, not at most
}

func atMost(x float64) aim { return aim{limit: x} }
func below(x float64) aim  { return aim{limit: x, strict: true} }

func (a aim) String() string {
	if a.strict {
		return "< " + number(a.limit)
	}
	return "≤ " + number(a.limit)
}

func (a aim) met(x float64) bool { return x < a.limit || !a.strict && x == a.limit }

// A row is one figure: median and, in brackets, least and most.
type row struct {
	what, ours, theirs, ratio, aim, met, runs, load string
}

// A table collects all figures and prints them at the end.
type table struct {
	w     io.Writer
	rows  []row
	notes []string
	title string
}

func (t *table) heading(s string) { t.title = s }

func (t *table) note(format string, args ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
}

// progress says on stderr what is being measured, for it takes minutes.
func (t *table) progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s load %s: %s\n", time.Now().Format(time.TimeOnly), load(), fmt.Sprintf(format, args...))
}

// figure adds a figure of ours that has an aim. The median is what must meet it.
func (t *table) figure(what string, s sample, a aim) {
	t.add(row{what: what, ours: s.String()}, s, &a)
}

// plain adds a figure of ours without an aim.
func (t *table) plain(what string, s sample) { t.add(row{what: what, ours: s.String()}, s, nil) }

func (t *table) add(r row, s sample, a *aim) {
	r.runs, r.load = fmt.Sprint(len(s)), load()
	if a != nil {
		r.aim, r.met = a.String(), "yes"
		if !a.met(s.median()) {
			r.met = "NO"
		}
	}
	t.rows = append(t.rows, r)
	t.progress("%s: %s, tss-lib %s", r.what, r.ours, cmp.Or(r.theirs, "-"))
}

// duel fights d and adds its figures.
func (t *table) duel(what string, d duel, times int, aims map[string]aim) error {
	t.progress("%s, %d times", what, times)
	s, err := d.fight(times)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	for _, f := range []struct {
		name, unit string
		of         func(cost) float64
	}{
		{"CPU", "ms per device", func(c cost) float64 { return c.cpu }},
		{"wall", "ms", func(c cost) float64 { return c.wall }},
		{"sent", "bytes per device", func(c cost) float64 { return c.bytes }},
		{"rounds", "", func(c cost) float64 { return c.rounds }},
	} {
		ours, theirs := pick(s.ours, f.of), pick(s.theirs, f.of)
		name := what + ": " + f.name
		if f.unit != "" {
			name += ", " + f.unit
		}
		var a *aim
		if x, ok := aims[f.name]; ok {
			a = &x
		}
		r := row{what: name, ours: ours.String()}
		if len(theirs) > 0 {
			r.theirs, r.ratio = theirs.String(), ours.over(theirs).String()
		}
		t.add(r, ours, a)
	}
	return nil
}

func (t *table) print() {
	fmt.Fprintf(t.w, "\n%s\nmedian [least, most]; a median meets an aim or not; load is the 1-minute load average\n\n", t.title)
	w := tabwriter.NewWriter(t.w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "figure\twarifu\ttss-lib\tratio\taim\tmet\truns\tload")
	for _, r := range t.rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.what, r.ours, r.theirs, r.ratio, r.aim, r.met, r.runs, r.load)
	}
	w.Flush()
	fmt.Fprintln(t.w)
	for _, n := range t.notes {
		fmt.Fprintln(t.w, n)
	}
}
