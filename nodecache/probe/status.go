package probe

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/neardns/neardns/nodecache/selfcheck"
)

// Checkup tells whether this process answers queries; see selfcheck.Checkup.
type Checkup interface {
	Result(ctx context.Context) error // waits no longer than ctx allows
	Close()
}

// Status is what every probe is told. Its methods may be called from any goroutine.
type Status struct {
	checkup Checkup
	leaving atomic.Bool
}

// NewStatus returns the Status of a process that is not about to end. Call Leave after use.
func NewStatus(c Checkup) *Status { return &Status{checkup: c} }

// Leave tells that this process is about to end, and closes the Checkup. Call it once.
func (s *Status) Leave() {
	s.leaving.Store(true)
	s.checkup.Close()
}

var errStopping = errors.New("stopping")

// live returns nil if this process answers queries, according to the last check, or if it is about
// to end: a restart would be of no use then.
func (s *Status) live(ctx context.Context) error {
	if s.leaving.Load() {
		return nil
	}
	if err := s.checkup.Result(ctx); !s.leaving.Load() {
		return err
	}
	return nil
}

// ready returns nil if this process answers queries and is not about to end.
func (s *Status) ready(ctx context.Context) error {
	if s.leaving.Load() {
		return errStopping
	}
	return s.live(ctx)
}

// pageTime is how long /health and /ready wait. A check takes less, so that the page fails
// because the check failed, and not because the machine is busy.
const pageTime = selfcheck.Time + time.Second

// Health returns the page /health. It is OK while this process answers queries, and while it is about
// to end, as with CoreDNS: the client may mean the process that takes over and shares the port. Each
// request calls count with the error that the page shows, if any, and the time that it took.
func (s *Status) Health(count func(err error, took time.Duration)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		ctx, cancel := context.WithTimeout(r.Context(), pageTime)
		defer cancel()
		err := s.live(ctx)
		count(err, time.Since(began))
		write(w, err)
	})
}

// ReadyPage returns the page /ready. It is OK once this process has answered queries, until it is
// about to end. With continuously, it is OK only while this process answers.
func (s *Status) ReadyPage(continuously bool) http.Handler {
	var once atomic.Bool
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), pageTime)
		defer cancel()
		var err error
		if !once.Load() || continuously || s.leaving.Load() {
			err = s.ready(ctx)
		}
		if err == nil {
			once.Store(true)
		}
		write(w, err)
	})
}

// write writes OK, or the error.
func write(w http.ResponseWriter, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	io.WriteString(w, http.StatusText(http.StatusOK))
}
