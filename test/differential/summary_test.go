package differential

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/test/differential/ask"
)

// shown is how many unexplained differences a report has.
const shown = 20

// summary counts the trials of a run.
type summary struct {
	mu        sync.Mutex
	questions int
	positive  int // answers with records
	again     int // answers of ours to the second query only
	verdicts  map[string]int
	kinds     map[string]int // by type and rcode
	failures  []string
	failed    int
}

func newSummary() *summary {
	return &summary{verdicts: map[string]int{}, kinds: map[string]int{}}
}

func (s *summary) add(t *trial, verdict string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.questions++
	if len(t.theirs.Sections[0]) > 0 {
		s.positive++
	}
	if t.own.Again && !t.own.Silent {
		s.again++
	}
	s.kinds[kindOf(t)]++
	if verdict != same {
		s.verdicts[verdict]++
	}
	if verdict == different || verdict == laneOnly {
		s.failed++
		s.failures = append(s.failures, fmt.Sprintf("--- [%s] %s: %s\n%s", t.view.o.name, t.q, verdict, ask.Difference(t.theirs, t.own)))
	}
}

// kindOf is the type of a question and what stock made of it.
func kindOf(t *trial) string {
	outcome := dns.RcodeToString[t.theirs.Rcode]
	switch {
	case t.theirs.Silent:
		outcome = "silent"
	case t.theirs.Rcode == dns.RcodeSuccess && len(t.theirs.Sections[0]) == 0:
		outcome = "NODATA"
	}
	return fmt.Sprintf("%-9s %s", dns.Type(t.q.Type), outcome)
}

// report prints the run and fails the test if anything is unexplained.
func (s *summary) report(t *testing.T, seed uint64) {
	t.Helper()
	explained := 0
	for verdict, n := range s.verdicts {
		if verdict != random && verdict != different && verdict != laneOnly {
			explained += n
		}
	}
	fmt.Printf("differential: %d questions, %d explained by deliberate rules, %d settled by asking stock again, %d unexplained, seed %d\n",
		s.questions, explained, s.verdicts[random], s.failed, seed)
	for _, verdict := range slices.Sorted(maps.Keys(s.verdicts)) {
		fmt.Printf("  %7d %s\n", s.verdicts[verdict], verdict)
	}
	fmt.Printf("  %7d were answered by ours when they were asked again\n", s.again)
	if s.again*1000 > s.questions {
		t.Errorf("ours did not answer %d questions within %v", s.again, patience)
	}
	if s.failed == 0 {
		return
	}
	slices.Sort(s.failures)
	t.Fatalf("%d differences (seed %d), of which:\n%s", s.failed, seed, strings.Join(s.sample(), "\n"))
}

// sample are failures from all over the run.
func (s *summary) sample() []string {
	step := max(1, len(s.failures)/shown)
	var chosen []string
	for i := 0; i < len(s.failures) && len(chosen) < shown; i += step {
		chosen = append(chosen, s.failures[i])
	}
	return chosen
}

// histogram prints what kinds of answers stock gave.
func (s *summary) histogram() {
	for _, kind := range slices.Sorted(maps.Keys(s.kinds)) {
		fmt.Printf("  %7d %s\n", s.kinds[kind], kind)
	}
}
