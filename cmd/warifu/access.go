package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/warifu/warifu/node/api"
)

// homeFiles returns what of a device is in home, home first: paths that can be
// looked at, without following links.
func homeFiles(home string) (paths []string, infos []fs.FileInfo) {
	names := []string{"", storeName, draftName, epochsName, socketName}
	// A directory that cannot be listed is found by its owner or its mode.
	keys, _ := os.ReadDir(filepath.Join(home, epochsName))
	for _, k := range keys {
		names = append(names, filepath.Join(epochsName, k.Name()))
	}
	for _, name := range names {
		path := filepath.Join(home, name)
		if info, err := os.Lstat(path); err == nil {
			paths, infos = append(paths, path), append(infos, info)
		}
	}
	return paths, infos
}

// foreign says whose the files in home are if not all are this user's, and
// returns nil if they are, or if this user is root, whom no file is closed to.
func foreign(home string) *api.Error {
	if me := os.Geteuid(); me > 0 {
		return foreignTo(home, me)
	}
	return nil
}

func foreignTo(home string, me int) *api.Error {
	var first, owner string
	count, own := 0, true
	paths, infos := homeFiles(home)
	for i, path := range paths {
		uid, ok := ownerOf(infos[i])
		if !ok || uid == me {
			continue
		}
		if count++; count == 1 {
			first, owner, own = path, userName(uid), uid == 0
		}
	}
	if count == 0 {
		return nil
	}
	what := fmt.Sprintf("%s belongs to %s", first, owner)
	if count > 1 {
		what += fmt.Sprintf(", and so do others in %s (%d files)", home, count)
	}
	e := api.Errorf(api.CodeRefused, "%s", what)
	if !own {
		return e.WithHint("run warifu as %s, whose device this is, or give --home", owner)
	}
	return e.WithHint("warifu was run as root here; stop it if it still runs, then: sudo chown -R %s %s", userName(me), quoted(home))
}

// warnRoot tells root, before anything is written, that what root writes into the
// home of somebody else that person's device cannot read.
func (a *app) warnRoot() {
	if owner, ok := homeOwner(a.home); ok {
		a.warnIfRoot(os.Geteuid(), owner)
	}
}

func (a *app) warnIfRoot(me, owner int) {
	if me == 0 && owner != 0 {
		name := userName(owner)
		a.con.say("warning: you are root, and %s belongs to %s: what root writes there %s cannot read afterwards. Run this as %s: sudo -u %s warifu %s",
			esc(a.home), esc(name), esc(name), esc(name), esc(name), a.path)
	}
}

// homeOwner returns who owns home, or, as long as there is none, the directory in
// which it would be made.
func homeOwner(home string) (uid int, ok bool) {
	for dir := home; ; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err == nil {
			return ownerOf(info)
		}
		if dir == filepath.Dir(dir) {
			return 0, false
		}
	}
}

// accessFindings says which files of a home others may read, and which belong to
// somebody else than the home itself. Neither is damage.
func accessFindings(home string) (out []finding) {
	paths, infos := homeFiles(home)
	owner, owned := 0, false
	for i, path := range paths {
		info := infos[i]
		want := fs.FileMode(0o600)
		if info.IsDir() {
			want = 0o700
		}
		if info.Mode().Type() != fs.ModeSymlink && othersMayRead(info.Mode()) {
			out = append(out, finding{Kind: findingAccess, What: fmt.Sprintf("%s has mode %#o: others may read it", path, info.Mode().Perm()),
				Hint: fmt.Sprintf("chmod %o %s", want, quoted(path))})
		}
		uid, ok := ownerOf(info)
		switch {
		case i == 0:
			owner, owned = uid, ok
		case ok && owned && uid != owner:
			out = append(out, finding{Kind: findingAccess, What: fmt.Sprintf("%s belongs to %s, and the home to %s", path, userName(uid), userName(owner)),
				Hint: fmt.Sprintf("sudo chown %s %s", userName(owner), quoted(path))})
		}
	}
	return out
}

// quoted writes a path as a shell takes it.
func quoted(path string) string {
	plain := func(r rune) bool {
		return r < 0x7f && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+,@%", r))
	}
	if strings.IndexFunc(path, func(r rune) bool { return !plain(r) }) < 0 {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
