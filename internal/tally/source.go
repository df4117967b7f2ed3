package tally

// Source is where an answer comes from. Success, Denial, Cut and Failure are hits of the cache,
// Forwarded and Failed its misses. The other sources did not ask the cache.
type Source uint8

// The sources. The cache has a success if the code is NOERROR and the answer section is not
// empty, and a denial otherwise, as CoreDNS divides it (its plugin/pkg/response).
const (
	Server    Source = iota // the server itself: FORMERR, REFUSED, CHAOS, ...
	Success                 // the cache had an answer
	Denial                  // the cache had NXDOMAIN or NODATA
	Cut                     // the cache had NXDOMAIN for a name above (RFC 8020)
	Failure                 // the cache knew that the upstreams had just failed (RFC 9520)
	Forwarded               // an upstream
	Failed                  // the server itself, because no upstream answered
	Uncached                // an upstream, for a name that no cache is for
	Hosts                   // the hosts file
	Template                // the template directive
	sources
)

// Plugin returns the value of the label `plugin`: the CoreDNS plugin that gives the same answers.
// It is empty where the server answers by itself.
//
// That is what CoreDNS's documentation says. CoreDNS 1.15.0 in fact writes the plugin that stands
// behind prometheus, nearly always "errors", whoever answered: plugin.NextOrFailure wraps one
// writer around another, and the outermost has the last word.
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
