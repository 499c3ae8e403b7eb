package p2p_test

import (
	"testing"
	"time"

	"github.com/warifu/warifu/internal/p2p"
)

func TestBackoff(t *testing.T) {
	t.Parallel()
	if p2p.Backoff(0) != 0 {
		t.Error("the first attempt waits")
	}
	for try := 1; try < 100; try++ {
		if d := p2p.Backoff(try); d < 75*time.Millisecond || d > 75*time.Second {
			t.Errorf("attempt %d after %v", try, d)
		}
	}
	if d := p2p.Backoff(30); d < 45*time.Second {
		t.Errorf("after %v", d)
	}
}
