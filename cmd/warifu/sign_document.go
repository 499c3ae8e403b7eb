package main

import (
	"github.com/spf13/cobra"

	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/node/api"
)

func signTypedDataCmd(s *signing) *cobra.Command {
	return signDocumentCmd(s, api.KindTypedData, "typed-data FILE", "Sign typed data (EIP-712)")
}

func signTxCmd(s *signing) *cobra.Command {
	cmd := signDocumentCmd(s, api.KindTx, "tx FILE", "Sign a transaction given as JSON")
	cmd.Long = `Tx signs an Ethereum transaction given as a JSON object with the field names of
JSON-RPC: types 0, 1, 2 and 4. The JSON of ethers' Transaction.toJSON and the
bytes of an unsigned transaction in hexadecimal digits are read, too. It needs
no network and sends nothing: "raw" is what eth_sendRawTransaction takes.`
	return cmd
}

// signDocumentCmd makes a command that signs a JSON document.
func signDocumentCmd(s *signing, kind, use, short string) *cobra.Command {
	return &cobra.Command{
		Use:   use,
		Short: short,
		Args:  one("a file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			doc, err := s.app.con.readInput(cmd.Context(), args[0], maxDocument)
			if err != nil {
				return err
			}
			if kind == api.KindTypedData {
				s.app.con.notes(intent.Input{Kind: intent.TypedData, JSON: doc})
			}
			return s.ask(cmd.Context(), api.SignArgs{Kind: kind, JSON: doc})
		},
	}
}
