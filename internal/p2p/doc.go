// Package p2p carries messages between the devices of one circle. It adapts
// libp2p (TCP with Noise, and QUIC) to what the node needs: a [Link] on which
// only named peers exist, which keeps trying to reach them, tells when they
// come and go, and moves bounded messages in order.
//
// # What it promises
//
//   - Only peers given to [Link.SetPeers] get past the handshake, in either
//     direction; nobody else can open a stream. A peer that is taken out is cut
//     at once, together with its open connections.
//   - A peer is up only after it answered a hello on its connection. That a
//     connection stands says nothing: the dialer's side of a handshake succeeds
//     even where the other side then refuses it.
//   - Messages of one peer and protocol are delivered one at a time, in the
//     order in which they were sent, at most once, and never before the peer is
//     up. As long as the peer stays up none is missing. What was under way when
//     it went down may be lost: whoever needs it says it again when the peer is
//     back.
//   - A peer can make this process hold a bounded number of connections,
//     streams and bytes (limits.go, package door), whatever it does. One that sends garbage,
//     stalls in the middle of a message or floods has its stream reset and is
//     named in the log; one that goes on is cut off for a while.
//
// # Discovery
//
// The network is looked at every few seconds, and whatever is told of this
// device's own addresses is read from its interfaces at that moment.
//
// Addresses of others come from the caller, from earlier connections and, on a
// local network, from a beacon (package lan): an mDNS service whose only content
// is sealed under the circle's discovery key and changes every quarter of an
// hour. It shows neither the peer id nor which circle it belongs to.
//
// Devices that do not know each other yet meet elsewhere (package meet).
//
// # What it does not do
//
// It does not hide the peer id from whoever connects to the port: in Noise and
// in TLS the listener shows its key first. The peer id is therefore a transport
// pseudonym and never a device's identity. It neither
// relays nor punches holes, and it does not know the roster: who is allowed is
// the caller's decision.
package p2p
