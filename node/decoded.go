package node

import (
	"crypto/sha256"
	"fmt"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/intent"
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
	made  int // that were not remembered
}

type meant struct {
	key  [32]byte
	size int
}

const maxMeanings = 512 << 10

func (m *meanings) find(key [32]byte, size int, find func() *meaning) *meaning {
	if known, ok := m.byKey[key]; ok {
		return known
	}
	m.made++
	found := find()
	if m.byKey == nil {
		m.byKey = map[[32]byte]*meaning{}
	}
	size += itemOverhead
	m.byKey[key], m.order, m.bytes = found, append(m.order, meant{key, size}), m.bytes+size
	for m.bytes > maxMeanings && len(m.order) > 1 {
		delete(m.byKey, m.order[0].key)
		m.bytes -= m.order[0].size
		m.order = m.order[1:]
	}
	return found
}

// decodeIntent finds out what a request means.
func (lg *ledger) decodeIntent(r *openRequest) error {
	if change.Kind(r.request.Kind).Known() {
		return lg.decodeChange(r)
	}
	q := r.request
	acc, ok := lg.me.circle.record.Account(q.Account)
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
	m := lg.meanings.find(key, len(q.Payload), func() *meaning { return mean(acc, q) })
	r.account, r.child, r.context, r.intent = m.account, m.child, m.context, m.intent
	return m.err
}

// mean finds out what a request to sign with an account means.
func mean(acc roster.Account, q request) *meaning {
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

// decoded sees to it that r is decoded, if it was left alone at the start.
func (lg *ledger) decoded(r *openRequest) {
	if !r.undecoded {
		return
	}
	r.undecoded = false
	if r.unclear = lg.decodeIntent(r); r.unclear == nil && r.receipt != nil {
		r.result, r.unclear = lg.resultOf(r, *r.receipt)
	}
}

// resultOf verifies the signature in a receipt.
func (lg *ledger) resultOf(r *openRequest, p receipt) (intent.Result, error) {
	res, err := intent.Finish(intent.Kind(r.request.Kind), r.request.Payload, r.context, p.Raw)
	if err != nil {
		return res, fmt.Errorf("node: receipt whose signature does not verify: %w", err)
	}
	return res, nil
}
