package metrics

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestCollections has 1,000 clients ask again and again at the same time, half of them for
// compressed pages. Each gets values that were collected after its request, and there are only a
// few collections.
func TestCollections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var collected atomic.Int64
		h := newCollections(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n := collected.Add(1)
			time.Sleep(5 * time.Millisecond) // virtual: how long a collection takes
			w.Header().Set("Content-Type", "text/plain")
			if r.Header.Get("Accept-Encoding") == "gzip" {
				w.Header().Set("Content-Encoding", "gzip")
				z := gzip.NewWriter(w)
				defer func() { _ = z.Close() }()
				_, _ = io.WriteString(z, strconv.FormatInt(n, 10))
				return
			}
			_, _ = io.WriteString(w, strconv.FormatInt(n, 10))
		}))
		const clients, each = 1000, 10
		began := time.Now()
		var group sync.WaitGroup
		for i := range clients {
			group.Go(func() {
				for range each {
					before := collected.Load()
					if got := number(t, h, i%2 == 0); got <= before {
						t.Errorf("collection %d, which had begun before the request: %d had", got, before)
					}
				}
			})
		}
		group.Wait()
		if n := collected.Load(); n > 2*(each+1) {
			t.Errorf("%d collections for %d requests", n, clients*each)
		}
		if took := time.Since(began); took < (each-1)*collectPause {
			t.Errorf("%d in turn took %v", each, took)
		}
	})
}

// slow is a client that takes its answer only when it is let.
type slow struct {
	http.ResponseWriter
	let chan struct{}
}

func (s slow) Write(b []byte) (int, error) {
	<-s.let
	return s.ResponseWriter.Write(b)
}

// TestCollectionsKept has clients take their answers slowly. Only maxKept collections are kept at a
// time. The next one begins when one of them has gone.
func TestCollectionsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var collected atomic.Int64
		h := newCollections(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			collected.Add(1)
			_, _ = io.WriteString(w, "1")
		}))
		let := make(chan struct{})
		var group sync.WaitGroup
		for range maxKept + 4 {
			group.Go(func() {
				h.ServeHTTP(slow{httptest.NewRecorder(), let}, httptest.NewRequest(http.MethodGet, "/metrics", nil))
			})
			time.Sleep(2 * collectPause) // virtual
		}
		if n := collected.Load(); n != maxKept {
			t.Errorf("%d collections are kept", n)
		}
		let <- struct{}{}
		time.Sleep(2 * collectPause) // virtual
		if n := collected.Load(); n != maxKept+1 {
			t.Errorf("%d collections once one has gone", n)
		}
		close(let)
		group.Wait()
		if len(h.kept) != 0 {
			t.Errorf("%d are kept for nobody", len(h.kept))
		}
	})
}

// number returns the number that h answers with.
func number(t *testing.T, h http.Handler, packed bool) int64 {
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	if packed {
		r.Header.Set("Accept-Encoding", "deflate, gzip;q=1.0")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var body io.Reader = w.Body
	if packed != (w.Header().Get("Content-Encoding") == "gzip") || w.Header().Get("Content-Type") != "text/plain" {
		t.Errorf("header %v", w.Header())
		return 0
	}
	if packed {
		z, err := gzip.NewReader(body)
		if err != nil {
			t.Error(err)
			return 0
		}
		body = z
	}
	text, _ := io.ReadAll(body)
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		t.Error(err)
	}
	return n
}
