package kube

import (
	"hash/maphash"
	"strconv"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// id stands for an object's namespace and name.
type id uint64

var seed = maphash.MakeSeed()

func idOf(o metav1.Object) id {
	var h maphash.Hash
	h.SetSeed(seed)
	_, _ = h.WriteString(o.GetNamespace())
	_ = h.WriteByte('/')
	_, _ = h.WriteString(o.GetName())
	return id(h.Sum64())
}

// versionOf returns an object's resourceVersion. Those of one resource can be compared, and grow (KEP-5504).
// It is 0 if a server makes them differently.
func versionOf(o metav1.Object) uint64 {
	v, err := strconv.ParseUint(o.GetResourceVersion(), 10, 64)
	if err != nil {
		return 0
	}
	return v
}

// versions are the versions of the objects of one resource, some 30 bytes for each. Its methods are safe
// for concurrent use.
type versions struct {
	mu sync.Mutex
	of map[id]uint64 // nil before the first list
}

// replace sets all versions.
func (v *versions) replace(all map[id]uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.of = all
}

// set takes the version of an object in. It returns false if a newer one, or the same, was there before:
// then events came twice, or out of order.
func (v *versions) set(o metav1.Object) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	key, version := idOf(o), versionOf(o)
	if old := v.of[key]; version != 0 && version <= old {
		return false
	}
	if v.of != nil {
		v.of[key] = version
	}
	return true
}

// remove forgets an object that was deleted at its version. It returns false if a newer one is there.
func (v *versions) remove(o metav1.Object) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	key, version := idOf(o), versionOf(o)
	if version != 0 && version < v.of[key] {
		return false
	}
	delete(v.of, key)
	return true
}

// newest returns the newest version.
func (v *versions) newest() (newest uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, have := range v.of {
		newest = max(newest, have)
	}
	return newest
}

// listed are the versions of the objects that a server has.
type listed struct {
	of    map[id]uint64
	at    uint64 // when they were listed
	after uint64 // the newest version that was here before
}

// olderThan reports whether a version came after the list. None did if the list is older than what was here
// before it: then the server's data were restored from a backup, and its versions began anew.
func (l *listed) olderThan(version uint64) bool { return version > l.at && l.after <= l.at }

// differing returns the objects that differ from what a server had, unless what is here came after the
// list. It returns their versions as they are here, 0 for a missing one.
func (v *versions) differing(l *listed) map[id]uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.of == nil {
		return nil
	}
	found := map[id]uint64{}
	for id, version := range l.of {
		if have, ok := v.of[id]; !ok || have != version && !l.olderThan(have) {
			found[id] = have
		}
	}
	for id, have := range v.of {
		if _, ok := l.of[id]; !ok && !l.olderThan(have) {
			found[id] = have
		}
	}
	return found
}
