//go:build !windows

package keeper_test

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/warifu/warifu/internal/keeper"
)

// childEnv makes this test binary another program.
const childEnv = "WARIFU_KEEPER_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		if err := rotate(os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, "rotate:", err)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// rotate moves a share from epoch to epoch for ever, in the order that a
// device uses: new key, record, and only then the end of the old key. It says
// "have n" when the record of epoch n is durable and "gone n" when the key of
// epoch n is destroyed. The record is a file in home: "<epoch> <hex of share>".
func rotate(home string) error {
	header, err := os.ReadFile(filepath.Join(home, "header"))
	if err != nil {
		return err
	}
	k, err := keeper.Unlock(header, []byte(passphrase))
	if err != nil {
		return err
	}
	if err := k.OpenEpochKeys(filepath.Join(home, "epochs")); err != nil {
		return err
	}
	n, _, err := readRecord(home)
	if err != nil {
		return err
	}
	for ; ; n++ {
		next := strconv.Itoa(n + 1)
		if err := k.NewEpochKey(next); err != nil {
			return err
		}
		sealed, err := k.SealShare(next, "share", []byte("share of "+next))
		if err != nil {
			return err
		}
		if err := writeRecord(home, n+1, sealed); err != nil {
			return err
		}
		fmt.Println("have", n+1)
		if err := k.DestroyEpochKey(strconv.Itoa(n)); err != nil {
			return err
		}
		fmt.Println("gone", n)
	}
}

func writeRecord(home string, n int, sealed []byte) error {
	f, err := os.Create(filepath.Join(home, "record.tmp"))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%d %x", n, sealed)
	err = errors.Join(err, f.Sync(), f.Close())
	return errors.Join(err, os.Rename(f.Name(), filepath.Join(home, "record")))
}

func readRecord(home string) (n int, sealed []byte, err error) {
	b, err := os.ReadFile(filepath.Join(home, "record"))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil, nil
	}
	if err == nil {
		_, err = fmt.Sscanf(string(b), "%d %x", &n, &sealed)
	}
	return n, sealed, err
}

// TestKilled: kill -9 between any two steps leaves the share of the epoch in
// the record readable, no key that was said to be gone, and at most one key
// that is not needed.
func TestKilled(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewChaCha8([32]byte{11}))
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	_, header, _ := epochs(t)
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, "header"), header, 0o600); err != nil {
		t.Fatal(err)
	}
	have, gone := 0, 0
	hear := func(line string) {
		word, num, _ := strings.Cut(line, " ")
		n, err := strconv.Atoi(num)
		if err != nil {
			t.Fatalf("child said %q", line)
		}
		if word == "have" {
			have = n
		} else {
			gone = n
		}
	}
	for round := range 20 {
		cmd := exec.Command(exe, home)
		cmd.Env = append(os.Environ(), childEnv+"=rotate")
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for range 1 + rng.IntN(6) {
			if lines.Scan() {
				hear(lines.Text())
			}
		}
		for range rng.IntN(200_000) { // move the instruction at which it dies
			rng.Uint64()
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() {
			hear(lines.Text())
		}
		cmd.Wait()

		k := restarted(t, header, filepath.Join(home, "epochs"))
		n, sealed, err := readRecord(home)
		if err != nil {
			t.Fatal(err)
		}
		if n < have {
			t.Errorf("round %d: record of epoch %d after %d was said", round, n, have)
		}
		plain, err := k.OpenShare(strconv.Itoa(n), "share", sealed)
		if err != nil || string(plain) != fmt.Sprint("share of ", n) {
			t.Errorf("round %d: share of epoch %d: %q, %v", round, n, plain, err)
		}
		ids, err := k.ListEpochKeys()
		if err != nil || len(ids) > 2 || slices.Contains(ids, strconv.Itoa(gone)) {
			t.Errorf("round %d: keys %q at epoch %d with %d gone: %v", round, ids, n, gone, err)
		}
		// What a device does when it starts: only the key of the record stays.
		for _, id := range ids {
			if id != strconv.Itoa(n) {
				if err := k.DestroyEpochKey(id); err != nil {
					t.Errorf("round %d: %v", round, err)
				}
			}
		}
		k.Close()
		if leftovers, err := filepath.Glob(filepath.Join(home, "epochs", "*.tmp")); len(leftovers) > 0 || err != nil {
			t.Errorf("round %d: leftovers %q, %v", round, leftovers, err)
		}
	}
	if have < 20 {
		t.Errorf("only %d epochs in 20 rounds", have)
	}
}
