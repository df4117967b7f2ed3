package differential

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/test/differential/ask"
	"github.com/neardns/neardns/test/nodecache/run"
)

// laneShare is how much of a run's questions the express lane answers at least, in percent. The
// others are passed on: aliases, names that fall through, zone transfers, names of other zones.
const laneShare = 70

// laneSize is the size that the lane announces as its own (RFC 6891, section 6.2.3).
const laneSize = 1232

// asChain asks ours with express off, and tells whether it gives the same answer, and ours what it
// should in the OPT record. Each program has the endpoints of several slices in the order in which
// it heard of them, so of what does not fit each may send other records.
func (t *trial) asChain() (bool, error) {
	if t.chain == nil || *selfFlag {
		return true, nil
	}
	other, err := t.chain.Ask(t.q)
	if err != nil {
		return false, fmt.Errorf("ours with express off: %w", err)
	}
	agree := t.own.Equal(other)
	if !agree {
		if agree, err = t.agree(other, t.chain); err != nil {
			return false, err
		}
	}
	if agree && t.edns(t.own) && sameWhy(t.own.Why, other.Why) {
		return true, nil
	}
	t.theirs = other // the report shows both
	return false, nil
}

// sameWhy tells whether two extended errors say the same. A cookie of the lane's may leave it less room for
// the text, and neither guesses without end what was meant.
func sameWhy(own, other string) bool {
	own, _, _ = strings.Cut(strings.TrimSuffix(own, ";"), ", did you mean ")
	other, _, _ = strings.Cut(strings.TrimSuffix(other, ";"), ", did you mean ")
	return (own == "") == (other == "") && (strings.HasPrefix(own, other) || strings.HasPrefix(other, own))
}

// edns tells whether the size and the options of an answer are right. The lane writes its own.
// CoreDNS's front writes the client's size, and none of these options.
func (t *trial) edns(a ask.Answer) bool {
	if t.q.Size == 0 {
		return a.OPT == ""
	}
	size := a.Size == t.q.Size || a.Size == min(t.q.Size, largestUDP) || a.Size == laneSize
	if a.Options == "" {
		return size
	}
	code, data, _ := strings.Cut(strings.TrimSuffix(a.Options, ";"), " ")
	if code != fmt.Sprint(t.q.Option) {
		return false
	}
	switch t.q.Option {
	case dns.EDNS0COOKIE: // RFC 7873, section 5.2.3: the client's half, and ours
		return size && strings.HasPrefix(data, fmt.Sprintf("%x", ask.Data(t.q.Option))) && len(data) >= 2*(8+8) && len(data) <= 2*(8+32)
	case dns.EDNS0TCPKEEPALIVE: // RFC 7828, section 3.2.1: over UDP nobody answers it
		return size && t.q.TCP
	}
	return false
}

// gauge reads what the lane of a program has done.
type gauge struct {
	t  *testing.T
	at netip.AddrPort // serves metrics
}

// outcomes returns how many queries had each outcome so far.
func (g gauge) outcomes() map[string]int {
	g.t.Helper()
	m := map[string]int{}
	for key, n := range run.Scrape(g.t, g.at.String()) {
		if rest, ok := strings.CutPrefix(key, `coredns_kubernetes_express_total{`); ok {
			_, outcome, _ := strings.Cut(rest, `outcome="`)
			outcome, _, _ = strings.Cut(outcome, `"`)
			m[outcome] += int(n)
		}
	}
	return m
}

// since returns what was added to outcomes since they were before.
func since(before, now map[string]int) map[string]int {
	d := maps.Clone(now)
	for outcome, n := range before {
		d[outcome] -= n
	}
	return d
}

// laneCount is what lanes did with the questions of a run.
type laneCount struct {
	asked, answered int
	text            []string // by option set
}

// add notes an option set, about which so many questions were asked.
func (c *laneCount) add(t *testing.T, set string, asked int, outcomes map[string]int) {
	t.Helper()
	c.asked += asked
	answered := outcomes["answered"] + outcomes["compared"]
	c.answered += answered
	c.text = append(c.text, fmt.Sprintf("%s: %d questions, %v", set, asked, outcomes))
	if answered*10 < asked || outcomes["different"]+outcomes["panicked"]+outcomes["busy"] > 0 {
		t.Errorf("%s: %d questions, and the lane says %v", set, asked, outcomes)
	}
}

// report prints what lanes did, and fails the test if that was little: then it proved little.
func (c *laneCount) report(t *testing.T) {
	t.Helper()
	slices.Sort(c.text)
	fmt.Printf("differential: the lane answered %d of %d questions\n", c.answered, c.asked)
	if c.answered*100 < c.asked*laneShare {
		t.Errorf("the lane answered %d of %d questions, expected %d %%:\n%s", c.answered, c.asked, laneShare, strings.Join(c.text, "\n"))
	}
}
