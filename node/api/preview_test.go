package api_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/warifu/warifu/node/api"
)

// TestPreviewTravels: what is asked and what is answered arrive whole, and no
// passphrase is part of it.
func TestPreviewTravels(t *testing.T) {
	t.Parallel()
	h := &healer{}
	c, _, _ := serve(t, h)
	args := api.PreviewArgs{Kind: api.KindVacation, Device: "ab", Threshold: 3, Until: time.Date(2026, 12, 24, 0, 0, 0, 0, time.UTC)}
	p, err := c.Preview(t.Context(), args)
	if err != nil || p.Summary != "phone is lost" || len(p.Warnings) != 1 || !reflect.DeepEqual(h.asked, args) {
		t.Errorf("%+v, %v, asked %+v", p, err, h.asked)
	}
	h.err = api.Errorf(api.CodeStranded, "too few")
	if _, err := c.Preview(t.Context(), args); api.CodeOf(err) != api.CodeStranded || api.AsError(err).Hint == "" {
		t.Errorf("%v", err)
	}
}
