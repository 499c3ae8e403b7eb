package lan

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"time"

	ma "github.com/multiformats/go-multiaddr"
	"golang.org/x/crypto/chacha20poly1305"

	"github.com/warifu/warifu/wire"
)

// tagBeacon derives the key of one epoch from the circle's discovery key.
const tagBeacon wire.Tag = "p2p/beacon"

// beaconEpoch is how long a beacon lives. Those of the epoch before and after
// are understood too, so that clocks may differ by that much.
const beaconEpoch = 15 * time.Minute

// A beacon is the one TXT string of an mDNS service with a random name:
//
//	base64url( nonce[24] || XChaCha20-Poly1305(key of the epoch, nonce, plain[32], service instance) )
//
// whose plain text is
//
//	version[1] = 1 || slot[2] || tcp port[2] || quic port[2] || zeros[25]
//
// in big-endian order. A device that listens at other Ports on IPv6 than on IPv4
// has version 2, with the TCP and the QUIC port of IPv6 behind those of IPv4. To anybody without the discovery key all beacons are
// random strings of one length, and those of successive epochs have nothing in
// common. The IP addresses are those of the mDNS answer; they are not sealed,
// and a wrong one costs a dial on the local network (onlink.go) that cannot
// succeed, as the peer id is pinned.
type beacon struct {
	slot   uint16
	v4, v6 Ports
}

const (
	beaconVersion = 1 // v4 and v6 are the same, or one of them is none
	beaconSplit   = 2 // they are not
	beaconPlain   = 32
	beaconSize    = chacha20poly1305.NonceSizeX + beaconPlain + chacha20poly1305.Overhead
)

var beaconText = base64.RawURLEncoding.Strict()

// epochOf returns the number of the epoch that contains t.
func epochOf(t time.Time) uint64 { return uint64(t.Unix()) / uint64(beaconEpoch/time.Second) }

// seal returns the TXT string of b for one epoch and service instance.
func (b beacon) seal(key [32]byte, epoch uint64, instance string) string {
	k := wire.Sum(tagBeacon, key[:], wire.U64(epoch))
	aead, err := chacha20poly1305.NewX(k[:])
	if err != nil {
		panic("p2p: internal error: " + err.Error())
	}
	out := make([]byte, chacha20poly1305.NonceSizeX, beaconSize)
	rand.Read(out)
	return beaconText.EncodeToString(aead.Seal(out, out, b.plain(), []byte(instance)))
}

// plain returns what is sealed.
func (b beacon) plain() []byte {
	plain := binary.BigEndian.AppendUint16([]byte{beaconVersion}, b.slot)
	plain = b.v4.Or(b.v6).append(plain)
	if b.v4.Or(b.v6) != b.v6.Or(b.v4) {
		plain[0] = beaconSplit
		plain = b.v6.append(plain)
	}
	return append(plain, make([]byte, beaconPlain-len(plain))...)
}

// openBeacon decodes a TXT string seen in one of the epochs around epoch, and
// returns its own. It reports false for whatever the key did not seal.
func openBeacon(key [32]byte, epoch uint64, instance, text string) (b beacon, of uint64, ok bool) {
	if len(text) != beaconText.EncodedLen(beaconSize) {
		return beacon{}, 0, false
	}
	raw, err := beaconText.DecodeString(text)
	if err != nil {
		return beacon{}, 0, false
	}
	nonce, sealed := raw[:chacha20poly1305.NonceSizeX], raw[chacha20poly1305.NonceSizeX:]
	for _, e := range []uint64{epoch, epoch - 1, epoch + 1} {
		k := wire.Sum(tagBeacon, key[:], wire.U64(e))
		aead, err := chacha20poly1305.NewX(k[:])
		if err != nil {
			panic("p2p: internal error: " + err.Error())
		}
		if plain, err := aead.Open(nil, nonce, sealed, []byte(instance)); err == nil {
			b, ok := parseBeacon(plain)
			return b, e, ok
		}
	}
	return beacon{}, 0, false
}

func parseBeacon(plain []byte) (beacon, bool) {
	if len(plain) != beaconPlain {
		return beacon{}, false
	}
	b := beacon{slot: binary.BigEndian.Uint16(plain[1:]), v4: parsePorts(plain[3:])}
	used := 7
	switch plain[0] {
	case beaconVersion:
		b.v6 = b.v4
	case beaconSplit:
		b.v6 = parsePorts(plain[7:])
		used = 11
	default:
		return beacon{}, false
	}
	for _, pad := range plain[used:] {
		if pad != 0 {
			return beacon{}, false
		}
	}
	split := b.v4 != b.v6
	return b, b.slot != 0 && !b.v4.None() && !b.v6.None() && split == (plain[0] == beaconSplit)
}

func (p Ports) append(b []byte) []byte {
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, p.TCP), p.QUIC)
}

func parsePorts(b []byte) Ports {
	return Ports{binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])}
}

// MaxAddrs bounds the addresses that one beacon leads to.
const MaxAddrs = 8

// at returns the multiaddrs of b at the given IP addresses, at most
// MaxAddrs. Those that are not dialable are left out.
func (b beacon) at(ips []netip.Addr) []ma.Multiaddr {
	var out []ma.Multiaddr
	for _, ip := range ips {
		ip = ip.Unmap()
		if !dialable(ip) {
			continue
		}
		family, p := "ip6", b.v6
		if ip.Is4() {
			family, p = "ip4", b.v4
		}
		if p.QUIC != 0 {
			out = append(out, ma.StringCast(fmt.Sprintf("/%s/%s/udp/%d/quic-v1", family, ip.WithZone(""), p.QUIC)))
		}
		if p.TCP != 0 {
			out = append(out, ma.StringCast(fmt.Sprintf("/%s/%s/tcp/%d", family, ip.WithZone(""), p.TCP)))
		}
	}
	return out[:min(len(out), MaxAddrs)]
}

// randomName returns a service instance or host name: 16 hex digits.
func randomName() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
