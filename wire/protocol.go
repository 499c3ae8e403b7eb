package wire

// The protocols that devices speak over libp2p streams. The version is part of
// the name, so that releases that differ fail at negotiation with a clear
// error and not at a signature check.
const (
	// ProtocolPair introduces a new device on a throw-away host.
	ProtocolPair = "/warifu/pair/1"

	// ProtocolSync carries requests, answers, receipts and heartbeats.
	ProtocolSync = "/warifu/sync/1"

	// ProtocolSession carries the frames of protocol machines.
	ProtocolSession = "/warifu/session/1"
)

// Limits of one message in bytes, checked before it is read into memory.
const (
	MaxPairMessage = 8 << 10
	MaxSyncMessage = 256 << 10
)
