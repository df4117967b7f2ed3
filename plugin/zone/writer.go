package zone

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Writer writes a Store. It is safe for concurrent use: each call waits for the one before. Once
// written, a value belongs to the Store, and the caller must not change it. Writing a value that
// equals the present one changes nothing.
//
// The objects of a cluster come from several watches, of which one may lag behind another. So what a Set
// method writes counts as an event from the first Replace on, and proves that what it belongs to exists:
// see ahead. What a Replace method writes proves nothing, as in stock CoreDNS.
//
// A Writer begins with no records. Readers see none of its records before SetSynced, and all of
// them from then on, in the place of another Writer's.
type Writer struct {
	mu    sync.Mutex
	store *Store
	*tables

	slices [2]map[SliceKey]*Slice
	podsOf map[SliceKey]*Pod
	ahead  ahead
}

// NewWriter returns a Writer of a Store that keeps its records current.
func NewWriter(s *Store) *Writer { return NewWriterAsOf(s, time.Time{}) }

// NewWriterAsOf returns a Writer for records that were true at a time, and may be so no longer. It
// can fill a Store that is not synced yet, and no other.
func NewWriterAsOf(s *Store, asOf time.Time) *Writer {
	return &Writer{
		store:  s,
		tables: newTables(s.options, asOf),
		slices: [2]map[SliceKey]*Slice{{}, {}},
		podsOf: map[SliceKey]*Pod{},
		ahead:  ahead{witnesses: map[string]map[witness]bool{}},
	}
}

// SetSynced shows readers what was written, which is the first complete set of objects. That is a change
// of both sets: what stood there before may have changed later than what was written.
func (w *Writer) SetSynced() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ahead.live = true
	w.sets[Local].addrs.publish()
	w.sets[Imported].addrs.publish()
	w.touch(Local)
	w.touch(Imported)
	if w.asOf.IsZero() {
		w.store.shown.Store(w.tables)
	} else {
		w.store.shown.CompareAndSwap(nil, w.tables)
	}
}

// SetNamespace adds a namespace.
func (w *Writer) SetNamespace(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ahead.told(name)
	w.addNamespace(name)
}

func (w *Writer) addNamespace(name string) {
	if !w.namespaceExists(name) {
		w.namespaces.set(name, struct{}{})
		w.touch(Local)
		w.touch(Imported)
	}
}

// DeleteNamespace removes a namespace. Its Services stay, without names, until they are deleted too.
func (w *Writer) DeleteNamespace(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ahead.told(name)
	w.removeNamespace(name)
}

func (w *Writer) removeNamespace(name string) {
	if w.namespaceExists(name) {
		w.namespaces.remove(name)
		w.touch(Local)
		w.touch(Imported)
	}
}

// SetService adds or replaces a Service.
func (w *Writer) SetService(set Set, s *Service) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.setService(set, s, w.ahead.live)
}

// setService adds or replaces a Service, of which an event or a list tells.
func (w *Writer) setService(set Set, s *Service, event bool) {
	e := w.entry(set, s.Key)
	old := e.state.Load().service
	if old == nil && event {
		w.witnessed(s.Namespace, witness{services, set, s.Name})
	}
	if old == nil || !old.equal(s) {
		w.putService(set, e, s, event)
	}
}

// DeleteService removes a Service. Its slices stay, without names, until they are deleted too.
func (w *Writer) DeleteService(set Set, key Key) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e, ok := w.sets[set].entries.get(key); ok && e.state.Load().service != nil {
		w.putService(set, e, nil, false)
		w.retract(key.Namespace, witness{services, set, key.Name})
	}
}

func (w *Writer) putService(set Set, e *entry, s *Service, event bool) {
	r, next := w.sets[set], *e.state.Load()
	for _, a := range next.addrs() {
		r.addrs.removeVIP(a, e)
	}
	next.ahead = s != nil && len(next.slices) == 0 && (next.ahead || event && next.service == nil && !w.options.NoEndpoints)
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
	w.setSlice(set, s, w.ahead.live)
}

// setSlice adds or replaces an EndpointSlice, of which an event or a list tells.
func (w *Writer) setSlice(set Set, s *Slice, event bool) {
	old := w.slices[set][s.SliceKey]
	event = event && old == nil
	if event {
		w.witnessed(s.Namespace, witness{endpoints, set, s.Name})
	}
	if old != nil && old.equal(s) {
		return
	}
	if old != nil && old.Service != s.Service {
		w.putSlice(set, w.entry(set, old.Service), old, nil, false)
		old = nil
	}
	w.slices[set][s.SliceKey] = s
	w.putSlice(set, w.entry(set, s.Service), old, s, event)
}

// DeleteSlice removes an EndpointSlice.
func (w *Writer) DeleteSlice(set Set, key SliceKey) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if old := w.slices[set][key]; old != nil {
		delete(w.slices[set], key)
		w.putSlice(set, w.entry(set, old.Service), old, nil, false)
		w.retract(key.Namespace, witness{endpoints, set, key.Name})
	}
}

// putSlice puts fresh in old's place. Either may be nil.
func (w *Writer) putSlice(set Set, e *entry, old, fresh *Slice, event bool) {
	next := *e.state.Load()
	if fresh != nil {
		next.ahead = next.service == nil && (next.ahead || event && !w.options.SomeServices)
	}
	next.slices = replaced(next.slices, old, fresh)
	next.shared += w.sets[set].move(e, old, fresh)
	if w.options.Serving {
		w.standIn(set, &next)
	}
	w.publish(set, e, &next)
}

// standIn puts into next.slices, which has all slices of a Service, what they answer: their ready
// endpoints or, if there are none, those that serve while they terminate, as kube-proxy does (KEP-1669).
// PTR records still point to ready endpoints only.
func (w *Writer) standIn(set Set, next *state) {
	ready := false
	for i, sl := range next.slices {
		next.slices[i] = w.slices[set][sl.SliceKey]
		ready = ready || len(next.slices[i].Endpoints) > 0
	}
	next.replaced = nil
	if ready || !slices.ContainsFunc(next.slices, func(sl *Slice) bool { return sl.Serving != nil }) {
		return
	}
	next.replaced = slices.Clone(next.slices)
	for i, sl := range next.slices {
		if sl.Serving != nil {
			next.slices[i] = sl.Serving
		}
	}
}

// replaced returns a copy of list with fresh in old's place.
func replaced(list []*Slice, old, fresh *Slice) []*Slice {
	next := make([]*Slice, 0, len(list)+1)
	for _, s := range list {
		if old == nil || s.SliceKey != old.SliceKey {
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

// move adds to the address list what fresh has and old lacks, and removes what old has and fresh
// lacks. It returns by how much the number of repeated addresses grows. Both slices are sorted,
// so that an unchanged address costs one comparison.
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
			if r.addrs.acquire(b[0].Addr, e, len(fresh.Endpoints)-len(b)) > 1 {
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

// entry returns the entry at key, and makes it if it is not there. Readers don't see a new entry,
// as it has no Service.
func (w *Writer) entry(set Set, key Key) *entry {
	r := w.sets[set]
	if e, ok := r.entries.get(key); ok {
		return e
	}
	e := &entry{key: key}
	e.state.Store(&state{})
	r.entries.set(key, e)
	return e
}

// publish shows readers the next state of an entry, and removes the entry if that state is empty.
func (w *Writer) publish(set Set, e *entry, next *state) {
	r := w.sets[set]
	e.state.Store(next)
	if w.store.shown.Load() == w.tables { // nobody reads before
		r.addrs.publish()
	}
	if next.service == nil && len(next.slices) == 0 {
		r.entries.remove(e.key)
	}
	w.touch(set)
}

func (w *Writer) touch(set Set) { w.sets[set].changed.Store(time.Now().Unix()) }

// SetPod adds or replaces a Pod.
func (w *Writer) SetPod(p *Pod) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.setPod(p, w.ahead.live)
}

// setPod adds or replaces a Pod, of which an event or a list tells.
func (w *Writer) setPod(p *Pod, event bool) {
	key := SliceKey{p.Namespace, p.Name}
	old := w.podsOf[key]
	if old != nil && old.equal(p) {
		return
	}
	if old == nil && event {
		w.witnessed(p.Namespace, witness{pods, Local, p.Name})
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
		w.retract(namespace, witness{pods, Local, name})
	}
}

// putPod puts fresh in old's place, address by address, so that an address that both have is
// never missing. Either may be nil.
func (w *Writer) putPod(key SliceKey, old, fresh *Pod) {
	delete(w.podsOf, key)
	if fresh != nil {
		w.podsOf[key] = fresh
	}
	for _, a := range fresh.addrs() {
		w.setPodsAt(a, append(without(w.podsAt(a), old), fresh))
	}
	for _, a := range old.addrs() {
		if !slices.Contains(fresh.addrs(), a) {
			w.setPodsAt(a, without(w.podsAt(a), old))
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
		w.pods.remove(addr.As16())
		return
	}
	w.pods.set(addr.As16(), pods)
}

// The Replace methods write a complete list. First they write all of it, then they delete what
// it lacks, so that a name that stays is never missing. An empty namespace means all.

// ReplaceNamespaces makes names the only namespaces. If scope is not empty, it touches no
// namespace but scope.
func (w *Writer) ReplaceNamespaces(scope string, names []string) {
	keep := make(map[string]bool, len(names))
	for _, name := range names {
		keep[name] = true
		w.SetNamespace(name)
	}
	for name := range w.namespaces.all {
		if inScope(scope, name) && !keep[name] {
			w.forget(name)
		}
	}
}

// forget removes a namespace that a list lacks, unless something in it came after the list was made.
func (w *Writer) forget(namespace string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ahead.witnesses[namespace] == nil {
		w.removeNamespace(namespace)
	}
}

// ReplaceServices makes list the Services of a set, in the namespace given.
func (w *Writer) ReplaceServices(set Set, namespace string, list []*Service) {
	w.begin()
	keep := make(map[Key]bool, len(list))
	for _, s := range list {
		keep[s.Key] = true
		w.mu.Lock()
		w.setService(set, s, false)
		w.mu.Unlock()
	}
	for key := range w.sets[set].entries.all {
		if inScope(namespace, key.Namespace) && !keep[key] {
			w.DeleteService(set, key)
		}
	}
}

// ReplaceSlices makes list the EndpointSlices of a set, in the namespace given.
func (w *Writer) ReplaceSlices(set Set, namespace string, list []*Slice) {
	w.begin()
	keep := make(map[SliceKey]bool, len(list))
	for _, s := range list {
		keep[s.SliceKey] = true
		w.mu.Lock()
		w.setSlice(set, s, false)
		w.mu.Unlock()
	}
	for _, key := range w.sliceKeys(set) {
		if inScope(namespace, key.Namespace) && !keep[key] {
			w.DeleteSlice(set, key)
		}
	}
}

// ReplacePods makes list the Pods in the namespace given.
func (w *Writer) ReplacePods(namespace string, list []*Pod) {
	w.begin()
	keep := make(map[SliceKey]bool, len(list))
	for _, p := range list {
		keep[SliceKey{p.Namespace, p.Name}] = true
		w.mu.Lock()
		w.setPod(p, false)
		w.mu.Unlock()
	}
	for _, key := range w.podKeys() {
		if inScope(namespace, key.Namespace) && !keep[key] {
			w.DeletePod(key.Namespace, key.Name)
		}
	}
}

// begin begins a list. What is set from then on are events.
func (w *Writer) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ahead.live = true
}

func inScope(scope, namespace string) bool { return scope == "" || scope == namespace }

func (w *Writer) sliceKeys(set Set) []SliceKey {
	w.mu.Lock()
	defer w.mu.Unlock()
	return keys(w.slices[set])
}

func (w *Writer) podKeys() []SliceKey {
	w.mu.Lock()
	defer w.mu.Unlock()
	return keys(w.podsOf)
}

func keys[V any](m map[SliceKey]V) []SliceKey {
	list := make([]SliceKey, 0, len(m))
	for k := range m {
		list = append(list, k)
	}
	return list
}

// SortEndpoints sorts endpoints as Slice wants them. If zones is not nil, zones[i] belongs to
// endpoints[i] and moves with it.
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
