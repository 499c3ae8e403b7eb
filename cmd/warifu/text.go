package main

import (
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/warifu/warifu/intent"
)

// esc makes text safe to print. What requests and other devices say has been
// escaped before it came here, so nothing changes then; backslashes are left
// alone, for escaping them twice would show what nobody wrote.
func esc(s string) string { return strings.ReplaceAll(intent.Escape(s), `\\`, `\`) }

func escAll(list []string) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = esc(s)
	}
	return strings.Join(out, ", ")
}

// shortID is the part of an id that a person types.
func shortID(id string) string {
	if len(id) > 8 {
		return id[:8]
	}
	return id
}

// table writes rows of cells in columns.
func table(w io.Writer, rows [][]string) {
	tw := tabwriter.NewWriter(onScreen(w), 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(tw, strings.TrimRight(strings.Join(row, "\t"), "\t"))
	}
	// A failed write shows at the next one, or as a short output.
	_ = tw.Flush()
}

// day is a time as status shows what is past, in this machine's zone.
func day(t time.Time) string { return t.Local().Format("2006-01-02 15:04") }

// date is a time with its zone, where a person may act by it or compare it with
// what another device shows.
func date(t time.Time) string { return t.Local().Format("2006-01-02 15:04 MST") }

// ago says how long before now t was.
func ago(t time.Time) string {
	d := time.Since(t)
	switch {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d days ago", int(d.Hours()/24))
}

// until says how long after now t is.
func until(t time.Time) string { return ahead(time.Until(t)) }

// ahead says how long d is, rounded: five minutes are five although the first
// second of them is over.
func ahead(d time.Duration) string {
	d = d.Round(time.Second)
	switch {
	case d <= 0:
		return "now"
	case d < time.Minute:
		return fmt.Sprintf("in %d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("in %d min", int(d.Round(time.Minute).Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("in %d h", int(d.Round(time.Hour).Hours()))
	}
	return fmt.Sprintf("in %d days", int((d+time.Hour).Hours()/24))
}

func othersMayRead(mode fs.FileMode) bool {
	return runtime.GOOS != "windows" && mode.Perm()&0o077 != 0
}

// escLines escapes text whose line breaks are ours.
func escLines(s string) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	for i, line := range lines {
		lines[i] = esc(line)
	}
	return strings.Join(lines, "\n")
}
