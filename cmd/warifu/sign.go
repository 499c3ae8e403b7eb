package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/warifu/warifu/node/api"
)

// A signing is what the sign commands have in common.
type signing struct {
	app     *app
	account string
	path    string
	timeout time.Duration
	detach  bool
}

func signCmd(a *app) *cobra.Command {
	s := &signing{app: a}
	cmd := &cobra.Command{
		Use:   "sign",
		Short: "Ask the circle for a signature",
		Long: `Sign asks the circle and waits until a quorum has approved and signed. It says
on stderr whom it waits for. Interrupted, it leaves the request open: "warifu
requests" lists it, and "warifu show ID --wait" picks it up again.`,
		Args: kindFirst,
		RunE: kindFirst,
	}
	f := cmd.PersistentFlags()
	f.StringVar(&s.account, "account", "", "account to sign with (default the one that fits)")
	f.StringVar(&s.path, "path", "", `key below the ethereum account, "0/0" if not given`)
	f.DurationVar(&s.timeout, "timeout", 5*time.Minute, "how long to wait for the quorum")
	f.BoolVar(&s.detach, "detach", false, "print the id of the request and do not wait")
	cmd.AddCommand(signMessageCmd(s), signTypedDataCmd(s), signTxCmd(s), signFileCmd(s))
	return cmd
}

// ask asks, waits and prints.
func (s *signing) ask(ctx context.Context, args api.SignArgs) error {
	if err := checkTimeout(s.timeout); err != nil {
		return err
	}
	con := &s.app.con
	args.Account, args.Path = s.account, s.path
	args.Timeout, args.Detach = api.Duration(s.timeout), s.detach
	return s.app.call(func(c *api.Client) error {
		var id string
		sig, err := c.Sign(ctx, args, func(e api.Event) {
			if e.Event == api.EventRequest {
				id = e.ID
			}
			con.event(e)
		})
		if err != nil {
			return stillOpen(err, id)
		}
		if s.detach {
			return con.result(struct {
				Request string `json:"request"`
			}{sig.Request}, func(w io.Writer) { fmt.Fprintln(w, sig.Request) })
		}
		return printSignature(con, sig)
	})
}

// stillOpen tells the person how to go on with a request that nobody waits for
// any more.
func stillOpen(err error, id string) error {
	e := api.AsError(err)
	if id == "" || e.Hint != "" && e.Code != api.CodeCanceled {
		return err
	}
	switch e.Code {
	case api.CodeCanceled:
		e.Message = fmt.Sprintf("interrupted; request %s stays open", shortID(id))
	case api.CodeTimeout, api.CodeNoQuorum, api.CodeNotRunning:
	default:
		return err
	}
	return e.WithHint("`warifu show %s --wait` goes on waiting, `warifu requests` lists it, `warifu deny %s` ends it", shortID(id), shortID(id))
}

func printSignature(con *console, sig api.Signature) error {
	return con.result(sig, func(w io.Writer) {
		if sig.Kind == api.KindFile {
			// The armor alone, so that `> FILE.sig` is what ssh-keygen reads.
			fmt.Fprintln(w, strings.TrimRight(sig.Signature, "\n"))
			con.note("signed by %s with %s", escAll(sig.Signers), esc(sig.PublicKey))
			return
		}
		rows := [][2]string{
			{"signature", esc(sig.Signature)},
			{"address", esc(sig.Address)},
			{"digest", sig.Digest.String()},
		}
		if len(sig.Raw) > 0 {
			rows = append(rows, [2]string{"raw", sig.Raw.String()}, [2]string{"hash", sig.Hash.String()})
		}
		keys(w, append(rows,
			[2]string{"signers", escAll(sig.Signers)},
			[2]string{"epoch", fmt.Sprint(sig.Epoch)},
			[2]string{"request", shortID(sig.Request)},
			[2]string{"elapsed", time.Duration(sig.Elapsed).Round(time.Millisecond).String()}))
	})
}

// errOneSource is the answer to a message given twice or not at all.
var errOneSource = errUsage{errors.New("give the message once: as an argument, with --hex or with --file")}
