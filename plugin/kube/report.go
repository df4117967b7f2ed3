package kube

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// reportAgain is when a trouble that lasts is logged once more.
const reportAgain = 5 * time.Minute

// report turns the outcomes of requests into a log that a person can follow: one line when
// a trouble begins, one every few minutes while it lasts, and one when it is over.
type report struct {
	log  Logger
	host string

	mu       sync.Mutex
	troubles map[string]*trouble
}

// trouble is something that does not work.
type trouble struct {
	severe bool   // it won't pass by itself
	line   string // what to log
	over   string // what to log when it is over; empty if nothing tells
	since  time.Time
	logged time.Time
}

func newReport(log Logger, host string) *report {
	return &report{log: log, host: host, troubles: map[string]*trouble{}}
}

// reported marks an error that was logged, or need not be.
type reported struct{ error }

// Unwrap returns the error itself.
func (r reported) Unwrap() error { return r.error }

// outcome takes note of how a request went. It returns err, marked as reported.
func (r *report) outcome(ctx context.Context, verb string, res *resource, err error) error {
	switch {
	case err == nil:
		r.over(connection, credentials, undefined(res), verb+" "+res.String())
		return nil
	case ctx.Err() != nil, apierrors.IsResourceExpired(err), apierrors.IsGone(err):
		// We are leaving, or the Reflector lists again: nothing is wrong.
	default:
		key, t := r.describe(verb, res, err)
		r.begin(key, t)
	}
	return reported{err}
}

// What troubles are of all requests alike.
const (
	connection  = "connection"
	credentials = "credentials"
)

// undefined is the key of the trouble that a cluster does not know a resource.
func undefined(res *resource) string { return "define " + res.String() }

// describe says what an error means, and under which key its trouble is known.
func (r *report) describe(verb string, res *resource, err error) (key string, t trouble) {
	action := verb + " " + res.String()
	var status apierrors.APIStatus
	switch {
	case apierrors.IsForbidden(err):
		return action, trouble{
			severe: true,
			line:   fmt.Sprintf("cannot %s: forbidden; grant %s%s", action, rule(verb, res), user(err)),
			over:   "can " + action + " now",
		}
	case apierrors.IsUnauthorized(err):
		return credentials, trouble{
			severe: true,
			line:   fmt.Sprintf("the Kubernetes API at %s does not accept our credentials: %v", r.host, err),
			over:   "the Kubernetes API accepts our credentials again",
		}
	case apierrors.IsNotFound(err) && res.custom:
		return undefined(res), trouble{
			severe: true,
			line: fmt.Sprintf("cannot follow %v: the cluster does not define them in version %s; install their CustomResourceDefinition",
				res, res.group.Version),
			over: fmt.Sprintf("can follow %v now", res),
		}
	case errors.As(err, &status):
		return action, trouble{
			line: fmt.Sprintf("cannot %s: %v; trying again", action, err),
			over: "can " + action + " again",
		}
	}
	return connection, trouble{
		line: fmt.Sprintf("cannot reach the Kubernetes API at %s: %v; trying until it answers", r.host, cause(err)),
		over: "the Kubernetes API answers again",
	}
}

// rule names the right that a request needs, in the words of an RBAC rule.
func rule(verb string, res *resource) string {
	text := fmt.Sprintf("verb %q on %q (API group %q", verb, res.name, res.group.Group)
	if res.only != "" {
		text += fmt.Sprintf(", resource name %q", res.only)
	}
	if res.namespace != "" {
		text += fmt.Sprintf(", namespace %q", res.namespace)
	}
	return text + ")"
}

// user names whom the server took us for, as far as its answer says so.
func user(err error) string {
	_, after, _ := strings.Cut(err.Error(), `User "`)
	name, _, ok := strings.Cut(after, `"`)
	if !ok {
		return ""
	}
	return fmt.Sprintf(" to User %q", name)
}

// cause returns the error below the URL of a request, which would be different each time.
func cause(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// begin logs a trouble, unless it is known.
func (r *report) begin(key string, t trouble) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	t.since, t.logged = now, now
	old, known := r.troubles[key]
	switch {
	case !known || t.severe && t.line != old.line:
		r.write(&t, t.line)
	case now.Sub(old.logged) < reportAgain:
		return
	case t.over == "":
		r.write(&t, t.line)
	default:
		t.since = old.since
		r.write(&t, fmt.Sprintf("%s (for %s so far)", t.line, now.Sub(t.since).Round(time.Second)))
	}
	r.troubles[key] = &t
}

func (r *report) write(t *trouble, line string) {
	if t.severe {
		r.log.Errorf("%s", line)
	} else {
		r.log.Warningf("%s", line)
	}
}

// over logs that troubles are over, if they are known.
func (r *report) over(keys ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, key := range keys {
		if t, ok := r.troubles[key]; ok {
			delete(r.troubles, key)
			r.log.Infof("%s, after %s", t.over, time.Since(t.since).Round(time.Second))
		}
	}
}
