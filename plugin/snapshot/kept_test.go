package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/neardns/neardns/plugin/object"
	"github.com/neardns/neardns/plugin/zone"
	"github.com/neardns/neardns/test/differential/world"
)

// all returns all records of a store, by what they are and how they are called.
func all(s *zone.Store) map[string]any {
	records := map[string]any{}
	for name := range s.Namespaces() {
		records["namespace "+name] = true
	}
	for _, set := range []zone.Set{zone.Local, zone.Imported} {
		for service, slices := range s.Written(set) {
			if service != nil {
				records[fmt.Sprint(set, " service ", service.Key)] = service
			}
			for _, sl := range slices {
				records[fmt.Sprint(set, " slice ", sl.SliceKey)] = sl
			}
		}
	}
	for p := range s.Pods() {
		records["pod "+p.Namespace+"/"+p.Name] = p
	}
	return records
}

// compare finds the records that differ.
func compare(t *testing.T, a, b map[string]any) {
	t.Helper()
	if len(a) != len(b) {
		t.Errorf("%d records, then %d", len(a), len(b))
	}
	for name, record := range a {
		if !reflect.DeepEqual(record, b[name]) {
			t.Errorf("%s: %+v, then %+v", name, record, b[name])
		}
	}
}

// names is what a store answers at all names that have records, and at all addresses.
func names(s *zone.Store) map[string]string {
	found := map[string]string{}
	for _, set := range []zone.Set{zone.Local, zone.Imported} {
		for service := range s.Services(set) {
			for name, r := range s.Names(set, service) {
				name = fmt.Sprintf("%d %s%s.%s", set, name, service.Service.Name, service.Service.Namespace)
				found[name] = fmt.Sprint(r.What, r.AppendAddrs(nil, true, 1e6), r.AppendAddrs(nil, false, 1e6), r.Weight())
				for target := range r.Targets() {
					found[name] += fmt.Sprint(target)
				}
			}
		}
	}
	for addr, pointers := range s.Pointers() {
		found[addr.String()] = fmt.Sprint(pointers)
	}
	for name, addr := range s.PodNames() {
		found[name] = addr.String()
	}
	return found
}

// odd has each field of each record, and records that no API server's objects lead to.
func odd(w *zone.Writer) {
	ip := func(s ...string) (list []netip.Addr) {
		for _, a := range s {
			list = append(list, netip.MustParseAddr(a))
		}
		return list
	}
	key := func(name string) zone.Key { return zone.Key{Namespace: "odd", Name: name} }
	ports := []zone.Port{{Name: "http", Protocol: "tcp", Number: 80}, {Protocol: "udp", Number: 53}, {Name: "x", Number: 9}}
	w.SetNamespace("odd")
	w.SetNamespace("empty")
	w.SetService(zone.Local, &zone.Service{Key: key("web"), Selector: true, Addrs: ip("10.0.0.1", "fd00::1"), Ports: ports})
	w.SetService(zone.Local, &zone.Service{Key: key("pending"), Ports: ports[:1]})
	w.SetService(zone.Local, &zone.Service{Key: key("out"), Kind: zone.ExternalName, Selector: true, Target: "A.Example.com."})
	w.SetService(zone.Local, &zone.Service{Key: key("db"), Kind: zone.Headless})
	for _, set := range []zone.Set{zone.Local, zone.Imported} {
		sl := &zone.Slice{
			SliceKey: zone.SliceKey{Namespace: "odd", Name: "db-1"}, Service: key("db"), Ports: append(ports, zone.Port{Name: "none", Protocol: "tcp"}),
			Endpoints: []zone.Endpoint{{Addr: ip("10.0.0.9")[0], Host: "db-0"}, {Addr: ip("10.0.0.10")[0]}, {Addr: ip("fd00::2")[0]}},
			Zones:     []string{"a", "", "b.c"},
		}
		if set == zone.Imported {
			sl.Cluster = "east"
		}
		sl.NotReady[0] = 3
		serving := *sl
		serving.Endpoints, serving.Zones = []zone.Endpoint{{Addr: ip("10.0.0.11")[0], Host: "db-1"}, {Addr: ip("10.0.0.12")[0]}}, []string{"a", ""}
		sl.Serving = &serving
		w.SetSlice(set, sl)
		w.SetSlice(set, &zone.Slice{SliceKey: zone.SliceKey{Namespace: "odd", Name: "none-1"}, Service: key("none"), Nameless: set == zone.Imported})
	}
	w.SetService(zone.Imported, &zone.Service{Key: key("db"), Kind: zone.Headless, Ports: ports[:2]})
	w.SetService(zone.Imported, &zone.Service{Key: key("far"), Addrs: ip("10.9.9.9"), Ports: ports})
	w.SetPod(&zone.Pod{Namespace: "odd", Name: "p", Addrs: ip("10.0.0.9", "fd00::2"), Labels: []zone.Label{{Key: "a", Value: ""}, {Key: "b/c", Value: "d"}}})
	w.SetPod(&zone.Pod{Namespace: "odd", Name: "q", Addrs: ip("10.0.0.9")})
}

var testOrigin = Origin{Cluster: []string{"one", "two"}, Selection: "all"}

// TestRoundTrip writes the records of random clusters, reads them again, and finds the same.
func TestRoundTrip(t *testing.T) {
	for i := range uint64(30) {
		w := world.New(1, i, nil)
		options := zone.Options{Pods: zone.PodsVerified, Zonal: i%2 == 0, Serving: i%4 != 1}
		tr := &object.Translator{PodNames: i%3 == 0, Zonal: options.Zonal, Labels: true, Serving: options.Serving, Skipped: func(object.Problem) {}}
		cfg := Config{Endpoints: true, Pods: true, Imports: true, Translator: tr}
		from := zone.New(options)
		writer := zone.NewWriter(from)
		for _, o := range w.Namespaces {
			writer.SetNamespace(o.Name)
		}
		for _, o := range w.Services {
			if s := tr.Service(o); s != nil {
				writer.SetService(zone.Local, s)
			}
		}
		for _, o := range w.Imports {
			writer.SetService(zone.Imported, tr.Import(o))
		}
		for _, o := range w.Slices {
			if s := tr.Slice(o); s != nil {
				writer.SetSlice(zone.Local, s)
			}
			if s := tr.ImportedSlice(o); s != nil {
				writer.SetSlice(zone.Imported, s)
			}
		}
		for _, o := range w.Pods {
			if p := tr.Pod(o); p != nil {
				writer.SetPod(p)
			}
		}
		if options.Zonal {
			odd(writer)
		}
		writer.SetSynced()
		compareKept(t, &cfg, options, from)
	}
}

// compareKept writes a store, reads it into another, and compares the two.
func compareKept(t *testing.T, cfg *Config, options zone.Options, from *zone.Store) {
	t.Helper()
	asOf := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	objects, gotAsOf, err := unseal(written(t, from, asOf), &testOrigin)
	if err != nil || !gotAsOf.Equal(asOf) {
		t.Fatal(gotAsOf, err)
	}
	c, err := parseKept(objects, cfg)
	if err != nil {
		t.Fatal(err)
	}
	to, into := zone.New(options), *cfg
	into.Writer = zone.NewWriterAsOf(to, asOf)
	c.write(&into)
	compare(t, all(from), all(to))
	a, b := names(from), names(to)
	if !reflect.DeepEqual(a, b) || len(a) < 50 {
		t.Errorf("%d and %d names differ", len(a), len(b))
	}
}

// written returns the kept file of a store.
func written(t testing.TB, s *zone.Store, asOf time.Time) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := writeKept(&b, s, &testOrigin, asOf, func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestOddIsWhole makes sure that odd has something in each field of each record, so that a field which
// is added later is either kept or fails here.
func TestOddIsWhole(t *testing.T) {
	s := zone.New(zone.Options{})
	w := zone.NewWriter(s)
	odd(w)
	w.SetSynced()
	seen := map[string]bool{}
	note(reflect.ValueOf(all(s)), seen)
	for _, record := range []any{zone.Service{}, zone.Slice{}, zone.Pod{}, zone.Endpoint{}, zone.Port{}, zone.Label{}} {
		for _, f := range reflect.VisibleFields(reflect.TypeOf(record)) {
			if name := reflect.TypeOf(record).Name() + "." + f.Name; len(f.Index) == 1 && !seen[name] {
				t.Errorf("%s: no record has it", name)
			}
		}
	}
}

// note adds the fields of all structs in v that are not zero.
func note(v reflect.Value, seen map[string]bool) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		note(v.Elem(), seen)
	case reflect.Array, reflect.Slice:
		for i := range v.Len() {
			note(v.Index(i), seen)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			note(v.MapIndex(key), seen)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if !v.Field(i).IsZero() {
				seen[v.Type().Name()+"."+v.Type().Field(i).Name] = true
				note(v.Field(i), seen)
			}
		}
	}
}

// TestKeptIsSnapshot reads a kept file as `snapshot FILE` does.
func TestKeptIsSnapshot(t *testing.T) {
	s := serve(t, cluster, nil)
	if err := s.Load(); err != nil {
		t.Fatal(err)
	}
	again := serve(t, string(written(t, s.store, time.Now())), nil)
	if err := again.Load(); err != nil {
		t.Fatal(err)
	}
	compare(t, all(s.store), all(again.store))
}

// TestUnseal refuses files that are not whole, or not ours.
func TestUnseal(t *testing.T) {
	s := serve(t, cluster, nil)
	if err := s.Load(); err != nil {
		t.Fatal(err)
	}
	good := written(t, s.store, time.Now())
	change := func(old, new string) []byte { return bytes.Replace(good, []byte(old), []byte(new), 1) }
	for name, tt := range map[string]struct {
		data   []byte
		origin Origin
		want   string
	}{
		"good":            {good, testOrigin, ""},
		"one id in two":   {good, Origin{[]string{"zero", "two"}, "all"}, ""},
		"of kubectl":      {[]byte(cluster), testOrigin, errForeign.Error()},
		"changed":         {change("my-svc", "no-svc"), testOrigin, errDamaged.Error()},
		"zeros in it":     {change("my-svc", "\x00\x00\x00\x00\x00\x00"), testOrigin, errDamaged.Error()},
		"without a time":  {change("neardns.io/written", "neardns.io/wr1tten"), testOrigin, errDamaged.Error()},
		"an object less":  {append(bytes.Clone(good[:bytes.IndexByte(good, '\n')]), good[bytes.Index(good, []byte(",\n"))+1:]...), testOrigin, errDamaged.Error()},
		"another cluster": {good, Origin{[]string{"three"}, "all"}, `it is of another cluster: "one two", not "three"`},
		"other options":   {good, Origin{[]string{"one"}, "some"}, `it was written with other options: "all", now "some"`},
		"older":           {change(`format":"1"`, `format":"0"`), testOrigin, `its format is "0", and this program reads "1"`},
		"newer":           {change(`format":"1"`, `format":"2"`), testOrigin, `its format is "2", and this program reads "1"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := unseal(tt.data, &tt.origin)
			if got := fmt.Sprint(err); tt.want == "" && err != nil || tt.want != "" && got != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
	for n := range len(good) - 1 { // all but the last line break
		if _, _, err := unseal(good[:n], &testOrigin); err == nil {
			t.Fatalf("%d bytes of %d are taken for the whole", n, len(good))
		}
	}
}

// TestWriteKeptStops ends at the first error, whose it is.
func TestWriteKeptStops(t *testing.T) {
	s := serve(t, cluster, nil)
	if err := s.Load(); err != nil {
		t.Fatal(err)
	}
	stop, count := errors.New("stop"), 0
	err := writeKept(io.Discard, s.store, &testOrigin, time.Now(), func() error {
		if count++; count == 3 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || count != 3 {
		t.Error(err, count)
	}
	r, w := io.Pipe()
	_ = r.CloseWithError(stop)
	if err := writeKept(w, s.store, &testOrigin, time.Now(), func() error { return nil }); !errors.Is(err, stop) {
		t.Error(err)
	}
}

// large is a store with 6,000 Services and 100,000 endpoints, as `make bench` has them.
func large(t testing.TB) *zone.Store {
	s := zone.New(zone.Options{})
	w := zone.NewWriter(s)
	ip := func(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}) }
	for i := range 6000 {
		key := zone.Key{Namespace: fmt.Sprint("team-", i%100), Name: fmt.Sprint("service-", i)}
		w.SetNamespace(key.Namespace)
		service := &zone.Service{Key: key, Selector: true, Ports: []zone.Port{{Name: "http", Protocol: "tcp", Number: 80}}}
		slice := &zone.Slice{SliceKey: zone.SliceKey{Namespace: key.Namespace, Name: key.Name + "-abcde"}, Service: key, Ports: service.Ports}
		n := 10
		if i%6 == 0 {
			service.Kind, n = zone.Headless, 50
		} else {
			service.Addrs = []netip.Addr{ip(96<<16 + i)}
		}
		for j := range n {
			e := zone.Endpoint{Addr: ip(i*50 + j)}
			if i%12 == 0 {
				e.Host = fmt.Sprint(key.Name, "-", j)
			}
			slice.Endpoints = append(slice.Endpoints, e)
		}
		w.SetService(zone.Local, service)
		w.SetSlice(zone.Local, slice)
	}
	w.SetSynced()
	return s
}

// BenchmarkWriteKept writes 6,000 Services with 100,000 endpoints.
func BenchmarkWriteKept(b *testing.B) {
	s := large(b)
	var n int64
	b.ReportAllocs()
	for b.Loop() {
		c := new(counting)
		if err := writeKept(c, s, &testOrigin, time.Now(), func() error { return nil }); err != nil {
			b.Fatal(err)
		}
		n = c.n
	}
	b.ReportMetric(float64(n)/1e6, "MB-file")
}

type counting struct{ n int64 }

// Write implements io.Writer.
func (c *counting) Write(b []byte) (int, error) { c.n += int64(len(b)); return len(b), nil }

// BenchmarkLoadKept loads them.
func BenchmarkLoadKept(b *testing.B) {
	data := written(b, large(b), time.Now())
	cfg := &Config{Endpoints: true, Translator: &object.Translator{Skipped: func(object.Problem) {}}}
	b.ReportAllocs()
	for b.Loop() {
		objects, asOf, err := unseal(data, &testOrigin)
		if err != nil {
			b.Fatal(err)
		}
		c, err := parseKept(objects, cfg)
		if err != nil {
			b.Fatal(err)
		}
		into := *cfg
		into.Writer = zone.NewWriterAsOf(zone.New(zone.Options{}), asOf)
		c.write(&into)
	}
	if strings.Count(string(data), "\n") < 12000 {
		b.Error("the file is short")
	}
}
