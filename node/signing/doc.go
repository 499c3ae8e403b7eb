// Package signing takes a request with its approvers to a signature: it opens the
// session of what this device asked for, and takes part in those of others as far as
// their proposals are what this device itself has derived from the request.
package signing
