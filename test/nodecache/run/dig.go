package run

import (
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/internal/testkit"
)

// Answer is what dig prints.
type Answer struct {
	Status string // such as NOERROR; empty if no answer came
	Flags  []string
	Answer []Record
	Rest   []Record      // of the other sections, without OPT
	Text   string        // all that dig prints
	Took   time.Duration // until the answer came, in whole milliseconds
}

// Record is a record as dig prints it.
type Record struct {
	Name string
	TTL  int // seconds
	Type string
	Data string
}

// NeedDig returns an error that says what to install if dig is missing.
func NeedDig() error {
	if _, err := exec.LookPath("dig"); err != nil {
		return fmt.Errorf("the tests ask with dig (Debian: bind9-dnsutils): %w", err)
	}
	return nil
}

// Dig asks at addr with dig and its arguments. It fails the test if no answer comes.
func Dig(t testing.TB, addr netip.AddrPort, args ...string) *Answer {
	t.Helper()
	a := dig(addr, testkit.Patience, args...)
	if a.Status == "" {
		t.Fatalf("dig @%s %s: no answer:\n%s", addr, strings.Join(args, " "), a.Text)
	}
	return a
}

// TryDig asks once at addr with dig and its arguments, and waits 5 s for an answer. Callers ask
// again, or expect none.
func TryDig(addr netip.AddrPort, args ...string) *Answer { return dig(addr, 5*time.Second, args...) }

func dig(addr netip.AddrPort, limit time.Duration, args ...string) *Answer {
	args = append([]string{"@" + addr.Addr().String(), "-p", strconv.Itoa(int(addr.Port())), "+tries=1",
		fmt.Sprintf("+time=%.0f", limit.Seconds()), "+noall", "+comments", "+answer", "+authority", "+additional", "+stats"}, args...)
	out, err := exec.Command("dig", args...).CombinedOutput()
	a := parse(string(out))
	if err != nil {
		a.Status = ""
	}
	return a
}

// parse reads what dig prints.
func parse(out string) *Answer {
	a := &Answer{Text: out}
	section := ""
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		if _, rest, ok := strings.Cut(line, "status: "); ok {
			a.Status, _, _ = strings.Cut(rest, ",")
		}
		if rest, ok := strings.CutPrefix(line, ";; Query time: "); ok {
			ms, _, _ := strings.Cut(rest, " ")
			n, _ := strconv.Atoi(ms)
			a.Took = time.Duration(n) * time.Millisecond
		}
		if rest, ok := strings.CutPrefix(line, ";; flags: "); ok {
			flags, _, _ := strings.Cut(rest, ";")
			a.Flags = strings.Fields(flags)
		}
		if name, ok := strings.CutSuffix(line, " SECTION:"); ok {
			section = strings.TrimPrefix(name, ";; ")
		}
		r, ok := record(line)
		switch {
		case ok && section == "ANSWER":
			a.Answer = append(a.Answer, r)
		case ok:
			a.Rest = append(a.Rest, r)
		}
	}
	return a
}

// record reads a line NAME TTL CLASS TYPE DATA.
func record(line string) (Record, bool) {
	f := strings.Fields(line)
	if len(f) < 5 || strings.HasPrefix(line, ";") {
		return Record{}, false
	}
	ttl, err := strconv.Atoi(f[1])
	return Record{f[0], ttl, f[3], strings.Join(f[4:], " ")}, err == nil
}

// Flag reports whether a flag is set. It is named in small letters, as dig prints it.
func (a *Answer) Flag(name string) bool { return slices.Contains(a.Flags, name) }

// String returns the status and the answer's records, sorted, without their TTLs.
func (a *Answer) String() string {
	if a.Status == "" {
		return "no answer"
	}
	var words []string
	for _, r := range a.Answer {
		words = append(words, r.Name+" "+r.Type+" "+r.Data)
	}
	slices.Sort(words)
	return strings.Join(append([]string{a.Status}, words...), "; ")
}

// anyAnswer reports whether something answers at addr soon.
func anyAnswer(addr netip.AddrPort) bool {
	c := dns.Client{Timeout: 2 * time.Second}
	_, _, err := c.Exchange(new(dns.Msg).SetQuestion("localhost.", dns.TypeA), addr.String())
	return err == nil
}
