package nodecache

import (
	"context"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/cache"
	"github.com/neardns/neardns/nodecache/corefile"
	"github.com/neardns/neardns/nodecache/forward"
)

// generations builds one configuration after the other. None is put to work.
type generations struct {
	t    *testing.T
	r    *runner
	keep *keep // of the last one
}

func newGenerations(t *testing.T) *generations {
	g := &generations{t, newRunner(Config{Node: "node", Log: slog.New(slog.DiscardHandler)}.withDefaults()), newKeep()}
	t.Cleanup(func() {
		g.keep.closeBut(newKeep())
		g.r.service.resolver.Close()
		g.r.status.Leave()
	})
	return g
}

// build makes what text says, and ends what only the generation before needs.
func (g *generations) build(text string) *generation {
	g.t.Helper()
	path := filepath.Join(g.t.TempDir(), "Corefile")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		g.t.Fatal(err)
	}
	conf, err := corefile.Load(path, corefile.Options{})
	if err != nil {
		g.t.Fatal(err)
	}
	next, err := g.r.builder.build(context.Background(), conf, g.keep)
	if err != nil {
		g.t.Fatal(err)
	}
	g.keep.forgetFailures(next.keep)
	g.keep.closeBut(next.keep)
	g.keep = next.keep
	return next
}

// forward returns the only forward.
func (g *generation) forward() *forward.Forward {
	for _, f := range g.keep.forwards {
		return f
	}
	return nil
}

// TestKeepTLS keeps a forward over TLS, like any other, when something else changes. A new
// certificate in the same file makes a new forward.
func TestKeepTLS(t *testing.T) {
	g, file := newGenerations(t), filepath.Join(t.TempDir(), "ca.pem")
	writeCA(t, file)
	text := func(seconds int) string {
		return fmt.Sprintf(".:53 {\n cache %d\n forward . tls://192.0.2.1 {\n  tls %s\n  tls_servername dns.example\n }\n}\n", seconds, file)
	}
	first := g.build(text(30))
	if second := g.build(text(31)); second.forward() != first.forward() {
		t.Error("there are new connections though only the cache has changed")
	}
	writeCA(t, file)
	trusted := func(g *generation) *x509.CertPool { return g.conf.Blocks[0].Forwards[0].Upstream.TLS.RootCAs }
	if third := g.build(text(31)); third.forward() == first.forward() || trusted(third).Equal(trusted(first)) {
		t.Error("another certificate was not taken in")
	}
}

// TestKeepFailures forgets a SERVFAIL of servers that a reload replaced, and no other.
func TestKeepFailures(t *testing.T) {
	g := newGenerations(t)
	text := func(seconds int, to string) string {
		return fmt.Sprintf(".:53 {\n cache %d {\n  servfail 5m\n }\n forward . %s\n}\n", seconds, to)
	}
	var kept *cache.Cache
	q, p := wire.Query{Name: wire.Name("\x01a\x00"), Type: wire.A, Class: wire.IN}, cache.Policy{ServFail: cache.Backoff{First: time.Minute}}
	fails := func(by *forward.Forward) {
		kept.Store(nil, &q, wire.AppendReply(nil, &q, wire.ServFail, wire.RA, nil), by.Blamed(), &p, 0)
	}
	failed := func() bool {
		_, _, state := kept.Append(nil, &q, &p, 0)
		return state == cache.Failed
	}

	first := g.build(text(30, "192.0.2.1"))
	kept = first.sizes[0].Cache
	fails(first.forward())
	if second := g.build(text(31, "192.0.2.1")); second.sizes[0].Cache != kept || !failed() {
		t.Error("a SERVFAIL is forgotten though the servers are the same")
	}
	g.build(text(31, "192.0.2.2"))
	if failed() {
		t.Error("a SERVFAIL of other servers stands")
	}
}

// TestKeepCache keeps a block's cache when its other zones, its addresses or other blocks change, as
// long as it is clear which block it was. No two blocks share a cache.
func TestKeepCache(t *testing.T) {
	for name, tt := range map[string]struct {
		before, after []string // the blocks' zones and binds
		want          []int    // which block before had the cache of one after; -1 for none
	}{
		"zones in another order":   {[]string{"a.example b.example"}, []string{"b.example a.example"}, []int{0}},
		"a zone more, and first":   {[]string{"b.example"}, []string{"a.example b.example"}, []int{0}},
		"a zone less":              {[]string{"a.example b.example"}, []string{"b.example"}, []int{0}},
		"a block in two":           {[]string{"a.example b.example"}, []string{"a.example", "b.example"}, []int{0, -1}},
		"two in one":               {[]string{"a.example", "b.example"}, []string{"b.example a.example"}, []int{1}},
		"a zone to another block":  {[]string{"c.example", "a.example b.example"}, []string{"b.example c.example", "a.example"}, []int{0, 1}},
		"a second address":         {[]string{". {\n bind 127.0.0.1"}, []string{". {\n bind 127.0.0.2", ". {\n bind 127.0.0.1"}, []int{-1, 0}},
		"one address less":         {[]string{". {\n bind 127.0.0.1", ". {\n bind 127.0.0.2"}, []string{". {\n bind 127.0.0.2"}, []int{1}},
		"blocks in another order":  {[]string{"a.example", "."}, []string{".", "a.example"}, []int{1, 0}},
		"another address":          {[]string{". {\n bind 127.0.0.1"}, []string{". {\n bind 127.0.0.2"}, []int{0}},
		"one of two addresses":     {[]string{". {\n bind 127.0.0.1", ". {\n bind 127.0.0.2"}, []string{". {\n bind 127.0.0.3", ". {\n bind 127.0.0.2"}, []int{-1, 1}},
		"the same, on other lines": {[]string{". {\n bind 127.0.0.1", ". {\n bind 127.0.0.2"}, []string{". {\n\n\n bind 127.0.0.1", ". {\n bind 127.0.0.2"}, []int{0, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGenerations(t)
			caches := func(blocks []string) (list []*cache.Cache) {
				var text string
				for _, b := range blocks {
					zones, bind, _ := strings.Cut(b, "{")
					text += zones + " {" + bind + "\n cache\n forward . 192.0.2.1\n}\n"
				}
				for _, s := range g.build(text).sizes {
					list = append(list, s.Cache)
				}
				return list
			}
			before := caches(tt.before)
			for i, c := range caches(tt.after) {
				if got := slices.Index(before, c); got != tt.want[i] {
					t.Errorf("block %d has the cache of %d, want that of %d", i, got, tt.want[i])
				}
			}
		})
	}
}

// writeCA writes a new certificate into a file.
func writeCA(t *testing.T, file string) {
	t.Helper()
	if err := os.WriteFile(file, testkit.NewCertificate(t, "dns.example").PEM, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestKeepDenials forgets the denials of servers that are no longer asked for the name, as when a
// forward was added for it. It forgets no other denial, and no success.
func TestKeepDenials(t *testing.T) {
	g := newGenerations(t)
	text := func(forwards ...string) string {
		return ".:53 {\n cache\n forward " + strings.Join(forwards, "\n forward ") + "\n}\n"
	}
	const all, corp = ". 192.0.2.1", "corp.example 192.0.2.2"
	names := []wire.Name{wire.Name("\x01a\x04corp\x07example\x00"), wire.Name("\x01a\x05other\x00")}
	query := func(n wire.Name, t wire.Type) *wire.Query { return &wire.Query{Name: n, Type: t, Class: wire.IN} }
	for what, tt := range map[string]struct {
		before, after []string
		kept          [2]bool
	}{
		"the same":                     {[]string{corp, all}, []string{corp, all}, [2]bool{true, true}},
		"a forward for one":            {[]string{all}, []string{corp, all}, [2]bool{false, true}},
		"a forward less":               {[]string{corp, all}, []string{all}, [2]bool{false, true}},
		"another server":               {[]string{all}, []string{". 192.0.2.3"}, [2]bool{false, false}},
		"an exception":                 {[]string{all}, []string{all + " {\n  except corp.example\n }"}, [2]bool{false, true}},
		"to be handed on":              {[]string{all}, []string{all + " {\n  next NXDOMAIN\n }", ". 192.0.2.3"}, [2]bool{false, false}},
		"a forward that nobody's name": {[]string{all}, []string{"nobody.example 192.0.2.2", all}, [2]bool{true, true}},
	} {
		old := g.build(text(tt.before...))
		kept, p := old.sizes[0].Cache, cache.Policy{Positive: cache.Bounds{Max: 60}, Denial: cache.Bounds{Max: 60}}
		for _, n := range names {
			q := query(n, wire.A)
			denial := wire.AppendRecord(wire.AppendReply(nil, q, wire.NXDomain, wire.RA, nil), 0, wire.Authority, n, wire.SOA, wire.IN, 60, make([]byte, 22))
			binary.BigEndian.PutUint32(denial[len(denial)-4:], 60)
			kept.Store(nil, q, denial, old.forward().Blamed(), &p, 0)
			q = query(n, wire.AAAA)
			kept.Store(nil, q, wire.AppendRecord(wire.AppendReply(nil, q, wire.NoError, wire.RA, nil), 0, wire.Answer, n, wire.AAAA, wire.IN, 60, make([]byte, 16)), old.forward().Blamed(), &p, 0)
		}
		g.build(text(tt.after...)).follow(old)
		for i, n := range names {
			if _, _, state := kept.Append(nil, query(n, wire.A), &p, 0); state == cache.Fresh != tt.kept[i] {
				t.Errorf("%s: denial of %v: state %d", what, n, state)
			}
			if _, _, state := kept.Append(nil, query(n, wire.AAAA), &p, 0); state != cache.Fresh {
				t.Errorf("%s: success of %v: state %d", what, n, state)
			}
		}
	}
}
