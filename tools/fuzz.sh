#!/bin/sh
# fuzz.sh runs every fuzz target of the module for the given time each, or, where
# FUZZTURN has a number, every third: three numbers in a row have all. Left to
# itself Go spends up to a minute on making one new input smaller, which for the
# slower targets is the whole of that time.
#
# Before 1.27 Go now and then takes the end of that time for a failure
# (go.dev/issue/75804). A target that says only that is run once more; what it
# finds it also writes down, and fails.
set -eu
time=${1:-5s}
turn=${FUZZTURN:-}
cd "$(dirname "$0")/.."
out=$(mktemp)
trap 'rm -f "$out"' EXIT

fuzz() {
	go test -run '^$' -fuzz "^$2\$" -fuzztime "$time" -fuzzminimizetime 10x "$1" >"$out" 2>&1
}

onlyLate() {
	grep -q '^ *context deadline exceeded$' "$out" && ! grep -qE 'Failing input|panic|_test\.go:' "$out"
}

targets() {
	grep -r --include='*_test.go' '^func Fuzz' . | sed 's|^\(.*\)/[^/]*:func \(Fuzz[A-Za-z0-9_]*\).*|\1 \2|' | sort -u
}

if [ -n "$turn" ]; then
	targets | awk -v turn="$turn" 'NR % 3 == turn % 3'
else
	targets
fi | while read -r dir target; do
	printf '%s %s\n' "$dir" "$target"
	fuzz "$dir" "$target" || { onlyLate && fuzz "$dir" "$target"; } || { cat "$out"; exit 1; }
	tail -n 1 "$out"
done
