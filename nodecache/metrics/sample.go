package metrics

import (
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// Sample is one query that was answered.
type Sample struct {
	Shard     int  // whose counters: any number, but loops that share one slow each other
	TCP       bool // how the query came
	IPv6      bool // where from
	DO        bool // the query has the bit DO
	Empty     bool // the answer section of the reply is
	Source    Source
	Type      wire.Type
	Rcode     wire.Rcode
	QuerySize int           // bytes, without TCP's two
	ReplySize int           // bytes, without TCP's two
	Took      time.Duration // from the query's arrival
}

// Source is what answered. Cache is a hit, whatever kind of entry it came from; Forward and
// Failed are misses; the others did not ask the cache.
type Source uint8

// The sources, most of them named after the CoreDNS plugin that does the same.
const (
	None     Source = iota // the server itself: FORMERR, REFUSED, ...
	Cache                  // an answer, a denial, a failure (RFC 9520), a cut (RFC 8020), a stale answer
	Forward                // an upstream
	Failed                 // the server itself, as no upstream answered
	Uncached               // an upstream, for a name that no cache is for
	Hosts
	Template
	Local
	Chaos
	Any
	Loop
	sources
)

// String returns the value of the label `plugin`, which is empty where the server answers by
// itself.
//
// That is what CoreDNS's documentation says of it. CoreDNS 1.15.0 itself writes the plugin
// that stands behind prometheus, nearly always "errors", whoever answered: of the writers that
// plugin.NextOrFailure wraps around each other, the outermost has the last word.
func (s Source) String() string {
	switch s {
	case Cache:
		return "cache"
	case Forward, Uncached:
		return "forward"
	case Hosts:
		return "hosts"
	case Template:
		return "template"
	case Local:
		return "local"
	case Chaos:
		return "chaos"
	case Any:
		return "any"
	case Loop:
		return "loop"
	}
	return ""
}

// row is a Source, but that hits of denials have one of their own.
type row uint8

const (
	denied = row(sources)
	rows   = denied + 1
)

// row returns where s is counted. What CoreDNS keeps as a denial counts as one: all but
// NOERROR with something in the answer section (its plugin/pkg/response).
func (s *Sample) row() row {
	if s.Source == Cache && (s.Empty || s.Rcode != wire.NoError) {
		return denied
	}
	return row(s.Source)
}

// source returns the Source whose answers r counts.
func (r row) source() Source {
	if r == denied {
		return Cache
	}
	return Source(r)
}
