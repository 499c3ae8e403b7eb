package lan

import (
	"net/netip"
	"slices"
)

// A beacon comes with IP addresses that nobody has sealed, and anybody on the
// network can repeat a beacon of the last half hour, there or elsewhere, with
// addresses of their own. So it leads to addresses of this network only, to a
// few for each beacon, and never to what its device has said before its last.

// onLinkNow returns which addresses belong to the networks that this machine is
// on: those of its own interfaces, with their prefixes.
func onLinkNow() func(netip.Addr) bool {
	var prefixes []netip.Prefix
	for _, list := range Now().addrs {
		for _, s := range list {
			if p, err := netip.ParsePrefix(s); err == nil {
				prefixes = append(prefixes, netip.PrefixFrom(p.Addr().Unmap(), p.Bits()).Masked())
			}
		}
	}
	return func(ip netip.Addr) bool {
		ip = ip.Unmap().WithZone("")
		return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(ip) })
	}
}

// maxBeaconTexts bounds the beacons of one device in one epoch: it shows another
// whenever its network changes.
const maxBeaconTexts = 16

// seenBeacons remembers the newest beacons of each slot.
type seenBeacons map[uint16]*seenSlot

type seenSlot struct {
	epoch uint64
	texts map[string]map[netip.Addr]bool // by TXT string: the addresses that came with it
}

// take notes a beacon of an epoch, and returns which of the addresses that came
// with it may be dialed: none if its device has shown a newer one.
func (s seenBeacons) take(slot uint16, epoch uint64, text string, ips []netip.Addr) (out []netip.Addr) {
	seen := s[slot]
	if seen == nil || epoch > seen.epoch {
		seen = &seenSlot{epoch: epoch, texts: make(map[string]map[netip.Addr]bool)}
		s[slot] = seen
	}
	if epoch < seen.epoch {
		return nil
	}
	addrs := seen.texts[text]
	if addrs == nil {
		if len(seen.texts) == maxBeaconTexts {
			return nil
		}
		addrs = make(map[netip.Addr]bool)
		seen.texts[text] = addrs
	}
	for _, ip := range ips {
		if !addrs[ip] && len(addrs) == MaxAddrs {
			continue
		}
		addrs[ip] = true
		out = append(out, ip)
	}
	return out
}
