package kube

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"
)

// store takes objects of type O from a Reflector. It keeps none: each becomes a record of type R,
// or nothing, and goes on to the zone.
type store[O metav1.Object, R any] struct {
	translate func(O) *R // nil if the object has no records
	set       func(*R)
	remove    func(namespace, name string)
	replace   func([]*R)
	changed   func(O, *R) // called after the record of a watched object was set; may be nil
	filled    func()      // called after the first Replace
	isFilled  bool
	seen      versions
}

// item stands for an object in the lists that lead to Replace: in the store where a Reflector
// collects a streamed list, and in the list that client.list returns. The record is nil if the
// object has none.
type item[R any] struct {
	record  *R
	id      id
	version uint64
}

// GetObjectKind implements runtime.Object.
func (i *item[R]) GetObjectKind() schema.ObjectKind { return schema.EmptyObjectKind }

// DeepCopyObject implements runtime.Object. Records are immutable.
func (i *item[R]) DeepCopyObject() runtime.Object { return i }

// Transformer implements cache.TransformingStore.
func (s *store[O, R]) Transformer() cache.TransformFunc { return s.transform }

func (s *store[O, R]) transform(v any) (any, error) {
	o, ok := v.(O)
	if !ok {
		return nil, fmt.Errorf("unexpected object of type %T", v)
	}
	return &item[R]{s.translate(o), idOf(o), versionOf(o)}, nil
}

// Replace implements cache.ReflectorStore. The list holds items.
func (s *store[O, R]) Replace(list []any, _ string) error {
	records, all := make([]*R, 0, len(list)), make(map[id]uint64, len(list))
	for _, v := range list {
		i, ok := v.(*item[R])
		if !ok {
			return fmt.Errorf("unexpected list item of type %T", v)
		}
		all[i.id] = i.version
		if i.record != nil {
			records = append(records, i.record)
		}
	}
	if s.isFilled {
		for _, r := range records { // what is new are events that a watch has missed
			s.set(r)
		}
	}
	s.replace(records)
	s.seen.replace(all)
	if !s.isFilled {
		s.isFilled = true
		s.filled()
	}
	return nil
}

// Add implements cache.ReflectorStore.
func (s *store[O, R]) Add(v any) error { return s.Update(v) }

// Update implements cache.ReflectorStore. An event that comes twice, or after a newer one, changes
// nothing.
func (s *store[O, R]) Update(v any) error {
	o, ok := v.(O)
	if !ok {
		return fmt.Errorf("unexpected object of type %T", v)
	}
	if !s.seen.set(o) {
		return nil
	}
	r := s.translate(o)
	if r == nil {
		s.remove(o.GetNamespace(), o.GetName())
		return nil
	}
	s.set(r)
	if s.changed != nil {
		s.changed(o, r)
	}
	return nil
}

// Delete implements cache.ReflectorStore.
func (s *store[O, R]) Delete(v any) error {
	o, ok := v.(O)
	if !ok {
		return fmt.Errorf("unexpected object of type %T", v)
	}
	if s.seen.remove(o) {
		s.remove(o.GetNamespace(), o.GetName())
	}
	return nil
}

// newest returns the newest version of an object.
func (s *store[O, R]) newest() uint64 { return s.seen.newest() }

// differing returns the objects that differ from what a server had; see versions.differing.
func (s *store[O, R]) differing(l *listed) map[id]uint64 { return s.seen.differing(l) }

// Resync implements cache.ReflectorStore. It has nothing to do.
func (s *store[O, R]) Resync() error { return nil }
