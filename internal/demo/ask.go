package demo

import (
	"context"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/warifu/warifu/node/api"
)

// ask lets asker ask for a signature and approver approve it, and checks it.
func (s *story) ask(ctx context.Context, asker, approver *device, message string) error {
	s.say("%s asks: sign %q", asker.name, message)
	var sig api.Signature
	err := s.request(ctx, approver, func(ctx context.Context, emit func(api.Event)) (err error) {
		sig, err = asker.client.Sign(ctx, api.SignArgs{Kind: api.KindMessage, Message: []byte(message)}, emit)
		return err
	}, func(ctx context.Context, id string) error {
		if _, err := approver.client.Approve(ctx, id); err != nil {
			return fmt.Errorf("%s approves: %w", approver.name, err)
		}
		s.say("%s approves", approver.name)
		return nil
	})
	if err != nil {
		return err
	}
	return s.check(message, sig)
}

// request runs what makes a request, and says yes to it where approver shows
// it.
func (s *story) request(ctx context.Context, approver *device, run func(context.Context, func(api.Event)) error, yes func(ctx context.Context, id string) error) error {
	ids := make(chan string, 1)
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error {
		return run(ctx, func(e api.Event) {
			if e.Event == api.EventRequest {
				ids <- e.ID
			}
		})
	})
	all.Go(func() error {
		var id string
		select {
		case <-ctx.Done():
			return ctx.Err()
		case id = <-ids:
		}
		r, err := awaitRequest(ctx, approver, id)
		if err != nil {
			return err
		}
		s.say("%s shows: %s", approver.name, r.Summary)
		return yes(ctx, r.ID)
	})
	return all.Wait()
}

// awaitRequest waits until the request has reached d.
func awaitRequest(ctx context.Context, d *device, id string) (api.Request, error) {
	var r api.Request
	err := until(ctx, func() (_ bool, err error) {
		if r, err = d.client.Request(ctx, id); api.CodeOf(err) == api.CodeUnknownRequest {
			return false, nil
		}
		return true, err
	}, func() string { return d.name + " has not heard of the request" })
	return r, err
}

// tries asks for a signature for so long, and returns the id of the request, if
// there was one.
func (d *device) tries(ctx context.Context, message string, patience time.Duration) (id string, err error) {
	_, err = d.client.Sign(ctx, api.SignArgs{Kind: api.KindMessage, Message: []byte(message), Timeout: api.Duration(patience)}, func(e api.Event) {
		if e.Event == api.EventRequest {
			id = e.ID
		}
	})
	return id, err
}

// check recovers who signed.
func (s *story) check(message string, sig api.Signature) error {
	var raw api.Bytes
	if err := raw.UnmarshalText([]byte(sig.Signature)); err != nil {
		return err
	}
	signer, err := s.Signer([]byte(message), raw)
	if err != nil {
		return fmt.Errorf("the signature is not valid: %w", err)
	}
	if signer != s.summary.Address {
		return fmt.Errorf("the signature is by %s, not by %s", signer, s.summary.Address)
	}
	s.summary.Signatures = append(s.summary.Signatures, Signature{message, sig.Signature, sig.Signers, true})
	s.say("signed by %s in %v: %s", strings.Join(sig.Signers, " and "), time.Duration(sig.Elapsed).Round(time.Millisecond), brief(sig.Signature))
	s.say("go-ethereum recovers %s: valid", signer)
	return nil
}

// brief cuts what nobody reads to the end.
func brief(s string) string {
	if len(s) > 44 {
		return s[:40] + "…"
	}
	return s
}
