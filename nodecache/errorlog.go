package nodecache

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/corefile"
)

// errorLog writes the errors of queries, no more than errorsMost a second: an upstream that
// is out fails thousands. Flights write to it, so the log must not wait: see Config.Log.
type errorLog struct {
	log *slog.Logger

	mu      sync.Mutex
	second  time.Time
	written int
	left    int // not written in this second
	groups  []*errorGroup
}

const errorsMost = 10

// errorGroup is errors that are told together.
type errorGroup struct {
	corefile.Consolidate
	since time.Time // when the first came that was not told yet
	count int
}

func newErrorLog(log *slog.Logger) *errorLog { return &errorLog{log: log} }

// of returns what writes errors as a directive wants it, nil without one.
func (l *errorLog) of(conf *corefile.Errors) func(*wire.Query, error) {
	if conf == nil {
		return nil
	}
	var groups []*errorGroup
	for _, c := range conf.Consolidate {
		groups = append(groups, l.group(c))
	}
	return func(q *wire.Query, err error) { l.put(groups, q, err) }
}

// group returns the group of a line, which may have been there before a reload.
func (l *errorLog) group(c corefile.Consolidate) *errorGroup {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, g := range l.groups {
		if g.Pattern.String() == c.Pattern.String() && g.Period == c.Period && g.Level == c.Level && g.ShowFirst == c.ShowFirst {
			return g
		}
	}
	g := &errorGroup{Consolidate: c}
	l.groups = append(l.groups, g)
	return g
}

// put writes an error, or counts it.
func (l *errorLog) put(groups []*errorGroup, q *wire.Query, err error) {
	text, now := err.Error(), time.Now()
	i := slices.IndexFunc(groups, func(g *errorGroup) bool { return g.Pattern.MatchString(text) })
	l.mu.Lock()
	defer l.mu.Unlock()
	if i < 0 || groups[i].add(now) {
		l.write(now, q, err)
	}
}

// add counts an error, and reports whether it is written by itself.
func (g *errorGroup) add(now time.Time) bool {
	if g.count++; g.count == 1 {
		g.since = now
		return g.ShowFirst
	}
	return false
}

// write writes an error unless there were too many in this second. The caller holds mu.
func (l *errorLog) write(now time.Time, q *wire.Query, err error) {
	if now.Sub(l.second) >= time.Second {
		l.second, l.written = now, 0
	}
	if l.written++; l.written > errorsMost {
		l.left++
		return
	}
	l.log.Error("query failed", "name", q.Name.String(), "type", q.Type.String(), "error", err)
}

// run tells of what was not written, until ctx ends.
func (l *errorLog) run(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			l.tell(time.Now().Add(24 * time.Hour))
			return
		case now := <-tick.C:
			l.tell(now)
		}
	}
}

// tell writes a line for each group whose time has come, and one for what was left out.
func (l *errorLog) tell(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.left > 0 {
		l.log.Error("more queries failed than are told of", "count", l.left)
		l.left = 0
	}
	for _, g := range l.groups {
		if g.count > 0 && now.Sub(g.since) >= g.Period {
			l.log.Log(context.Background(), levelOf(g.Level), fmt.Sprintf("%d errors like '%s' occurred in last %s", g.count, g.Pattern, g.Period))
			g.count = 0
		}
	}
}

// levelOf returns the level of a Corefile's word.
func levelOf(word string) slog.Level {
	switch strings.ToLower(word) {
	case "debug":
		return slog.LevelDebug
	case "info":
		return slog.LevelInfo
	case "warning":
		return slog.LevelWarn
	}
	return slog.LevelError
}
