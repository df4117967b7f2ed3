package resolve

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
)

// kubernetes answers names of the cluster domain like a cluster's DNS. There are 20 namespaces with
// a Service named db in each.
func kubernetes(query []byte) ([]byte, error) {
	q := new(dns.Msg)
	if err := q.Unpack(query); err != nil {
		return nil, err
	}
	name := q.Question[0].Name
	labels := dns.SplitDomainName(strings.TrimSuffix(strings.ToLower(name), ".svc.cluster.local."))
	switch namespace := labels[len(labels)-1]; {
	case !strings.HasPrefix(namespace, "team-") || len(labels) > 2 || len(labels) == 2 && labels[0] != "db":
		return response(q, []string{"NXDOMAIN", "--", soa}), nil
	case len(labels) == 1 || q.Question[0].Qtype != dns.TypeA:
		return response(q, []string{"--", soa}), nil
	}
	return response(q, []string{name + " 5 A 10.96.0.1"}), nil
}

// ndots asks what the first searches of ndots:5 make of 1,000 external names under 5 TLDs in 20
// namespaces, within 10 s. That is 10,000 questions new to the cache in the first search, and 2,000
// in the second. It returns how many came to upstream. Meanwhile names that exist are always found.
func ndots(t *testing.T, searches []string, edits ...func(*Block)) (queries int) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, edits...)
		r.up.whole, r.up.took = kubernetes, 2*time.Millisecond
		tlds := []string{"com", "org", "net", "io", "dev"}
		var list []*sent
		for i := range 10000 {
			site, namespace := i%1000, (i+i/1000)%20
			types := []string{" A", " AAAA"}
			for _, search := range searches {
				search = strings.Replace(search, "*", fmt.Sprint("team-", namespace), 1)
				list = append(list, r.send(fmt.Sprintf("host-%d.%s.%s%s", site, tlds[site%5], search, types[i/1000%2])))
			}
			if i%100 == 0 {
				db := fmt.Sprintf("db.team-%d.svc.cluster.local.", namespace)
				if got := r.ask(db); !strings.HasPrefix(got, "NOERROR; "+db) {
					t.Error(got)
				}
			}
			pass(time.Millisecond)
		}
		for _, s := range list {
			if got := s.text(); !strings.HasPrefix(got, "NXDOMAIN; cluster.local. ") {
				t.Fatal(got)
			}
		}
		for _, asked := range r.take() {
			if !strings.HasPrefix(asked, "db.") {
				queries++
			}
		}
	})
	return queries
}

// TestCutNdots shows that the cut saves upstream 19 of 20 queries for the search in a namespace.
// Searches in svc.cluster.local are not cut, because a TLD would be a namespace there, which does
// not exist. Each of them costs one query for all namespaces together.
func TestCutNdots(t *testing.T) {
	for _, tt := range []struct {
		searches []string
		plain    int // queries without the cut
		fold     int // at least so many fewer with it
	}{
		{[]string{"*.svc.cluster.local."}, 10000, 20},
		{[]string{"*.svc.cluster.local.", "svc.cluster.local."}, 12000, 4},
	} {
		plain := ndots(t, tt.searches, func(b *Block) { b.Services = nil })
		cut := ndots(t, tt.searches)
		t.Logf("%q: %d queries upstream, %d without the cut: %.1f-fold", tt.searches, cut, plain, float64(plain)/float64(cut))
		if plain != tt.plain || cut*tt.fold > plain {
			t.Errorf("less than %d-fold", tt.fold)
		}
	}
}
