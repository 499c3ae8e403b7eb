package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/accounts"
	"golang.org/x/sync/errgroup"

	"github.com/warifu/warifu/node/api"
)

// ask lets asker ask for a signature and approver approve it, and checks it.
func (s *story) ask(ctx context.Context, asker, approver *demoDevice, message string) error {
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
func (s *story) request(ctx context.Context, approver *demoDevice, run func(context.Context, func(api.Event)) error, yes func(ctx context.Context, id string) error) error {
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
		s.say("%s shows: %s", approver.name, esc(r.Summary))
		return yes(ctx, r.ID)
	})
	return all.Wait()
}

// awaitRequest waits until the request has reached d.
func awaitRequest(ctx context.Context, d *demoDevice, id string) (api.Request, error) {
	for {
		r, err := d.client.Request(ctx, id)
		if err == nil || api.CodeOf(err) != api.CodeUnknownRequest {
			return r, err
		}
		select {
		case <-ctx.Done():
			return r, fmt.Errorf("%s has not heard of the request: %w", d.name, ctx.Err())
		case <-time.After(demoPoll):
		}
	}
}

// check recovers who signed with go-ethereum alone.
func (s *story) check(message string, sig api.Signature) error {
	var raw api.Bytes
	if err := raw.UnmarshalText([]byte(sig.Signature)); err != nil {
		return err
	}
	signer, err := recoverSigner(accounts.TextHash([]byte(message)), raw)
	if err != nil {
		return fmt.Errorf("the signature is not valid: %w", err)
	}
	if signer.Hex() != s.summary.Address {
		return fmt.Errorf("the signature is by %s, not by %s", signer.Hex(), s.summary.Address)
	}
	s.summary.Signatures = append(s.summary.Signatures, demoSignature{message, sig.Signature, sig.Signers, true})
	s.say("signed by %s in %v: %s", strings.Join(sig.Signers, " and "), time.Duration(sig.Elapsed).Round(time.Millisecond), brief(sig.Signature))
	s.say("go-ethereum recovers %s: valid", signer.Hex())
	return nil
}

// brief cuts what nobody reads to the end.
func brief(s string) string {
	if len(s) > 44 {
		return esc(s[:40]) + "…"
	}
	return esc(s)
}
