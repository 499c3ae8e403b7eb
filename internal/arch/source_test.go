package arch_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"
)

const module = "github.com/warifu/warifu"

// A file is one parsed Go file of the module.
type file struct {
	name string // path below the root of the module
	pkg  string // its directory
	test bool
	fset *token.FileSet
	ast  *ast.File
}

func (f file) at(n ast.Node) token.Position { return f.fset.Position(n.Pos()) }

// root is the module's directory. The tests parse the sources instead of
// running "go list", so that the test cache sees the files they depend on.
func root() fs.FS { return os.DirFS("../..") }

// sources returns all Go files of the module. Directories with a go.mod of
// their own are other modules.
func sources(t *testing.T) (files []file) {
	t.Helper()
	fset := token.NewFileSet()
	err := fs.WalkDir(root(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			_, nested := fs.Stat(root(), path.Join(name, "go.mod"))
			if name != "." && (nested == nil || d.Name() == "testdata" || d.Name()[0] == '.' || d.Name()[0] == '_') {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		src, err := fs.ReadFile(root(), name)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(fset, name, bytes.NewReader(src), parser.ParseComments)
		if err != nil {
			return err
		}
		files = append(files, file{name: name, pkg: path.Dir(name), test: strings.HasSuffix(name, "_test.go"), fset: fset, ast: f})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// match reports whether p is pattern, or in the tree of a pattern "x/...".
func match(pattern, p string) bool {
	tree, ok := strings.CutSuffix(pattern, "...")
	return p == pattern || ok && (tree == "" || p+"/" == tree || strings.HasPrefix(p, tree))
}

func matchAny(patterns []string, p string) bool {
	for _, pattern := range patterns {
		if match(pattern, p) {
			return true
		}
	}
	return false
}
