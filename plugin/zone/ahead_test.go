package zone

import (
	"fmt"
	"strings"
	"testing"
)

// lagging is a Store that was listed, with namespace ns and nothing in it, and its Writer.
func lagging(o Options) (*Store, *Writer) {
	s := New(o)
	w := NewWriter(s)
	w.ReplaceNamespaces("", []string{"ns"})
	w.ReplaceServices(Local, "", nil)
	w.ReplaceSlices(Local, "", nil)
	w.ReplacePods("", nil)
	w.SetSynced()
	return s, w
}

// The events, as steps call them. All are of the objects of a namespace new, but for those that end in ns.
func events(w *Writer) map[string]func() {
	web := &Service{Key: Key{"new", "web"}, Addrs: addrs("10.96.0.1"), Ports: []Port{{Name: "http", Protocol: "tcp", Number: 80}}}
	db := &Service{Key: Key{"new", "db"}, Kind: Headless}
	slice := &Slice{
		SliceKey: SliceKey{"new", "db-1"}, Service: Key{"new", "db"}, Ports: []Port{{Name: "sql", Protocol: "tcp", Number: 5432}},
		Endpoints: []Endpoint{{addr("10.0.0.1"), "db-0"}},
	}
	empty := &Slice{SliceKey: SliceKey{"new", "db-1"}, Service: Key{"new", "db"}}
	pod := &Pod{Namespace: "new", Name: "p", Addrs: addrs("10.0.0.9")}
	return map[string]func(){
		"+ns":    func() { w.SetNamespace("new") },
		"-ns":    func() { w.DeleteNamespace("new") },
		"=ns":    func() { w.ReplaceNamespaces("", []string{"ns"}) }, // a list from before it was there
		"+web":   func() { w.SetService(Local, web) },
		"-web":   func() { w.DeleteService(Local, web.Key) },
		"+db":    func() { w.SetService(Local, db) },
		"-db":    func() { w.DeleteService(Local, db.Key) },
		"=db":    func() { w.ReplaceServices(Local, "", []*Service{db}) },
		"+slice": func() { w.SetSlice(Local, slice) },
		"-slice": func() { w.DeleteSlice(Local, slice.SliceKey) },
		"=slice": func() { w.ReplaceSlices(Local, "", []*Slice{slice}) },
		"+empty": func() { w.SetSlice(Local, empty) },
		"=none":  func() { w.ReplaceSlices(Local, "", nil) }, // a list from before it was there
		"+pod":   func() { w.SetPod(pod) },
		"-pod":   func() { w.DeletePod("new", "p") },
		"=pod":   func() { w.ReplacePods("", []*Pod{pod}) },
	}
}

// TestAhead takes events of different watches in all orders, as one of them lags. What exists is never denied.
func TestAhead(t *testing.T) {
	verified, selected := Options{Pods: PodsVerified}, Options{Pods: PodsVerified, SomeNamespaces: true}
	const nodata, noname = "nodata", "noname"
	for _, tt := range []struct {
		options Options
		steps   string // events
		name    string // and what it is after them
		want    string
	}{
		// The namespace's watch lags.
		{verified, "", "new.svc", noname},
		{verified, "+web", "web.new.svc", "10.96.0.1"},
		{verified, "+web", "new.svc", nodata},
		{verified, "+web", "new.pod", nodata},
		{verified, "+web", "other.new.svc", noname},
		{verified, "+web =ns", "web.new.svc", "10.96.0.1"},
		{verified, "+web +ns", "web.new.svc", "10.96.0.1"},
		{verified, "+slice", "new.svc", nodata},
		{verified, "+pod", "10-0-0-9.new.pod", "10.0.0.9"},
		{verified, "+pod +web -pod", "web.new.svc", "10.96.0.1"},
		{selected, "+web", "web.new.svc", noname}, // whether it is selected, its labels say
		{selected, "+slice", "new.svc", noname},
		{selected, "+pod", "10-0-0-9.new.pod", noname},
		{selected, "+web +ns", "web.new.svc", "10.96.0.1"},
		{verified, "=db", "db.new.svc", noname}, // a list is no event
		{verified, "=pod", "10-0-0-9.new.pod", noname},
		{verified, "=slice", "new.svc", noname},

		// The namespace goes.
		{verified, "+web -web", "new.svc", noname},
		{verified, "+pod -pod", "new.pod", noname},
		{verified, "+slice -slice", "new.svc", noname},
		{verified, "+ns +web -web -ns", "new.svc", noname},
		{verified, "+ns +web -ns", "web.new.svc", noname},
		{verified, "+web +ns -ns", "web.new.svc", noname},
		{verified, "+web +ns =ns", "web.new.svc", noname},
		{verified, "+web +ns -web", "new.svc", nodata},

		// The slices' watch lags.
		{verified, "+ns +db", "db.new.svc", nodata},
		{verified, "+ns +db", "db-0.db.new.svc", nodata}, // whether it exists, the slices say
		{verified, "+ns +db", "_sql._tcp.db.new.svc", nodata},
		{verified, "+ns +db", "_tcp.db.new.svc", nodata}, // RFC 8020: _sql._tcp may be below
		{verified, "+ns +db", "a.b.c.db.new.svc", noname},
		{verified, "+ns +db =none", "db.new.svc", nodata},
		{verified, "+ns +db +slice", "db.new.svc", "10.0.0.1"},
		{verified, "+ns +db +slice", "db-1.db.new.svc", noname},
		{verified, "+ns +db +empty", "db.new.svc", noname}, // as stock says of a Service that has no ready endpoint
		{verified, "+ns +db +slice -slice", "db.new.svc", noname},
		{verified, "+ns +db -db", "db.new.svc", noname},
		{verified, "+ns +web", "web-0.web.new.svc", nodata},
		{verified, "+ns +web", "_udp._udp.web.new.svc", noname}, // whether it exists, the Service says
		{verified, "+ns =db", "db.new.svc", noname},
		{Options{NoEndpoints: true}, "+ns +db", "db.new.svc", noname},
		{Options{IgnoreEmptyService: true}, "+ns +web", "web.new.svc", nodata},
		{Options{IgnoreEmptyService: true, NoEndpoints: true}, "+ns +web", "web.new.svc", noname},

		// The Services' watch lags.
		{verified, "+ns +slice", "db.new.svc", nodata},
		{verified, "+ns +slice", "db-0.db.new.svc", nodata},
		{verified, "+ns +slice", "other.new.svc", noname},
		{verified, "+ns +slice +empty", "db.new.svc", nodata},
		{verified, "+ns +slice +db", "db-0.db.new.svc", "10.0.0.1"},
		{verified, "+ns +slice -slice", "db.new.svc", noname},
		{verified, "+ns +slice +db -db", "db.new.svc", noname}, // its slices go a little later
		{verified, "+ns +slice +db -db +empty", "db.new.svc", noname},
		{verified, "+ns =slice", "db.new.svc", noname},
		{Options{SomeServices: true}, "+ns +slice", "db.new.svc", noname}, // whether it is selected, its labels say

		// Two lag.
		{verified, "+slice", "db.new.svc", nodata},
		{verified, "+slice +db", "db-0.db.new.svc", "10.0.0.1"},
		{verified, "+db", "db-0.db.new.svc", nodata},
	} {
		s, w := lagging(tt.options)
		for step := range strings.FieldsSeq(tt.steps) {
			events(w)[step]()
		}
		expect(t, s, fmt.Sprintf("%+v, %s", tt.options, tt.steps), tt.name, tt.want)
		if n := len(w.ahead.witnesses); strings.Contains(tt.steps, "+ns") && n > 0 {
			t.Errorf("%s: there are witnesses of %d namespaces", tt.steps, n)
		}
	}
}
