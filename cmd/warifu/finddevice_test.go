package main

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/warifu/warifu/node/api"
)

// odd is a circle whose devices have names from before there was a rule for them.
func odd() api.Status {
	s := healStatus()
	device := func(slot int, name, identity, print string, this bool) api.Device {
		return api.Device{Slot: slot, Name: name, Kind: "phone", Device: strings.Repeat(identity, 32), Fingerprint: print, This: this, Online: true}
	}
	s.Devices = api.List[api.Device]{
		device(1, "laptop", "a1", "f1f1f1f1", true),
		device(2, "Tablet", "a2", "f2f2f2f2", false),
		device(3, "2", "a3", "f3f3f3f3", false),
		device(4, "5", "a4", "f4f4f4f4", false),
		device(5, "4", "a5", "f5f5f5f5", false),
		device(6, "f7f7f7f7", "a6", "f6f6f6f6", false),
		device(7, "straße", "a7", "f7f7f7f7", false),
		device(8, "-x", "a8", "f8f8f8f8", false),
		device(9, "watch", "a9", "f8f8f8f8", false), // a fingerprint is short
	}
	s.Former = api.List[api.Former]{{Slot: 10, Name: "phone", Called: "phone (removed 3 Nov 2026, beefbeef)", Device: strings.Repeat("b1", 32)}}
	return s
}

func TestFindDevice(t *testing.T) {
	t.Parallel()
	s := odd()
	for text, slot := range map[string]int{
		"laptop": 1, "LAPTOP": 1, "1": 1, "f1f1f1f1": 1, "F1F1F1F1": 1, "a1a1a1a1": 1, strings.Repeat("a1", 32): 1, strings.Repeat("A1", 32): 1,
		"tablet": 2, "Tablet": 2, "f2f2f2f2": 2, "3": 3, "f3f3f3f3": 3, "f4f4f4f4": 4, "f5f5f5f5": 5, "6": 6, "a7a7a7a7": 7, "7": 7, "STRASSE": 7,
		"-x": 8, "8": 8, "9": 9, "watch": 9, "a8a8a8a8a8": 8,
	} {
		if d, err := findDevice(s, text); err != nil || d.Slot != slot {
			t.Errorf("%s: slot %d, %v; want %d", text, d.Slot, err, slot)
		}
	}
	for text, says := range map[string][]string{
		"2":        {"Tablet (slot 2, fingerprint f2f2f2f2) or 2 (slot 3, fingerprint f3f3f3f3)", "Tablet or 3"},
		"4":        {"5 (slot 4, fingerprint f4f4f4f4) or 4 (slot 5, fingerprint f5f5f5f5)", "f4f4f4f4 or f5f5f5f5"},
		"5":        {"5 (slot 4,", "4 (slot 5,"},
		"f7f7f7f7": {"f7f7f7f7 (slot 6,", "straße (slot 7,", "6 or straße"},
		"f8f8f8f8": {"-x (slot 8,", "watch (slot 9,", "-x or watch"},
	} {
		_, err := findDevice(s, text)
		if e := api.AsError(err); e.Code != api.CodeWhichDevice || !strings.Contains(e.Message, says[0]) || !strings.Contains(e.Message+e.Hint, says[len(says)-1]) {
			t.Errorf("%s: %v, hint %q", text, err, e.Hint)
		}
	}
	for text, says := range map[string]string{
		"": "no device", "0": "no device", "02": "no device", "a1a1a1a": "no device", "lap": "no device", "10": "no device",
		"phone": "phone (removed 3 Nov 2026, beefbeef) is no longer in the circle", strings.Repeat("b1", 32): "no longer in the circle",
	} {
		if _, err := findDevice(s, text); api.CodeOf(err) != api.CodeUnknown || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestDesignation: what is suggested to a person means that device and no other.
func TestDesignation(t *testing.T) {
	t.Parallel()
	s := odd()
	for _, d := range s.Devices {
		got, err := findDevice(s, designation(s.Devices, d))
		if err != nil || got.Slot != d.Slot {
			t.Errorf("%s in slot %d: %q means slot %d, %v", d.Name, d.Slot, designation(s.Devices, d), got.Slot, err)
		}
	}
}

// TestCommandsSendIdentities: every command that is about a device sends the identity
// of the one that it showed, and where it cannot tell it sends nothing.
func TestCommandsSendIdentities(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"lost", "D", "--yes"}, {"veto", "D"}, {"remove", "D"}, {"vacation", "D", "--for", "1d"}, {"invite", "--replace", "D", "--yes"}} {
		t.Run(args[0], func(t *testing.T) {
			t.Parallel()
			f := &healFake{fake: fake{status: odd()}}
			home, pass := serveHeal(t, f)
			said := func(device string) outcome {
				with := make([]string, len(args))
				for i, a := range args {
					with[i] = strings.ReplaceAll(a, "D", device)
				}
				return warifu(t, t.Context(), "", append(with, "--json", "--home", home, "--passphrase-file", pass)...)
			}
			o := said("2")
			if o.code != exitFailed || f.made() != "[]" {
				t.Fatalf("2 is taken for a device: %+v, %v", o, f.calls)
			}
			has(t, "stderr", o.stderr, `"code":"ambiguous-device"`, "Tablet (slot 2, ", "2 (slot 3, ")
			f.status.Devices[2].Slot, f.status.Devices[1].Slot = 12, 13 // so that each has one meaning
			for _, d := range []api.Device{f.status.Devices[1], f.status.Devices[2], f.status.Devices[6]} {
				f.calls, f.previews = nil, nil
				if o := said(strconv.Itoa(d.Slot)); o.code != exitDone {
					t.Fatalf("%+v", o)
				}
				if args[0] == "invite" {
					if f.replace != d.Device {
						t.Errorf("replaces %s, want %s", f.replace, d.Device)
					}
				} else if f.made() != "["+args[0]+" "+d.Name+"]" {
					t.Errorf("called %v for %s", f.calls, d.Name)
				}
				if len(f.previews) != 1 || f.previews[0].Device != d.Device {
					t.Errorf("foretold %+v", f.previews)
				}
			}
		})
	}
	// This device means itself, whatever others are called.
	f := &healFake{fake: fake{status: odd()}}
	f.status.Name = "2"
	home, pass := serveHeal(t, f)
	o := warifu(t, t.Context(), "", "vacation", "--for", "1d", "--json", "--home", home, "--passphrase-file", pass)
	var result map[string]any
	if err := json.Unmarshal([]byte(o.stdout), &result); err != nil || f.made() != "[vacation laptop]" {
		t.Errorf("%+v, %v", o, f.calls)
	}
}

// TestWarningsThatAreNew: what was not known before a device came is told once it is.
func TestWarningsThatAreNew(t *testing.T) {
	t.Parallel()
	home, pass := serveHeal(t, &healFake{})
	o := warifu(t, t.Context(), "", "invite", "--home", home, "--passphrase-file", pass)
	for text, n := range map[string]int{"! the name phone-2 looks odd": 1, "! losing one loses": 1} {
		if got := strings.Count(o.stderr, text); got != n {
			t.Errorf("%d times %q:\n%s", got, text, o.stderr)
		}
	}
}
