// Command notices writes the licences of everything that is linked into warifu,
// for all platforms that we promise, into the file that the binary shows with
// "warifu licenses". With -check it writes nothing and fails if the file is old.
//
//	cd tools && go run ./notices [-check]
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

const (
	root   = ".."
	output = root + "/cmd/warifu/third-party.txt"
)

// platforms are those of "make cross": each may link modules that others do not.
var platforms = []string{"linux/amd64", "linux/arm64", "darwin/arm64", "windows/amd64", "android/arm64"}

// names are the files of a module in which its terms are, as their names begin.
var names = []string{"LICENSE", "LICENCE", "COPYING", "NOTICE", "PATENTS", "UNLICENSE"}

// A module is one that is linked.
type module struct{ Path, Version, Dir string }

func (m module) String() string { return strings.TrimSpace(m.Path + " " + m.Version) }

// linked lists the modules of the binary, Go's own library first.
func linked() ([]module, error) {
	out, err := exec.Command("go", "env", "GOROOT", "GOVERSION").Output()
	if err != nil {
		return nil, err
	}
	goroot, _, _ := strings.Cut(string(out), "\n")
	found := map[string]module{}
	for _, p := range platforms {
		goos, goarch, _ := strings.Cut(p, "/")
		cmd := exec.Command("go", "list", "-deps", "-json=Module", "./cmd/warifu")
		cmd.Dir, cmd.Stderr = root, os.Stderr
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+goos, "GOARCH="+goarch)
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("list the packages for %s: %w", p, err)
		}
		for dec := json.NewDecoder(bytes.NewReader(out)); ; {
			var pkg struct {
				Module *struct {
					Path, Version, Dir string
					Main               bool
				}
			}
			if err := dec.Decode(&pkg); err == io.EOF {
				break
			} else if err != nil {
				return nil, err
			}
			if m := pkg.Module; m != nil && !m.Main {
				found[m.Path] = module{m.Path, m.Version, m.Dir}
			}
		}
	}
	all := []module{{Path: "The Go standard library", Dir: goroot}}
	for _, m := range found {
		all = append(all, m)
	}
	slices.SortFunc(all[1:], func(a, b module) int { return strings.Compare(a.Path, b.Path) })
	return all, nil
}

// terms reads the files of a module in which its terms are.
func terms(m module) (string, error) {
	entries, err := os.ReadDir(m.Dir)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, e := range entries {
		upper := strings.ToUpper(e.Name())
		if e.IsDir() || strings.HasSuffix(upper, ".GO") || !slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(upper, n) }) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(m.Dir, e.Name()))
		if err != nil {
			return "", err
		}
		clean := strings.TrimSpace(strings.ReplaceAll(string(text), "\r\n", "\n"))
		fmt.Fprintf(&b, "[%s]\n\n%s\n\n", e.Name(), clean)
	}
	if b.Len() == 0 {
		return "", fmt.Errorf("%s brings no file with its licence", m)
	}
	return b.String(), nil
}

// notices is the whole file. Modules under the very same words share them.
func notices() ([]byte, error) {
	all, err := linked()
	if err != nil {
		return nil, err
	}
	var order []string
	under := map[string][]string{}
	for _, m := range all {
		text, err := terms(m)
		if err != nil {
			return nil, err
		}
		if under[text] == nil {
			order = append(order, text)
		}
		under[text] = append(under[text], m.String())
	}
	var b bytes.Buffer
	b.WriteString("What is linked into warifu, and the terms of each. Made by tools/notices; do not edit.\n")
	for _, text := range order {
		fmt.Fprintf(&b, "\n%s\n%s\n\n%s", strings.Repeat("=", 78), strings.Join(under[text], "\n"), text)
	}
	return b.Bytes(), nil
}

func run() error {
	check := flag.Bool("check", false, "write nothing, and fail if the file is old")
	flag.Parse()
	want, err := notices()
	if err != nil {
		return err
	}
	if !*check {
		return os.WriteFile(output, want, 0o644)
	}
	have, err := os.ReadFile(output)
	if err != nil {
		return err
	}
	if !bytes.Equal(have, want) {
		return fmt.Errorf("%s is old: make notices", filepath.Base(output))
	}
	return nil
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "notices:", err)
		os.Exit(1)
	}
}
