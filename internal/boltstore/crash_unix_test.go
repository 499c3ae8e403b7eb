//go:build !windows

package boltstore_test

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	mrand "math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/warifu/warifu/internal/boltstore"
	"github.com/warifu/warifu/journal"
)

// childEnv makes this test binary another program: its value names which.
const childEnv = "WARIFU_BOLTSTORE_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childEnv) {
	case "writer":
		os.Exit(writer(os.Args[1]))
	case "full-disk":
		os.Exit(fullDisk(os.Args[1]))
	}
	os.Exit(m.Run())
}

func child(t *testing.T, what, path string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, path)
	cmd.Env = append(os.Environ(), childEnv+"="+what)
	cmd.Stderr = os.Stderr
	return cmd
}

func openAttached(path string) (*boltstore.Store, error) {
	sealer, err := makeSealer(1)
	if err != nil {
		return nil, err
	}
	s, err := boltstore.Open(path)
	if err != nil {
		return nil, err
	}
	return s, s.Attach(sealer)
}

// writer counts for ever. It says each number once it is durable; in each
// transaction one record holds the number and a pair of others its halves.
func writer(path string) int {
	s, err := openAttached(path)
	if err != nil {
		fmt.Fprintln(os.Stderr, "writer:", err)
		return 1
	}
	for {
		var n int
		err := s.Update(func(tx journal.Tx) error {
			v, err := tx.Get("counter", "n")
			if err != nil {
				return err
			}
			n, _ = strconv.Atoi(string(v))
			n++
			text := []byte(strconv.Itoa(n))
			return errors.Join(
				tx.Put("counter", "n", text),
				tx.Put("log", fmt.Sprintf("%08d", n), bytes.Repeat(text, 50)),
				tx.Delete("log", fmt.Sprintf("%08d", n-20)),
			)
		})
		if err != nil {
			fmt.Fprintln(os.Stderr, "writer:", err)
			return 1
		}
		fmt.Println(n)
	}
}

// TestKilled: kill -9 at any moment forgets nothing that was said, and leaves
// nothing half done.
func TestKilled(t *testing.T) {
	t.Parallel()
	seed := [32]byte{6}
	rng := mrand.New(mrand.NewChaCha8(seed))
	path, s := create(t)
	closeStore(t, s)
	said := 0
	for round := range 25 {
		cmd := child(t, "writer", path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// Kill it after it has said some numbers, at whatever instruction it
		// is by then. Spinning a little moves that instruction.
		lines := bufio.NewScanner(out)
		for range 1 + rng.IntN(8) {
			if lines.Scan() {
				said = atoi(t, lines.Text())
			}
		}
		for range rng.IntN(200_000) {
			rng.Uint64()
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() {
			said = atoi(t, lines.Text())
		}
		cmd.Wait()

		s := attached(t, path) // checks pages and sum
		if len(s.Notes()) > 0 {
			t.Errorf("round %d: %q", round, s.Notes())
		}
		v, err := get(s, "counter", "n")
		if err != nil {
			t.Fatal(err)
		}
		n := atoi(t, string(v))
		if n < said || n > said+1 {
			t.Errorf("round %d: counter is %d after %d was said", round, n, said)
		}
		last, err := get(s, "log", fmt.Sprintf("%08d", n))
		if err != nil || !bytes.Equal(last, bytes.Repeat(v, 50)) {
			t.Errorf("round %d: transaction %d is only half there: %v", round, n, err)
		}
		if gone, err := get(s, "log", fmt.Sprintf("%08d", n-20)); gone != nil || err != nil {
			t.Errorf("round %d: transaction %d is only half there: %v", round, n, err)
		}
		closeStore(t, s)
		findings, err := boltstore.Fsck(path, boltstore.Checks{Records: newSealer(t, 1)})
		if err != nil || len(findings) > 0 {
			t.Errorf("round %d: fsck: %v, %v", round, findings, err)
		}
	}
	if said < 25 {
		t.Errorf("only %d transactions in 25 rounds", said)
	}
}

func atoi(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// fullDisk runs into a limit on the size of files, as writing to a full disk
// does, and goes on when there is room again.
func fullDisk(path string) int {
	err := func() error {
		s, err := openAttached(path)
		if err != nil {
			return err
		}
		put := func(key string, n int) error {
			return s.Update(func(tx journal.Tx) error {
				v := make([]byte, n)
				rand.Read(v)
				return tx.Put("items", key, v)
			})
		}
		if err := put("before", 100); err != nil {
			return err
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		var room syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &room); err != nil {
			return err
		}
		// At the end of the file, growing it fails; at its second page, writing
		// into it does, which is what a full disk does to a file with holes.
		failures, kept := 0, 0
		for _, limit := range []int64{info.Size(), int64(2 * os.Getpagesize())} {
			tight := room
			tight.Cur = uint64(limit)
			if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &tight); err != nil {
				return err
			}
			for i := range 3 {
				size := journal.MaxValue >> (5 * i)
				err := put("big", size)
				if i > 0 && err == nil && limit == info.Size() {
					kept = size // small enough for the free pages
					continue
				}
				if err == nil {
					return errors.New("a write beyond the limit succeeded")
				}
				if !strings.HasPrefix(err.Error(), "boltstore: commit: ") || !errors.Is(err, syscall.EFBIG) {
					return fmt.Errorf("write beyond the limit: %w", err)
				}
				failures++
				if v, err := get(s, "items", "before"); err != nil || len(v) != 100 {
					return fmt.Errorf("read after a failed write: %w", err)
				}
				if v, err := get(s, "items", "big"); err != nil || len(v) != kept {
					return fmt.Errorf("failed write left %d bytes, want %d: %v", len(v), kept, err)
				}
			}
		}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &room); err != nil {
			return err
		}
		if err := put("big", journal.MaxValue); err != nil {
			return fmt.Errorf("write when there is room again: %w", err)
		}
		fmt.Println(failures)
		return s.Close()
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, "full-disk:", err)
		return 1
	}
	return 0
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	path, s := create(t)
	closeStore(t, s)
	cmd := child(t, "full-disk", path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said, err := io.ReadAll(out)
	if err := errors.Join(err, cmd.Wait()); err != nil {
		t.Fatal(err)
	}
	if n := atoi(t, strings.TrimSpace(string(said))); n < 4 {
		t.Errorf("only %d writes failed", n)
	}
	if v, err := get(attached(t, path), "items", "big"); err != nil || len(v) != journal.MaxValue {
		t.Errorf("after reopening: %d bytes, %v", len(v), err)
	}
}
