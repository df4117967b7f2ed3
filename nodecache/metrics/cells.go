package metrics

import (
	"sync/atomic"

	"golang.org/x/sys/cpu"
)

// Where the figures of a shard stand among its cells. A histogram is a sum and, behind it, a
// count for each bucket; of sizes there is one for UDP and one for TCP.
const (
	durationAt  = 0
	querySizeAt = durationAt + 1 + durationBuckets
	replySizeAt = querySizeAt + 2*(1+sizeBuckets)
	requestAt   = replySizeAt + 2*(1+sizeBuckets)
	responseAt  = requestAt + 2*2*types
	doAt        = responseAt + int(sources)*rcodes
	staleAt     = doAt + 1
	prefetchAt  = staleAt + 1
	dropAt      = prefetchAt + 1
	cellCount   = dropAt + 1
)

// cells are the counters of one zone that one loop writes. The cache lines at their ends are
// no one else's.
type cells struct {
	_ cpu.CacheLinePad
	n [cellCount]atomic.Uint64
	_ cpu.CacheLinePad
}

// count adds one to the cell at i.
func (c *cells) count(i int) { c.n[i].Add(1) }

// observe adds amount to the histogram at i.
func (c *cells) observe(i, bucket, amount int) {
	c.n[i].Add(uint64(amount))
	c.n[i+1+bucket].Add(1)
}

// sizes returns the place of a histogram of sizes, of the two that begin at i.
func sizes(i int, tcp bool) int { return i + bit(tcp)*(1+sizeBuckets) }

// request returns the cell of queries of a protocol, a family and a type.
func request(tcp, ipv6 bool, t int) int { return requestAt + (2*bit(tcp)+bit(ipv6))*types + t }

// response returns the cell of answers with a response code.
func response(s Source, rcode int) int { return responseAt + int(s)*rcodes + rcode }

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}
