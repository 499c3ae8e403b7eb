package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/internal/boltstore"
	"github.com/warifu/warifu/node/api"
)

// A fullDisk takes some bytes and no more.
type fullDisk struct {
	bytes.Buffer
	room int
}

func (d *fullDisk) Write(p []byte) (int, error) {
	n, _ := d.Buffer.Write(p[:min(len(p), d.room)])
	if d.room -= n; n < len(p) {
		return n, errors.New("no space left")
	}
	return n, nil
}

// TestResultThatCannotBeWritten: half of a signature in a file is not a success.
func TestResultThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	f := signingFake()
	home := serve(t, f)
	for name, args := range map[string][]string{
		"text":   {"sign", "message", "hi"},
		"json":   {"sign", "message", "hi", "--json"},
		"detach": {"sign", "message", "hi", "--detach"},
		"status": {"status"},
	} {
		for _, room := range []int{0, 5} {
			out, stderr := &fullDisk{room: room}, &bytes.Buffer{}
			code := run(t.Context(), append(args, "--home", home), strings.NewReader(""), out, stderr)
			if code != exitFailed || !strings.Contains(stderr.String(), "the result cannot be written: no space left") {
				t.Errorf("%s with room for %d: code %d, %s", name, room, code, stderr.String())
			}
		}
	}
}

// A silent reader never has an answer.
type silent struct{ done <-chan struct{} }

func (s silent) Read([]byte) (int, error) {
	<-s.done
	return 0, errors.New("gone")
}

// TestInterruptedQuestionEndsItsLine: what is said after a question that nobody
// answered begins a line of its own.
func TestInterruptedQuestionEndsItsLine(t *testing.T) {
	t.Parallel()
	home := serve(t, foundingFake())
	ctx, cancel := context.WithCancel(t.Context())
	stderr := &trigger{on: "[y/n]", do: cancel}
	stdin := io.MultiReader(strings.NewReader("1234-5678\n"), silent{t.Context().Done()})
	code := run(ctx, []string{"--home", home, "join"}, stdin, &bytes.Buffer{}, stderr)
	if code != exitFailed {
		t.Errorf("code %d", code)
	}
	has(t, "stderr", stderr.String(), "[y/n] \n", "\nwarifu: join: ")
}

// TestFreezeThatDoesNotCount: a script that goes on because the circle is frozen
// must know that it is not.
func TestFreezeThatDoesNotCount(t *testing.T) {
	t.Parallel()
	f := &healFake{}
	home, pass := serveHeal(t, f)
	f.status.Frozen = ""
	o := warifu(t, t.Context(), "", "freeze", "--yes", "--home", home, "--passphrase-file", pass)
	if o.code != exitFailed {
		t.Errorf("%+v", o)
	}
	has(t, "stdout", o.stdout, "not frozen: a freeze of this device was thawed within 24 hours")
	j := warifu(t, t.Context(), "", "freeze", "--yes", "--json", "--home", home, "--passphrase-file", pass)
	var result struct {
		Frozen *bool `json:"frozen"`
	}
	if err := json.Unmarshal([]byte(j.stdout), &result); err != nil || result.Frozen == nil || *result.Frozen || j.code != exitFailed {
		t.Errorf("%+v: %v", j, err)
	}
}

// TestAhead: five minutes are called five although a second of them is over.
func TestAhead(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-time.Second:                 "now",
		5*time.Minute - time.Second:  "in 5 min",
		90 * time.Minute:             "in 90 min",
		24*time.Hour - time.Minute:   "in 24 h",
		72*time.Hour - time.Minute:   "in 3 days",
		72*time.Hour - 2*time.Hour:   "in 2 days",
		30*time.Second + time.Second: "in 31 s",
	} {
		if got := ahead(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

// TestChangeSaysOnceWhoAsked: the lines of a change name who asked.
func TestChangeSaysOnceWhoAsked(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	r := api.Request{Kind: api.KindRefresh, From: "laptop", Lines: api.List[api.Line]{{Label: "asked by", Text: "laptop"}}}
	printRequest(&b, r)
	r = api.Request{Kind: api.KindMessage, From: "laptop"}
	printRequest(&b, r)
	if n := strings.Count(b.String(), "asked by"); n != 2 {
		t.Errorf("%d times in two requests:\n%s", n, b.String())
	}
}

// TestQuestionsInJSON: what is asked is an event, so that nobody is asked in
// silence, and so is what --yes confirmed.
func TestQuestionsInJSON(t *testing.T) {
	t.Parallel()
	f := &healFake{}
	home, pass := serveHeal(t, f)
	f.requests = healRequests()
	o := warifu(t, t.Context(), "n\n", "lost", "phone", "--json", "--home", home)
	has(t, "stderr", o.stderr, `"event":"progress","text":"Is phone lost, and is it to be removed? [y/N]"`, `"code":"not-confirmed"`)
	o = warifu(t, t.Context(), "n\n", "approve", "beef", "--json", "--home", home)
	has(t, "stderr", o.stderr, `"text":"request beef0000: phone is lost`, `"text":"Approve? [y/N]"`, `"code":"not-confirmed"`)
	o = warifu(t, t.Context(), "", "approve", "beef", "--json", "--yes", "--home", home, "--passphrase-file", pass)
	has(t, "stderr", o.stderr, `"text":"confirmed with --yes: request beef0000, phone is lost`)
	for line := range strings.Lines(o.stderr) {
		if !json.Valid([]byte(line)) {
			t.Errorf("stderr has a line that is no event: %s", line)
		}
	}
}

func TestFoundingText(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]api.Founding{
		"a founding is under way: devices are being invited":                                                {State: api.FoundingInviting},
		"invited by laptop: it goes on there, when others have joined or its circle has agreed":             {State: api.FoundingInviting, Missing: api.List[string]{"laptop"}},
		"a founding is under way: waiting for your yes to names and words; missing: phone\\u{202e}, tablet": {State: api.FoundingConfirming, Missing: api.List[string]{"phone\u202e", "tablet"}},
	} {
		if got := foundingText(f); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestStoreErrorsInWords: what a person reads of a store names no function of it.
func TestStoreErrorsInWords(t *testing.T) {
	t.Parallel()
	err := storeError("/h", fmt.Errorf("boltstore: attach: %w: a record was changed", boltstore.ErrDamaged))
	if e := api.AsError(err); e.Code != api.CodeStoreDamaged || strings.Contains(e.Message, "boltstore") || !strings.Contains(e.Message, "a record was changed") ||
		!strings.Contains(e.Hint, "fsck --passphrase-file") {
		t.Errorf("%+v", e)
	}
}

// TestNoValueLeavesItsColumn: where the terminal breaks a line, a text cannot go
// on as a line of ours, and a long label cannot push values out of sight.
func TestNoValueLeavesItsColumn(t *testing.T) {
	t.Parallel()
	forged := "order 17" + strings.Repeat(" ", 60) + "  amount  0.01 ETH" + strings.Repeat("日本", 40)
	rows := [][2]string{
		{"to", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed (this account)"},
		{"message.note", forged},
		{"message." + strings.Repeat("x", 500), "7"},
		{"message line 3", ""},
		{"last", "end"},
	}
	for _, width := range []int{0, 1, 10, 30, 44, 80, 200} {
		var b strings.Builder
		lay(&b, rows, width)
		sentence(&b, forged, width)
		out := b.String()
		for _, line := range strings.Split(strings.TrimSuffix(out, "\n"), "\n") {
			n := 0
			for _, r := range line {
				n += cells(r)
			}
			// A terminal narrower than the indent breaks lines whatever is done, and
			// an address is not broken here.
			if width >= 30 && n > width && !isHex(line) {
				t.Errorf("width %d: %d columns: %q", width, n, line)
			}
			if in := len(line) - len(strings.TrimLeft(line, " ")); width >= 30 && in < furtherIn && strings.HasPrefix(line[in:], "amount") {
				t.Errorf("width %d: a line of ours is imitated: %q", width, line)
			}
			if in := strings.Index(line, "end"); in > maxLabel+labelStart+2 {
				t.Errorf("width %d: the value is in column %d", width, in)
			}
		}
		// Nothing is lost on the way.
		squeeze := func(s string) string { return strings.Join(strings.Fields(s), "") }
		want := ""
		for _, row := range rows {
			want += row[0] + row[1]
		}
		if squeeze(out) != squeeze(want+forged) {
			t.Errorf("width %d: %q", width, out)
		}
	}
	var b strings.Builder
	lay(&b, rows[3:], 0)
	if want := "  message line 3\n  last            end\n"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}

// TestWarningsAreNotScrolledAway: they are told where the question is asked, too,
// and to those who read events.
func TestWarningsAreNotScrolledAway(t *testing.T) {
	t.Parallel()
	f := &fake{requests: []api.Request{{ID: requestID, Kind: api.KindMessage, Summary: "x", State: api.StatePending, Warnings: api.List[string]{"beware"}}}}
	home := serve(t, f)
	o := warifu(t, t.Context(), "n\n", "approve", "beef", "--home", home)
	has(t, "stderr", o.stderr, "! beware", "! warnings above: 1\n\nApprove?")
	o = warifu(t, t.Context(), "n\n", "approve", "beef", "--json", "--home", home)
	has(t, "stderr", o.stderr, `"text":"warning: beware"`)
}
