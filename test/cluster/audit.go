package cluster

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// Request is one request that the API server got.
type Request struct {
	User      string
	UserAgent string
	// Verb is the verb of RBAC: get, list, watch, create and so on.
	Verb string
	// Resource and Group name what was asked for; both are empty for a request
	// such as /readyz.
	Resource, Subresource, Group string
	Namespace, Name              string
	// URI is the path with its parameters.
	URI string
	// Code is the HTTP status of the response.
	Code int
}

// event is a line of the audit log, as far as Request needs it.
type event struct {
	AuditID    string
	Verb       string
	UserAgent  string
	RequestURI string
	User       struct{ Username string }
	ObjectRef  struct {
		Resource, Subresource, APIGroup string
		Namespace, Name                 string
	}
	ResponseStatus struct{ Code int }
}

// auditFile is where the API server writes its audit log.
func (c *Cluster) auditFile() string { return c.path("audit.log") }

// Audit lists the requests of a user in the order in which they were answered.
// A watch counts as answered when it starts. It needs Options.AuditLog.
func (c *Cluster) Audit(user string) ([]Request, error) {
	file, err := os.Open(c.auditFile())
	if err != nil {
		return nil, fmt.Errorf("opening audit log: %w", err)
	}
	defer func() { _ = file.Close() }()

	var requests []Request
	seen := map[string]bool{} // a watch is logged again when it ends
	lines := bufio.NewReader(file)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return requests, nil // with a line that is being written left out
		}
		if err != nil {
			return nil, fmt.Errorf("reading audit log: %w", err)
		}
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("parsing audit log: %w", err)
		}
		if e.User.Username == user && !seen[e.AuditID] {
			seen[e.AuditID] = true
			requests = append(requests, e.request())
		}
	}
}

func (e *event) request() Request {
	return Request{
		User:        e.User.Username,
		UserAgent:   e.UserAgent,
		Verb:        e.Verb,
		Resource:    e.ObjectRef.Resource,
		Subresource: e.ObjectRef.Subresource,
		Group:       e.ObjectRef.APIGroup,
		Namespace:   e.ObjectRef.Namespace,
		Name:        e.ObjectRef.Name,
		URI:         e.RequestURI,
		Code:        e.ResponseStatus.Code,
	}
}
