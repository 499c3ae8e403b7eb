package node

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/internal/commandline"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/desk"
	"github.com/warifu/warifu/node/standing"
)

// A slowKeeper has something happen while it tries a passphrase.
type slowKeeper struct {
	*labKeeper
	unlocks   int
	unlock    func() error
	meanwhile func()
}

func (k *slowKeeper) Prove(p []byte) error {
	k.meanwhile()
	return k.labKeeper.Prove(p)
}

func (k *slowKeeper) Unlock(p []byte) error {
	k.unlocks++
	err := k.unlock()
	k.meanwhile()
	return err
}

// A deaf link reaches nobody.
type deafLink struct{}

func (deafLink) ID() []byte                                                { return []byte("deaf") }
func (deafLink) Addrs() []string                                           { return nil }
func (deafLink) Fault([]byte, string)                                      {}
func (deafLink) SetPeers(map[string][]string)                              {}
func (deafLink) SetBeacon([32]byte, [][32]byte, uint16, map[uint16][]byte) {}
func (deafLink) Send([]byte, string, []byte) error                         { return errors.New("nobody is there") }
func (deafLink) Connected([]byte) bool                                     { return false }

// TestProofDoesNotUndoALock has a person lock the device while another call tries
// the passphrase. The device stays locked, nothing is approved, and nobody is told
// of a success.
func TestProofDoesNotUndoALock(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 95)
	l.found(2, 3)
	phone := l.devices[0]
	r := l.devices[1].change(change.Threshold, change.Payload{Threshold: 3})
	l.run(time.Second, nil)
	k := &slowKeeper{labKeeper: phone.keeper}
	var n *desk.Desk
	k.unlock = func() error {
		return n.Call(t.Context(), func(*desk.Counter) error { return phone.keeper.Unlock(nil) })
	}
	k.meanwhile = func() {
		if err := n.Lock(t.Context()); err != nil {
			t.Error(err)
		}
	}
	phone.kill()
	opened, err := Open(standing.Config{Words: commandline.Words, Journal: phone.journal, Keeper: k, Rand: l.random()})
	if err != nil {
		t.Fatal(err)
	}
	n = opened.Desk()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- opened.Run(ctx, deafLink{}, nil) }()
	for name, call := range map[string]func() error{
		"approve": func() error { _, err := n.ApprovePresent(ctx, r.ID.Hex(), nil); return err },
		"freeze":  func() error { _, err := n.Freeze(ctx, api.PresenceArgs{}); return err },
		"refresh": func() error {
			_, err := n.Refresh(ctx, api.PresenceArgs{Timeout: 1}, func(api.Event) {})
			return err
		},
		"unlock": func() error { return n.Unlock(ctx, nil) },
	} {
		if err := k.unlock(); err != nil {
			t.Fatal(err)
		}
		k.unlocks = 0
		if err := call(); err == nil {
			t.Errorf("%s: a success on a device that was locked meanwhile", name)
		}
		if name != "unlock" && k.unlocks > 0 {
			t.Errorf("%s: a proof of presence unlocked the device %d times", name, k.unlocks)
		}
		if s, err := n.Status(ctx); err != nil || !s.Locked {
			t.Errorf("%s: the device is unlocked: %v", name, err)
		}
	}
	list, err := n.Requests(ctx)
	if err != nil || len(list) != 1 || len(list[0].ApprovedBy) != 1 {
		t.Errorf("requests: %+v, %v", list, err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
