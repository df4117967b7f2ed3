#!/bin/sh
# Runs every fuzz target for the time given, 5s if none is.
set -eu
cd "$(dirname "$0")/.."

grep -r --include='*_test.go' --exclude-dir=build '^func Fuzz' . |
	sed 's|/[^/]*_test.go:func \(Fuzz[A-Za-z0-9_]*\).*| \1|' | sort |
	while read -r package target; do
		${GO:-go} test -run '^$' -fuzz "^$target\$" -fuzztime "${1:-5s}" -fuzzminimizetime 100x "$package" </dev/null
	done
