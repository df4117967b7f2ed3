package resolve

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/querylog"
)

// TestObserveSelfCheck shows that self-checks are not counted.
func TestObserveSelfCheck(t *testing.T) {
	r := newRig(t)
	r.ask("abcdef.instance.nodecache. TXT class=3")
	r.ask("version.bind. TXT class=3")
	r.ask("abcdee.instance.nodecache. TXT class=3") // a client's
	client := r.client
	for _, from := range []string{"169.254.253.7:50000", r.local.String()} { // of the process beside this one
		r.client = netipAddr(from)
		r.ask("abcdee.instance.nodecache. TXT class=3")
	}
	r.client = client
	if got := r.zoneAnswers(); got != 2 {
		t.Errorf("%d answers, want 2", got)
	}
}

// TestObserve shows that each answer is counted once, by its code and its source.
func TestObserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(b *Block) {
			b.Policy.Prefetch.Amount, b.Policy.Prefetch.Gap, b.Policy.Prefetch.Percent = 3, time.Minute, 100
			b.Hosts = inline("10.1.1.1 known", wire.Name{0})
			b.IPv4Only = []wire.Name{testkit.Name(t, "four.")}
		})
		r.up.say("a.example. A", "a.example. 60 A 10.0.0.1")
		r.up.say("bad.example. A", "SERVFAIL")
		r.up.say("team-1.svc.cluster.local. A", "--", soa)
		for _, words := range []string{
			"a.example.", "a.example.", "a.example. tcp", "a.example. do", "nx.example.", "nx.example.", "bad.example.", "bad.example.",
			"a.example. version=1", "a.example. twice", "known.", "a.four. AAAA", "localhost.", "a.example. opcode=9", "a.example. AXFR tcp",
			"team-1.svc.cluster.local.", team("com"), team("a.com"),
		} {
			r.ask(words)
		}
		const l = `,server="dns://:53",view="",zone="."}`
		r.counted(
			`coredns_dns_responses_total{plugin="",rcode="BADVERS"`+l+" 1",
			`coredns_dns_responses_total{plugin="",rcode="FORMERR"`+l+" 1",
			`coredns_dns_responses_total{plugin="",rcode="NOTIMP"`+l+" 1",
			`coredns_dns_responses_total{plugin="",rcode="REFUSED"`+l+" 1",
			`coredns_dns_responses_total{plugin="",rcode="NOERROR"`+l+" 1",
			`coredns_dns_responses_total{plugin="hosts",rcode="NOERROR"`+l+" 1",
			`coredns_dns_responses_total{plugin="template",rcode="NOERROR"`+l+" 1",
			`coredns_dns_responses_total{plugin="cache",rcode="NOERROR"`+l+" 2",
			`coredns_dns_responses_total{plugin="cache",rcode="NXDOMAIN"`+l+" 2",
			`coredns_dns_responses_total{plugin="cache",rcode="SERVFAIL"`+l+" 1",
			`coredns_dns_responses_total{plugin="forward",rcode="NOERROR"`+l+" 3",
			`coredns_dns_responses_total{plugin="forward",rcode="NXDOMAIN"`+l+" 2",
			`coredns_dns_responses_total{plugin="forward",rcode="SERVFAIL"`+l+" 1",
			`nodecache_cut_answers_total 1`,
			`coredns_cache_hits_total{server="dns://:53",type="success",view="",zones="."} 2`,
			`coredns_dns_do_requests_total{server="dns://:53",view="",zone="."} 1`,
		)
		if n := r.zoneAnswers(); n != 18 {
			t.Errorf("%d answers were counted", n)
		}
	})
}

// TestLog logs what the filter of a block passes, whether it was answered at once or later.
func TestLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(b *Block) { b.Log = querylog.Filter{{Zone: testkit.Name(t, "example."), Classes: querylog.All}} })
		out := new(strings.Builder)
		log := querylog.New(slog.NewTextHandler(out, nil), 10)
		r.Queries = log
		r.ask("a.example. edns tcp")
		r.ask("a.example.")
		r.ask("a.org.")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		log.Run(ctx)
		if got := out.String(); strings.Count(got, "\n") != 2 || strings.Count(got, "a.example.") != 2 {
			t.Error(got)
		}
	})
}
