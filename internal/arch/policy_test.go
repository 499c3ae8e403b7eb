package arch_test

import (
	"go/ast"
	"go/token"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestPackageComments checks that each package has one comment that says what
// it is, in the form that go doc expects.
func TestPackageComments(t *testing.T) {
	t.Parallel()
	comments := map[string][]string{} // package to files
	for _, f := range sources(t) {
		if f.test {
			continue
		}
		if _, ok := comments[f.pkg]; !ok {
			comments[f.pkg] = nil
		}
		if f.ast.Doc == nil {
			continue
		}
		comments[f.pkg] = append(comments[f.pkg], f.name)
		want := "Package " + f.ast.Name.Name + " "
		if f.ast.Name.Name == "main" {
			want = "Command "
		}
		if !strings.HasPrefix(f.ast.Doc.Text(), want) {
			t.Errorf("%s: the package comment does not begin with %q", f.name, want)
		}
	}
	for pkg, files := range comments {
		if len(files) != 1 {
			t.Errorf("%s has %d package comments, want 1: %v", pkg, len(files), files)
		}
	}
}

// TestTags checks that hashes are separated by construction: each wire.Tag is a
// constant of its own, made of a literal, named after its package, and no value
// occurs twice in the module. wire.Sum and wire.XOF take nothing else.
func TestTags(t *testing.T) {
	t.Parallel()
	seen := map[string]string{} // value to place
	for _, f := range sources(t) {
		if f.test || f.pkg == "wire" {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GenDecl:
				for _, s := range n.Specs {
					v, ok := s.(*ast.ValueSpec)
					switch {
					case !ok:
					case isWire(v.Type, "Tag"):
						checkTag(t, f, n.Tok, v, seen)
					case n.Tok == token.CONST && isTagName(v.Names[0]):
						// It would become a wire.Tag where it is used.
						t.Errorf("%s: %s is not declared as a wire.Tag", f.at(v), v.Names[0].Name)
					}
				}
			case *ast.CallExpr:
				if isWire(n.Fun, "Tag") {
					t.Errorf("%s: a tag is made in passing", f.at(n))
				}
				if !isWire(n.Fun, "Sum") && !isWire(n.Fun, "XOF") {
					return true
				}
				// A parameter of the name tag passes a constant on.
				if len(n.Args) == 0 || !isTagName(n.Args[0]) {
					t.Errorf("%s: the tag is not a constant whose name starts with tag", f.at(n))
				}
			}
			return true
		})
	}
	if len(seen) == 0 {
		t.Error("no tags found")
	}
}

func checkTag(t *testing.T, f file, tok token.Token, v *ast.ValueSpec, seen map[string]string) {
	t.Helper()
	if tok != token.CONST || len(v.Names) != 1 || len(v.Values) != 1 || !isTagName(v.Names[0]) {
		t.Errorf("%s: a tag is not one constant whose name starts with tag", f.at(v))
		return
	}
	lit, ok := v.Values[0].(*ast.BasicLit)
	if !ok {
		t.Errorf("%s: a tag is not a literal", f.at(v))
		return
	}
	value, err := strconv.Unquote(lit.Value)
	if err != nil {
		t.Fatal(err)
	}
	owner, purpose, ok := strings.Cut(value, "/")
	if !ok || purpose == "" || !slices.Contains(strings.Split(f.pkg, "/"), owner) {
		t.Errorf("%s: tag %q does not start with the name of its package", f.at(v), value)
	}
	if old, ok := seen[value]; ok {
		t.Errorf("%s: tag %q is also declared at %s", f.at(v), value, old)
	}
	seen[value] = f.at(v).String()
}

func isWire(e ast.Expr, name string) bool {
	s, ok := e.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != name {
		return false
	}
	x, ok := s.X.(*ast.Ident)
	return ok && x.Name == "wire"
}

func isTagName(e ast.Expr) bool {
	id, ok := e.(*ast.Ident)
	return ok && strings.HasPrefix(id.Name, "tag")
}

// TestGoMod checks that go.mod says why each direct requirement is there, and
// replaces nothing: a replacement is not seen by those who build us as a
// dependency.
func TestGoMod(t *testing.T) {
	t.Parallel()
	b, err := fs.ReadFile(root(), "go.mod")
	if err != nil {
		t.Fatal(err)
	}
	block, above := "", false // inside which block; a comment stands above
	for _, line := range strings.Split(string(b), "\n") {
		text, comment, _ := strings.Cut(strings.TrimSpace(line), "//")
		text, comment = strings.TrimSpace(text), strings.TrimSpace(comment)
		fields := strings.Fields(text)
		switch {
		case text == "":
			above = comment != ""
			continue
		case text == ")":
			block = ""
		case block == "" && len(fields) == 2 && fields[1] == "(":
			block = fields[0]
		case fields[0] == "replace" || block == "replace":
			t.Errorf("go.mod replaces something: %s", text)
		case block == "require" || fields[0] == "require":
			if comment == "indirect" || strings.HasPrefix(comment, "indirect;") {
				break
			}
			if comment == "" && !above {
				t.Errorf("go.mod does not say why it requires %s", strings.TrimPrefix(text, "require "))
			}
		}
		above = false
	}
}
