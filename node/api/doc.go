// Package api is the local control interface of a device's daemon: HTTP and
// JSON over a unix socket in the device's home, which only the owner of the
// home can open. It holds the versioned types, the server that puts a
// [Backend] behind the socket, and the typed [Client] that the command line
// is made of.
//
// Types evolve by adding fields; none is renamed or given a new meaning within
// [Version]. Bytes are 0x-hex, times RFC 3339 in UTC, durations in Go's
// notation. Text that came from other devices or from a request is escaped
// where it enters (packages intent and roster) and once more where it is
// printed.
//
// A call that takes long is answered as a stream of lines, each one JSON
// object: events while it goes on, then one result or one error. A client that
// goes away cancels the waiting, never the request it waited for.
package api
