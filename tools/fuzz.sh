#!/bin/sh
# fuzz.sh runs every fuzz target of the module for the given time each. Left to
# itself Go spends up to a minute on making one new input smaller, which for the
# slower targets is the whole of that time.
set -eu
time=${1:-5s}
cd "$(dirname "$0")/.."
grep -rl --include='*_test.go' '^func Fuzz' . | sed 's|/[^/]*$||' | sort -u | while read -r dir; do
	grep -h '^func Fuzz' "$dir"/*_test.go | sed 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/' | sort -u | while read -r target; do
		printf '%s %s\n' "$dir" "$target"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 10x "$dir" >"${TMPDIR:-/tmp}/fuzz.$$" 2>&1 || { cat "${TMPDIR:-/tmp}/fuzz.$$"; exit 1; }
		tail -n 1 "${TMPDIR:-/tmp}/fuzz.$$"
	done
done
