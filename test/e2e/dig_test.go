package e2e

import (
	"slices"
	"strings"
	"testing"
)

// parse returns the status and the records of what dig prints.
func parse(out string) string {
	status := silence
	var records []string
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		if _, rest, ok := strings.Cut(line, "status: "); ok {
			status, _, _ = strings.Cut(rest, ",")
		}
		if line == "" || line[0] == ';' {
			continue
		}
		if f := strings.Fields(line); len(f) > 4 { // name, TTL, class, type, data
			records = append(records, strings.Join(f[3:], " "))
		}
	}
	slices.Sort(records)
	return strings.Join(append([]string{status}, records...), " ")
}

func TestParse(t *testing.T) {
	const out = `;; Got answer:
;; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 1
;; flags: qr aa rd; QUERY: 1, ANSWER: 2, AUTHORITY: 0, ADDITIONAL: 1

;; ANSWER SECTION:
web.a.svc.cluster.local. 5 IN	SRV	0 50 80 b.
web.a.svc.cluster.local. 5 IN	SRV	0 50 80 a.

`
	for out, want := range map[string]string{
		out: "NOERROR SRV 0 50 80 a. SRV 0 50 80 b.",
		";; ->>HEADER<<- opcode: QUERY, status: NXDOMAIN, id: 1\n": "NXDOMAIN",
		";; connection timed out; no servers could be reached\n":   silence,
	} {
		if got := parse(out); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
