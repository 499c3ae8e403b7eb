package say

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// sayers are the functions that say something: they have a message, or the id of one
// that was chosen before, and then what it is about.
var sayers = []string{"New", "Say", "say", "add"}

// verb is a place in a format for what it is about.
var verb = regexp.MustCompile(`%%|%(?:\[(\d+)\])?[+#0-9 ]*[a-z]`)

// arity returns how many things a format is about.
func arity(format string) (most int) {
	next := 1
	for _, m := range verb.FindAllStringSubmatch(format, -1) {
		if m[0] == "%%" {
			continue
		}
		if m[1] != "" {
			next, _ = strconv.Atoi(m[1])
		}
		most = max(most, next)
		next++
	}
	return most
}

// TestArgumentsFit: the compiler does not compare what a message is told to be about
// with its words, as it does not for formats, and vet sees no formats here. Every id is
// used, too.
func TestArgumentsFit(t *testing.T) {
	t.Parallel()
	ids := constants(t)
	used := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || filepath.Dir(path) == filepath.Join("..", "say") || filepath.Base(path) == "codes.go" {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		for _, d := range f.Decls {
			checkSaid(t, path, d, ids, used)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range ids {
		if !used[name] {
			t.Errorf("nobody says %s", name)
		}
	}
}

// checkSaid looks at all that one declaration says. Of an id that is said where it stands
// it compares what it is about; of one that is chosen first, that something in the same
// declaration says a chosen one about as much.
func checkSaid(t *testing.T, path string, d ast.Decl, ids map[string]ID, used map[string]bool) {
	t.Helper()
	said := map[ast.Expr]bool{} // ids that stand in the call that says them
	var chosen []int            // arguments of calls that say a chosen id
	hinted := map[*ast.CallExpr]int{}
	ast.Inspect(d, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		name := called(call)
		if in := unwrap(call); name == "Hinted" && in != nil {
			hinted[in] = len(call.Args)
		}
		if name == "Is" && len(call.Args) == 2 {
			said[call.Args[1]] = true
		}
		if !slices.Contains(sayers, name) || len(call.Args) == 0 || call.Ellipsis.IsValid() {
			return true
		}
		id, ok := ids[constant(call.Args[0])]
		if !ok {
			chosen = append(chosen, len(call.Args)-1)
			return true
		}
		said[call.Args[0]] = true
		if want, got := arity(english[id].text), len(call.Args)-1; want != got {
			t.Errorf("%s: %s is about %d things, not %d", path, constant(call.Args[0]), want, got)
		}
		if want, got := arity(english[id].hint), hinted[call]; want != got {
			t.Errorf("%s: the hint of %s is about %d things, not %d", path, constant(call.Args[0]), want, got)
		}
		return true
	})
	ast.Inspect(d, func(n ast.Node) bool {
		e, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		id, ok := ids[constant(e)]
		if !ok {
			return true
		}
		used[e.Sel.Name] = true
		if p := english[id]; !said[e] && (!slices.Contains(chosen, arity(p.text)) || arity(p.hint) != 0) {
			t.Errorf("%s: %s is about %d things, and nothing here says so many", path, e.Sel.Name, arity(p.text))
		}
		return true
	})
}

// called is the name of the function that a call calls.
func called(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.SelectorExpr:
		return f.Sel.Name
	case *ast.Ident:
		return f.Name
	}
	return ""
}

// unwrap returns the call whose result a method is called on.
func unwrap(call *ast.CallExpr) *ast.CallExpr {
	if f, ok := call.Fun.(*ast.SelectorExpr); ok {
		in, _ := f.X.(*ast.CallExpr)
		return in
	}
	return nil
}

// constant returns X of say.X, or "".
func constant(e ast.Expr) string {
	if s, ok := e.(*ast.SelectorExpr); ok {
		if p, ok := s.X.(*ast.Ident); ok && p.Name == "say" {
			return s.Sel.Name
		}
	}
	return ""
}

// constants returns the ids by their names.
func constants(t *testing.T) map[string]ID {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "ids.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]ID{}
	for _, d := range f.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.CONST {
			for i, s := range g.Specs {
				if name := s.(*ast.ValueSpec).Names[0].Name; ast.IsExported(name) {
					out[name] = ID(i)
				}
			}
		}
	}
	if len(out) != len(IDs()) {
		t.Fatalf("%d constants, %d ids", len(out), len(IDs()))
	}
	return out
}
