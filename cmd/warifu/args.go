package main

import (
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// one accepts exactly one argument, and says what it is.
func one(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch len(args) {
		case 1:
			return nil
		case 0:
			return usagef("%s is needed", what)
		}
		return usagef("one argument is wanted, %d are given: put what has spaces in quotes", len(args))
	}
}

// nothing accepts no argument.
func nothing(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%q is too much: this command takes flags only", args[0])
	}
	return nil
}

// atMostOne accepts one argument or none.
func atMostOne(_ *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usagef("one argument at most is wanted, %d are given: put what has spaces in quotes", len(args))
	}
	return nil
}

// strictHelp makes the two commands that cobra brings along fail like ours when
// they are told nothing that they know.
func strictHelp(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	root.InitDefaultHelpCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "completion":
			c.Args, c.RunE = nil, func(*cobra.Command, []string) error {
				return usagef("say for which shell: bash, fish, powershell or zsh")
			}
		case "help":
			show := c.Run
			c.Run, c.RunE = nil, func(cmd *cobra.Command, args []string) error {
				if _, _, err := root.Find(args); err != nil {
					return err
				}
				show(cmd, args)
				return nil
			}
		}
	}
}

// wantsJSON looks for --json in arguments that could not be understood.
func wantsJSON(args []string) bool {
	for _, arg := range args {
		switch arg {
		case "--":
			return false
		case "--json", "--json=true":
			return true
		}
	}
	return false
}

// kindFirst is for a command that does nothing without one of those below it.
// To print help and report success would let a script believe that something
// was done.
func kindFirst(cmd *cobra.Command, args []string) error {
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	known := strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
	if len(args) == 0 {
		return usagef("say what to %s: %s", cmd.Name(), known)
	}
	return usagef("there is no %q to %s, but %s", args[0], cmd.Name(), known)
}

// neverSuggested are the commands that destroy, refuse or throw out. Nobody should do
// that because of a typing mistake.
var neverSuggested = []string{"deny", "freeze", "leave", "lost", "remove", "retire", "veto"}

// unknownCommand says in one line what cobra says in many, with what may have
// been meant as a hint. Any other error is returned as it is.
func unknownCommand(root *cobra.Command, err error) error {
	if err == nil {
		return nil
	}
	rest, ok := strings.CutPrefix(err.Error(), "unknown command ")
	quoted, qerr := strconv.QuotedPrefix(rest)
	if !ok || qerr != nil || rest != quoted+` for "`+root.Name()+`"` {
		return err
	}
	name, _ := strconv.Unquote(quoted)
	out := usagef("there is no command %q", name)
	near := slices.DeleteFunc(root.SuggestionsFor(name), func(n string) bool { return slices.Contains(neverSuggested, n) })
	if len(near) > 0 {
		return withHint(out, "did you mean `warifu "+strings.Join(near, "` or `warifu ")+"`?")
	}
	return out
}
