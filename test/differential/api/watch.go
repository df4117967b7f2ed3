package api

import (
	"encoding/json"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// watch sends the objects, if the client asked for them or has not listed them.
// Then it stays open and sends nothing, because nothing changes.
func watch(w http.ResponseWriter, r *http.Request, found resource) {
	query := r.URL.Query()
	initial := query.Get("sendInitialEvents") == "true"
	if initial || query.Get("resourceVersion") == "" || query.Get("resourceVersion") == "0" {
		for _, it := range found.items {
			send(w, "ADDED", it.json)
		}
	}
	if initial {
		send(w, "BOOKMARK", bookmark(found))
	}
	if err := http.NewResponseController(w).Flush(); err != nil {
		return
	}
	<-r.Context().Done()
}

func send(w http.ResponseWriter, event string, object any) {
	json.NewEncoder(w).Encode(map[string]any{"type": event, "object": object})
}

// bookmark marks the end of the initial events.
func bookmark(r resource) any {
	return map[string]any{
		"kind":       r.kind,
		"apiVersion": r.apiVersion,
		"metadata": metav1.ObjectMeta{
			ResourceVersion: version,
			Annotations:     map[string]string{metav1.InitialEventsAnnotationKey: "true"},
		},
	}
}
