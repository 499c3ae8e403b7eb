package journaltest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/warifu/warifu/journal"
)

// Conform runs the suite that every [journal.Journal] passes. open returns an
// empty journal and a function that opens what is on its disk once more, as
// after a crash; the suite does not use the old one from then on.
func Conform(t *testing.T, open func(t *testing.T) (j journal.Journal, reopen func() journal.Journal)) {
	t.Helper()
	tests := []struct {
		name string
		run  func(t *testing.T, j journal.Journal, reopen func() journal.Journal)
	}{
		{"absent-is-nil", absentIsNil},
		{"put-get-delete", putGetDelete},
		{"empty-value-is-not-nil", emptyValue},
		{"values-are-copies", valuesAreCopies},
		{"reads-own-writes", readsOwnWrites},
		{"error-changes-nothing", errorChangesNothing},
		{"panic-changes-nothing", panicChangesNothing},
		{"view-cannot-write", viewCannotWrite},
		{"keys-are-sorted", keysAreSorted},
		{"each-record-once", eachRecord},
		{"names-are-checked", namesAreChecked},
		{"value-limit", valueLimit},
		{"transaction-ends-with-its-function", txEnds},
		{"update-is-durable", updateIsDurable},
		{"many-records", manyRecords},
		{"concurrent-updates-lose-nothing", concurrentUpdates},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			j, reopen := open(t)
			tt.run(t, j, reopen)
		})
	}
}

func get(t *testing.T, j journal.Journal, bucket, key string) (val []byte) {
	t.Helper()
	err := j.View(func(tx journal.Tx) (err error) {
		val, err = tx.Get(bucket, key)
		return err
	})
	if err != nil {
		t.Fatalf("get %s/%s: %v", bucket, key, err)
	}
	return val
}

func put(t *testing.T, j journal.Journal, bucket, key, val string) {
	t.Helper()
	err := j.Update(func(tx journal.Tx) error { return tx.Put(bucket, key, []byte(val)) })
	if err != nil {
		t.Fatalf("put %s/%s: %v", bucket, key, err)
	}
}

func want(t *testing.T, j journal.Journal, bucket, key, val string) {
	t.Helper()
	if got := get(t, j, bucket, key); got == nil || string(got) != val {
		t.Errorf("%s/%s = %q, want %q", bucket, key, got, val)
	}
}

func absentIsNil(t *testing.T, j journal.Journal, _ func() journal.Journal) {
	if got := get(t, j, "requests", "none"); got != nil {
		t.Errorf("absent record = %q, want nil", got)
	}
	put(t, j, "requests", "some", "x")
	if got := get(t, j, "requests", "none"); got != nil {
		t.Errorf("absent record in a bucket that exists = %q, want nil", got)
	}
	err := j.View(func(tx journal.Tx) error {
		keys, err := tx.Keys("nothing")
		if len(keys) != 0 {
			t.Errorf("keys of an absent bucket = %q", keys)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	err = j.Update(func(tx journal.Tx) error {
		return errors.Join(tx.Delete("nothing", "none"), tx.Delete("requests", "none"))
	})
	if err != nil {
		t.Errorf("delete of an absent record: %v", err)
	}
}

func putGetDelete(t *testing.T, j journal.Journal, _ func() journal.Journal) {
	put(t, j, "requests", "a", "one")
	put(t, j, "receipts", "a", "two")
	want(t, j, "requests", "a", "one")
	want(t, j, "receipts", "a", "two")
	put(t, j, "requests", "a", "three")
	want(t, j, "requests", "a", "three")
	err := j.Update(func(tx journal.Tx) error { return tx.Delete("requests", "a") })
	if err != nil {
		t.Fatal(err)
	}
	if got := get(t, j, "requests", "a"); got != nil {
		t.Errorf("deleted record = %q, want nil", got)
	}
	want(t, j, "receipts", "a", "two")
}

func emptyValue(t *testing.T, j journal.Journal, _ func() journal.Journal) {
	put(t, j, "requests", "a", "")
	if got := get(t, j, "requests", "a"); got == nil || len(got) != 0 {
		t.Errorf("empty value = %#v, want an empty slice that is not nil", got)
	}
}

func valuesAreCopies(t *testing.T, j journal.Journal, _ func() journal.Journal) {
	val := []byte("value")
	err := j.Update(func(tx journal.Tx) error {
		err := tx.Put("requests", "a", val)
		clear(val)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want(t, j, "requests", "a", "value")
	clear(get(t, j, "requests", "a"))
	want(t, j, "requests", "a", "value")
}

func readsOwnWrites(t *testing.T, j journal.Journal, _ func() journal.Journal) {
	put(t, j, "requests", "old", "x")
	err := j.Update(func(tx journal.Tx) error {
		if err := tx.Put("requests", "new", []byte("y")); err != nil {
			return err
		}
		if v, err := tx.Get("requests", "new"); err != nil || string(v) != "y" {
			t.Errorf("own write = %q, %v", v, err)
		}
		if err := tx.Delete("requests", "old"); err != nil {
			return err
		}
		if v, err := tx.Get("requests", "old"); err != nil || v != nil {
			t.Errorf("own delete = %q, %v", v, err)
		}
		keys, err := tx.Keys("requests")
		if !slices.Equal(keys, []string{"new"}) {
			t.Errorf("keys = %q", keys)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func errorChangesNothing(t *testing.T, j journal.Journal, reopen func() journal.Journal) {
	put(t, j, "requests", "a", "before")
	mine := errors.New("mine")
	err := j.Update(func(tx journal.Tx) error {
		if err := tx.Put("requests", "a", []byte("after")); err != nil {
			return err
		}
		if err := tx.Put("new-bucket", "b", []byte("after")); err != nil {
			return err
		}
		return mine
	})
	if err != mine {
		t.Errorf("error = %v, want the function's own", err)
	}
	want(t, j, "requests", "a", "before")
	put(t, j, "requests", "c", "later")
	j = reopen()
	want(t, j, "requests", "a", "before")
	want(t, j, "requests", "c", "later")
	if got := get(t, j, "new-bucket", "b"); got != nil {
		t.Errorf("record of a failed update = %q", got)
	}
}

func panicChangesNothing(t *testing.T, j journal.Journal, _ func() journal.Journal) {
	put(t, j, "requests", "a", "before")
	func() {
		defer func() {
			if r := recover(); r != "mine" {
				t.Errorf("recovered %v, want the function's own panic", r)
			}
		}()
		j.Update(func(tx journal.Tx) error {
			if err := tx.Put("requests", "a", []byte("after")); err != nil {
				return err
			}
			panic("mine")
		})
	}()
	want(t, j, "requests", "a", "before")
	put(t, j, "requests", "a", "again")
	want(t, j, "requests", "a", "again")
}

func viewCannotWrite(t *testing.T, j journal.Journal, _ func() journal.Journal) {
	err := j.View(func(tx journal.Tx) error { return tx.Put("requests", "a", nil) })
	if !errors.Is(err, journal.ErrReadOnly) {
		t.Errorf("put in a view = %v", err)
	}
	err = j.View(func(tx journal.Tx) error { return tx.Delete("requests", "a") })
	if !errors.Is(err, journal.ErrReadOnly) {
		t.Errorf("delete in a view = %v", err)
	}
}

func keysAreSorted(t *testing.T, j journal.Journal, _ func() journal.Journal) {
	in := []string{"b", "a/2", "a", "a-1", "10", "9", "a/10"}
	for _, k := range in {
		put(t, j, "requests", k, k)
	}
	put(t, j, "request", "s/a", "not in that bucket")
	slices.Sort(in)
	err := j.View(func(tx journal.Tx) error {
		got, err := tx.Keys("requests")
		if !slices.Equal(got, in) {
			t.Errorf("keys = %q, want %q", got, in)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func eachRecord(t *testing.T, j journal.Journal, _ func() journal.Journal) {
	for _, k := range []string{"c", "a", "b"} {
		put(t, j, "requests", k, "value of "+k)
	}
	put(t, j, "other", "d", "")
	errStop := errors.New("stop")
	for _, last := range []string{"b", "none"} {
		var got []string
		err := j.View(func(tx journal.Tx) error {
			return journal.Each(tx, "requests", func(k string, v []byte) error {
				got = append(got, k+": "+string(v))
				if k == last {
					return errStop
				}
				return nil
			})
		})
		want := []string{"a: value of a", "b: value of b", "c: value of c"}
		if last == "b" {
			want = want[:2]
		}
		if !slices.Equal(got, want) || errors.Is(err, errStop) != (last == "b") {
			t.Errorf("to %s: %q, %v, want %q", last, got, err, want)
		}
	}
}

func namesAreChecked(t *testing.T, j journal.Journal, _ func() journal.Journal) {
	bad := []struct{ bucket, key string }{
		{"", "a"}, {"requests", ""}, {"a/b", "c"}, {"Requests", "a"}, {"requests", "a b"},
		{"requests", "\x1b[2J"}, {"requests", "ä"}, {strings.Repeat("a", journal.MaxBucket+1), "a"},
		{"requests", strings.Repeat("a", journal.MaxKey+1)},
	}
	for _, n := range bad {
		err := j.Update(func(tx journal.Tx) error {
			if _, err := tx.Get(n.bucket, n.key); err == nil {
				t.Errorf("get %q/%q was accepted", n.bucket, n.key)
			}
			if err := tx.Delete(n.bucket, n.key); err == nil {
				t.Errorf("delete %q/%q was accepted", n.bucket, n.key)
			}
			return tx.Put(n.bucket, n.key, nil)
		})
		if err == nil {
			t.Errorf("put %q/%q was accepted", n.bucket, n.key)
		} else if strings.ContainsAny(err.Error(), "\x1bä") {
			t.Errorf("error quotes the name: %v", err)
		}
	}
	put(t, j, strings.Repeat("a", journal.MaxBucket), strings.Repeat("a", journal.MaxKey), "x")
}

func valueLimit(t *testing.T, j journal.Journal, reopen func() journal.Journal) {
	big := bytes.Repeat([]byte("x"), journal.MaxValue+1)
	err := j.Update(func(tx journal.Tx) error { return tx.Put("requests", "a", big) })
	if err == nil {
		t.Error("value above the limit was accepted")
	}
	put(t, j, "requests", "a", string(big[1:]))
	want(t, reopen(), "requests", "a", string(big[1:]))
}

func txEnds(t *testing.T, j journal.Journal, _ func() journal.Journal) {
	var kept journal.Tx
	err := j.Update(func(tx journal.Tx) error {
		kept = tx
		return tx.Put("requests", "a", []byte("x"))
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kept.Get("requests", "a"); err == nil {
		t.Error("get after the end of a transaction was accepted")
	}
	if _, err := kept.Keys("requests"); err == nil {
		t.Error("keys after the end of a transaction was accepted")
	}
	if kept.Put("requests", "a", nil) == nil || kept.Delete("requests", "a") == nil {
		t.Error("write after the end of a transaction was accepted")
	}
	want(t, j, "requests", "a", "x")
}

func updateIsDurable(t *testing.T, j journal.Journal, reopen func() journal.Journal) {
	put(t, j, "requests", "a", "one")
	put(t, j, "requests", "b", "two")
	err := j.Update(func(tx journal.Tx) error {
		return errors.Join(tx.Delete("requests", "a"), tx.Put("receipts", "a", []byte("three")))
	})
	if err != nil {
		t.Fatal(err)
	}
	j = reopen()
	if got := get(t, j, "requests", "a"); got != nil {
		t.Errorf("deleted record came back as %q", got)
	}
	want(t, j, "requests", "b", "two")
	want(t, j, "receipts", "a", "three")
}

func manyRecords(t *testing.T, j journal.Journal, reopen func() journal.Journal) {
	const n = 1500
	key := func(i int) string { return fmt.Sprintf("%05d", i) }
	err := j.Update(func(tx journal.Tx) error {
		for i := range n {
			if err := tx.Put("requests", key(i), bytes.Repeat([]byte{byte(i)}, i%700)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	err = j.Update(func(tx journal.Tx) error {
		for i := 0; i < n; i += 2 {
			if err := tx.Delete("requests", key(i)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	err = reopen().View(func(tx journal.Tx) error {
		keys, err := tx.Keys("requests")
		if len(keys) != n/2 {
			t.Errorf("%d keys, want %d", len(keys), n/2)
		}
		for i := 1; i < n; i += 2 {
			v, err := tx.Get("requests", key(i))
			if err != nil || v == nil || !bytes.Equal(v, bytes.Repeat([]byte{byte(i)}, i%700)) {
				t.Fatalf("record %d: %v", i, err)
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func concurrentUpdates(t *testing.T, j journal.Journal, reopen func() journal.Journal) {
	const workers, each = 4, 8
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range each {
				err := j.Update(func(tx journal.Tx) error {
					v, err := tx.Get("counters", "n")
					if err != nil {
						return err
					}
					return tx.Put("counters", "n", append(v, 'x'))
				})
				if err != nil {
					t.Error(err)
				}
				err = j.View(func(tx journal.Tx) error {
					_, err := tx.Get("counters", "n")
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	want(t, reopen(), "counters", "n", strings.Repeat("x", workers*each))
}
