package sharetest

import "testing"

// uniformBound is exceeded by χ² with 15 degrees of freedom once in a million
// samples of uniform nibbles. The seeds of tests are fixed.
const uniformBound = 56.5

// Uniform fails t if the nibbles of b are not spread as those of random bytes
// are. It wants at least 512 bytes, of a kind whose every bit should be random.
func Uniform(t testing.TB, what string, b []byte) {
	t.Helper()
	if len(b) < 512 {
		t.Fatalf("%s: a sample of %d bytes says nothing", what, len(b))
	}
	if x := ChiSquare(b); x > uniformBound {
		t.Errorf("%s: χ² of %d nibbles is %.1f, above %.1f", what, 2*len(b), x, uniformBound)
	}
}

// ChiSquare returns Pearson's statistic of the nibbles of b against uniform
// ones.
func ChiSquare(b []byte) (x float64) {
	var count [16]float64
	for _, c := range b {
		count[c>>4]++
		count[c&15]++
	}
	want := 2 * float64(len(b)) / 16
	for _, n := range count {
		x += (n - want) * (n - want) / want
	}
	return x
}
