package nodecache

import (
	"bytes"
	"context"
	"fmt"
	"go/scanner"
	"go/token"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/test/nodecache/run"
)

// reason is a row of the tables of extended errors (RFC 8914) in docs/debug.md, for one of its codes.
type reason struct {
	code string
	text string // with words in capitals for what is different each time
	seen bool
}

// elsewhere are texts that other tests show, as they need more than this one has.
var elsewhere = map[string]string{
	"the Kubernetes API does not answer; records as of TIME": "TestWarmStart in test/e2e",
	"shutting down": "TestClose in nodecache/resolve",
}

// places are the words in capitals.
var places = strings.NewReplacer("SERVICE", `[^ /]+/[^ /]+`, "NAME", `[^"]+`, "NUMBER", `\d+`, "TYPE", `[A-Z0-9]+`,
	"ADDRESS", `[^ "]+`, "SERVERS", `.+`, "TEXT", `.+`, "KIND", `\w+`)

// documentedReasons reads the tables.
func documentedReasons(t *testing.T) (rows []*reason) {
	t.Helper()
	text, err := os.ReadFile("../../docs/debug.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?m)^\\| ([0-9, ]+) \\| `(.+?)` \\|").FindAllStringSubmatch(string(text), -1) {
		for code := range strings.SplitSeq(m[1], ", ") {
			rows = append(rows, &reason{code: code, text: m[2]})
		}
	}
	if len(rows) < 60 {
		t.Fatalf("docs/debug.md has %d extended errors: has its form changed?", len(rows))
	}
	return rows
}

// whys are the extended errors that programs sent, and the rows that they have to be in.
type whys struct {
	t    *testing.T
	rows []*reason
}

// fits reports whether a row describes the text.
func (r *reason) fits(code, text string) bool {
	return r.code == code && regexp.MustCompile("^"+places.Replace(regexp.QuoteMeta(r.text))+"$").MatchString(text)
}

// saw takes an extended error in. A text may have two parts.
func (w *whys) saw(code, text string) {
	w.t.Helper()
	for part := range strings.SplitSeq(text, "; ") {
		base, _, guessed := strings.Cut(part, ", did you mean ")
		known, told := false, !guessed
		for _, r := range w.rows {
			switch {
			case r.fits(code, base):
				r.seen, known = true, true
			case guessed && r.fits(code, part):
				r.seen, told = true, true
			case strings.Contains(text, "; ") && part != text[strings.LastIndex(text, "; ")+2:]:
				known = true // what upstream gave as its reason, before what the node cache says
			}
		}
		if !known || !told {
			w.t.Errorf("docs/debug.md does not have EDE %s, %q", code, part)
		}
	}
}

// shown is how dig prints an extended error.
var shown = regexp.MustCompile(`; EDE: (\d+)(?: \([^)]*\))?: \((.*)\)`)

// dig asks with dig, and expects an extended error.
func (w *whys) dig(at netip.AddrPort, args ...string) {
	w.t.Helper()
	a := run.Dig(w.t, at, args...)
	m := shown.FindStringSubmatch(a.Text)
	if m == nil {
		w.t.Errorf("dig @%v %v says no reason:\n%s", at, args, a.Text)
		return
	}
	w.saw(m[1], m[2])
}

// ask asks over TCP what dig does not ask in this way.
func (w *whys) ask(at netip.AddrPort, name string, qtype, class uint16) {
	w.t.Helper()
	q := new(dns.Msg)
	q.SetQuestion(name, qtype)
	q.Question[0].Qclass = class
	q.SetEdns0(1232, false)
	c := dns.Client{Net: "tcp", Timeout: testkit.Patience}
	r, _, err := c.Exchange(q, at.String())
	if err != nil {
		w.t.Errorf("%v at %v: %v", q.Question, at, err)
		return
	}
	for _, o := range r.IsEdns0().Option {
		if e, ok := o.(*dns.EDNS0_EDE); ok {
			w.saw(fmt.Sprint(e.InfoCode), e.ExtraText)
			return
		}
	}
	w.t.Errorf("%v at %v says no reason: %v", q.Question, at, r)
}

// TestWhy has both programs send every extended error (RFC 8914) that docs/debug.md lists, and shows that
// they send no other.
func TestWhy(t *testing.T) {
	t.Parallel()
	w := &whys{t, documentedReasons(t)}
	w.clusterDNS()
	w.ownReasons()
	w.stale()
	for _, r := range w.rows {
		if !r.seen && elsewhere[r.text] == "" {
			t.Errorf("docs/debug.md has EDE %s, %q, which nothing sends", r.code, r.text)
		}
	}
}

// clusterDNS asks CoreDNS, and a node cache before it, which passes the same on.
func (w *whys) clusterDNS() {
	t := w.t
	world, err := filepath.Abs("testdata/why.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var at, through []netip.AddrPort
	var dns, cache strings.Builder
	long := strings.Repeat("a.", 90) + "cluster.local"
	for _, options := range []string{
		"pods verified\nzonal", "", "namespaces shop\nlabels app=web", "noendpoints", "explain off",
		"endpoint http://127.0.0.1:1\nstartup_timeout 1ms", "",
	} {
		a, b := testkit.FreeAddr(t), testkit.FreeAddr(t)
		zones, source := "cluster.local in-addr.arpa ip6.arpa", "snapshot "+world+"\n"
		if len(at) == 6 {
			zones = long + " in-addr.arpa"
		}
		if strings.HasPrefix(options, "endpoint") {
			source = ""
		}
		fmt.Fprintf(&dns, ".:%d {\nbind 127.0.0.1\nkubernetes %s {\n%s%s\n}\n}\n", a.Port(), zones, source, options)
		fmt.Fprintf(&cache, "cluster.local:%[1]d in-addr.arpa:%[1]d {\nbind 127.0.0.1\ncache 30\nforward . %[2]v\n}\n", b.Port(), a)
		at, through = append(at, a), append(through, b)
	}
	coredns := run.CoreDNS(t, dns.String())
	coredns.Answers(at[0])
	node := run.NodeCache(t, cache.String())
	node.Answers(through[0])
	const shop = ".shop.svc.cluster.local"
	for _, q := range []struct {
		server int
		args   []string
	}{
		{0, []string{"web.staging.svc.cluster.local"}},
		{0, []string{"web.prod2.svc.cluster.local"}},
		{0, []string{"wbe" + shop}},
		{0, []string{"cart" + shop}},
		{0, []string{"none" + shop}},
		{0, []string{"SRV", "_htp._tcp.web" + shop}},
		{0, []string{"SRV", "_http._udp.web" + shop}},
		{0, []string{"SRV", "_admin._tcp.db" + shop}},
		{0, []string{"ANY", "web" + shop}},
		{0, []string{"db-1.db" + shop}},
		{0, []string{"eu-2.pin._zone.db" + shop}},
		{0, []string{"www.alias" + shop}},
		{0, []string{"AAAA", "web" + shop}},
		{0, []string{"six" + shop}},
		{0, []string{"MX", "web" + shop}},
		{0, []string{"SRV", "db" + shop}},
		{0, []string{"dns-version.cluster.local"}},
		{0, []string{"AAAA", "10-1-0-1.shop.pod.cluster.local"}},
		{0, []string{"MX", "10-1-0-1.shop.pod.cluster.local"}},
		{0, []string{"MX", "cluster.local"}},
		{0, []string{"svc.cluster.local"}},
		{0, []string{"web.shop.cluster.local"}},
		{0, []string{"web.shop.pod.cluster.local"}},
		{0, []string{"10-1-0-9.shop.pod.cluster.local"}},
		{0, []string{"a.b.c.web" + shop}},
		{0, []string{"-x", "10.9.9.9"}},
		{0, []string{"PTR", "9.10.in-addr.arpa"}},
		{0, []string{"PTR", "x.10.in-addr.arpa"}},
		{0, []string{"MX", "20.0.96.10.in-addr.arpa"}},
		{0, []string{"gone" + shop}},
		{0, []string{"AAAA", "alias" + shop}},
		{0, []string{"circle" + shop}},
		{1, []string{"10-1-0-1.shop.pod.cluster.local"}},
		{2, []string{"web.prod.svc.cluster.local"}},
		{2, []string{"db" + shop}},
		{2, []string{"cart" + shop}},
		{2, []string{"-x", "10.1.0.1"}},
		{2, []string{"PTR", "9.10.in-addr.arpa"}},
		{3, []string{"db" + shop}},
		{5, []string{"web" + shop}},
	} {
		w.dig(at[q.server], q.args...)
		for range 2 { // the second answer is from the cache
			w.dig(through[q.server], q.args...)
		}
	}
	w.dig(at[6], "-x", "10.96.0.99")
	w.cut(through[0], "0")
	w.cut(through[4], "29")
}

// cut asks for names below one that is denied, until the node cache denies them itself.
func (w *whys) cut(at netip.AddrPort, code string) {
	w.t.Helper()
	run.Dig(w.t, at, "shop.svc.cluster.local")
	run.Dig(w.t, at, "com.shop.svc.cluster.local")
	a := run.Dig(w.t, at, "www.example.com.shop.svc.cluster.local")
	if m := shown.FindStringSubmatch(a.Text); a.Status != "NXDOMAIN" || m == nil || m[1] != code {
		w.t.Errorf("below a denied name: want EDE %s:\n%s", code, a.Text)
	} else {
		w.saw(m[1], m[2])
	}
}

// ownReasons asks node caches whose upstreams have nothing to say, or which answer themselves.
func (w *whys) ownReasons() {
	t := w.t
	dead := testkit.FreeAddr(t)
	silent := testkit.Serve(t, testkit.Silent).Addr
	failing := testkit.Serve(t, testkit.Rcode(wire.ServFail)).Addr
	broken := testkit.Serve(t, func(s *testkit.Session, q wire.Message) {
		s.Send(wire.AppendRecord(testkit.Response(q).StripOPT(), 0, wire.Answer, nil, wire.A, wire.IN, 60, []byte{1, 2, 3}))
	}).Addr
	up := testkit.Serve(t, testkit.Address("192.0.2.1", 300)).Addr
	var at []netip.AddrPort
	var corefile strings.Builder
	for _, lines := range []string{
		fmt.Sprintf("forward . %v", dead),
		fmt.Sprintf("forward . %v {\nmax_concurrent 1\n}", silent),
		fmt.Sprintf("forward . %v", failing),
		fmt.Sprintf("forward . %v", broken),
		fmt.Sprintf("forward . %v {\nexcept example.org\n}\nfamily ipv4", up),
		fmt.Sprintf("hosts {\n10.0.0.1 known.example\n}\nforward . %v", up),
	} {
		a := testkit.FreeAddr(t)
		at = append(at, a)
		fmt.Fprintf(&corefile, ".:%d {\nbind 127.0.0.1\ncache 30\n%s\n}\n", a.Port(), lines)
	}
	other := testkit.FreeAddr(t)
	fmt.Fprintf(&corefile, "example.com:%d {\nbind 127.0.0.1\nforward . %v\n}\n", other.Port(), up)
	run.NodeCache(t, corefile.String()).Answers(at[4])
	for _, server := range []int{0, 2, 3} {
		w.dig(at[server], "a.example")
		w.dig(at[server], "a.example") // from the cache
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		q := new(dns.Msg).SetQuestion("slow.example.", dns.TypeA)
		_, _, _ = new(dns.Client).ExchangeContext(ctx, q, at[1].String())
	}()
	testkit.Eventually(t, "a query is under way", func() bool {
		return strings.Contains(run.TryDig(at[1], "b.example").Text, "too many")
	})
	w.dig(at[1], "c.example")
	w.dig(at[4], "example.org")
	w.dig(at[4], "AAAA", "a.example")
	w.dig(at[5], "unknown.example")
	w.dig(at[4], "x.invalid")
	w.dig(other, "example.org")
	w.ask(at[4], "a.example.", dns.TypeA, dns.ClassHESIOD)
	w.ask(at[4], "a.example.", dns.TypeTKEY, dns.ClassINET)
	w.ask(at[4], "a.example.", dns.TypeIXFR, dns.ClassINET)
}

// stale has answers expire, and then upstream fail.
func (w *whys) stale() {
	t := w.t
	up := testkit.Serve(t, func(s *testkit.Session, q wire.Message) {
		if strings.HasPrefix(testkit.NameOf(q), "nx.") {
			m := testkit.Response(q).StripOPT()
			m.SetFlags(wire.Flags(wire.NXDomain), 0)
			soa := append(bytes.Repeat([]byte{0}, 2+4*4), 0, 0, 0, 1)
			s.Send(wire.AppendRecord(m, 0, wire.Authority, wire.Name{0}, wire.SOA, wire.IN, 1, soa))
			return
		}
		testkit.Address("192.0.2.1", 1)(s, q)
	})
	immediate, later := testkit.FreeAddr(t), testkit.FreeAddr(t)
	const cache = "cache {\nsuccess 1024 60 0\ndenial 1024 60 0\n%s\n}"
	block := func(a netip.AddrPort, stale string) string {
		return fmt.Sprintf(".:%d {\nbind 127.0.0.1\n"+cache+"\nforward . %v\n}\n", a.Port(), stale, up.Addr)
	}
	run.NodeCache(t, block(immediate, "serve_stale")+block(later, "")).Answers(later)
	for _, at := range []netip.AddrPort{immediate, later} {
		run.Dig(t, at, "a.example")
		run.Dig(t, at, "nx.example")
	}
	time.Sleep(1100 * time.Millisecond) // until the answers have expired: their TTLs are another process's time
	w.dig(immediate, "a.example")
	w.dig(immediate, "nx.example")
	up.Stop()
	for _, name := range []string{"a.example", "nx.example"} {
		testkit.Eventually(t, "the upstream is out", func() bool {
			return strings.Contains(run.TryDig(later, name).Text, "no answer from")
		})
		w.dig(later, name)
	}
}

// TestWhyIsDocumented shows that docs/debug.md has every text that stands in the source of both programs,
// and every one that the docs show.
func TestWhyIsDocumented(t *testing.T) {
	w := &whys{t, documentedReasons(t)}
	var docs strings.Builder
	for _, r := range w.rows {
		docs.WriteString(r.text + "\n")
	}
	for _, name := range []string{"README.md", "docs/debug.md"} {
		text, err := os.ReadFile("../../" + name)
		if err != nil {
			t.Fatal(err)
		}
		sessions := shown.FindAllStringSubmatch(string(text), -1)
		if len(sessions) == 0 {
			t.Errorf("%s shows no extended error", name)
		}
		for _, m := range sessions {
			w.saw(m[1], m[2])
		}
	}
	found := 0
	for _, name := range []string{"plugin/reply/explain.go", "nodecache/resolve/why.go"} {
		source, err := os.ReadFile("../../" + name)
		if err != nil {
			t.Fatal(err)
		}
		var s scanner.Scanner
		s.Init(token.NewFileSet().AddFile(name, -1, len(source)), source, nil, 0)
		for {
			_, of, lit := s.Scan()
			if of == token.EOF {
				break
			}
			if text, err := strconv.Unquote(lit); of != token.STRING || err != nil || !strings.Contains(text, " ") || text == "; " {
				continue
			} else if found++; !strings.Contains(docs.String(), strings.TrimSuffix(text, `"`)) {
				t.Errorf("%s sends %q, which docs/debug.md does not have", name, text)
			}
		}
	}
	if found < 40 {
		t.Errorf("the source has %d texts", found)
	}
}
