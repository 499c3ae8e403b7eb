// Package journal says what the runtime needs of durable storage, and nothing
// about how it is done: internal/boltstore keeps it in a file, journaltest in
// memory with faults on order.
//
// A journal is a set of named buckets of records. It is what makes "durable
// before visible" possible: whatever [Journal.Update] has returned nil for is
// there after a crash at any instruction.
//
// The values are sealed at rest. The names of buckets and keys are not: they
// may carry fixed words, numbers and identifiers that look random, such as a
// request id in hex, but never a person's words, an address or an amount.
package journal

import (
	"errors"
	"fmt"
)

// Limits of a record. Names are also restricted in their letters, see
// [CheckName].
const (
	MaxBucket = 32      // bytes in the name of a bucket
	MaxKey    = 160     // bytes in a key
	MaxValue  = 1 << 20 // bytes in a value
)

// ErrReadOnly is returned by Put and Delete inside a View.
var ErrReadOnly = errors.New("journal: write inside a view")

// ErrStopped is wrapped by every error of a journal that cannot tell any more
// what is durable. It does nothing until it is opened again.
var ErrStopped = errors.New("stopped until it is opened again")

// A Tx is one transaction. It is valid only until the function that it was
// given to returns, and only in the goroutine that runs that function.
type Tx interface {
	// Get returns the value, which is the caller's to keep or to wipe, or nil
	// without an error if there is no such record. An empty value is not nil.
	Get(bucket, key string) ([]byte, error)

	// Put stores a value. It does not keep val.
	Put(bucket, key string, val []byte) error

	// Delete removes a record. It is not an error if there is none.
	Delete(bucket, key string) error

	// Keys returns the keys of a bucket in ascending order of their bytes. A
	// bucket that has no records has no keys.
	Keys(bucket string) ([]string, error)
}

// A Journal is safe for concurrent use. A transaction must not be opened
// inside another by the same goroutine: that can wait for itself for ever.
type Journal interface {
	// View runs f on one consistent state, that of the last Update before it.
	View(f func(Tx) error) error

	// Update runs f and makes all that it wrote durable, or none of it.
	// Updates happen one after another.
	//
	// If f returns an error or panics, nothing is changed, and an error comes
	// back as it is. Any other error means that the outcome is unknown: the
	// caller must forget what it believed about the records it wrote, and read
	// them again before it acts on them.
	Update(f func(Tx) error) error
}

// CheckName refuses a bucket or key that a journal does not take: empty, too
// long, or with anything but lower-case letters, digits, "-" and, in keys,
// "." and "/". A bucket has no "/", so bucket + "/" + key names one record.
func CheckName(bucket, key string) error {
	if err := CheckBucket(bucket); err != nil {
		return err
	}
	if len(key) == 0 || len(key) > MaxKey {
		return fmt.Errorf("journal: key of %d bytes, want 1 to %d", len(key), MaxKey)
	}
	for _, c := range []byte(key) {
		if !plain(c) && c != '.' && c != '/' {
			return errors.New("journal: key with a letter other than a-z, 0-9, '-', '.' and '/'")
		}
	}
	return nil
}

// CheckBucket is [CheckName] for a bucket alone.
func CheckBucket(bucket string) error {
	if len(bucket) == 0 || len(bucket) > MaxBucket {
		return fmt.Errorf("journal: bucket name of %d bytes, want 1 to %d", len(bucket), MaxBucket)
	}
	for _, c := range []byte(bucket) {
		if !plain(c) {
			return errors.New("journal: bucket name with a letter other than a-z, 0-9 and '-'")
		}
	}
	return nil
}

func plain(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-'
}

// CheckValue refuses a value that is longer than [MaxValue].
func CheckValue(val []byte) error {
	if len(val) > MaxValue {
		return fmt.Errorf("journal: value of %d bytes, want at most %d", len(val), MaxValue)
	}
	return nil
}
