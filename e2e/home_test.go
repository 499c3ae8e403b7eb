package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/warifu/warifu/node/api"
)

// failing runs the daemon where it must not start, and returns what it said.
func (d *device) failing(more ...string) outcome {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), patience)
	defer cancel()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, binary, d.upArgs(append(more, "--no-lan")...)...)
	cmd.Stderr = &stderr
	if err := cmd.Run(); err == nil {
		d.t.Fatalf("the daemon ran:\n%s", stderr.String())
	}
	return outcome{stderr: stderr.String()}
}

func TestWrongPassphrase(t *testing.T) {
	t.Parallel()
	d := initDevice(t, "phone")
	d.up()
	wrong := filepath.Join(t.TempDir(), "wrong")
	if err := os.WriteFile(wrong, []byte("incorrect horse"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.run(0, "lock")
	if !d.status().Locked {
		t.Error("not locked")
	}
	if o := d.run(1, "unlock", "--passphrase-file", wrong); o.code(t) != api.CodeWrongPass || !d.status().Locked {
		t.Errorf("unlock: %s", o.stderr)
	}
	d.run(0, "unlock", "--passphrase-file", d.pass)
	if d.status().Locked {
		t.Error("still locked")
	}
	d.kill()

	// Five tries are free; then one has to wait, and the right one, too.
	for range 5 {
		if o := d.failing("--passphrase-file", wrong); o.code(t) != api.CodeWrongPass || strings.Contains(o.stderr, "horse") {
			t.Errorf("up: %s", o.stderr)
		}
	}
	o := d.failing()
	if o.code(t) != api.CodeWrongPass {
		t.Errorf("up: %s", o.stderr)
	}
	o.has(t, "the next try is possible in")
}

func TestTwoDaemonsOnOneHome(t *testing.T) {
	t.Parallel()
	d := initDevice(t, "phone")
	d.up()
	if o := d.failing(); o.code(t) != api.CodeAlreadyRunning {
		t.Errorf("up: %s", o.stderr)
	}
	if o := d.run(1, "fsck"); o.code(t) != api.CodeAlreadyRunning {
		t.Errorf("fsck: %s", o.stderr)
	}
	if o := d.run(1, "init", "--name", "other", "--passphrase-file", d.pass); o.code(t) != api.CodeDeviceExists {
		t.Errorf("init: %s", o.stderr)
	}
	d.status() // the first goes on
	d.kill()
	d.up() // and its socket is no obstacle
}

func TestHomeThatIsTooLong(t *testing.T) {
	t.Parallel()
	long := filepath.Join(tempDir(t), strings.Repeat("long", 30))
	d := &device{t: t, home: long, pass: filepath.Join(tempDir(t), "pass")}
	if err := os.WriteFile(d.pass, []byte(passphrase), 0o600); err != nil {
		t.Fatal(err)
	}
	if o := d.run(1, "init", "--name", "phone", "--passphrase-file", d.pass); o.code(t) != api.CodeHomeTooLong {
		t.Errorf("init: %s", o.stderr)
	}
	if _, err := os.Stat(long); !os.IsNotExist(err) {
		t.Errorf("something was made: %v", err)
	}
}

// snapshot hashes every file of a home.
func snapshot(t testing.TB, home string) map[string][32]byte {
	t.Helper()
	out := map[string][32]byte{}
	err := filepath.WalkDir(home, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		out[path] = sha256.Sum256(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestDamagedStore damages a store in several ways. The daemon must refuse it,
// fsck must say so, and neither may change a byte.
func TestDamagedStore(t *testing.T) {
	t.Parallel()
	d := newDevice(t, "phone")
	store := filepath.Join(d.home, "warifu.db")
	good, err := os.ReadFile(store)
	if err != nil {
		t.Fatal(err)
	}
	d.run(0, "fsck").has(t, `"ok":true`)
	d.sound()
	r := random(t)
	for name, damage := range map[string]func([]byte) []byte{
		"truncated": func(b []byte) []byte { return b[:len(b)/2] },
		"empty":     func([]byte) []byte { return nil },
		"garbage": func(b []byte) []byte {
			for i := range b {
				b[i] = byte(r.Uint32())
			}
			return b
		},
		"zeros": func(b []byte) []byte { clear(b[:len(b)/2]); return b },
	} {
		if err := os.WriteFile(store, damage(bytes.Clone(good)), 0o600); err != nil {
			t.Fatal(err)
		}
		before := snapshot(t, d.home)
		if o := d.failing(); o.code(t) != api.CodeStoreDamaged {
			t.Errorf("%s: up: %s", name, o.stderr)
		}
		o := d.run(1, "fsck", "--passphrase-file", d.pass)
		if !strings.Contains(o.stdout, `"ok":false`) || !strings.Contains(o.stdout, `"damage":true`) {
			t.Errorf("%s: fsck: %s%s", name, o.stdout, o.stderr)
		}
		after := snapshot(t, d.home)
		if len(after) != len(before) {
			t.Errorf("%s: files came or went", name)
		}
		for path, sum := range before {
			if after[path] != sum {
				t.Errorf("%s: %s was changed", name, filepath.Base(path))
			}
		}
	}
	// A bit here and there: it is noticed, or it does not matter.
	for range 12 {
		b := bytes.Clone(good)
		at := r.IntN(len(b))
		b[at] ^= 1 << r.IntN(8)
		if err := os.WriteFile(store, b, 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), binary, "--home", d.home, "--json", "fsck", "--passphrase-file", d.pass)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		err := cmd.Run()
		if strings.Contains(stderr.String(), "goroutine ") {
			t.Fatalf("bit at %d: fsck crashed: %s", at, stderr.String())
		}
		if err == nil != strings.Contains(stdout.String(), `"ok":true`) {
			t.Errorf("bit at %d: exit status and answer differ: %s%s", at, stdout.String(), stderr.String())
		}
	}
	// The good store is as good as before.
	if err := os.WriteFile(store, good, 0o600); err != nil {
		t.Fatal(err)
	}
	d.sound()
	d.up()
}

func TestNothingPlainOnDisk(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, "secretname", "phone")
	c.sign(t, "a very private message", c.devices[0], c.devices[1])
	for _, d := range c.devices {
		d.kill()
		err := filepath.WalkDir(d.home, func(path string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := e.Info()
			if err != nil {
				return err
			}
			if info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s is open to others: %v", path, info.Mode())
			}
			if !info.Mode().IsRegular() {
				return nil
			}
			b, err := os.ReadFile(path)
			for _, text := range []string{"secretname", "private message", passphrase, c.address} {
				if bytes.Contains(b, []byte(text)) {
					t.Errorf("%s holds %q in plain", filepath.Base(path), text)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestLostShareIsFound: a device whose epoch key is gone starts and knows its
// circle, but cannot sign. fsck says so, with what helps.
func TestLostShareIsFound(t *testing.T) {
	t.Parallel()
	d := newCircle(t, 2, "phone", "laptop").devices[0]
	d.stop()
	d.sound()
	keys, err := filepath.Glob(filepath.Join(d.home, "epochs", "*.key"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range keys {
		if !strings.HasSuffix(path, "0-0.key") { // that is the presence key's
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
	}
	d.run(1, "fsck", "--passphrase-file", d.pass).has(t, `"ok":false`, "cannot sign", "warifu refresh")
}

// TestDamagedEpochKeyIsFound: seen without a passphrase by its size, with one
// because it does not open.
func TestDamagedEpochKeyIsFound(t *testing.T) {
	t.Parallel()
	d := newDevice(t, "phone")
	path := filepath.Join(d.home, "epochs", "0-0.key")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for args, damage := range map[string]func([]byte) []byte{
		"":                  func(b []byte) []byte { return b[:len(b)-1] },
		"--passphrase-file": func(b []byte) []byte { b[40] ^= 1; return b },
	} {
		if err := os.WriteFile(path, damage(bytes.Clone(b)), 0o600); err != nil {
			t.Fatal(err)
		}
		fsck := []string{"fsck"}
		if args != "" {
			fsck = append(fsck, args, d.pass)
		}
		d.run(0, fsck...).has(t, "epoch key 0-0")
	}
}
