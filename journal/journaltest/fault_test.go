package journaltest_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/journal/journaltest"
)

func TestMemConforms(t *testing.T) {
	t.Parallel()
	journaltest.Conform(t, func(*testing.T) (journal.Journal, func() journal.Journal) {
		m := journaltest.New()
		return m, func() journal.Journal { return m.Restart() }
	})
}

func set(m *journaltest.Mem, val string) error {
	return m.Update(func(tx journal.Tx) error { return tx.Put("b", "k", []byte(val)) })
}

func read(t *testing.T, m *journaltest.Mem) (val string) {
	t.Helper()
	err := m.View(func(tx journal.Tx) error {
		v, err := tx.Get("b", "k")
		val = string(v)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return val
}

func TestFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		fault journaltest.Fault
		err   error
		left  string
		dead  bool
	}{
		{journaltest.Lost, journaltest.ErrDisk, "one", false},
		{journaltest.Kept, journaltest.ErrDisk, "two", false},
		{journaltest.CrashBefore, journaltest.ErrCrash, "one", true},
		{journaltest.CrashAfter, journaltest.ErrCrash, "two", true},
	}
	for _, tt := range tests {
		t.Run(tt.fault.String(), func(t *testing.T) {
			t.Parallel()
			m := journaltest.New()
			m.At(2, tt.fault)
			if err := set(m, "one"); err != nil {
				t.Fatal(err)
			}
			if err := set(m, "two"); !errors.Is(err, tt.err) {
				t.Fatalf("second write: %v, want %v", err, tt.err)
			}
			if err := set(m, "three"); errors.Is(err, journaltest.ErrCrash) != tt.dead {
				t.Errorf("write after the fault: %v", err)
			}
			if tt.dead {
				if err := m.View(func(journal.Tx) error { return nil }); !errors.Is(err, journaltest.ErrCrash) {
					t.Errorf("view after a crash: %v", err)
				}
				m = m.Restart()
				if got := read(t, m); got != tt.left {
					t.Errorf("after the restart %q, want %q", got, tt.left)
				}
				return
			}
			if got := read(t, m); got != "three" {
				t.Errorf("after the next write %q", got)
			}
		})
	}
}

// TestKeptAndLostDiffer reads at once, which is what a caller must do.
func TestKeptAndLostDiffer(t *testing.T) {
	t.Parallel()
	for fault, want := range map[journaltest.Fault]string{journaltest.Lost: "", journaltest.Kept: "x"} {
		m := journaltest.New()
		m.At(1, fault)
		if err := set(m, "x"); !errors.Is(err, journaltest.ErrDisk) {
			t.Errorf("%v: %v", fault, err)
		}
		if got := read(t, m); got != want {
			t.Errorf("%v leaves %q, want %q", fault, got, want)
		}
	}
}

// TestShakeIsSeeded: the same seed gives the same faults at the same writes.
func TestShakeIsSeeded(t *testing.T) {
	t.Parallel()
	run := func() (trace []string) {
		m := journaltest.New()
		m.Shake(rand.New(rand.NewChaCha8([32]byte{7})), 0.5)
		for range 40 {
			err := set(m, "x")
			switch {
			case errors.Is(err, journaltest.ErrCrash):
				trace = append(trace, "crash")
				return trace
			case err != nil:
				trace = append(trace, "error")
			default:
				trace = append(trace, "ok")
			}
		}
		return trace
	}
	a, b := run(), run()
	if len(a) != len(b) {
		t.Fatalf("traces of %d and %d writes", len(a), len(b))
	}
	for i := range a {
		if a[i] != b[i] {
			t.Fatalf("write %d: %s and %s", i, a[i], b[i])
		}
	}
	if a[len(a)-1] != "crash" {
		t.Error("no crash in 40 writes at chance 0.5")
	}
}

// TestOnlyChangesCount: an update that writes nothing has no fault.
func TestOnlyChangesCount(t *testing.T) {
	t.Parallel()
	m := journaltest.New()
	m.At(1, journaltest.CrashBefore)
	if err := m.Update(func(tx journal.Tx) error { return tx.Delete("b", "k") }); err != nil {
		t.Error(err)
	}
	if n := m.Writes(); n != 0 {
		t.Errorf("%d writes, want 0", n)
	}
}
