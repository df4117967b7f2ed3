package api

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Server serves a cluster's objects on loopback.
type Server struct {
	// URL is where it listens.
	URL string

	resources map[string]resource
	http      *http.Server
}

// Start serves the objects until Close.
func Start(o *Objects) (*Server, error) {
	all, err := resources(o)
	if err != nil {
		return nil, fmt.Errorf("encode the cluster: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the API: %w", err)
	}
	s := &Server{URL: "http://" + listener.Addr().String(), resources: all}
	s.http = &http.Server{Handler: s}
	go s.http.Serve(listener)
	return s, nil
}

// Close ends the Server and every watch.
func (s *Server) Close() error { return s.http.Close() }

// ServeHTTP answers a list or a watch of a whole collection.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, namespace := split(r.URL.Path)
	found, ok := s.resources[path]
	if !ok {
		refuse(w, http.StatusNotFound, r.URL.Path+" is not served here")
		return
	}
	chosen, err := newSelection(r, namespace)
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	found.items = chosen.of(found.items)
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Query().Get("watch") == "true" || r.URL.Query().Get("watch") == "1" {
		watch(w, r, found)
		return
	}
	list(w, found)
}

func list(w http.ResponseWriter, r resource) {
	items := make([]json.RawMessage, 0, len(r.items))
	for _, it := range r.items {
		items = append(items, it.json)
	}
	json.NewEncoder(w).Encode(map[string]any{
		"kind":       r.kind + "List",
		"apiVersion": r.apiVersion,
		"metadata":   map[string]string{"resourceVersion": version},
		"items":      items,
	})
}

// refuse writes the Status object that Kubernetes clients expect with an error.
func refuse(w http.ResponseWriter, code int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status:   metav1.StatusFailure,
		Message:  message,
		Code:     int32(code),
	})
}
