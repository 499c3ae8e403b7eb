package main

import (
	"github.com/spf13/cobra"

	"github.com/warifu/warifu/node/api"
)

func signFileCmd(s *signing) *cobra.Command {
	var namespace string
	cmd := &cobra.Command{
		Use:   "file --namespace NS FILE",
		Short: "Sign a file with the ssh account (SSHSIG)",
		Long: `File makes an SSH signature that "ssh-keygen -Y verify" accepts, and prints it
armored. The namespace says what the signature is for: "file" for files, "git"
for commits and tags.`,
		Example: "  warifu sign file --namespace file release.tar.gz > release.tar.gz.sig",
		Args:    one("a file"),
		RunE: func(cmd *cobra.Command, argv []string) error {
			if namespace == "" {
				return usagef("--namespace is needed")
			}
			args, err := s.app.con.hashFile(cmd.Context(), argv[0])
			if err != nil {
				return err
			}
			args.Kind, args.Namespace = api.KindFile, namespace
			return s.ask(cmd.Context(), args)
		},
	}
	cmd.Flags().StringVar(&namespace, "namespace", "", `what the signature is for: "file", "git", or your own`)
	return cmd
}
