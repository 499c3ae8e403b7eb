package api

import "context"

// A Backend is the device behind the socket. Its methods may be called at the
// same time from several goroutines. A failure that a person can act on is an
// [*Error]; any other error is a fault of ours.
//
// A method that takes an emit function reports its steps with it, in order and
// from one goroutine at a time, and not after it returned. When ctx ends the
// method stops waiting and returns; a request that exists by then stays open,
// a founding that is not pending yet is dropped.
type Backend interface {
	// Status never waits for a peer.
	Status(ctx context.Context) (Status, error)

	// Found makes a circle with this device as the first. It emits one
	// EventInvitation for each device that is to join, one after the other,
	// an EventJoined for each that did, then an EventConfirm that is answered
	// by Confirm, and returns when the certificate is durable here. If a
	// founding of this device is pending, Found ignores args, waits for it and
	// returns its circle.
	Found(ctx context.Context, args FoundArgs, emit func(Event)) (Circle, error)

	// AbandonFounding sets a founding that cannot end aside, for good: this
	// device will never say ready in it again.
	AbandonFounding(ctx context.Context) error

	// MayAbandon fails as AbandonFounding would, and changes nothing.
	MayAbandon(ctx context.Context) error

	// Join answers an invitation and goes on like Found.
	Join(ctx context.Context, args JoinArgs, emit func(Event)) (Circle, error)

	// Confirm answers the EventConfirm of a founding.
	Confirm(ctx context.Context, args ConfirmArgs) error

	// Sign asks the circle, with this device's approval given. It emits an
	// EventRequest once the request is durable, then EventWaiting and
	// EventProgress, and returns the verified signature. With Detach it
	// returns after EventRequest a Signature that has a Request only.
	Sign(ctx context.Context, args SignArgs, emit func(Event)) (Signature, error)

	// Requests returns the open requests, then the closed ones that are still
	// remembered, each group newest first.
	Requests(ctx context.Context) ([]Request, error)

	// Request, Approve, Deny and Wait take the id of a request or any prefix
	// of it of at least 4 hex digits that belongs to one request only.
	Request(ctx context.Context, id string) (Request, error)

	// Approve and Deny return the request as it is once the answer is
	// durable. They do not wait for a signature.
	Approve(ctx context.Context, id string) (Request, error)
	Deny(ctx context.Context, id string) (Request, error)

	// MayApprove is Request, and fails as Approve would, or ApprovePresent
	// before it looks at the passphrase.
	MayApprove(ctx context.Context, id string) (Request, error)

	// Wait is the waiting part of Sign, for a request that exists. It has no
	// timeout but ctx.
	Wait(ctx context.Context, id string, emit func(Event)) (Signature, error)

	// Lock forgets the shares in memory. Unlock reads them again; the
	// passphrase is the caller's to wipe.
	Lock(ctx context.Context) error
	Unlock(ctx context.Context, passphrase []byte) error

	// MayUnlock fails if it is too early to try a passphrase.
	MayUnlock(ctx context.Context) error
}

// FoundArgs say which circle to found.
type FoundArgs struct {
	Threshold int `json:"threshold"` // 2 ≤ Threshold ≤ Devices, 2·Threshold > Devices
	Devices   int `json:"devices"`   // at most 9, this one included

	// How long a device may be silent until it is shown as quiet, suspected,
	// and removed; how much of that this device must have been online. 0 means
	// the default: 48 h, 7 days, 7 days (14 if no spare device remains), 72 h.
	Quiet   Duration `json:"quiet,omitempty"`
	Suspect Duration `json:"suspect,omitempty"`
	Grace   Duration `json:"grace,omitempty"`
	Online  Duration `json:"online,omitempty"`
}

// JoinArgs say which invitation to answer.
type JoinArgs struct {
	// Invitation is the text of an invitation, or its code: 8 digits with or
	// without a dash or blank in between.
	Invitation string `json:"invitation"`

	// At is a multiaddress with the peer id at which a code's owner listens,
	// instead of a search on the local network.
	At string `json:"at,omitempty"`
}

// ConfirmArgs answer a [Question].
type ConfirmArgs struct {
	Session string `json:"session"`
	Yes     bool   `json:"yes"`
}

// SignArgs say what to sign. Which fields count depends on Kind.
type SignArgs struct {
	Kind string `json:"kind"`

	Message []byte `json:"message,omitempty"` // KindMessage: the bytes before the EIP-191 prefix
	JSON    []byte `json:"json,omitempty"`    // KindTypedData, KindTx: the document as given

	Namespace string `json:"namespace,omitempty"` // KindFile: of SSHSIG
	FileName  string `json:"file_name,omitempty"` // KindFile: base name, shown and not signed
	FileHash  []byte `json:"file_hash,omitempty"` // KindFile: SHA-512 of the content, 64 bytes
	FileSize  int64  `json:"file_size,omitempty"` // KindFile: bytes, shown and not signed

	// Account and Path choose the key. Empty means the account that fits
	// Kind and, for Ethereum, path "0/0" below its account node.
	Account string `json:"account,omitempty"`
	Path    string `json:"path,omitempty"`

	// Timeout bounds the waiting, not the life of the request. 0 means no
	// bound but ctx.
	Timeout Duration `json:"timeout,omitempty"`

	// Detach returns as soon as the request is durable.
	Detach bool `json:"detach,omitempty"`
}
