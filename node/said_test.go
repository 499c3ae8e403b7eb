package node

import (
	"github.com/warifu/warifu/internal/commandline"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/desk"
)

// codeOf is the code by which a script knows an error of a room, and asError what a
// person is told of it.
func codeOf(err error) api.Code    { return api.CodeOf(desk.Said(err, commandline.Words)) }
func asError(err error) *api.Error { return api.AsError(desk.Said(err, commandline.Words)) }
