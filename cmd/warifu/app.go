package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/warifu/warifu/node/api"
)

// helpWidth is how many columns help takes at most.
const helpWidth = 80

// Exit statuses.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// An app is one run of the program: what is common to all of its commands.
type app struct {
	con  console
	home string // directory of this device

	// began is set once flags and arguments have been understood: an error
	// before that is one of usage.
	began bool
	path  string // of the command, without the program's name
}

// errUsage marks an error as the caller's misunderstanding.
type errUsage struct{ error }

func (e errUsage) Unwrap() error { return e.error }

func usagef(format string, args ...any) error {
	return errUsage{api.Errorf(api.CodeBadArgument, format, args...)}
}

func withHint(err error, hint string) error {
	return errUsage{api.AsError(err).WithHint("%s", hint)}
}

// errSaid ends the program with exitFailed when stdout has said why.
var errSaid = errors.New("said")

// run is the program. It returns its exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{con: console{stdin: stdin, stdout: stdout, stderr: stderr, env: os.Getenv}}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(onScreen(stdout))
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if a.path == "" && cmd != nil {
		a.path = commandPath(cmd)
	}
	if !a.began {
		a.con.json = a.con.json || wantsJSON(args)
	}
	code := a.exit(unknownCommand(root, err))
	a.con.drain()
	return code
}

func commandPath(cmd *cobra.Command) string {
	_, path, _ := strings.Cut(cmd.CommandPath(), " ")
	return path
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "warifu",
		Short: "Keys that your own devices hold together",
		Long: `warifu keeps a signing key on your own devices without it existing on any of
them: any quorum signs, no single device can. Begin with

  warifu demo                             see it work, nothing to set up
  warifu init --name laptop               make this machine a device
  warifu up                               run it
  warifu found --threshold 2 --devices 3  make a circle with two more`,
		SuggestionsMinimumDistance: 2, // unknownCommand makes them
		DisableSuggestions:         true,
		SilenceUsage:               true,
		SilenceErrors:              true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			a.began = true
			a.path = commandPath(cmd)
			return a.findHome()
		},
	}
	version := root.Flags().Bool("version", false, "say which warifu this is, and from what it was built")
	root.RunE = func(cmd *cobra.Command, _ []string) error {
		if *version {
			return printVersion(&a.con)
		}
		return cmd.Help()
	}
	f := root.PersistentFlags()
	f.StringVar(&a.home, "home", "", "directory of this device (default $WARIFU_HOME, or "+homeInWords()+")")
	f.BoolVar(&a.con.json, "json", false, "print one JSON object on stdout, and events as JSON lines on stderr")
	f.BoolVarP(&a.con.verbose, "verbose", "v", false, "say more on stderr")
	root.AddGroup(
		&cobra.Group{ID: "circle", Title: "Devices and circle:"},
		&cobra.Group{ID: "ask", Title: "Asking the quorum:"},
		&cobra.Group{ID: "heal", Title: "When a device is lost, or goes:"},
	)
	in := func(group string, cmds ...*cobra.Command) {
		for _, c := range cmds {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	in("circle", initCmd(a), upCmd(a), foundCmd(a), joinCmd(a), inviteCmd(a), statusCmd(a), epochsCmd(a), lockCmd(a), unlockCmd(a), fsckCmd(a))
	in("heal", lostCmd(a), refreshCmd(a), leaveCmd(a), freezeCmd(a), thawCmd(a), vacationCmd(a), vetoCmd(a),
		removeCmd(a), retireCmd(a), thresholdCmd(a))
	in("ask", signCmd(a), requestsCmd(a), showCmd(a), approveCmd(a), denyCmd(a), verifyCmd(&a.con))
	root.AddCommand(demoCmd(&a.con), versionCmd(&a.con), licensesCmd(&a.con))
	strictHelp(root)
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages ", fmt.Sprintf(".FlagUsagesWrapped %d ", helpWidth)))
	return root
}

// exit prints err, if any, and returns the exit status.
func (a *app) exit(err error) int {
	a.con.endProgress()
	if err == nil {
		return exitDone
	}
	if errors.Is(err, errSaid) {
		return exitFailed
	}
	_, misused := errors.AsType[errUsage](err)
	status := exitFailed
	if misused || !a.began {
		status = exitUsage
	}
	e := api.AsError(err)
	if status == exitUsage {
		e.Code = api.CodeBadArgument
		if e.Hint == "" {
			e.Hint = strings.TrimSpace("warifu "+a.path) + " --help"
		}
	}
	if a.path != "" {
		e.Message = a.path + ": " + e.Message
	}
	a.con.failure(e)
	return status
}

// passphrases asks this program's person for them.
func (a *app) passphrases() *passphrases { return &passphrases{con: &a.con} }

func (a *app) client() (*api.Client, error) { return api.NewClient(a.home) }

// call runs f with a client of the home's daemon.
func (a *app) call(f func(*api.Client) error) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	defer c.Close()
	a.warnRoot()
	err = f(c)
	if api.CodeOf(err) == api.CodeNotRunning {
		if e := foreign(a.home); e != nil {
			return e
		}
		if there, statErr := exists(filepath.Join(a.home, storeName)); statErr == nil && !there {
			return storeError(a.home, fs.ErrNotExist)
		}
	}
	return err
}
