package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/warifu/warifu/intent"
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

// An app is one run of the program.
type app struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	env    func(string) string // what is known of the terminal

	home    string
	json    bool
	verbose bool
	noQR    bool

	// began is set once flags and arguments have been understood: an error
	// before that is one of usage.
	began bool
	path  string // of the command, without the program's name

	asking sync.Once // makes in
	in     *input    // stdin, for what is asked
	waits  clock     // what a pause between passphrases goes by

	lossy *lossyWriter // what stderr is while a device runs, or nil

	mu       sync.Mutex // guards stderr and progress
	progress bool       // the last line on the terminal is to be overwritten
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
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, env: os.Getenv}
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
		a.json = a.json || wantsJSON(args)
	}
	code := a.exit(unknownCommand(root, err))
	if a.lossy != nil {
		a.lossy.Close(drainTime)
	}
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
			return a.printVersion()
		}
		return cmd.Help()
	}
	f := root.PersistentFlags()
	f.StringVar(&a.home, "home", "", "directory of this device (default $WARIFU_HOME, or "+homeInWords()+")")
	f.BoolVar(&a.json, "json", false, "print one JSON object on stdout, and events as JSON lines on stderr")
	f.BoolVarP(&a.verbose, "verbose", "v", false, "say more on stderr")
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
	in("circle", a.initCmd(), a.upCmd(), a.foundCmd(), a.joinCmd(), a.inviteCmd(), a.statusCmd(), a.epochsCmd(), a.lockCmd(), a.unlockCmd(), a.fsckCmd())
	in("heal", a.lostCmd(), a.refreshCmd(), a.leaveCmd(), a.freezeCmd(), a.thawCmd(), a.vacationCmd(), a.vetoCmd(),
		a.removeCmd(), a.retireCmd(), a.thresholdCmd())
	in("ask", a.signCmd(), a.requestsCmd(), a.showCmd(), a.approveCmd(), a.denyCmd(), a.verifyCmd())
	root.AddCommand(a.demoCmd(), a.versionCmd(), a.licensesCmd())
	strictHelp(root)
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages ", fmt.Sprintf(".FlagUsagesWrapped %d ", helpWidth)))
	return root
}

// exit prints err, if any, and returns the exit status.
func (a *app) exit(err error) int {
	a.endProgress()
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
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.json {
		printJSON(a.stderr, struct {
			Event string     `json:"event"`
			Error *api.Error `json:"error"`
		}{api.EventError, e})
		return status
	}
	stderr := onScreen(a.stderr)
	fmt.Fprintf(stderr, "warifu: %s\n", esc(e.Message))
	if e.Hint != "" {
		fmt.Fprintf(stderr, "hint: %s\n", esc(e.Hint))
	}
	return status
}

// result prints v with --json, and what human writes otherwise. A result that
// could not be written is a failure: whoever reads it from a file would take half
// of a signature for a whole one.
func (a *app) result(v any, human func(w io.Writer)) error {
	a.endProgress()
	out := &firstError{Writer: a.stdout}
	if a.json {
		printJSON(out, v)
	} else {
		human(onScreen(out))
	}
	if out.err != nil {
		return api.Errorf(api.CodeInternal, "it was done, but the result cannot be written: %v", out.err).
			WithHint("`warifu status` and `warifu requests` show where things stand, `warifu show ID --wait` prints a signature again")
	}
	return nil
}

// A firstError keeps the first error of a writer, and writes nothing after it.
type firstError struct {
	io.Writer
	err error
}

func (w *firstError) Write(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	n, err := w.Writer.Write(p)
	w.err = err
	return n, err
}

// printJSON writes v as one line. What we print is ours and can be encoded; that
// it could not be written is for w to know.
func printJSON(w io.Writer, v any) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v)
	_, _ = w.Write(screenSafe(b.Bytes()))
}

// screenSafe writes what must not reach a screen in the escapes of JSON: its
// encoder leaves C1 control characters and bidirectional marks as they are, and a
// person may look at the output as well. No reader of JSON sees a difference.
func screenSafe(doc []byte) []byte {
	out := make([]byte, 0, len(doc))
	for _, r := range string(doc) {
		if r < 0x7f || intent.Escape(string(r)) == string(r) {
			out = utf8.AppendRune(out, r)
			continue
		}
		for _, u := range utf16.AppendRune(nil, r) {
			out = fmt.Appendf(out, `\u%04x`, u)
		}
	}
	return out
}

// note prints one line on stderr, where it is no part of the result. With
// --json it says nothing: there events speak.
func (a *app) note(format string, args ...any) {
	if a.json {
		return
	}
	a.endProgress()
	a.mu.Lock()
	defer a.mu.Unlock()
	fmt.Fprintln(onScreen(a.stderr), fmt.Sprintf(format, args...))
}

// input is stdin, for what is asked.
func (a *app) input() *input {
	a.asking.Do(func() { a.in = &input{r: a.stdin} })
	return a.in
}

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

// isTerminal reports whether v, a reader or writer, is a terminal.
func isTerminal(v any) bool {
	f, ok := v.(*os.File)
	return ok && terminal(int(f.Fd()))
}
