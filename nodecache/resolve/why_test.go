package resolve

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/cache"
)

// why sends a query and returns the response code of the answer, and its extended errors.
func (r *rig) why(words string) string {
	r.t.Helper()
	var m dns.Msg
	if err := m.Unpack(r.send(words).wait()); err != nil {
		r.t.Fatal(err)
	}
	text := dns.RcodeToString[m.Rcode]
	for _, o := range m.IsEdns0().Option {
		if e, ok := o.(*dns.EDNS0_EDE); ok {
			text += fmt.Sprintf(" [%d %s]", e.InfoCode, e.ExtraText)
		}
	}
	return text
}

func (r *rig) wantWhy(words, want string) {
	r.t.Helper()
	if got := r.why(words); got != want {
		r.t.Errorf("%s:\n got %s\nwant %s", words, got, want)
	}
}

// TestWhyPassedOnRFC8914 passes on what upstream gives as its reason, with the answer that came just now,
// with the same one from the cache, below a name that is denied, and with one that has expired.
func TestWhyPassedOnRFC8914(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(b *Block) { b.Policy.ServFail = cache.Backoff{First: 5 * second} })
		long := strings.Repeat("x", 127) + "ü"
		r.up.say("team-1.svc.cluster.local. A", "--", soa)
		r.up.say(team("com")+" A", "NXDOMAIN", "--", soa, "EDE 0 no such service team-1/com")
		r.up.say("nodata.example. A", "--", soa, "EDE 0 no IPv4 address")
		r.up.say("old.example. A", "old.example. 60 A 10.0.0.1", "EDE 3 the records are old")
		r.up.say("bad.example. A", "SERVFAIL", "EDE 14 not synced")
		r.up.say("refused.example. A", "REFUSED", "EDE 18 not for you")
		r.up.say("long.example. A", "NXDOMAIN", "--", soa, "EDE 0 "+long)
		r.up.say("evil.example. A", "NXDOMAIN", "--", soa, "EDE 15 \x1b[31mred")
		r.up.say("nul.example. A", "NXDOMAIN", "--", soa, "EDE 15 blocked\x00")
		r.up.say("bytes.example. A", "NXDOMAIN", "--", soa, "EDE 15 \xff")
		r.ask("team-1.svc.cluster.local.")
		for range 2 {
			r.wantWhy(team("com")+" edns", "NXDOMAIN [0 no such service team-1/com]")
			r.wantWhy("nodata.example. edns", "NOERROR [0 no IPv4 address]")
			r.wantWhy("old.example. edns", "NOERROR [3 the records are old]")
			r.wantWhy("bad.example. edns", "SERVFAIL [14 not synced]")
			r.wantWhy("refused.example. edns", "REFUSED [18 not for you]")
			r.wantWhy("long.example. edns", "NXDOMAIN [0 "+long[:127]+"]")
			r.wantWhy("evil.example. edns", "NXDOMAIN [15 ]")
			r.wantWhy("nul.example. edns", "NXDOMAIN [15 blocked]")
			r.wantWhy("bytes.example. edns", "NXDOMAIN [15 ]")
		}
		r.take()
		r.wantWhy(team("github.com")+" edns", "NXDOMAIN [0 no such service team-1/com]")
		r.wantWhy(team("api.github.com")+" AAAA edns", "NXDOMAIN [0 no such service team-1/com]")
		r.asked()
		pass(10 * second)
		r.want("old.example.", "NOERROR; old.example. 50 A 10.0.0.1")
		r.up.set(func(f *fake) { f.err = context.DeadlineExceeded })
		r.up.out.Store(true)
		pass(2 * time.Minute)
		r.wantWhy("old.example. edns", "NOERROR [3 the records are old; no answer from 192.0.2.53]")
		r.wantWhy("long.example. edns", "NXDOMAIN [19 "+long[:127]+";]")
	})
}

// TestWhyOwnRFC8914 gives reasons of the node cache's own.
func TestWhyOwnRFC8914(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(b *Block) {
			b.Policy.ServFail = cache.Backoff{First: 5 * second}
			b.IPv4Only = []wire.Name{testkit.Name(t, "four.example.")}
		})
		r.up.say("bad.example. A", "SERVFAIL")
		r.up.say("a.example. A", "a.example. 60 A 10.0.0.1")
		r.ask("a.example.")
		r.wantWhy("bad.example. edns", "SERVFAIL [0 upstream answered SERVFAIL]")
		r.wantWhy("bad.example. edns", "SERVFAIL [13 upstream failed a moment ago]")
		r.wantWhy("a.four.example. AAAA edns", "NOERROR [0 no AAAA records here (family ipv4)]")
		r.wantWhy("x.invalid. edns", "NXDOMAIN [0 no name below invalid exists (RFC 6761)]")
		r.wantWhy("a.example. AXFR tcp edns", "REFUSED [21 no zone transfers here]")
		r.wantWhy("a.example. TKEY edns", "NOTIMP [21 no answer to queries of this type]")
		r.wantWhy("a.example. class=4 edns", "REFUSED [21 only class IN is answered]")
		pass(2 * time.Minute)
		r.up.set(func(f *fake) { f.err = context.DeadlineExceeded })
		r.wantWhy("new.example. edns", "SERVFAIL [22 no answer from 192.0.2.53]")
		r.wantWhy("new.example. edns", "SERVFAIL [13 no answer from 192.0.2.53]")
		r.wantWhy("a.example. edns", "NOERROR [3 the answer has expired]")
		r.up.out.Store(true)
		pass(2 * second)
		r.wantWhy("a.example. edns", "NOERROR [3 no answer from 192.0.2.53]")
	})
}
