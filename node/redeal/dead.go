package redeal

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/drive"
	"github.com/warifu/warifu/node/standing"
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

// DeadAttempts are those that this device knows of.
type DeadAttempts map[wire.SessionID]*deadAttempt

// Load reads those that are stored.
func (d DeadAttempts) Load(j journal.Journal) error {
	err := j.View(func(tx journal.Tx) error {
		return journal.Each(tx, standing.BucketDead, func(k string, raw []byte) error {
			var s storedDead
			id, err := standing.ParseID(k)
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

// Destroy makes good what a crash may have left of them: keys of their shares.
func (d DeadAttempts) Destroy(k standing.Keeper) error {
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

// TellDead tells a device that still speaks in a dead re-deal what it died of,
// and reports whether it is one. say sends it: a device that would have been new is
// in no circle and knows the others by their connections only, but they may have
// committed to what it has voted against, and wait for it.
func (rd *Redeals) TellDead(id wire.SessionID, to wire.Slot, say func(frame []byte)) bool {
	d := rd.Dead[id]
	if d == nil {
		return false
	}
	if last := d.told[to]; rd.me.Now.Sub(last).Abs() < rd.me.Config.Timings.Resend {
		return true
	}
	d.told[to] = rd.me.Now
	for _, b := range d.frames {
		say(b)
	}
	return true
}

// ToMember sends frames of a session to a member.
func (rd *Redeals) ToMember(slot wire.Slot) func(frame []byte) {
	return func(b []byte) { rd.me.SendTo(slot, wire.ProtocolSession, b) }
}

// ToStranger sends them to a device that has no slot here.
func (rd *Redeals) ToStranger(peer []byte) func(frame []byte) {
	return func(b []byte) { rd.me.SendPeer(peer, wire.ProtocolSession, b) }
}

// A refusal is kept for good, and anybody can make up proposals by the thousand.
// So each device is told no only so often. What is over that is heard with no
// answer: the attempt dies a minute later, or, for a device that was ready for it and
// must hear of this, when it is brought again after the hour.
const (
	MaxRefused = 64
	RefusedFor = time.Hour
)

// MayRefuse counts a re-deal that the device in slot has brought, and reports
// whether it is told that this one refuses it.
func (rd *Redeals) MayRefuse(slot wire.Slot) bool {
	p := rd.me.Peer(slot)
	if rd.me.Now.Sub(p.RefusedSince).Abs() >= RefusedFor {
		p.Refused, p.RefusedSince = 0, rd.me.Now
	}
	p.Refused++
	return p.Refused <= MaxRefused
}

var ErrInIt = errors.New("node: this device is in this re-deal")

// Refuse votes against an attempt without taking part, so that it dies sooner.
// That it never will take part is durable before the vote is sent.
func (rd *Redeals) Refuse(cfg refresh.Config) error {
	s, err := refresh.Refuse(cfg)
	if err != nil {
		return err
	}
	raw, dead := encodeDead([]wire.Frame{s.Frame}, "")
	if err := rd.me.Config.Journal.Update(func(tx journal.Tx) error {
		// A device that was set back has forgotten what it said in an attempt
		// that it was in, and says nothing more.
		b, err := tx.Get(standing.BucketAttempt, standing.CurrentKey)
		if err != nil {
			return err
		}
		var now StoredAttempt
		if b != nil && wire.Unmarshal(b, &now) == nil && bytes.Equal(now.Proposal, cfg.Proposal.Bytes()) {
			return ErrInIt
		}
		return tx.Put(standing.BucketDead, cfg.Proposal.Attempt().Hex(), raw)
	}); errors.Is(err, ErrInIt) {
		return nil
	} else if err != nil {
		// It may be on the disk all the same, and would be said after a restart.
		rd.Dead[cfg.Proposal.Session()] = &deadAttempt{frames: [][]byte{}, told: map[wire.Slot]time.Time{}}
		return standing.StoreError(err)
	}
	rd.Dead[cfg.Proposal.Session()] = dead
	rd.drive.SendFrame(&drive.Session{Slots: cfg.Proposal.Members}, s.Frame)
	return nil
}
