package api_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"

	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/node/api"
)

func TestAsError(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		err  error
		want api.Error
	}{
		{"wrapped", fmt.Errorf("sign: %w", api.Errorf(api.CodeDenied, "phone said no").WithHint("ask again")),
			api.Error{Code: api.CodeDenied, Message: "sign: phone said no", Hint: "ask again"}},
		{"intent", fmt.Errorf("node: %w", &intent.Error{Code: intent.CodeBadJSON, Reason: "it is no JSON", Hint: "look"}),
			api.Error{Code: api.CodeBadArgument, Message: "it is no JSON", Hint: "look"}},
		{"own-authorization", &intent.Error{Code: intent.CodeOwnAuthorization, Reason: "it hands over the account"},
			api.Error{Code: api.CodeRefused, Message: "it hands over the account"}},
		{"disk-full", fmt.Errorf("store: %w", &fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}),
			api.Error{Code: api.CodeDiskFull, Message: "store: write x: no space left on device", Hint: "free some space on the disk of this device and try again"}},
		{"canceled", context.Canceled, api.Error{Code: api.CodeCanceled, Message: "interrupted"}},
		{"ours", errors.New("node: internal"), api.Error{Code: api.CodeInternal, Message: "node: internal"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := *api.AsError(tc.err); got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
	if api.CodeOf(nil) != "" {
		t.Error("nil has a code")
	}
}
