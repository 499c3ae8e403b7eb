package sign_test

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/warifu/warifu/share/internal/secp"
	"github.com/warifu/warifu/share/sign"
	"github.com/warifu/warifu/wire"
)

// A pattern is bytes to look for in memory, kept in another form so that it does
// not find itself.
type pattern []byte

const mask = 0x5a

// take makes a pattern of b and clears b.
func take(b []byte) pattern {
	p := make(pattern, len(b))
	for i := range b {
		p[i] = b[i] ^ mask
	}
	clear(b)
	return p
}

// count looks through all that this process may write to.
func (p pattern) count(t *testing.T) (n int) {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	mem, err := os.Open("/proc/self/mem")
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	buf := make([]byte, 1<<20)
	here := reflect.ValueOf(buf).Pointer()
	for lines := bufio.NewScanner(bytes.NewReader(maps)); lines.Scan(); {
		var from, to uintptr
		var rights string
		fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &rights)
		if !strings.HasPrefix(rights, "rw") || strings.Contains(lines.Text(), "[v") {
			continue
		}
		step := uintptr(len(buf) - len(p))
		for at := from; at < to; at += step {
			k, _ := mem.ReadAt(buf[:min(uintptr(len(buf)), to-at)], int64(at))
			for i := 0; i+len(p) <= k && i < int(step); i++ {
				next := bytes.IndexByte(buf[i:k], p[0]^mask)
				if next < 0 {
					break
				}
				i += next
				address := at + uintptr(i)
				if i+len(p) > k || i >= int(step) || address+uintptr(len(p)) > here && address < here+uintptr(len(buf)) {
					continue
				}
				same := true
				for j := range p {
					same = same && buf[i+j]^mask == p[j]
				}
				if same {
					n++
				}
			}
		}
	}
	return n
}

// dirtyStack writes over what calls before have left on the stack.
//
//go:noinline
func dirtyStack(n int) byte {
	var b [4096]byte
	for i := range b {
		b[i] = byte(n)
	}
	if n == 0 {
		return b[17]
	}
	return dirtyStack(n-1) + b[n]
}

// TestHedgeLeavesNothingInMemory looks for what a sponge holds after it has
// absorbed a share: the 64 bytes that no output shows, from which the share can be
// found. It looks while the machine lives and after it was closed.
func TestHedgeLeavesNothingInMemory(t *testing.T) {
	circle := newCircle(t, 2, 2, 78000)
	p := circle.proposal(t)
	self := p.Signers[0]
	share := circle.shares[self].Bytes()
	h := wire.XOF("sign/hedge", share[:])
	var out [32]byte
	h.Read(out[:])
	state, err := h.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	// A word that says what this is and the rate come first.
	const before, rate = 5, 136
	capacity := take(state[before+rate : before+200])
	clear(state)
	*h = *wire.XOF("sign/hedge")
	dirtyStack(32)
	runtime.GC()
	if n := capacity.count(t); n != 0 {
		t.Fatalf("found %d times before anything was done", n)
	}
	control := wire.XOF("sign/hedge", share[:])
	control.Read(out[:])
	if n := capacity.count(t); n != 1 {
		t.Fatalf("found %d times where it is held once: this test sees nothing", n)
	}
	runtime.KeepAlive(control)
	wire.Wipe(control)

	m, _, err := sign.New(circle.config(p, self))
	if err != nil {
		t.Fatal(err)
	}
	dirtyStack(32)
	if n := capacity.count(t); n != 0 {
		t.Errorf("found %d times while the session runs", n)
	}
	m.Close()
	if n := capacity.count(t); n != 0 {
		t.Errorf("found %d times after it was closed", n)
	}
}

// TestZeroShareLeavesNothingInMemory: of the two signs of ζ a device keeps its own,
// and what it was made of is wiped.
func TestZeroShareLeavesNothingInMemory(t *testing.T) {
	mine, theirs := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	raw := func(x secp.Secret) []byte {
		value := reflect.ValueOf(&x).Elem().FieldByName("value")
		get := reflect.NewAt(value.Type(), value.Addr().UnsafePointer()).Elem()
		s := get.Call(nil)[0]
		b := make([]byte, s.Type().Elem().Size())
		mem, err := os.Open("/proc/self/mem")
		if err != nil {
			t.Fatal(err)
		}
		defer mem.Close()
		if _, err := mem.ReadAt(b, int64(s.Pointer())); err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, self := range []wire.Slot{1, 2} {
		// The value before its sign: what the lower of the two has.
		first := sign.ZeroShare(wire.Hash{3}, 1, 2, theirs, mine)
		zeta := take(raw(first)[:32])
		first.Wipe()
		dirtyStack(32)
		runtime.GC()
		if n := zeta.count(t); n != 0 {
			t.Fatalf("found %d times before anything was done", n)
		}
		want := 0
		var z secp.Secret
		if self == 1 {
			z, want = sign.ZeroShare(wire.Hash{3}, 1, 2, theirs, mine), 1
		} else {
			z = sign.ZeroShare(wire.Hash{3}, 2, 1, mine, theirs)
		}
		dirtyStack(32)
		if n := zeta.count(t); n != want {
			t.Errorf("device %d: ζ lies in memory %d times, want %d", self, n, want)
		}
		z.Wipe()
		if n := zeta.count(t); n != 0 {
			t.Errorf("device %d: ζ lies in memory %d times after it was wiped", self, n)
		}
	}
}
