package zone

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Writer writes a Store. Its methods may be called from several goroutines: each waits for
// the one before. Values belong to the Store once written; the caller must not change them.
// A value equal to the one it would replace changes nothing.
type Writer struct {
	mu    sync.Mutex
	store *Store

	slices [2]map[SliceKey]*Slice
	podsOf map[SliceKey]*Pod
}

// NewWriter returns the Writer of a Store. A Store has only one.
func NewWriter(s *Store) *Writer {
	return &Writer{
		store:  s,
		slices: [2]map[SliceKey]*Slice{{}, {}},
		podsOf: map[SliceKey]*Pod{},
	}
}

// SetSynced says that the first full set of objects has been written.
func (w *Writer) SetSynced() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.store.sets[Local].addrs.publish()
	w.store.sets[Imported].addrs.publish()
	w.store.synced.Store(true)
}

// SetNamespace adds a namespace.
func (w *Writer) SetNamespace(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.store.NamespaceExists(name) {
		w.store.namespaces.set(name, struct{}{})
		w.touch(Local)
		w.touch(Imported)
	}
}

// DeleteNamespace removes a namespace. Its Services stay, unseen, until they are deleted too.
func (w *Writer) DeleteNamespace(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.store.NamespaceExists(name) {
		w.store.namespaces.remove(name)
		w.touch(Local)
		w.touch(Imported)
	}
}

// SetService adds or replaces a Service.
func (w *Writer) SetService(set Set, s *Service) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e := w.entry(set, s.Key)
	if old := e.state.Load().service; old == nil || !old.equal(s) {
		w.putService(set, e, s)
	}
}

// DeleteService removes a Service. Slices of it that are still there stay, unseen.
func (w *Writer) DeleteService(set Set, key Key) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e, ok := w.store.sets[set].entries.get(key); ok && e.state.Load().service != nil {
		w.putService(set, e, nil)
	}
}

func (w *Writer) putService(set Set, e *entry, s *Service) {
	r, next := w.store.sets[set], *e.state.Load()
	for _, a := range next.addrs() {
		r.addrs.removeVIP(a, e)
	}
	next.service = s
	for _, a := range next.addrs() {
		r.addrs.setVIP(a, e)
	}
	w.publish(set, e, &next)
}

func (st *state) addrs() []netip.Addr {
	if st.service == nil {
		return nil
	}
	return st.service.Addrs
}

// SetSlice adds or replaces an EndpointSlice. Its Endpoints must be sorted; see SortEndpoints.
func (w *Writer) SetSlice(set Set, s *Slice) {
	w.mu.Lock()
	defer w.mu.Unlock()
	old := w.slices[set][s.SliceKey]
	if old != nil && old.equal(s) {
		return
	}
	if old != nil && old.Service != s.Service {
		w.putSlice(set, w.entry(set, old.Service), old, nil)
		old = nil
	}
	w.slices[set][s.SliceKey] = s
	w.putSlice(set, w.entry(set, s.Service), old, s)
}

// DeleteSlice removes an EndpointSlice.
func (w *Writer) DeleteSlice(set Set, key SliceKey) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if old := w.slices[set][key]; old != nil {
		delete(w.slices[set], key)
		w.putSlice(set, w.entry(set, old.Service), old, nil)
	}
}

// putSlice puts fresh in old's place. Either may be nil.
func (w *Writer) putSlice(set Set, e *entry, old, fresh *Slice) {
	next := *e.state.Load()
	next.slices = replaced(next.slices, old, fresh)
	next.shared += w.store.sets[set].move(e, old, fresh)
	w.publish(set, e, &next)
}

// replaced returns a copy of list with fresh in old's place.
func replaced(list []*Slice, old, fresh *Slice) []*Slice {
	next := make([]*Slice, 0, len(list)+1)
	for _, s := range list {
		if s != old {
			next = append(next, s)
		} else if fresh != nil {
			next = append(next, fresh)
		}
	}
	if old == nil && fresh != nil {
		next = append(next, fresh)
	}
	return next
}

// move tells the address list what fresh adds to old and takes from it, and returns by how
// much the number of repeated addresses grows. Both are sorted, so that unchanged
// addresses cost a comparison.
func (r *records) move(e *entry, old, fresh *Slice) (shared int) {
	a, b := old.endpoints(), fresh.endpoints()
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].Addr.Less(b[0].Addr):
			if r.addrs.release(a[0].Addr, e) > 0 {
				shared--
			}
			a = a[1:]
		case len(a) == 0 || b[0].Addr.Less(a[0].Addr):
			if r.addrs.acquire(b[0].Addr, e) > 1 {
				shared++
			}
			b = b[1:]
		default:
			a, b = a[1:], b[1:]
		}
	}
	return shared
}

func (s *Slice) endpoints() []Endpoint {
	if s == nil {
		return nil
	}
	return s.Endpoints
}

// entry returns the entry at key, made if it is not there. An entry that nothing was put
// into is unseen, as it has no Service.
func (w *Writer) entry(set Set, key Key) *entry {
	r := w.store.sets[set]
	if e, ok := r.entries.get(key); ok {
		return e
	}
	e := &entry{key: key}
	e.state.Store(&state{})
	r.entries.set(key, e)
	return e
}

// publish shows readers the next state of an entry, and forgets the entry when that is empty.
func (w *Writer) publish(set Set, e *entry, next *state) {
	r := w.store.sets[set]
	e.state.Store(next)
	if w.store.Synced() { // nobody reads before
		r.addrs.publish()
	}
	if next.service == nil && len(next.slices) == 0 {
		r.entries.remove(e.key)
	}
	w.touch(set)
}

func (w *Writer) touch(set Set) { w.store.sets[set].changed.Store(time.Now().Unix()) }

// SetPod adds or replaces a Pod.
func (w *Writer) SetPod(p *Pod) {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := SliceKey{p.Namespace, p.Name}
	old := w.podsOf[key]
	if old != nil && old.equal(p) {
		return
	}
	w.putPod(key, old, p)
}

// DeletePod removes a Pod.
func (w *Writer) DeletePod(namespace, name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := SliceKey{namespace, name}
	if old := w.podsOf[key]; old != nil {
		w.putPod(key, old, nil)
	}
}

// putPod puts fresh in old's place, address by address, so that one that stays is never
// missing. Either may be nil.
func (w *Writer) putPod(key SliceKey, old, fresh *Pod) {
	delete(w.podsOf, key)
	if fresh != nil {
		w.podsOf[key] = fresh
	}
	for _, a := range fresh.addrs() {
		w.setPodsAt(a, append(without(w.store.PodsAt(a), old), fresh))
	}
	for _, a := range old.addrs() {
		if !slices.Contains(fresh.addrs(), a) {
			w.setPodsAt(a, without(w.store.PodsAt(a), old))
		}
	}
	if !slices.Equal(old.addrs(), fresh.addrs()) {
		w.touch(Local)
	}
}

func (p *Pod) addrs() []netip.Addr {
	if p == nil {
		return nil
	}
	return p.Addrs
}

// without returns a copy of pods that lacks one.
func without(pods []*Pod, one *Pod) []*Pod {
	return slices.DeleteFunc(slices.Clone(pods), func(p *Pod) bool { return p == one })
}

func (w *Writer) setPodsAt(addr netip.Addr, pods []*Pod) {
	if len(pods) == 0 {
		w.store.pods.remove(addr.As16())
		return
	}
	w.store.pods.set(addr.As16(), pods)
}

// SortEndpoints sorts endpoints as Slice wants them, and zones, if any, with them.
func SortEndpoints(endpoints []Endpoint, zones []string) {
	byAddr := func(a, b Endpoint) int {
		return cmp.Or(a.Addr.Compare(b.Addr), cmp.Compare(a.Host, b.Host))
	}
	if zones == nil {
		slices.SortFunc(endpoints, byAddr)
		return
	}
	order := make([]int, len(endpoints))
	for i := range order {
		order[i] = i
	}
	es, zs := slices.Clone(endpoints), slices.Clone(zones)
	slices.SortStableFunc(order, func(i, j int) int { return byAddr(es[i], es[j]) })
	for to, from := range order {
		endpoints[to], zones[to] = es[from], zs[from]
	}
}
