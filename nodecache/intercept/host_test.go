package intercept

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/neardns/neardns/nodecache/upstream"
)

// TestCheckListening wants somebody to listen where Pods ask.
func TestCheckListening(t *testing.T) {
	for _, test := range []struct{ listened, missing string }{
		{"169.254.20.10:53 [fd00::10]:53", ""},
		{"0.0.0.0:53 [::]:53", ""},
		{"0.0.0.0:53", "[fd00::10]:53"},
		{"169.254.20.10:5353 [fd00::10]:53", "169.254.20.10:53"},
		{"", "169.254.20.10:53"},
	} {
		var listened []netip.AddrPort
		for word := range strings.FieldsSeq(test.listened) {
			listened = append(listened, netip.MustParseAddrPort(word))
		}
		h := Host{Rules: true, Port: 53, Addrs: []netip.Addr{netip.MustParseAddr("169.254.20.10"), netip.MustParseAddr("fd00::10")}}
		err := h.CheckListening(listened)
		if test.missing == "" && err != nil || test.missing != "" && (err == nil || !strings.HasPrefix(err.Error(), "no server block listens on "+test.missing+",")) {
			t.Errorf("%q: %v, expected %q to miss", test.listened, err, test.missing)
		}
		h.Rules = false
		if err := h.CheckListening(listened); err != nil {
			t.Errorf("without a part in the node: %v", err)
		}
	}
}

// TestCheckFallback wants a forward of the cluster domain that knows the cluster DNS's Pods.
func TestCheckFallback(t *testing.T) {
	with := Host{Fallback: true}
	for _, test := range []struct {
		host    Host
		cluster *upstream.Config
		want    string
	}{
		{Host{}, nil, ""},
		{with, nil, "needs a forward for the cluster domain"},
		{with, &upstream.Config{Name: "kube-dns-pods.kube-system.svc.cluster.local."}, ""},
	} {
		err := test.host.CheckFallback(test.cluster)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%v, expected %q", err, test.want)
		}
	}
}
