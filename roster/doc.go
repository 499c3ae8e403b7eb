// Package roster is the answer to "who is in this circle": the devices, the
// threshold, and the public side of every key that they hold together, epoch
// by epoch, with the signatures that make each epoch true.
//
// A [Record] is one epoch: one sharing of the keys over one set of devices. An
// [Entry] is a record with its certificate. A founding is certified when every
// device of the record has signed [ReadyMessage] of the record's hash, which a
// device does only once its share is durable and its person has compared the
// [Words] of that hash. Whoever holds an entry can convince
// anybody, so that it does not matter who carries it.
//
// Everything here is public and plain data. Points are bytes: the package
// bounds their length and leaves their algebra to package share, which every
// user of a group key goes through. Parsers accept exactly the bytes that the
// matching Bytes method produces and check every rule of the format, so that a
// value that was parsed needs no second look. Names are safe to print on a
// terminal next to text of our own; see [CheckName].
//
// What the package does not promise: that a name belongs to the device a
// person thinks of. That is what pairing and the six words are for.
package roster
