package kube

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/cache"
)

const (
	// reportAgain is how long after its last line a trouble that lasts is logged once more.
	reportAgain = 5 * time.Minute

	// settleAfter is how long all must go well before a trouble of all requests is over. In
	// that time each Reflector that failed has tried again.
	settleAfter = longestBackoff + 2*time.Second
)

// report turns the outcomes of requests into a log that a person can follow: one line when
// a trouble begins, one every few minutes while it lasts, and one when it is over.
//
// Some troubles are of all requests alike: the connection, and the credentials. Requests run side
// by side, so that failures and successes arrive in any order. With several API servers behind
// one address, one may fail and the others not. So such a trouble is over once nothing has failed
// for settleAfter, and it does not begin again before.
type report struct {
	log  Logger
	host string

	mu       sync.Mutex
	troubles map[string]*trouble
	closed   bool
}

// trouble is something that does not work.
type trouble struct {
	severe bool   // it won't pass by itself
	common bool   // it is of all requests alike
	line   string // what to log
	over   string // what to log when it is over; empty if nobody notices that
	since  time.Time
	logged time.Time

	well time.Time // of a common trouble: the first success since the last failure, or zero
}

func newReport(log Logger, host string) *report {
	return &report{log: log, host: host, troubles: map[string]*trouble{}}
}

// reported marks an error that was logged, or that needs no line.
type reported struct{ error }

// Unwrap returns the error itself.
func (r reported) Unwrap() error { return r.error }

// outcome takes note of how a request went. It returns err, marked as reported.
func (r *report) outcome(ctx context.Context, verb string, res *resource, err error) error {
	switch {
	case err == nil:
		r.well(connection, credentials, undefined(res), verb+" "+res.String())
		return nil
	case ctx.Err() != nil, apierrors.IsResourceExpired(err), apierrors.IsGone(err):
		// We are leaving, or the Reflector lists again: nothing is wrong.
	default:
		key, t := r.describe(verb, res, err)
		r.begin(key, t)
	}
	return reported{err}
}

// The keys of the troubles that are of all requests alike.
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
			severe: true, common: true,
			line: fmt.Sprintf("the Kubernetes API at %s does not accept our credentials: %v", r.host, err),
			over: "the Kubernetes API accepts our credentials again",
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
		common: true,
		line:   fmt.Sprintf("cannot reach the Kubernetes API at %s: %v; trying until it answers", r.host, cause(err)),
		over:   "the Kubernetes API answers again",
	}
}

// rule names the right that a request needs, as an RBAC rule does.
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

// user names the user that the server took us for, if its answer says so.
func user(err error) string {
	_, after, _ := strings.Cut(err.Error(), `User "`)
	name, _, ok := strings.Cut(after, `"`)
	if !ok {
		return ""
	}
	return fmt.Sprintf(" to User %q", name)
}

// cause returns an error without the URL of the request, which is different each time.
func cause(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// missed takes note of a watch that said nothing, although there was something to say.
func (r *report) missed(res *resource) {
	r.begin("silent "+res.String(), trouble{line: fmt.Sprintf(
		"the watch of %v said nothing for %v, although its connection lived and there were changes; they are known now", res, silence)})
}

// begin logs a trouble, unless it is known.
func (r *report) begin(key string, t trouble) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	t.since, t.logged = now, now
	old, known := r.troubles[key]
	if known {
		old.well = time.Time{}
	}
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

// well takes note of a success in which known troubles did not show.
func (r *report) well(keys ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, key := range keys {
		t, ok := r.troubles[key]
		if !ok || !t.well.IsZero() {
			continue
		}
		t.well = time.Now()
		if t.common {
			time.AfterFunc(settleAfter, func() { r.settle(key, t) })
		} else {
			r.end(key, t)
		}
	}
}

// settle ends a trouble that has not shown for settleAfter.
func (r *report) settle(key string, t *trouble) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed && r.troubles[key] == t && !t.well.IsZero() && time.Since(t.well) >= settleAfter {
		r.end(key, t)
	}
}

// end logs that a trouble is over. r.mu is locked.
func (r *report) end(key string, t *trouble) {
	delete(r.troubles, key)
	r.log.Infof("%s, after %s", t.over, t.well.Sub(t.since).Round(time.Second))
}

// awaySince returns when the first trouble of all requests began that still shows.
func (r *report) awaySince() (since time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.troubles {
		if t.common && t.well.IsZero() && (since.IsZero() || t.since.Before(since)) {
			since = t.since
		}
	}
	return since
}

// close makes sure that the report logs nothing any more.
func (r *report) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
}

// logger returns the logger for Reflectors. It drops their lines about requests, which outcome
// has reported, and about watches that end early, which happens when a server comes or goes. The
// rest is rare: an object that can't be decoded, a dead connection, a list that does not end.
func (r *report) logger() logr.Logger {
	return logr.New(&sink{write: func(e entry) {
		var short *cache.VeryShortWatchError
		if !errors.As(e.err, new(reported)) && !errors.As(e.err, &short) {
			r.begin(e.msg, trouble{line: strings.TrimPrefix(e.line, "Warning: ")})
		}
	}})
}
