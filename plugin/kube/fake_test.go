package kube

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// fakeAPI is an API server that answers the requests of this package. It remembers every change,
// so that a watch can begin anywhere.
type fakeAPI struct {
	*httptest.Server

	mu        sync.Mutex
	changed   *sync.Cond
	history   []change
	compacted int // a watch from before this version is too late
	cut       int // counts the times that all watches were cut
	requests  []*http.Request

	// refuse, if set, may answer a request in the server's place. It is called locked.
	refuse    func(r *http.Request) *apierrors.StatusError
	swallow   bool // watches pass over changes
	watchList bool
	onPage    func() // called before a page after the first
}

// change is one version of the server's state.
type change struct {
	kind   string // ADDED, MODIFIED, DELETED
	path   string // of the collection in all namespaces
	object metav1.Object
}

func newFake(t *testing.T) *fakeAPI {
	f := &fakeAPI{watchList: true}
	f.changed = sync.NewCond(&f.mu)
	f.start(t, "127.0.0.1:0")
	t.Cleanup(f.kill)
	return f
}

// start serves at an address, with the present state.
func (f *fakeAPI) start(t *testing.T, addr string) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	f.Server = httptest.NewUnstartedServer(f)
	_ = f.Listener.Close()
	f.Listener, f.EnableHTTP2 = l, true
	f.Config.ErrorLog = log.New(io.Discard, "", 0)
	f.StartTLS()
}

// kill ends the server and all connections. It may be started again.
func (f *fakeAPI) kill() {
	f.cutWatches()
	f.CloseClientConnections()
	f.Close()
}

// put adds or replaces an object; delete removes one. Both are a change.
func (f *fakeAPI) put(path string, o metav1.Object) {
	f.mu.Lock()
	defer f.mu.Unlock()
	kind := "ADDED"
	if _, ok := f.state(path)[key(o)]; ok {
		kind = "MODIFIED"
	}
	f.append(change{kind, path, o})
}

func (f *fakeAPI) delete(path string, o metav1.Object) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.append(change{"DELETED", path, o})
}

func (f *fakeAPI) append(c change) {
	f.history = append(f.history, c)
	c.object.SetResourceVersion(strconv.Itoa(len(f.history)))
	f.changed.Broadcast()
}

// cutWatches ends all watches, as a proxy might.
func (f *fakeAPI) cutWatches() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cut++
	f.changed.Broadcast()
}

// compact makes the server forget how it came to its state.
func (f *fakeAPI) compact() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.compacted = len(f.history)
}

func (f *fakeAPI) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// asked returns the requests so far whose path and query contain all of parts.
func (f *fakeAPI) asked(parts ...string) (list []*http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.requests {
		if !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(r.URL.RequestURI(), p) }) {
			list = append(list, r)
		}
	}
	return list
}

func key(o metav1.Object) string { return o.GetNamespace() + "/" + o.GetName() }

// state returns the objects of a collection by key.
func (f *fakeAPI) state(path string) map[string]metav1.Object {
	m := map[string]metav1.Object{}
	for _, c := range f.history {
		if c.path != path {
			continue
		}
		m[key(c.object)] = c.object
		if c.kind == "DELETED" {
			delete(m, key(c.object))
		}
	}
	return m
}

// scope is what a request is about.
type scope struct {
	path, namespace, name string
	labels                labels.Selector
}

// newScope takes apart a path such as /api/v1/namespaces/a/services.
func newScope(u *url.URL) scope {
	s := scope{path: u.Path}
	if head, rest, ok := strings.Cut(u.Path, "/namespaces/"); ok {
		ns, name, _ := strings.Cut(rest, "/")
		s.namespace, s.path = ns, head+"/"+name
	}
	s.labels, _ = labels.Parse(u.Query().Get("labelSelector"))
	s.name, _ = strings.CutPrefix(u.Query().Get("fieldSelector"), "metadata.name=")
	if strings.Contains(s.name, "!=") {
		s.name = ""
	}
	return s
}

func (s scope) holds(c change) bool {
	return c.path == s.path && (s.namespace == "" || s.namespace == c.object.GetNamespace()) &&
		(s.name == "" || s.name == c.object.GetName()) && s.labels.Matches(labels.Set(c.object.GetLabels()))
}

// ServeHTTP implements http.Handler.
func (f *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, r)
	if f.refuse != nil {
		if err := f.refuse(r); err != nil {
			fail(w, err)
			return
		}
	}
	if r.URL.Query().Get("watch") == "" {
		f.serveList(w, r)
	} else {
		f.serveWatch(w, r)
	}
}

func reply(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", typeJSON)
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v)
}

func fail(w http.ResponseWriter, err *apierrors.StatusError) {
	reply(w, int(err.ErrStatus.Code), status(err))
}

// status returns an error as a server sends it.
func status(err *apierrors.StatusError) *metav1.Status {
	s := err.ErrStatus
	s.Kind, s.APIVersion = "Status", "v1"
	return &s
}

// serveList serves a page. Its continue token is version:offset.
func (f *fakeAPI) serveList(w http.ResponseWriter, r *http.Request) {
	version, offset := len(f.history), 0
	if token := r.URL.Query().Get("continue"); token != "" {
		_, _ = fmt.Sscanf(token, "%d:%d", &version, &offset)
		if f.onPage != nil {
			f.onPage()
		}
		if version < f.compacted {
			fail(w, apierrors.NewResourceExpired("too old"))
			return
		}
	}
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	objects := f.objects(newScope(r.URL))
	page := map[string]any{"resourceVersion": strconv.Itoa(version)}
	end := len(objects)
	if limit > 0 && offset+limit < end {
		end = offset + limit
		page["continue"] = fmt.Sprintf("%d:%d", version, end)
	}
	kind, group := kinds(r.URL.Path)
	if strings.Contains(r.Header.Get("Accept"), "as=PartialObjectMetadataList") {
		kind, group = "PartialObjectMetadata", "meta.k8s.io/v1"
	}
	reply(w, http.StatusOK, map[string]any{
		"kind": kind + "List", "apiVersion": group, "metadata": page, "items": objects[offset:end],
	})
}

func (f *fakeAPI) objects(s scope) []metav1.Object {
	list := []metav1.Object{}
	for _, o := range f.state(s.path) {
		if s.holds(change{"", s.path, o}) {
			list = append(list, o)
		}
	}
	slices.SortFunc(list, func(a, b metav1.Object) int { return strings.Compare(key(a), key(b)) })
	return list
}

// kinds returns the kind of a collection's objects, and their group and version.
func kinds(path string) (kind, group string) {
	for name, k := range map[string][2]string{
		"/namespaces": {"Namespace", "v1"}, "/services": {"Service", "v1"}, "/pods": {"Pod", "v1"},
		"/endpointslices": {"EndpointSlice", "discovery.k8s.io/v1"},
		"/serviceimports": {"ServiceImport", "multicluster.x-k8s.io/v1alpha1"},
	} {
		if strings.HasSuffix(path, name) {
			return k[0], k[1]
		}
	}
	return "", ""
}

func (f *fakeAPI) serveWatch(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	from, _ := strconv.Atoi(q.Get("resourceVersion"))
	initial := q.Get("sendInitialEvents") == "true"
	if initial && !f.watchList {
		fail(w, apierrors.NewInvalid(schema.GroupKind{}, "", nil))
		return
	}
	s := newScope(r.URL)
	kind, group := kinds(r.URL.Path)
	flusher, done := w.(http.Flusher), r.Context().Done()
	send := func(event string, o any) {
		text, _ := json.Marshal(o)
		var fields map[string]any
		_ = json.Unmarshal(text, &fields)
		if event != "ERROR" {
			fields["kind"], fields["apiVersion"] = kind, group
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"type": event, "object": fields})
		flusher.Flush()
	}
	w.Header().Set("Content-Type", typeJSON)
	flusher.Flush()
	if initial {
		from = len(f.history)
		for _, o := range f.objects(s) {
			send("ADDED", o)
		}
		send("BOOKMARK", map[string]any{"metadata": map[string]any{
			"resourceVersion": strconv.Itoa(from),
			"annotations":     map[string]string{metav1.InitialEventsAnnotationKey: "true"},
		}})
	}
	if from < f.compacted {
		send("ERROR", status(apierrors.NewResourceExpired("too old resource version")))
		return
	}
	stop := make(chan struct{})
	defer close(stop)
	go func() { // wake the loop when the client leaves
		select {
		case <-done:
		case <-stop:
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		f.changed.Broadcast()
	}()
	for cut := f.cut; f.cut == cut && r.Context().Err() == nil; f.changed.Wait() {
		for ; from < len(f.history); from++ {
			if s.holds(f.history[from]) && !f.swallow {
				send(f.history[from].kind, f.history[from].object)
			}
		}
	}
}
