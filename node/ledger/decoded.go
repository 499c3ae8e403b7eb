package ledger

import (
	"crypto/sha256"
	"fmt"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/wire"
)

// What a request means is found out once: the same payload, to be signed with the
// same key and asked for at the same second, means the same whoever asks and
// however often. Of requests that were closed before this device started it is
// found out when somebody looks.

// A meaning is what this device makes of a request for a signature.
type meaning struct {
	account roster.Account
	child   []byte
	context intent.Context
	intent  intent.Intent
	err     error
}

// meanings remembers the latest of them, as far as their payloads are no longer
// than most bytes together.
type meanings struct {
	byKey map[[32]byte]*meaning
	order []meant // the oldest first
	bytes int
	Made  int // that were not remembered
}

type meant struct {
	key  [32]byte
	size int
}

const maxMeanings = 512 << 10

// find returns the meaning under a key, or finds it. size is that of its payload in
// bytes.
func (m *meanings) find(key [32]byte, size int, find func() *meaning) *meaning {
	if known, ok := m.byKey[key]; ok {
		return known
	}
	m.Made++
	found := find()
	if m.byKey == nil {
		m.byKey = map[[32]byte]*meaning{}
	}
	size += ItemOverhead
	m.byKey[key], m.order, m.bytes = found, append(m.order, meant{key, size}), m.bytes+size
	for m.bytes > maxMeanings && len(m.order) > 1 {
		delete(m.byKey, m.order[0].key)
		m.bytes -= m.order[0].size
		m.order = m.order[1:]
	}
	return found
}

// decodeIntent finds out what a request means.
func (lg *Ledger) decodeIntent(r *Request) error {
	if change.Kind(r.Request.Kind).Known() {
		return lg.decodeChange(r)
	}
	q := r.Request
	acc, ok := lg.me.Circle.Record.Account(q.Account)
	if !ok {
		return fmt.Errorf("the circle holds no account %s", intent.Escape(q.Account))
	}
	key := sha256.Sum256(wire.Marshal(struct {
		_       struct{} `cbor:",toarray"`
		Kind    string
		Payload []byte
		Account string
		Key     []byte
		Path    []uint32
		Created uint64
	}{Kind: q.Kind, Payload: q.Payload, Account: q.Account, Key: acc.GroupKey(), Path: q.Path, Created: q.Created}))
	m := lg.Meanings.find(key, len(q.Payload), func() *meaning { return mean(acc, q) })
	r.Account, r.Child, r.Context, r.Intent = m.account, m.child, m.context, m.intent
	return m.err
}

// mean finds out what a request to sign with an account means.
func mean(acc roster.Account, q message.Request) *meaning {
	_, child, _, err := share.Derive(acc, q.Path)
	if err != nil {
		return &meaning{err: err}
	}
	m := &meaning{account: acc, child: child, context: intent.Context{Account: acc.Name, PublicKey: child, Created: q.Created}}
	if acc.Suite == roster.Secp256k1 {
		if m.context.Address, m.err = share.EthereumAddress(child); m.err != nil {
			return m
		}
	}
	m.intent, m.err = intent.Decode(intent.Kind(q.Kind), q.Payload, m.context)
	return m
}

// Decoded sees to it that r is decoded, if it was left alone at the start.
func (lg *Ledger) Decoded(r *Request) {
	if !r.undecoded {
		return
	}
	r.undecoded = false
	if r.Unclear = lg.decodeIntent(r); r.Unclear == nil && r.Receipt != nil {
		r.Result, r.Unclear = lg.resultOf(r, *r.Receipt)
	}
}

// resultOf verifies the signature in a receipt.
func (lg *Ledger) resultOf(r *Request, p message.Receipt) (intent.Result, error) {
	res, err := intent.Finish(intent.Kind(r.Request.Kind), r.Request.Payload, r.Context, p.Raw)
	if err != nil {
		return res, fmt.Errorf("node: receipt whose signature does not verify: %w", err)
	}
	return res, nil
}
