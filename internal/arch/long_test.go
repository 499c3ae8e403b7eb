package arch_test

import (
	"go/ast"
	"regexp"
	"testing"
)

// TestLongTestsRun: `make test` skips what is long, so that a long test that `make
// e2e-long` does not name would run nowhere.
func TestLongTestsRun(t *testing.T) {
	t.Parallel()
	named := regexp.MustCompile(`(?m)\./e2e -long .*-run '([^']*)'`).FindStringSubmatch(readDoc(t, "Makefile"))
	if named == nil {
		t.Fatal("the Makefile runs no long tests of e2e")
	}
	run := regexp.MustCompile(named[1])
	if ci := readDoc(t, ".ci/run"); !regexp.MustCompile(`(?m)make e2e-long$`).MatchString(ci) {
		t.Error(".ci/run does not run make e2e-long")
	}
	long := 0
	for _, file := range sources(t) {
		if file.pkg != "e2e" || !file.test {
			continue
		}
		for _, d := range file.ast.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(f, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				if id, ok := call.Fun.(*ast.Ident); ok && id.Name == "long" {
					long++
					if !run.MatchString(f.Name.Name) {
						t.Errorf("%s: make e2e-long does not run %s", file.at(call), f.Name.Name)
					}
				}
				return true
			})
		}
	}
	if long == 0 {
		t.Error("no long test is found")
	}
}
