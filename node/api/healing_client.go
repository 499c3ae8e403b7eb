package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
)

var _ Healing = (*Client)(nil)

// Invite implements [Healing].
func (c *Client) Invite(ctx context.Context, args InviteArgs, emit func(Event)) (Changed, error) {
	return follow[Changed](ctx, c, "invite", &args, emit)
}

// Lost implements [Healing].
func (c *Client) Lost(ctx context.Context, args DeviceArgs, emit func(Event)) (Changed, error) {
	return follow[Changed](ctx, c, "lost", &args, emit)
}

// Refresh implements [Healing].
func (c *Client) Refresh(ctx context.Context, args PresenceArgs, emit func(Event)) (Changed, error) {
	return follow[Changed](ctx, c, "refresh", &args, emit)
}

// Leave implements [Healing].
func (c *Client) Leave(ctx context.Context, args PresenceArgs, emit func(Event)) (Changed, error) {
	return follow[Changed](ctx, c, "leave", &args, emit)
}

// Threshold implements [Healing].
func (c *Client) Threshold(ctx context.Context, args ThresholdArgs, emit func(Event)) (Changed, error) {
	return follow[Changed](ctx, c, "threshold", &args, emit)
}

// Retire implements [Healing].
func (c *Client) Retire(ctx context.Context, args PresenceArgs) (Changed, error) {
	return post[Changed](ctx, c, "retire", &args)
}

// Freeze implements [Healing].
func (c *Client) Freeze(ctx context.Context, args PresenceArgs) (Request, error) {
	return post[Request](ctx, c, "freeze", &args)
}

// Thaw implements [Healing].
func (c *Client) Thaw(ctx context.Context, args PresenceArgs, emit func(Event)) (Request, error) {
	return follow[Request](ctx, c, "thaw", &args, emit)
}

// Vacation implements [Healing].
func (c *Client) Vacation(ctx context.Context, args VacationArgs) (Request, error) {
	return post[Request](ctx, c, "vacation", &args)
}

// Veto implements [Healing].
func (c *Client) Veto(ctx context.Context, args DeviceArgs) (Request, error) {
	return post[Request](ctx, c, "veto", &args)
}

// Remove implements [Healing].
func (c *Client) Remove(ctx context.Context, args DeviceArgs) (Request, error) {
	return post[Request](ctx, c, "remove", &args)
}

// Preview implements [Healing].
func (c *Client) Preview(ctx context.Context, args PreviewArgs) (Preview, error) {
	return post[Preview](ctx, c, "preview", &args)
}

// ApprovePresent implements [Healing].
func (c *Client) ApprovePresent(ctx context.Context, id string, passphrase []byte) (Request, error) {
	return post[Request](ctx, c, "requests/"+url.PathEscape(id)+"/approve/present", &PresenceArgs{Passphrase: passphrase})
}

// Epochs implements [Healing].
func (c *Client) Epochs(ctx context.Context) ([]Epoch, error) {
	return get[[]Epoch](ctx, c, "epochs")
}

// encodeArgs returns the body of a call: the JSON of args, then a newline and
// the passphrase if args have one. The caller wipes it.
func encodeArgs(args any) ([]byte, error) {
	body, err := json.Marshal(args)
	if err != nil {
		return nil, fmt.Errorf("api: encode arguments: %w", err)
	}
	p, ok := args.(personal)
	if !ok {
		return body, nil
	}
	pass := p.presence().Passphrase
	// Room for all of it first: growing would leave a copy behind.
	out := make([]byte, 0, len(body)+1+len(pass))
	return append(append(append(out, body...), '\n'), pass...), nil
}

// ChangesCircle reports whether a request of this kind changes who is in the
// circle or what it may do, so that approving it wants a person's presence.
func ChangesCircle(kind string) bool {
	switch kind {
	case KindAdd, KindReplace, KindLost, KindRefresh, KindLeave, KindFreeze, KindThaw, KindVacation, KindVeto, KindRemove, KindThreshold:
		return true
	}
	return false
}
