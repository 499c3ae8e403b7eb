// Package ledger keeps the requests that a device knows and all that was said of them:
// it takes them in, verified and durable, passes them on, and forgets what came to
// nothing. It counts what persons agree to. The [Answers] are what this device says
// itself, for its person or by its policy.
package ledger
