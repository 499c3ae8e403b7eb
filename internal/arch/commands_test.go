package arch_test

import (
	"go/ast"
	"regexp"
	"strings"
	"testing"
)

// TestNoCommandInNode: a device is told what to do in other ways than by typing commands,
// so that no room of it names one. The control interface may: it is the command line's.
func TestNoCommandInNode(t *testing.T) {
	t.Parallel()
	command := regexp.MustCompile(`\bwarifu [a-z]|--[a-z]`)
	looked := 0
	for _, f := range sources(t) {
		if f.test || f.pkg != "node" && !strings.HasPrefix(f.pkg, "node/") || f.pkg == "node/api" {
			continue
		}
		looked++
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if e, ok := n.(*ast.BasicLit); ok {
				if s, ok := text(e); ok && command.MatchString(s) {
					t.Errorf("%s names a command: %q", f.at(e), s)
				}
			}
			return true
		})
	}
	if looked < 50 {
		t.Errorf("%d files", looked)
	}
}
