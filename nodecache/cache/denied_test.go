package cache

import (
	"testing"

	"github.com/miekg/dns"
)

func TestDenied(t *testing.T) {
	c, p := roomy(), usual()
	above := ask(t, "com.ns.example.")
	store(t, c, above, p, 0, "NXDOMAIN", "--", soa)
	store(t, c, ask(t, "alias.example."), p, 0, "NXDOMAIN", "alias.example. 60 CNAME x.example.", "--", soa)
	store(t, c, ask(t, "nodata.example."), p, 0, "--", soa)
	store(t, c, ask(t, "yes.example."), p, 0, "yes.example. 60 A 10.0.0.1")
	for text, want := range map[string]Knowledge{
		"com.ns.example.": Denied, "COM.ns.example.": Denied, "com.ns.example. AAAA": Unknown, "com.ns.example. do": Unknown,
		"alias.example.": Exists, "nodata.example.": Exists, "yes.example.": Exists, "ns.example.": Unknown,
	} {
		if got := c.Knows(ask(t, text), 30*second-1); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
	for _, text := range []string{"com.ns.example.", "nodata.example."} {
		if got := c.Knows(ask(t, text), 30*second); got != Unknown {
			t.Errorf("%s: %v for ever", text, got)
		}
	}
	q := ask(t, "api.GitHub.com.ns.Example. AAAA")
	b, ok := c.AppendDenied([]byte("xy"), q, above, 20*second)
	if got := describe(t, q, b, Fresh); !ok || got != "NXDOMAIN; Example. 10 IN SOA ns.Example. root.Example. 1 2 3 4 30" {
		t.Error(got)
	}
	store(t, c, above, p, 5*second, "NXDOMAIN", "--", soa)
	b, ok = c.AppendDenied([]byte("xy"), q, above, 5*second-1) // which came while that was stored
	if got := describe(t, q, b, Fresh); !ok || got != "NXDOMAIN; Example. 30 IN SOA ns.Example. root.Example. 1 2 3 4 30" {
		t.Error(got)
	}
	if b, ok := c.AppendDenied(nil, ask(t, "api.github.org.ns.example."), above, 0); ok {
		t.Errorf("%q is not below", b)
	}
	if b, ok := c.AppendDenied(nil, q, above, 35*second); ok {
		t.Errorf("%q from what has expired", b)
	}
	if _, ok := dns.IsDomainName(q.Name.String()); !ok {
		t.Error(q.Name)
	}
}
