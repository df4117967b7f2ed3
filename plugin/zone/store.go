package zone

import (
	"iter"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"
)

// PodMode says how names below pod.<zone> are answered.
type PodMode uint8

// The modes of the `pods` option.
const (
	PodsDisabled PodMode = iota // no pod names exist
	PodsInsecure                // any address in a name is answered with that address
	PodsVerified                // only addresses of Pods of that namespace
)

// Options are the parts of a configuration that decide which names exist.
type Options struct {
	Pods               PodMode
	Zonal              bool // serve <topology zone>.pin|prefer._zone.<headless Service>
	IgnoreEmptyService bool // a ClusterIP Service without ready endpoints does not exist
	NoEndpoints        bool // no endpoints are written
	SomeNamespaces     bool // namespaces are chosen by their labels: an object does not prove that its own is served
	SomeServices       bool // Services are chosen by their labels: a slice does not prove that its own is served
	Serving            bool // a Service without ready endpoints has those that serve while they terminate
}

// Set selects one of the two name trees that a Store holds.
type Set uint8

// Local holds the cluster's own Services, Imported the ServiceImports (KEP-1645).
const (
	Local Set = iota
	Imported
)

// Store holds the records. All its methods are safe for concurrent use and never lock. Writers
// write it, and readers see all records of one Writer, the last that showed its own.
type Store struct {
	options Options
	shown   atomic.Pointer[tables] // nil until a Writer has a full set of objects
	near    guesses
}

// tables are all records that one Writer has written. Once they are shown, the Writer goes on
// changing them, entry by entry.
type tables struct {
	options    Options
	asOf       time.Time // when the records were true; zero if a Writer keeps them current
	namespaces *index[string, struct{}]
	pods       *index[[16]byte, []*Pod]
	sets       [2]*records
}

func newTables(o Options, asOf time.Time) *tables {
	t := &tables{
		options:    o,
		asOf:       asOf,
		namespaces: newIndex[string, struct{}](),
		pods:       newIndex[[16]byte, []*Pod](),
	}
	for i := range t.sets {
		t.sets[i] = &records{entries: newIndex[Key, *entry](), addrs: newAddresses()}
	}
	return t
}

// records is one name tree.
type records struct {
	entries *index[Key, *entry]
	addrs   *addresses
	changed atomic.Int64 // Unix time, in seconds, of the last change
	passed  atomic.Int64 // the last change of which that second has passed
}

// entry is where a Service's name leads. It stays while the writer replaces its state.
type entry struct {
	key   Key
	state atomic.Pointer[state]
}

// state is everything known of one Service, published as one value.
type state struct {
	service *Service // nil while only slices have arrived
	slices  []*Slice // what is answered: the Writer's, or the Serving of each
	shared  int      // how many ready addresses stand in more than one of the slices

	// ahead says that a part came before the others: the Service without a slice, or slices without the
	// Service. So what the others decide is not denied yet.
	ahead bool

	replaced []*Slice // the Writer's, if no endpoint is ready and others stand in; nil otherwise
}

// written returns the Writer's slices.
func (st *state) written() []*Slice {
	if st.replaced != nil {
		return st.replaced
	}
	return st.slices
}

// New returns an empty Store that is not synced.
func New(o Options) *Store { return &Store{options: o} }

// Synced reports whether a full set of objects has been written.
func (s *Store) Synced() bool { return s.shown.Load() != nil }

// AsOf returns when the records were true (see NewWriterAsOf). It is zero while a Writer keeps them
// current, and before there are any.
func (s *Store) AsOf() time.Time {
	if t := s.shown.Load(); t != nil {
		return t.asOf
	}
	return time.Time{}
}

// none is what a Store shows that is not synced.
var none = newTables(Options{}, time.Time{})

// view returns the tables that readers see. There are none in an unsynced Store's.
func (s *Store) view() *tables {
	if t := s.shown.Load(); t != nil {
		return t
	}
	return none
}

// Serial returns the SOA serial of a set: the Unix time of its last change, and one more once
// that second has passed. So every change moves the serial, at the latest a second later, and
// the serial never runs ahead of the clock.
func (s *Store) Serial(set Set) uint32 {
	return s.view().sets[set].serial()
}

// serial reads the clock no more once that second has passed: each denial has a serial.
func (r *records) serial() uint32 {
	changed := r.changed.Load()
	if r.passed.Load() != changed {
		if time.Now().Unix() <= changed {
			return uint32(changed) // wraps in 2106, which RFC 1982 allows for
		}
		r.passed.Store(changed)
	}
	return uint32(changed + 1)
}

// get returns the state of the Service at key, or nil.
func (r *records) get(key Key) *state {
	if e, ok := r.entries.get(key); ok {
		return e.state.Load()
	}
	return nil
}

// Service returns the Service at key, or nil.
func (s *Store) Service(set Set, key Key) *Service {
	if st := s.view().sets[set].get(key); st != nil {
		return st.service
	}
	return nil
}

// PodsAt returns the Pods with address addr. The caller must not change the slice.
func (s *Store) PodsAt(addr netip.Addr) []*Pod { return s.view().podsAt(addr) }

func (t *tables) podsAt(addr netip.Addr) []*Pod {
	pods, _ := t.pods.get(addr.As16())
	return pods
}

// NamespaceExists reports whether the namespace exists and is served.
func (s *Store) NamespaceExists(name string) bool { return s.view().namespaceExists(name) }

func (t *tables) namespaceExists(name string) bool {
	_, ok := t.namespaces.get(name)
	return ok
}

// Namespaces, Written and Pods yield, in no order, all that was written, whether it makes names or
// not: from it another Store can be filled that answers the same. What is written meanwhile may be
// among it or not.

// Namespaces yields every namespace.
func (s *Store) Namespaces() iter.Seq[string] {
	return func(yield func(string) bool) {
		for name := range s.view().namespaces.all {
			if !yield(name) {
				return
			}
		}
	}
}

// Written yields every Service of a set, with its slices. The Service is nil where there are only
// slices. The caller must not change the list.
func (s *Store) Written(set Set) iter.Seq2[*Service, []*Slice] {
	return func(yield func(*Service, []*Slice) bool) {
		for _, e := range s.view().sets[set].entries.all {
			if st := e.state.Load(); !yield(st.service, st.written()) {
				return
			}
		}
	}
}

// Pods yields every Pod.
func (s *Store) Pods() iter.Seq[*Pod] {
	return func(yield func(*Pod) bool) {
		for addr, pods := range s.view().pods.all {
			for _, p := range pods {
				if p.Addrs[0].As16() == addr && !yield(p) { // it stands at each of its addresses
					return
				}
			}
		}
	}
}

// Services yields, in no order, every Service of a set whose own name has records, with its
// cluster IPs, alias or endpoints.
func (s *Store) Services(set Set) iter.Seq[Result] {
	return func(yield func(Result) bool) {
		t := s.view()
		for key, e := range t.sets[set].entries.all {
			if !t.namespaceExists(key.Namespace) {
				continue
			}
			if r, ok := t.own(e); ok && !yield(r) {
				return
			}
		}
	}
}

// own returns what stands at a Service's own name, and whether anything does.
func (t *tables) own(e *entry) (Result, bool) {
	st := e.state.Load()
	if st.service == nil || t.ignored(st) {
		return Result{}, false
	}
	r := st.whole().find(&request{})
	return r, r.Existence == Records
}

// Names yields the names of a Service that Services yielded, and what Lookup finds at each: the
// Service's own name and all names below it that have records. A name comes without the
// Service's own and ends in a dot; the Service's own is "". If a name has several spellings, it
// is the one that SRV and PTR records use. A topology zone without endpoints is not among the
// names, although Lookup answers `prefer` in any zone with all endpoints.
func (s *Store) Names(set Set, r Result) iter.Seq2[string, Result] {
	return func(yield func(string, Result) bool) {
		if !yield("", r) || r.What == Alias {
			return
		}
		if !r.portNames(yield) || !r.endpointNames(yield) {
			return
		}
		if s.options.Zonal && set == Local && r.Service.Kind == Headless {
			r.zonalNames(yield)
		}
	}
}

// PodNames yields the names of Pods that `pods verified` serves, and their addresses. A name is
// the part left of pod.<zone> and ends in a dot. The names that `pods insecure` serves have no
// list.
func (s *Store) PodNames() iter.Seq2[string, netip.Addr] {
	return func(yield func(string, netip.Addr) bool) {
		if s.options.Pods != PodsVerified {
			return
		}
		t := s.view()
		for key, pods := range t.pods.all {
			addr, done := netip.AddrFrom16(key).Unmap(), []string(nil)
			for _, p := range pods {
				if slices.Contains(done, p.Namespace) || !t.namespaceExists(p.Namespace) {
					continue
				}
				done = append(done, p.Namespace)
				if !yield(string(appendDashes(nil, addr))+"."+p.Namespace+".", addr) {
					return
				}
			}
		}
	}
}
