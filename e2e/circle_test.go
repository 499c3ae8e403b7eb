package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/accounts"
	"github.com/ethereum/go-ethereum/crypto"
	"golang.org/x/sync/errgroup"

	"github.com/warifu/warifu/node/api"
)

// A circle is some devices that are up and hold keys together.
type circle struct {
	api.Circle
	devices []*device
	address string
}

// newCircle makes devices, starts them and founds their circle.
func newCircle(t testing.TB, threshold int, names ...string) *circle {
	t.Helper()
	devices := make([]*device, len(names))
	for i, name := range names {
		devices[i] = newDevice(t, name)
		devices[i].up()
	}
	return found(t, threshold, devices...)
}

func found(t testing.TB, threshold int, devices ...*device) *circle {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := tryFound(ctx, threshold, devices...)
	if err != nil {
		for _, d := range devices {
			t.Logf("%s said:\n%s", d.name, d.stderr)
		}
		t.Fatal(err)
	}
	return c
}

// tryFound founds a circle with the first device as founder. Its person says
// yes once all devices show the same words.
func tryFound(ctx context.Context, threshold int, devices ...*device) (*circle, error) {
	circles := make([]api.Circle, len(devices))
	asked := make(chan api.Question, len(devices))
	var mu sync.Mutex // guards sessions
	sessions := map[*device]string{}
	hear := func(d *device, e api.Event) {
		if e.Question != nil {
			mu.Lock()
			sessions[d] = e.Question.Session
			mu.Unlock()
			asked <- *e.Question
		}
	}
	next := 1
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() (err error) {
		circles[0], err = devices[0].client.Found(ctx, api.FoundArgs{Threshold: threshold, Devices: len(devices)}, func(e api.Event) {
			hear(devices[0], e)
			if e.Event != api.EventInvitation || next >= len(devices) {
				return
			}
			i := next
			next++
			all.Go(func() (err error) {
				circles[i], err = devices[i].client.Join(ctx, api.JoinArgs{Invitation: e.Invitation}, func(e api.Event) { hear(devices[i], e) })
				if err != nil {
					return fmt.Errorf("%s joins: %w", devices[i].name, err)
				}
				return nil
			})
		})
		if err != nil {
			return fmt.Errorf("%s founds: %w", devices[0].name, err)
		}
		return nil
	})
	all.Go(func() error {
		var words []string
		for range devices {
			select {
			case q := <-asked:
				if words != nil && !slices.Equal(words, q.Words) {
					return errors.New("the devices show different words")
				}
				words = q.Words
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		for d, session := range sessions {
			if err := d.client.Confirm(ctx, api.ConfirmArgs{Session: session, Yes: true}); err != nil {
				return fmt.Errorf("confirm on %s: %w", d.name, err)
			}
		}
		return nil
	})
	if err := all.Wait(); err != nil {
		return nil, err
	}
	return standing(devices, circles)
}

// standing checks that all devices hold the same circle.
func standing(devices []*device, circles []api.Circle) (*circle, error) {
	c := &circle{Circle: circles[0], devices: devices}
	for _, acc := range c.Accounts {
		if acc.Name == "ethereum" {
			c.address = acc.Address
		}
	}
	if c.address == "" {
		return nil, errors.New("the circle has no address")
	}
	for _, other := range circles[1:] {
		if other.Circle != c.Circle.Circle || !slices.Equal(other.Accounts, c.Accounts) {
			return nil, errors.New("the devices hold different circles")
		}
	}
	return c, nil
}

// sign lets asker ask and the others approve, and checks the signature.
func (c *circle) sign(t testing.TB, message string, asker *device, approvers ...*device) api.Signature {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	sig, _, err := ask(ctx, message, asker, approvers...)
	if err != nil {
		for _, d := range c.devices {
			t.Logf("%s said:\n%s", d.name, d.stderr)
		}
		t.Fatalf("%s asks, %d approve: %v", asker.name, len(approvers), err)
	}
	c.check(t, message, sig)
	return sig
}

// ask returns the id of the request also when there is no signature.
func ask(ctx context.Context, message string, asker *device, approvers ...*device) (sig api.Signature, id string, err error) {
	id, err = request(ctx, func(ctx context.Context, emit func(api.Event)) (err error) {
		sig, err = asker.client.Sign(ctx, api.SignArgs{Kind: api.KindMessage, Message: []byte(message)}, emit)
		return err
	}, approve, approvers)
	return sig, id, err
}

// request runs what makes a request, and has approvers say yes to it once
// there is one.
func request(ctx context.Context, run func(context.Context, func(api.Event)) error, yes func(context.Context, *device, string) error, approvers []*device) (id string, err error) {
	ids := make(chan string, 1)
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error {
		defer close(ids)
		return run(ctx, func(e api.Event) {
			if e.Event == api.EventRequest {
				id = e.ID
				ids <- e.ID
			}
		})
	})
	all.Go(func() error {
		id, ok := <-ids
		if !ok {
			return nil // run says why
		}
		for _, d := range approvers {
			if err := yes(ctx, d, id); err != nil {
				return fmt.Errorf("%s approves: %w", d.name, err)
			}
		}
		return nil
	})
	err = all.Wait()
	return id, err
}

// approve waits until the request has come and says yes to it.
func approve(ctx context.Context, d *device, id string) error {
	for {
		_, err := d.client.Approve(ctx, id)
		if api.CodeOf(err) != api.CodeUnknownRequest {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the request has not come: %w", ctx.Err())
		case <-time.After(poll):
		}
	}
}

// check recovers the signer with go-ethereum.
func (c *circle) check(t testing.TB, message string, sig api.Signature) {
	t.Helper()
	if len(sig.Signers) != c.Threshold {
		t.Errorf("signed by %v, want %d devices", sig.Signers, c.Threshold)
	}
	if got := recovered(t, accounts.TextHash([]byte(message)), sig.Signature); got != c.address {
		t.Errorf("signed by %s, want %s", got, c.address)
	}
}

// recovered returns the address that made a signature over digest.
func recovered(t testing.TB, digest []byte, signature string) string {
	t.Helper()
	var raw api.Bytes
	if err := raw.UnmarshalText([]byte(signature)); err != nil || len(raw) != crypto.SignatureLength {
		t.Fatalf("signature %q: %v", signature, err)
	}
	if raw[64] >= 27 {
		raw[64] -= 27
	}
	key, err := crypto.SigToPub(digest, raw)
	if err != nil {
		t.Fatalf("recover: %v", err)
	}
	return crypto.PubkeyToAddress(*key).Hex()
}

// status returns what d knows.
func (d *device) status() api.Status {
	d.t.Helper()
	s, err := d.client.Status(d.t.Context())
	if err != nil {
		d.t.Fatalf("status of %s: %v", d.name, err)
	}
	return s
}

// online waits until d sees all other devices of its circle.
func (d *device) online() {
	d.t.Helper()
	eventually(d.t, d.name+" sees the others", func() bool {
		for _, other := range d.status().Devices {
			if !other.This && !other.Online {
				return false
			}
		}
		return true
	})
}

// sound checks the store of a device that is down, with the passphrase.
func (d *device) sound() {
	d.t.Helper()
	d.run(0, "fsck", "--passphrase-file", d.pass).has(d.t, `"ok":true`)
}
