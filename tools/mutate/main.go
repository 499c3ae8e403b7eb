// Command mutate asks of every check that refuses something whether a test
// would miss it. It looks for each if whose body ends by returning an error,
// makes its condition false, one at a time, and runs the tests of its package.
// A check that no test misses is a survivor: it lacks a test, is done twice, or
// guards what cannot happen. known.txt lists the survivors that are meant, with
// the reason of each; any other makes the command fail.
//
// Nothing in the tree is touched: the compiler is given an overlay.
//
//	cd tools && go run ./mutate [-j N] [PACKAGE ...]
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// packages are those that are looked at if none is named. The survivors of
// others have not been gone through yet.
var packages = []string{"share", "pairing", "share/sign"}

// A mutant is one check taken out.
type mutant struct {
	file       string // below the root
	line       int
	in         string // the function that it is in
	text       string // of the line with the if
	begin, end int    // of the condition, in bytes
}

// checks finds the mutants of one file.
func checks(root, file string) ([]mutant, []byte, error) {
	src, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		return nil, nil, err
	}
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, src, 0)
	if err != nil {
		return nil, nil, err
	}
	var out []mutant
	var inside []*ast.FuncType
	name := ""
	var stack []ast.Node
	ast.Inspect(f, func(n ast.Node) bool {
		if n == nil {
			switch stack[len(stack)-1].(type) {
			case *ast.FuncDecl, *ast.FuncLit:
				inside = inside[:len(inside)-1]
			}
			stack = stack[:len(stack)-1]
			return true
		}
		stack = append(stack, n)
		switch n := n.(type) {
		case *ast.FuncDecl:
			name = n.Name.Name
			inside = append(inside, n.Type)
		case *ast.FuncLit:
			inside = append(inside, n.Type)
		case *ast.IfStmt:
			if len(inside) > 0 && refuses(inside[len(inside)-1], n.Body) {
				at := fset.Position(n.Pos())
				text, _, _ := bytes.Cut(src[at.Offset:], []byte("\n"))
				out = append(out, mutant{file, at.Line, name, string(text), fset.Position(n.Cond.Pos()).Offset, fset.Position(n.Cond.End()).Offset})
			}
		}
		return true
	})
	return out, src, nil
}

// refuses reports whether body ends by returning an error of its function.
func refuses(f *ast.FuncType, body *ast.BlockStmt) bool {
	if f.Results == nil || len(body.List) == 0 {
		return false
	}
	last, ok := f.Results.List[len(f.Results.List)-1].Type.(*ast.Ident)
	if !ok || last.Name != "error" {
		return false
	}
	ret, ok := body.List[len(body.List)-1].(*ast.ReturnStmt)
	if !ok || len(ret.Results) == 0 {
		return false
	}
	id, ok := ret.Results[len(ret.Results)-1].(*ast.Ident)
	return !ok || id.Name != "nil"
}

// A verdict is what became of a mutant.
type verdict int

const (
	killed verdict = iota
	survived
	broken // it does not compile
)

// try runs the tests of the mutant's package.
func try(root, scratch string, n int, m mutant, src []byte) (verdict, error) {
	changed := slices.Concat(src[:m.begin], []byte("false && ("), src[m.begin:m.end], []byte(")"), src[m.end:])
	file := filepath.Join(scratch, fmt.Sprintf("%d.go", n))
	overlay := filepath.Join(scratch, fmt.Sprintf("%d.json", n))
	abs, err := filepath.Abs(filepath.Join(root, m.file))
	if err != nil {
		return 0, err
	}
	list, err := json.Marshal(map[string]map[string]string{"Replace": {abs: file}})
	if err != nil {
		return 0, err
	}
	if err := os.WriteFile(file, changed, 0o600); err != nil {
		return 0, err
	}
	if err := os.WriteFile(overlay, list, 0o600); err != nil {
		return 0, err
	}
	cmd := exec.Command("go", "test", "-overlay", overlay, "-vet=off", "-count=1", "-failfast", "-timeout=3m", "./"+filepath.ToSlash(filepath.Dir(m.file)))
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	switch {
	case err == nil:
		return survived, nil
	case bytes.Contains(out, []byte("[build failed]")), bytes.Contains(out, []byte("[setup failed]")):
		return broken, nil
	}
	return killed, nil
}

func (m mutant) key() string { return m.file + "\t" + m.in + "\t" + m.text }

// known reads the survivors that are meant: file, function, line and reason,
// with tabs between.
func known(path string) (map[string]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	out := map[string]string{}
	for s := bufio.NewScanner(f); s.Scan(); {
		if s.Text() == "" || strings.HasPrefix(s.Text(), "#") {
			continue
		}
		p := strings.Split(s.Text(), "\t")
		if len(p) != 4 {
			return nil, fmt.Errorf("%s: not file, function, line and reason: %q", path, s.Text())
		}
		out[strings.Join(p[:3], "\t")] = p[3]
	}
	return out, nil
}

func run() error {
	jobs := flag.Int("j", 2, "mutants at a time")
	root := flag.String("root", "..", "of the module")
	flag.Parse()
	list := flag.Args()
	if len(list) == 0 {
		list = packages
	}
	meant, err := known("mutate/known.txt")
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	type job struct {
		n   int
		m   mutant
		src []byte
	}
	var all []job
	for _, pkg := range list {
		files, err := filepath.Glob(filepath.Join(*root, pkg, "*.go"))
		if err != nil {
			return err
		}
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			file, err := filepath.Rel(*root, path)
			if err != nil {
				return err
			}
			found, src, err := checks(*root, file)
			if err != nil {
				return err
			}
			for _, m := range found {
				all = append(all, job{len(all), m, src})
			}
		}
	}
	verdicts := make([]verdict, len(all))
	errs := make([]error, len(all))
	queue := make(chan job)
	var workers sync.WaitGroup
	for range *jobs {
		workers.Go(func() {
			for j := range queue {
				verdicts[j.n], errs[j.n] = try(*root, scratch, j.n, j.m, j.src)
				fmt.Fprintf(os.Stderr, "%d/%d %s:%d %v\n", j.n+1, len(all), j.m.file, j.m.line, []string{"killed", "SURVIVED", "does not compile"}[verdicts[j.n]])
			}
		})
	}
	for _, j := range all {
		queue <- j
	}
	close(queue)
	workers.Wait()
	count := map[verdict]int{}
	unmeant := 0
	for i, j := range all {
		if errs[i] != nil {
			return errs[i]
		}
		count[verdicts[i]]++
		if verdicts[i] != survived {
			continue
		}
		if why, ok := meant[j.m.key()]; ok {
			fmt.Printf("meant: %s:%d: in %s: %s (%s)\n", j.m.file, j.m.line, j.m.in, j.m.text, why)
			continue
		}
		unmeant++
		fmt.Printf("no test misses %s:%d: in %s: %s\n", j.m.file, j.m.line, j.m.in, j.m.text)
	}
	fmt.Printf("%d checks: %d killed, %d survived, %d do not compile\n", len(all), count[killed], count[survived], count[broken])
	if unmeant > 0 {
		return fmt.Errorf("%d checks that no test misses", unmeant)
	}
	return nil
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "mutate: %v\n", err)
		os.Exit(1)
	}
}
