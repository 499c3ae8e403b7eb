package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/roster"
)

// minHex is how many digits of a fingerprint or an identity say which device is
// meant.
const minHex = 8

// findDevice returns the device that text means: by its name, its slot, its
// fingerprint, or its identity or the beginning of it. This is the only place in
// which one is looked up: from here on it goes by its identity. Where text may mean
// more than one, none is taken.
func findDevice(s api.Status, text string) (api.Device, error) {
	found := meant(s.Devices, text)
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		if i := slices.IndexFunc(s.Former, func(f api.Former) bool { return f.Device == strings.ToLower(text) || roster.SameName(f.Name, text) }); i >= 0 {
			return api.Device{}, api.Errorf(api.CodeUnknown, "%s is no longer in the circle", esc(s.Former[i].Called)).
				WithHint("the devices are called %s", escAll(deviceNames(s.Devices)))
		}
		return api.Device{}, api.Errorf(api.CodeUnknown, "no device of this circle is called %s", esc(text)).
			WithHint("they are called %s", strings.Join(deviceNames(s.Devices), ", "))
	}
	candidates := make([]string, len(found))
	for i, d := range found {
		candidates[i] = fmt.Sprintf("%s (slot %d, fingerprint %s)", esc(d.Name), d.Slot, esc(d.Fingerprint))
	}
	return api.Device{}, api.Errorf(api.CodeWhichDevice, "%s may mean %s", esc(text), strings.Join(candidates, " or ")).
		WithHint("say it with %s", either(s.Devices, found))
}

// meant lists the devices that text may mean. A name that is the same to the letter
// counts before one that differs in letter case; slots, fingerprints and identities
// count beside names.
func meant(devices []api.Device, text string) (out []api.Device) {
	text = norm.NFC.String(text)
	is := func(d api.Device) bool { return d.Name == text }
	if !slices.ContainsFunc(devices, is) {
		is = func(d api.Device) bool { return roster.SameName(d.Name, text) }
	}
	hex := strings.ToLower(text)
	for _, d := range devices {
		if is(d) || strconv.Itoa(d.Slot) == text ||
			len(hex) >= minHex && (strings.HasPrefix(d.Device, hex) || strings.HasPrefix(d.Fingerprint, hex)) {
			out = append(out, d)
		}
	}
	return out
}

// designation is the shortest that a person may type to mean d and no other device.
func designation(devices []api.Device, d api.Device) string {
	for _, text := range []string{d.Name, strconv.Itoa(d.Slot), d.Fingerprint} {
		if m := meant(devices, text); len(m) == 1 && m[0].Device == d.Device {
			return text
		}
	}
	return d.Device
}

// either lists what a person may type for each of some devices.
func either(devices, some []api.Device) string {
	texts := make([]string, len(some))
	for i, d := range some {
		texts[i] = esc(designation(devices, d))
	}
	return strings.Join(texts, " or ")
}

// thisDevice returns the device that answers.
func thisDevice(s api.Status) (api.Device, error) {
	i := slices.IndexFunc(s.Devices, func(d api.Device) bool { return d.This })
	if i < 0 {
		return api.Device{}, api.Errorf(api.CodeEvicted, "this device is no longer in the circle")
	}
	return s.Devices[i], nil
}

func deviceNames(devices []api.Device) []string {
	names := make([]string, len(devices))
	for i, d := range devices {
		names[i] = d.Name
	}
	return names
}
