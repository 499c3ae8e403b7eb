package p2p

import (
	"time"

	"github.com/warifu/warifu/internal/p2p/lan"
	"github.com/warifu/warifu/internal/p2p/rate"
)

// Everything a peer can make this process do is bounded here; what it occupies
// of the host, and all that a stranger can, is in package door.
const (
	// maxPeers bounds the allowed peers. A circle has at most nine devices,
	// and a founding in progress may add as many.
	maxPeers = 32

	// maxFixedAddrs and maxLearnedAddrs bound the addresses kept per peer:
	// given by the caller, and learned from beacons or from connections.
	maxFixedAddrs   = 16
	maxLearnedAddrs = lan.MaxAddrs

	// maxStreams bounds the open incoming streams of one peer and protocol:
	// one that delivers, and successors that wait for it to end.
	maxStreams = 4

	// Outgoing queue per peer, over all protocols. A burst of a 5-of-9
	// signing session is 1.7 MB.
	maxQueuedBytes    = 8 << 20
	maxQueuedMessages = 4096

	// keepBuffer is the largest write buffer kept between messages.
	keepBuffer = 32 << 10
)

// A limits says how patient the link is and how much a peer may send.
type limits struct {
	// hello bounds opening, writing and answering the first hello on a
	// connection, probe that of another one later.
	hello, probe time.Duration

	// handshake bounds the time from an incoming connection of TCP to the
	// proof of whose it is.
	handshake time.Duration

	// body is bodyTimeout and write is writeTimeout.
	body, write time.Duration

	// turn bounds how long an incoming stream waits for the peer to be up
	// and for its predecessor to end.
	turn time.Duration

	// grace is what is left to a stream whose successor has come.
	grace time.Duration

	// quarantine is how long a peer is cut off that had maxFaults within
	// faultWindow.
	quarantine, faultWindow time.Duration

	// poll is how often the network interfaces are looked at.
	poll time.Duration

	// stranger, strangerLog and sighting are the shortest times between two
	// reports of strangers, two lines about them in the log, and two
	// sightings of a peer that make it be dialed.
	stranger, strangerLog, sighting time.Duration

	// What a peer may send over all protocols together, and the slower pace
	// to which this side holds itself, so that an honest peer never meets
	// the limit.
	recvMessages, recvBytes rate.Limit
	sendMessages, sendBytes rate.Limit
}

var normalLimits = limits{
	hello:       5 * time.Second,
	probe:       3 * time.Second,
	handshake:   5 * time.Second,
	body:        bodyTimeout,
	write:       writeTimeout,
	turn:        30 * time.Second,
	grace:       time.Second,
	quarantine:  30 * time.Second,
	faultWindow: time.Minute,
	poll:        2 * time.Second,
	stranger:    time.Second,
	strangerLog: time.Minute,
	sighting:    2 * time.Second,

	recvMessages: rate.Limit{PerSecond: 500, Burst: 4000},
	recvBytes:    rate.Limit{PerSecond: 8 << 20, Burst: 24 << 20},
	sendMessages: rate.Limit{PerSecond: 250, Burst: 2000},
	sendBytes:    rate.Limit{PerSecond: 4 << 20, Burst: 12 << 20},
}

const (
	// bodyTimeout bounds a message from its first byte to its last.
	bodyTimeout = 15 * time.Second

	// writeTimeout bounds opening a stream or writing one message. It is
	// longer than bodyTimeout, so that it is the reader who judges a stall.
	writeTimeout = 20 * time.Second

	// maxFaults within the fault window is one too many.
	maxFaults = 8

	// stableAfter is how long a peer must have been up before losing it
	// starts the dialing afresh.
	stableAfter = 5 * time.Second

	// firstBackoff doubles up to lastBackoff between attempts to dial.
	firstBackoff = 100 * time.Millisecond
	lastBackoff  = time.Minute

	// firstDial doubles up to lastDial: the patience of one attempt. Early
	// attempts are short because a silent UDP port never refuses.
	firstDial = time.Second
	lastDial  = 15 * time.Second
)
