package main

import (
	"fmt"
	"io"

	"github.com/ethereum/go-ethereum/accounts"
	"github.com/spf13/cobra"

	"github.com/warifu/warifu/internal/demo"
	"github.com/warifu/warifu/node/api"
)

func demoCmd(con *console) *cobra.Command {
	c := demo.Config{Tell: con.tell, Escape: esc, Signer: messageSigner}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "See three devices found a circle, sign, lose one and heal",
		Long: `Demo starts three real devices as separate processes on this machine's loopback,
founds a circle of which any two sign, has one of them stolen, heals without it,
lets the thief try, lets a new device in, and checks every signature with
go-ethereum's own recovery. It needs nothing set up, touches no other device of
yours, and removes what it made.`,
		Args: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return demo.Run(cmd.Context(), c, func(s demo.Summary) error {
				return con.result(s, func(w io.Writer) { printDemo(w, s) })
			})
		},
	}
	cmd.Flags().StringVar(&c.Dir, "dir", "", "put the devices into this new or empty directory")
	cmd.Flags().BoolVar(&c.Keep, "keep", false, "leave the devices' homes in place")
	return cmd
}

// tell prints a line of the demo. There the story is the result, and with --json
// its summary alone.
func (con *console) tell(e api.Event) {
	switch {
	case con.json:
		con.event(e)
	case e.Step > 0:
		fmt.Fprintf(onScreen(con.stdout), "\n%d. %s\n", e.Step, e.Text)
	default:
		fmt.Fprintf(onScreen(con.stdout), "   %s\n", e.Text)
	}
}

func printDemo(w io.Writer, s demo.Summary) {
	fmt.Fprintf(w, "\ndone in %.1f s: %d signatures of %s, each by two devices, each valid, and no device ever had the key\n",
		s.Seconds, len(s.Signatures), s.Address)
	if s.Dir != "" {
		fmt.Fprintf(w, "the devices' homes are in %s, with their passphrases beside them\n", esc(s.Dir))
	}
}

// messageSigner returns the address that signed a message (EIP-191).
func messageSigner(message, signature []byte) (string, error) {
	signer, err := recoverSigner(accounts.TextHash(message), signature)
	if err != nil {
		return "", err
	}
	return signer.Hex(), nil
}
