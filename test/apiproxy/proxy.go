package apiproxy

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path"
	"sync"
	"testing"

	"k8s.io/client-go/rest"
)

// Proxy passes requests on to an API server, and watch events back, as its rules say.
type Proxy struct {
	// URL is where the proxy serves HTTP, on loopback. Clients need no credentials.
	URL string

	server  *httptest.Server
	streams sync.WaitGroup

	mu    sync.Mutex // held while a rule decides
	rules map[string]Rule
}

// Start starts a proxy that speaks to an API server with the rights of cfg. It ends with the test.
func Start(t testing.TB, cfg *rest.Config) *Proxy {
	t.Helper()
	to, err := url.Parse(cfg.Host)
	if err != nil {
		t.Fatal(err)
	}
	cfg = rest.CopyConfig(cfg)
	cfg.DisableCompression = true // each event is read as it is
	transport, err := rest.TransportFor(cfg)
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{rules: map[string]Rule{}}
	p.server = httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Header.Del("Accept-Encoding")
		},
		Transport:      transport,
		FlushInterval:  -1, // at once
		ModifyResponse: p.modify,
		ErrorLog:       log.New(io.Discard, "", 0), // of clients that leave
	})
	p.URL = p.server.URL
	t.Cleanup(func() {
		p.server.CloseClientConnections()
		p.server.Close()
		p.streams.Wait()
	})
	return p
}

// Do makes rule decide about the events of a resource, such as services, that arrive from now on. A
// nil rule lets all of them pass. A watch that is frozen stays so.
func (p *Proxy) Do(resource string, rule Rule) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules[resource] = rule
}

func (p *Proxy) decide(e Event) Action {
	p.mu.Lock()
	defer p.mu.Unlock()
	if rule := p.rules[e.Resource]; rule != nil {
		return rule(e)
	}
	return Pass
}

// modify puts a stream between a watch and its client.
func (p *Proxy) modify(r *http.Response) error {
	query := r.Request.URL.Query()
	if r.StatusCode != http.StatusOK || query.Get("watch") != "true" {
		return nil
	}
	events, err := newReader(r)
	if err != nil {
		return err
	}
	s := &stream{
		proxy:    p,
		resource: path.Base(r.Request.URL.Path),
		initial:  query.Get("sendInitialEvents") == "true",
		events:   events,
		queue:    make(chan frame, queueLength),
		gone:     r.Request.Context().Done(),
	}
	from, to := io.Pipe()
	r.Body = &body{from, r.Body}
	p.streams.Go(s.read)
	p.streams.Go(func() { s.write(to) })
	return nil
}

// body is what the client reads of a watch. Its end is that of the server's watch too.
type body struct {
	*io.PipeReader
	server io.Closer
}

// Close implements io.Closer.
func (b *body) Close() error {
	_ = b.PipeReader.Close()
	return b.server.Close()
}
