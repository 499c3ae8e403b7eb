package arch_test

import (
	"go/ast"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func readDoc(t *testing.T, name string) string {
	t.Helper()
	b, err := fs.ReadFile(root(), name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// constants calls f with each constant of package pkg, or of all packages if
// that is empty, whose value is a string literal. Tests are left out.
func constants(t *testing.T, pkg string, f func(at token.Position, typ ast.Expr, name, value string)) {
	t.Helper()
	for _, file := range sources(t) {
		if file.test || pkg != "" && file.pkg != pkg {
			continue
		}
		ast.Inspect(file.ast, func(n ast.Node) bool {
			d, ok := n.(*ast.GenDecl)
			if !ok || d.Tok != token.CONST {
				return true
			}
			for _, s := range d.Specs {
				v := s.(*ast.ValueSpec)
				for i, name := range v.Names {
					if i < len(v.Values) {
						if value, ok := text(v.Values[i]); ok {
							f(file.at(v), v.Type, name.Name, value)
						}
					}
				}
			}
			return true
		})
	}
}

// text returns the value of a string literal.
func text(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(lit.Value)
	return s, err == nil
}

// TestProtocolIsDocumented checks that docs/protocol.md has every tag under
// which something is hashed, every protocol that is spoken, everything that is
// stored, and every reason for which a session is ended.
func TestProtocolIsDocumented(t *testing.T) {
	t.Parallel()
	doc := readDoc(t, "docs/protocol.md")
	tags, protocols := 0, 0
	constants(t, "", func(at token.Position, typ ast.Expr, name, value string) {
		switch {
		case isWire(typ, "Tag"):
			tags++
		case strings.HasPrefix(strings.ToLower(name), "protocol") && strings.HasPrefix(value, "/"):
			protocols++
		default:
			return
		}
		if !strings.Contains(doc, "| `"+value+"` |") {
			t.Errorf("%s: docs/protocol.md has no row for `%s`", at, value)
		}
	})
	buckets, reasons := 0, 0
	constants(t, "node/standing", func(at token.Position, _ ast.Expr, name, value string) {
		if strings.HasPrefix(name, "Bucket") || strings.HasPrefix(name, "bucket") {
			buckets++
			if !strings.Contains(doc, "| `r/"+value+"` |") {
				t.Errorf("%s: docs/protocol.md does not say what the store keeps in `r/%s`", at, value)
			}
		}
	})
	constants(t, "node/cosign", func(at token.Position, _ ast.Expr, name, value string) {
		if regexp.MustCompile("^(Refused|refused|Ended|ended)[A-Z]").MatchString(name) {
			reasons++
			if !strings.Contains(doc, "`"+value+"`") {
				t.Errorf("%s: docs/protocol.md does not have the reason `%s`", at, value)
			}
		}
	})
	if buckets == 0 || reasons == 0 {
		t.Errorf("%d buckets and %d reasons found", buckets, reasons)
	}
	if tags == 0 || protocols == 0 {
		t.Errorf("%d tags and %d protocols found", tags, protocols)
	}
}

// TestOperationsAreDocumented checks that docs/operations.md has every error
// code, every command and every flag.
func TestOperationsAreDocumented(t *testing.T) {
	t.Parallel()
	doc := readDoc(t, "docs/operations.md")
	codes := 0
	constants(t, "node/api", func(at token.Position, typ ast.Expr, name, value string) {
		// Within one block a type may be left to the first constant.
		if id, ok := typ.(*ast.Ident); ok && id.Name == "Code" || typ == nil && strings.HasPrefix(name, "Code") {
			codes++
			if !strings.Contains(doc, "| `"+value+"` |") {
				t.Errorf("%s: docs/operations.md has no row for the code `%s`", at, value)
			}
		}
	})
	commands, flags := commandLine(t)
	if codes == 0 || len(commands) == 0 || len(flags) == 0 {
		t.Errorf("%d codes, %d commands and %d flags found", codes, len(commands), len(flags))
	}
	for _, c := range commands {
		// A command below another stands behind its parent's name.
		if !regexp.MustCompile("`warifu ([a-z]+ )?" + regexp.QuoteMeta(c) + "[ `]").MatchString(doc) {
			t.Errorf("docs/operations.md has no command %s", c)
		}
	}
	for _, f := range flags {
		if !regexp.MustCompile("--" + regexp.QuoteMeta(f) + "[^a-z-]").MatchString(doc) {
			t.Errorf("docs/operations.md has no flag --%s", f)
		}
	}
}

// commandLine returns the names of all commands and flags of cmd/warifu.
func commandLine(t *testing.T) (commands, flags []string) {
	t.Helper()
	add := func(use string) { commands = append(commands, strings.Fields(use)[0]) }
	files := slices.DeleteFunc(sources(t), func(f file) bool { return f.test || f.pkg != "cmd/warifu" })
	// Functions that make commands take what they are called in a parameter
	// of the name use.
	makers := map[string]int{}
	for _, f := range files {
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			i := 0
			for _, field := range fn.Type.Params.List {
				for _, name := range field.Names {
					if name.Name == "use" {
						makers[fn.Name.Name] = i
					}
					i++
				}
			}
		}
	}
	flag := regexp.MustCompile(`^(String|Bool|Int|Duration|StringArray)Var(P)?$`)
	for _, f := range files {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.KeyValueExpr:
				if k, ok := n.Key.(*ast.Ident); ok && k.Name == "Use" {
					if use, ok := text(n.Value); ok && use != "warifu" {
						add(use)
					}
				}
			case *ast.CallExpr:
				var called string
				switch fn := n.Fun.(type) {
				case *ast.Ident:
					called = fn.Name
				case *ast.SelectorExpr:
					called = fn.Sel.Name
				}
				if i, ok := makers[called]; ok && i < len(n.Args) {
					if use, ok := text(n.Args[i]); ok {
						add(use)
					}
				}
				if flag.MatchString(called) && len(n.Args) > 1 {
					if name, ok := text(n.Args[1]); ok {
						flags = append(flags, name)
					}
				}
			}
			return true
		})
	}
	return commands, flags
}

// documents returns the pages of the house.
func documents(t *testing.T) map[string]string {
	t.Helper()
	docs := map[string]string{"README.md": readDoc(t, "README.md")}
	err := fs.WalkDir(root(), "docs", func(name string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(name, ".md") {
			docs[name] = readDoc(t, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return docs
}

// TestNamedTestsExist checks that a test that a page names as proof exists.
func TestNamedTestsExist(t *testing.T) {
	t.Parallel()
	exists := map[string]bool{}
	for _, f := range sources(t) {
		if !f.test {
			continue
		}
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				exists[fn.Name.Name] = true
			}
		}
	}
	named := regexp.MustCompile("`((?:Test|Fuzz)[A-Z][A-Za-z0-9]*)`")
	for name, doc := range documents(t) {
		for _, m := range named.FindAllStringSubmatch(doc, -1) {
			if !exists[m[1]] {
				t.Errorf("%s names %s, which does not exist", name, m[1])
			}
		}
	}
}

// TestLinksLeadSomewhere checks links inside the repository, with their
// anchors.
func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	docs := documents(t)
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for name, doc := range docs {
		for _, m := range link.FindAllStringSubmatch(doc, -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, ":") {
				continue
			}
			page := name
			if target != "" {
				page = path.Join(path.Dir(name), target)
			}
			if _, err := fs.Stat(root(), page); err != nil {
				t.Errorf("%s links to %s, which does not exist", name, m[1])
			} else if anchor != "" && !slices.Contains(anchors(docs[page]), anchor) {
				t.Errorf("%s links to %s, which has no such heading", name, m[1])
			}
		}
	}
}

// anchors returns what the headings of a page are linked by.
func anchors(doc string) (out []string) {
	drop := regexp.MustCompile(`[^a-z0-9 -]`)
	for _, line := range strings.Split(doc, "\n") {
		if title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && strings.HasPrefix(line, "#") {
			out = append(out, strings.ReplaceAll(drop.ReplaceAllString(strings.ToLower(title), ""), " ", "-"))
		}
	}
	return out
}

// TestDocsNameFilesThatExist: whoever follows a path in a document finds the file.
func TestDocsNameFilesThatExist(t *testing.T) {
	t.Parallel()
	docs, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`((?:node|cmd|internal|share|e2e|recovery|change|pairing|journal|tools)/[a-z0-9_/]+\\.go)`")
	found := 0
	for _, doc := range docs {
		b, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range named.FindAllStringSubmatch(string(b), -1) {
			found++
			if _, err := os.Stat(filepath.Join("../..", m[1])); err != nil {
				t.Errorf("%s: %v", filepath.Base(doc), err)
			}
		}
	}
	if found < 20 {
		t.Errorf("%d files named", found)
	}
}
