package querylog

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// Errors says how the errors of queries are logged, as the `errors` directive has it.
type Errors struct{ Consolidate []Consolidate }

// Consolidate gathers the errors whose text matches Pattern: once a Period, one line says how
// many there were. With ShowFirst the first error of each Period is also logged at once. Of
// several Consolidates the first that matches counts.
type Consolidate struct {
	Period    time.Duration
	Pattern   *regexp.Regexp
	Level     slog.Level // of the line with the count
	ShowFirst bool
}

// same reports whether two lines of Corefiles say the same.
func (c *Consolidate) same(o *Consolidate) bool {
	return c.Pattern.String() == o.Pattern.String() && c.Period == o.Period && c.Level == o.Level && c.ShowFirst == o.ShowFirst
}

// maxErrors is how many failed queries are logged in a second. An upstream that is down fails
// thousands.
const maxErrors = 10

// ErrorLog writes the errors of queries, at most maxErrors a second. It is safe for concurrent
// use.
type ErrorLog struct {
	log *slog.Logger

	mu      sync.Mutex
	second  time.Time // when the present second began
	written int       // in this second
	dropped int       // since the last line that said how many
	groups  []*errorGroup
}

// errorGroup counts the errors of one Consolidate.
type errorGroup struct {
	Consolidate
	since time.Time // when the first of the errors in count came
	count int       // errors since the last line
}

// NewErrorLog returns an ErrorLog that writes to log. Those who report an error hold a flight and
// write while they hold a lock, so log must never wait.
func NewErrorLog(log *slog.Logger) *ErrorLog { return &ErrorLog{log: log} }

// Of returns a function that logs the error of a query as conf says. It returns nil if conf is nil.
// A Consolidate that was there before a reload goes on counting.
func (l *ErrorLog) Of(conf *Errors) func(*wire.Query, error) {
	if conf == nil {
		return nil
	}
	var groups []*errorGroup
	for _, c := range conf.Consolidate {
		groups = append(groups, l.group(c))
	}
	return func(q *wire.Query, err error) { l.put(groups, q, err) }
}

// group returns the group of c, which it makes if there is none.
func (l *ErrorLog) group(c Consolidate) *errorGroup {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, g := range l.groups {
		if g.same(&c) {
			return g
		}
	}
	g := &errorGroup{Consolidate: c}
	l.groups = append(l.groups, g)
	return g
}

// put logs an error, or counts it in the first of groups that it matches.
func (l *ErrorLog) put(groups []*errorGroup, q *wire.Query, err error) {
	text, now := err.Error(), time.Now()
	i := slices.IndexFunc(groups, func(g *errorGroup) bool { return g.Pattern.MatchString(text) })
	l.mu.Lock()
	defer l.mu.Unlock()
	if i < 0 || groups[i].add(now) {
		l.write(now, q, err)
	}
}

// add counts an error. It reports whether the error is also logged by itself.
func (g *errorGroup) add(now time.Time) bool {
	if g.count++; g.count == 1 {
		g.since = now
		return g.ShowFirst
	}
	return false
}

// write logs an error, or counts it as dropped if this second has had maxErrors. The caller holds mu.
func (l *ErrorLog) write(now time.Time, q *wire.Query, err error) {
	if now.Sub(l.second) >= time.Second {
		l.second, l.written = now, 0
	}
	if l.written++; l.written > maxErrors {
		l.dropped++
		return
	}
	l.log.Error("query failed", "name", q.Name.String(), "type", q.Type.String(), "error", err)
}

// Run logs the counts every second until ctx ends. Then it logs all counts that are left.
func (l *ErrorLog) Run(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			l.writeCounts(time.Now(), true)
			return
		case now := <-tick.C:
			l.writeCounts(now, false)
		}
	}
}

// writeCounts writes a line for what was dropped, and one for each group whose Period is over,
// or for all groups at the end.
func (l *ErrorLog) writeCounts(now time.Time, end bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dropped > 0 {
		l.log.Error("more queries failed than are logged", "count", l.dropped)
		l.dropped = 0
	}
	for _, g := range l.groups {
		if g.count > 0 && (end || now.Sub(g.since) >= g.Period) {
			l.log.Log(context.Background(), g.Level, fmt.Sprintf("%d errors like '%s' occurred in last %s", g.count, g.Pattern, g.Period))
			g.count = 0
		}
	}
}
