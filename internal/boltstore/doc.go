// Package boltstore keeps a device's journal in one bbolt file.
//
// # What is in the file
//
// A plain area, readable without the passphrase: the format version, the
// keeper's header and the count of wrong passphrases. And the records, every
// value sealed under its name by the [Sealer] that [Store.Attach] is given. The
// names of buckets and keys are not sealed, and values are not padded; see
// package journal for what names may say. bbolt writes pages anew instead
// of in place, so that old sealed values stay in the file for a while.
//
// # What is noticed
//
// bbolt trusts its file: a damaged page can send it out of bounds or into a
// recursion that no recover stops, and its pages have no checksums. So [Open]
// first checks, without bbolt, that every page is where and what it should be,
// and refuses a file that is not, before anything is written to it. The
// sealing catches a value that was changed or moved. A sealed sum over all
// records, changed in the same transaction as they are, catches the rest: a
// record that disappeared, or a single one that was put back to an older
// value. What is not noticed is a whole file that was put back to an older
// one, and damage to the newest of bbolt's two meta pages, which looks like
// the power cut that bbolt has two of them for: the last transaction is then
// undone. [Store.Notes] and [Fsck] tell of the latter.
//
// # What fails
//
// A full disk or an I/O error fails an Update and leaves the store as it was,
// open for the next try. If it cannot be said that the store is as it was,
// every later call fails until the store is opened again. A file that is
// changed or cut short while it is open is outside of what can be survived;
// it ends in an error, or in the end of the process.
package boltstore
