package object

import (
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"github.com/neardns/neardns/plugin/zone"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// collector is a Translator's Skipped that keeps what it is told.
type collector struct{ problems []Problem }

func (c *collector) add(p Problem) { c.problems = append(c.problems, p) }

func (c *collector) fields() []string {
	var list []string
	for _, p := range c.problems {
		list = append(list, p.Field)
	}
	return list
}

func newTranslator(t Translator) (*Translator, *collector) {
	c := &collector{}
	t.Skipped = c.add
	return &t, c
}

// check compares a record and the fields that were skipped on the way to it.
func check[T any](t *testing.T, got, want T, c *collector, skipped ...string) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if !slices.Equal(c.fields(), skipped) {
		t.Errorf("skipped %q, want %q", c.problems, skipped)
	}
}

func ips(list ...string) []netip.Addr {
	var addrs []netip.Addr
	for _, s := range list {
		addrs = append(addrs, netip.MustParseAddr(s))
	}
	return addrs
}

func key(namespace, name string) zone.Key { return zone.Key{Namespace: namespace, Name: name} }

func ptr[T any](v T) *T { return &v }

func TestProblem(t *testing.T) {
	p := Problem{
		Kind: "EndpointSlice", Namespace: "default", Name: "web-x",
		Field: "endpoints[3].hostname", Reason: `"a_b" is not a DNS label`,
	}
	const want = `endpoints[3].hostname of EndpointSlice default/web-x: "a_b" is not a DNS label`
	if p.String() != want || p.Error() != want {
		t.Errorf("got %q, want %q", p, want)
	}
}

func TestIsLabel(t *testing.T) {
	long := make([]byte, 64)
	for i := range long {
		long[i] = 'a'
	}
	for s, want := range map[string]bool{
		"a": true, "0": true, "a-b": true, "10-1-2-3": true, string(long[1:]): true,
		"": false, "-a": false, "a-": false, "A": false, "a.b": false, "a_b": false,
		"ä": false, "a b": false, string(long): false,
	} {
		if got := isLabel(s); got != want {
			t.Errorf("isLabel(%q) = %v", s, got)
		}
	}
}

func TestIsName(t *testing.T) {
	label := "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0"
	four := label + "." + label + "." + label + "." + label // 255 bytes
	for s, want := range map[string]bool{
		"example.com": true, "Example.COM.": true, "_sip._tcp.example.com": true, "x": true,
		four[:253]: true, four[:253] + ".": true, four: false, label + "0.com": false,
		"": false, ".": false, "a..b": false, ".a": false, "a b": false, "a\\.b": false,
		"a/b": false, "[::1]": false,
	} {
		if got := isName(s); got != want {
			t.Errorf("isName(%q) = %v", s, got)
		}
	}
}

// TestRecovered shows that a translation that panics loses its own object only.
func TestRecovered(t *testing.T) {
	tr, c := newTranslator(Translator{})
	broken := func() (r *zone.Service) {
		defer recovered(subject{tr, "Service", &metav1.ObjectMeta{Name: "a"}}, &r)
		r = &zone.Service{}
		panic("oops")
	}
	check(t, broken(), nil, c, "object")
}
