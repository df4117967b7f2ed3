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
	Stale     bool // the answer had expired (RFC 8767)
	Prefetch  bool // the answer had not, and is being asked for again
	Source    Source
	Type      wire.Type
	Rcode     wire.Rcode
	QuerySize int           // bytes, without TCP's two
	ReplySize int           // bytes, without TCP's two
	Took      time.Duration // from the query's arrival
}

// Source is where an answer comes from. Success, Denial, Cut and Failure are hits of the
// cache, Forwarded and Failed are its misses; the others did not ask it.
type Source uint8

// The sources. CoreDNS keeps as a Denial all but NOERROR with something in the answer section
// (its plugin/pkg/response).
const (
	Server    Source = iota // the server itself: FORMERR, REFUSED, CHAOS, ...
	Success                 // the cache had an answer
	Denial                  // the cache had NXDOMAIN or NODATA
	Cut                     // the cache had NXDOMAIN for a name above (RFC 8020)
	Failure                 // the cache knew that upstream failed a short time ago (RFC 9520)
	Forwarded               // an upstream
	Failed                  // the server itself, as no upstream answered
	Uncached                // an upstream, for a name that no cache is for
	Hosts
	Template
	sources
)

// Plugin returns the value of the label `plugin`: the CoreDNS plugin that does the same, or
// nothing where the server answers by itself.
//
// That is what CoreDNS's documentation says of it. CoreDNS 1.15.0 itself writes the plugin
// that stands behind prometheus, nearly always "errors", whoever answered: of the writers that
// plugin.NextOrFailure wraps around each other, the outermost has the last word.
func (s Source) Plugin() string {
	switch s {
	case Success, Denial, Cut, Failure:
		return "cache"
	case Forwarded, Uncached:
		return "forward"
	case Hosts:
		return "hosts"
	case Template:
		return "template"
	}
	return ""
}
