package node

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// A deadAttempt is a re-deal that came to nothing, or that this device refused.
// The votes it died of are kept: a device that was away may still be in it, and
// a sleeper may even have adopted it from such a device. Nobody but those who
// know can tell them, and they would wait for ever.
type deadAttempt struct {
	frames [][]byte // as this device says them
	key    string   // epoch key that is to be destroyed, "" if there is none
	told   map[wire.Slot]time.Time
}

// storedDead is the durable form.
type storedDead struct {
	Version uint8    `cbor:"1,keyasint"`
	Frames  [][]byte `cbor:"2,keyasint"`
	Key     string   `cbor:"3,keyasint"`
}

func encodeDead(frames []wire.Frame, key string) ([]byte, *deadAttempt) {
	d := &deadAttempt{frames: [][]byte{}, key: key, told: map[wire.Slot]time.Time{}}
	for _, f := range frames {
		d.frames = append(d.frames, f.Append(nil))
	}
	return wire.Marshal(storedDead{Version: 1, Frames: d.frames, Key: key}), d
}

// deadAttempts are those that this device knows of.
type deadAttempts map[wire.SessionID]*deadAttempt

func (d deadAttempts) load(j journal.Journal) error {
	err := j.View(func(tx journal.Tx) error {
		return journal.Each(tx, bucketDead, func(k string, raw []byte) error {
			var s storedDead
			id, err := parseID(k)
			if err == nil {
				err = wire.Unmarshal(raw, &s)
			}
			if err != nil || s.Version != 1 {
				return errDeadDamaged
			}
			d[wire.SessionID(id)] = &deadAttempt{frames: s.Frames, key: s.Key, told: map[wire.Slot]time.Time{}}
			return nil
		})
	})
	if err != nil && !errors.Is(err, errDeadDamaged) {
		return fmt.Errorf("node: read dead re-deals: %w", err)
	}
	return err
}

var errDeadDamaged = errors.New("node: the record of a dead re-deal is damaged")

// destroy makes good what a crash may have left of them: keys of their shares.
func (d deadAttempts) destroy(k Keeper) error {
	for _, a := range d {
		if a.key == "" {
			continue
		}
		if err := k.DestroyEpochKey(a.key); err != nil {
			return fmt.Errorf("node: destroy the shares of a dead attempt: %w", err)
		}
	}
	return nil
}

// tellDead tells a device that still speaks in a dead re-deal what it died of,
// and reports whether it is one. say sends it: a device that would have been new is
// in no circle and knows the others by their connections only, but they may have
// committed to what it has voted against, and wait for it.
func (rd *redeals) tellDead(id wire.SessionID, to wire.Slot, say func(frame []byte)) bool {
	d := rd.dead[id]
	if d == nil {
		return false
	}
	if last := d.told[to]; rd.me.now.Sub(last).Abs() < rd.me.cfg.Timings.Resend {
		return true
	}
	d.told[to] = rd.me.now
	for _, b := range d.frames {
		say(b)
	}
	return true
}

// toMember sends frames of a session to a member.
func (rd *redeals) toMember(slot wire.Slot) func(frame []byte) {
	return func(b []byte) { rd.me.sendTo(slot, wire.ProtocolSession, b) }
}

// toStranger sends them to a device that has no slot here.
func (rd *redeals) toStranger(peer []byte) func(frame []byte) {
	return func(b []byte) {
		if err := rd.me.link.Send(peer, wire.ProtocolSession, b); err != nil {
			rd.me.log.Debug("message not sent", "err", err)
		}
	}
}

// A refusal is kept for good, and anybody can make up proposals by the thousand.
// So each device is told no only so often. What is over that is heard with no
// answer: the attempt dies a minute later, or, for a device that was ready for it and
// must hear of this, when it is brought again after the hour.
const (
	maxRefused = 64
	refusedFor = time.Hour
)

// mayRefuse counts a re-deal that the device in slot has brought, and reports
// whether it is told that this one refuses it.
func (rd *redeals) mayRefuse(slot wire.Slot) bool {
	p := rd.me.peer(slot)
	if rd.me.now.Sub(p.refusedSince).Abs() >= refusedFor {
		p.refused, p.refusedSince = 0, rd.me.now
	}
	p.refused++
	return p.refused <= maxRefused
}

var errInIt = errors.New("node: this device is in this re-deal")

// refuse votes against an attempt without taking part, so that it dies sooner.
// That it never will take part is durable before the vote is sent.
func (rd *redeals) refuse(cfg refresh.Config) error {
	s, err := refresh.Refuse(cfg)
	if err != nil {
		return err
	}
	raw, dead := encodeDead([]wire.Frame{s.Frame}, "")
	if err := rd.me.cfg.Journal.Update(func(tx journal.Tx) error {
		// A device that was set back has forgotten what it said in an attempt
		// that it was in, and says nothing more.
		b, err := tx.Get(bucketAttempt, currentKey)
		if err != nil {
			return err
		}
		var now storedAttempt
		if b != nil && wire.Unmarshal(b, &now) == nil && bytes.Equal(now.Proposal, cfg.Proposal.Bytes()) {
			return errInIt
		}
		return tx.Put(bucketDead, cfg.Proposal.Attempt().Hex(), raw)
	}); errors.Is(err, errInIt) {
		return nil
	} else if err != nil {
		// It may be on the disk all the same, and would be said after a restart.
		rd.dead[cfg.Proposal.Session()] = &deadAttempt{frames: [][]byte{}, told: map[wire.Slot]time.Time{}}
		return storeError(err)
	}
	rd.dead[cfg.Proposal.Session()] = dead
	rd.drive.sendFrame(&live{slots: cfg.Proposal.Members}, s.Frame)
	return nil
}
