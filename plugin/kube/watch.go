package kube

import (
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// silence is how long a watch may say nothing. Then it is ended, and the Reflector watches again from where
// it was, which costs one request. So a watch that is dead is noticed, though its connection lives and the
// other side answers pings. Most API servers send a bookmark every minute, even if nothing changes
// (KEP-956). But nobody promises that: one whose etcd sends no progress notifications has sent the first
// after two minutes, for a resource of which it had no objects.
const silence = 100 * time.Second

// atOnce is how soon the next watch brings what a dead one has missed.
const atOnce = time.Second

// attended is a watch that ends when it is silent, or when its resource is to be listed again.
type attended struct {
	watch.Interface
	listing bool // what comes is a streamed list, until the bookmark at its end (KEP-3157)
	events  chan watch.Event
	once    sync.Once
	end     chan struct{} // closed by Stop
}

// attend passes the events of w on. It is told whether w begins with a list.
func (f *Follower) attend(r *resource, w watch.Interface, listing bool) watch.Interface {
	a := &attended{Interface: w, listing: listing, events: make(chan watch.Event), end: make(chan struct{})}
	if listing {
		r.isListed()
	} else {
		r.watch.Store(a)
	}
	f.attending.Go(func() {
		defer close(a.events)
		defer w.Stop()
		a.pass(r, func() {
			f.report.missed(r)
			f.cfg.Metrics.Silent(r.kind)
		})
	})
	return a
}

// ResultChan implements watch.Interface.
func (a *attended) ResultChan() <-chan watch.Event { return a.events }

// Stop implements watch.Interface.
func (a *attended) Stop() { a.once.Do(func() { close(a.end) }) }

// pass passes events on until there are no more. It calls missed if the watch before was silent, although
// there was something to say.
func (a *attended) pass(r *resource, missed func()) {
	first, began := r.silent.Swap(false) && !a.listing, time.Now()
	limit := time.NewTimer(silence)
	defer limit.Stop()
	defer r.watch.CompareAndSwap(a, nil)
	for {
		var e watch.Event
		var more bool
		select {
		case e, more = <-a.Interface.ResultChan():
			if !more {
				return
			}
		case <-r.again:
			e = expired
		case <-limit.C:
			r.silent.Store(!a.listing)
			return
		case <-a.end:
			return
		}
		if first && isChange(e) && time.Since(began) < atOnce {
			missed()
		}
		first = false
		select {
		case a.events <- e:
		case <-a.end:
			return
		}
		if a.listing && endsList(e) {
			a.listing = false
			r.watch.Store(a)
		}
		limit.Reset(silence)
	}
}

// endsList reports whether an event is the bookmark at the end of a streamed list.
func endsList(e watch.Event) bool {
	if e.Type != watch.Bookmark {
		return false
	}
	o, err := meta.Accessor(e.Object)
	return err == nil && o.GetAnnotations()[metav1.InitialEventsAnnotationKey] == "true"
}

func isChange(e watch.Event) bool {
	return e.Type == watch.Added || e.Type == watch.Modified || e.Type == watch.Deleted
}

// expired makes a Reflector list again: what it knows is too old.
var expired = watch.Event{Type: watch.Error, Object: func() *metav1.Status {
	status := apierrors.NewResourceExpired("the records differ from the API server's").Status()
	return &status
}()}
