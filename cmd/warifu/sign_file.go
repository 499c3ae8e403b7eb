package main

import (
	"context"
	"crypto/sha512"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/warifu/warifu/node/api"
)

func (a *app) signFileCmd(s *signing) *cobra.Command {
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
			args, err := a.hashFile(cmd.Context(), argv[0])
			if err != nil {
				return err
			}
			args.Kind, args.Namespace = api.KindFile, namespace
			return a.sign(cmd.Context(), s, args)
		},
	}
	cmd.Flags().StringVar(&namespace, "namespace", "", `what the signature is for: "file", "git", or your own`)
	return cmd
}

// hashFile reads a file of any size, or standard input if path is "-".
func (a *app) hashFile(ctx context.Context, path string) (api.SignArgs, error) {
	args, err := await(ctx, func() (args api.SignArgs, err error) {
		in, name := a.stdin, "standard input"
		if path != "-" {
			f, err := os.Open(path)
			if err != nil {
				return args, err
			}
			defer f.Close()
			in, name = f, filepath.Base(path)
		}
		h := sha512.New()
		size, err := io.Copy(h, in)
		return api.SignArgs{FileName: name, FileHash: h.Sum(nil), FileSize: size}, err
	})
	if ctx.Err() != nil {
		return args, ctx.Err()
	}
	if err != nil {
		return args, api.Errorf(api.CodeBadArgument, "the file cannot be read: %v", err)
	}
	return args, nil
}
