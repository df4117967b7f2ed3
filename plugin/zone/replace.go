package zone

// The Replace methods write a complete list: what it lacks is deleted, once all of it is
// written, so that a name that stays is never missing. An empty namespace means all.

// ReplaceNamespaces makes names the namespaces that exist, or of scope alone, if given.
func (w *Writer) ReplaceNamespaces(scope string, names []string) {
	keep := make(map[string]bool, len(names))
	for _, name := range names {
		keep[name] = true
		w.SetNamespace(name)
	}
	for name := range w.store.namespaces.all {
		if inScope(scope, name) && !keep[name] {
			w.DeleteNamespace(name)
		}
	}
}

// ReplaceServices makes list the Services of a set, in the namespace given.
func (w *Writer) ReplaceServices(set Set, namespace string, list []*Service) {
	keep := make(map[Key]bool, len(list))
	for _, s := range list {
		keep[s.Key] = true
		w.SetService(set, s)
	}
	for key := range w.store.sets[set].entries.all {
		if inScope(namespace, key.Namespace) && !keep[key] {
			w.DeleteService(set, key)
		}
	}
}

// ReplaceSlices makes list the EndpointSlices of a set, in the namespace given.
func (w *Writer) ReplaceSlices(set Set, namespace string, list []*Slice) {
	keep := make(map[SliceKey]bool, len(list))
	for _, s := range list {
		keep[s.SliceKey] = true
		w.SetSlice(set, s)
	}
	for _, key := range w.sliceKeys(set) {
		if inScope(namespace, key.Namespace) && !keep[key] {
			w.DeleteSlice(set, key)
		}
	}
}

// ReplacePods makes list the Pods in the namespace given.
func (w *Writer) ReplacePods(namespace string, list []*Pod) {
	keep := make(map[SliceKey]bool, len(list))
	for _, p := range list {
		keep[SliceKey{p.Namespace, p.Name}] = true
		w.SetPod(p)
	}
	for _, key := range w.podKeys() {
		if inScope(namespace, key.Namespace) && !keep[key] {
			w.DeletePod(key.Namespace, key.Name)
		}
	}
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
