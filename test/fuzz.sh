#!/usr/bin/env bash
# Runs every fuzz target for the time given, by default 5s.
set -euo pipefail
cd "$(dirname "$0")/.."
log=$(mktemp)
trap 'rm -f "$log"' EXIT

fuzz() { # package target time
	${GO:-go} test -run '^$' -fuzz "^$2\$" -fuzztime "$3" -fuzzminimizetime 100x "$1" </dev/null 2>&1 | tee "$log"
}

# Go before 1.27 may fail a target because its time is over (go.dev/issue/75804).
# Then it prints only the line below; a real failure also names its input.
ranOutOfTime() {
	grep -A1 '^--- FAIL' "$log" | grep -qx '    context deadline exceeded' && ! grep -q 'Failing input' "$log"
}

grep -r --include='*_test.go' --exclude-dir=build '^func Fuzz' . |
	sed 's|/[^/]*_test.go:func \(Fuzz[A-Za-z0-9_]*\).*| \1|' | sort |
	while read -r package target; do
		if ! fuzz "$package" "$target" "${1:-5s}"; then
			ranOutOfTime || exit 1
			fuzz "$package" "$target" "${1:-5s}"
		fi
	done
