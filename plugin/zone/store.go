package zone

import (
	"iter"
	"net/netip"
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
}

// Set selects one of the two name trees that a Store holds.
type Set uint8

// Local holds the cluster's own Services, Imported the ServiceImports (KEP-1645).
const (
	Local Set = iota
	Imported
)

// Store holds the records. All its methods are safe for concurrent use and never lock.
// It is written through a Writer.
type Store struct {
	options    Options
	synced     atomic.Bool
	namespaces *index[string, struct{}]
	pods       *index[[16]byte, []*Pod]
	sets       [2]*records
}

// records is one name tree.
type records struct {
	entries *index[Key, *entry]
	addrs   *addresses
	changed atomic.Int64 // Unix time, in seconds, of the last change
}

// entry is where a Service's name leads. The entry stays while its state is replaced.
type entry struct {
	key   Key
	state atomic.Pointer[state]
}

// state is everything known of one Service, published as one value.
type state struct {
	service *Service // nil while only slices have arrived
	slices  []*Slice
	shared  int // how many addresses stand in more than one of slices
}

// New returns an empty Store that is not synced.
func New(o Options) *Store {
	s := &Store{
		options:    o,
		namespaces: newIndex[string, struct{}](),
		pods:       newIndex[[16]byte, []*Pod](),
	}
	for i := range s.sets {
		s.sets[i] = &records{entries: newIndex[Key, *entry](), addrs: newAddresses()}
	}
	return s
}

// Synced reports whether the first full set of objects has been written.
func (s *Store) Synced() bool { return s.synced.Load() }

// Serial returns the SOA serial of a set: the Unix time of its last change, rounded up to
// the end of that second once it has passed. So every change moves the serial, at the
// latest a second later, and the serial never runs ahead of the clock.
func (s *Store) Serial(set Set) uint32 {
	return serial(s.sets[set].changed.Load(), time.Now().Unix())
}

func serial(changed, now int64) uint32 {
	if now > changed {
		changed++
	}
	return uint32(changed) // #nosec G115 -- RFC 1982 arithmetic wraps in 2106
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
	if st := s.sets[set].get(key); st != nil {
		return st.service
	}
	return nil
}

// PodsAt returns the Pods with address addr. The caller must not change the slice.
func (s *Store) PodsAt(addr netip.Addr) []*Pod {
	pods, _ := s.pods.get(addr.As16())
	return pods
}

// NamespaceExists reports whether the namespace exists and is served.
func (s *Store) NamespaceExists(name string) bool {
	_, ok := s.namespaces.get(name)
	return ok
}

// Services yields every Service of a set that has records of its own, in no order, with
// its cluster IPs, alias or endpoints.
func (s *Store) Services(set Set) iter.Seq[Result] {
	return func(yield func(Result) bool) {
		for key, e := range s.sets[set].entries.all {
			if !s.NamespaceExists(key.Namespace) {
				continue
			}
			if r, ok := s.whole(e); ok && !yield(r) {
				return
			}
		}
	}
}

// whole returns what a Service's own name holds, if it holds anything.
func (s *Store) whole(e *entry) (Result, bool) {
	st := e.state.Load()
	if st.service == nil || s.ignored(st) {
		return Result{}, false
	}
	r := s.found(st, request{})
	return r, r.Existence == Records
}
