// Package message has the bytes that devices send each other beside the frames of
// protocols: the messages of [wire.ProtocolSync], and the items that are replicated,
// which are requests, answers and receipts. See docs/protocol.md.
package message
