// Package wire defines the bytes that two devices exchange, and nothing else:
// identifiers, frames, the one canonical codec, the one labelled hash and the
// names of the protocols. It knows no sockets, no clocks and no keys.
//
// Encodings are canonical: [ParseFrame] accepts exactly what [Frame.Append]
// produces and [Unmarshal] exactly what [Marshal] produces, so that whatever is
// signed, hashed or stored can be compared by its bytes. docs/protocol.md lists
// every message; testdata pins the bytes.
package wire
