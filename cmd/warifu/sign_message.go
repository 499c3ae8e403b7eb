package main

import (
	"encoding/hex"
	"strings"

	"github.com/spf13/cobra"

	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/node/api"
)

// maxMessage and maxDocument bound what the sign commands read.
const (
	maxMessage  = 1 << 20
	maxDocument = 1 << 20
)

// A messageSource says where a message comes from.
type messageSource struct {
	hex  string
	file string
}

func (m *messageSource) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&m.hex, "hex", "", "the message as hexadecimal bytes")
	cmd.Flags().StringVar(&m.file, "file", "", `the message is in this file, "-" is standard input`)
}

// read returns the message's bytes.
func (m *messageSource) read(con *console, cmd *cobra.Command, args []string) ([]byte, error) {
	given := len(args)
	for _, name := range []string{"hex", "file"} {
		if cmd.Flags().Changed(name) {
			given++
		}
	}
	if given != 1 {
		return nil, errOneSource
	}
	switch {
	case cmd.Flags().Changed("file"):
		return con.readInput(cmd.Context(), m.file, maxMessage)
	case cmd.Flags().Changed("hex"):
		out, err := hex.DecodeString(strings.TrimPrefix(m.hex, "0x"))
		if err != nil {
			return nil, usagef("--hex is not an even number of hexadecimal digits")
		}
		return out, nil
	}
	return []byte(args[0]), nil
}

func signMessageCmd(s *signing) *cobra.Command {
	var source messageSource
	cmd := &cobra.Command{
		Use:     "message TEXT",
		Short:   "Sign a message (EIP-191, personal_sign)",
		Example: `  warifu sign message "I am the owner of this account"`,
		Args:    atMostOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			message, err := source.read(&s.app.con, cmd, args)
			if err != nil {
				return err
			}
			s.app.con.notes(intent.Input{Kind: intent.Message, Message: message})
			return s.ask(cmd.Context(), api.SignArgs{Kind: api.KindMessage, Message: message})
		},
	}
	source.flags(cmd)
	return cmd
}
