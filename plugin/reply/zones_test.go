package reply

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/plugin/zone"
)

// TestLength compares with the library's packing.
func TestLength(t *testing.T) {
	for _, name := range []string{".", "a.", "a.b.", `a\.b.c.`, `\000\255.x.`, `a\\.b.`, strings.Repeat("x", 63) + ".", `\1234.`} {
		packed, err := dns.PackDomainName(name, make([]byte, 300), 0, nil, false)
		if err != nil || Length(name) != packed {
			t.Errorf("%s: %d, want %d, %v", name, Length(name), packed, err)
		}
	}
}

// TestQuestion finds the zone of a name, and what stands left of it.
func TestQuestion(t *testing.T) {
	zones := NewZones([]string{"cluster.local.", "a.svc.cluster.local.", "clusterset.local.", "in-addr.arpa."}, []string{"clusterset.local."})
	for _, tt := range []struct {
		name, zone, rest string
		set              zone.Set
	}{
		{"cluster.local.", "cluster.local.", "", zone.Local},
		{"Web.b.svc.CLUSTER.local.", "cluster.local.", "web.b.svc", zone.Local},
		{"web.a.svc.cluster.local.", "a.svc.cluster.local.", "web", zone.Local},
		{"web.b.svc.clusterset.local.", "clusterset.local.", "web.b.svc", zone.Imported},
		{"1.10.in-addr.arpa.", "in-addr.arpa.", "1.10", zone.Local},
		{"xcluster.local.", "", "", zone.Local},
		{`x\.cluster.local.`, "", "", zone.Local},
		{"local.", "", "", zone.Local},
	} {
		q, ok := zones.Question(tt.name, wire.A)
		if ok != (tt.zone != "") {
			t.Errorf("%s: found %v", tt.name, ok)
		}
		if ok && (q.Zone.Name != tt.zone || q.Rest != tt.rest || q.Zone.Set != tt.set || strings.ToLower(q.origin()) != tt.zone) {
			t.Errorf("%s: %+v in %+v", tt.name, q, *q.Zone)
		}
	}
	if p := zones.primary(); p.Name != "cluster.local." {
		t.Errorf("PTR records point into %s", p.Name)
	}
	if z, ok := NewZones([]string{"."}, nil).Question("a.b.", wire.A); !ok || z.Rest != "a.b" || z.origin() != "." {
		t.Errorf("root: %+v", z)
	}
}
