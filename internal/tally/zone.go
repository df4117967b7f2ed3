package tally

import (
	"sync/atomic"
	"time"

	"golang.org/x/sys/cpu"

	"github.com/neardns/neardns/internal/wire"
)

// Sample is one query that was answered.
type Sample struct {
	Writer    int  // who counts it; any number is valid, but writers whose cells are the same slow each other
	TCP       bool // the query came over TCP
	IPv6      bool // the client's address is IPv6
	DO        bool // the query has the DO bit
	Stale     bool // the answer had expired (RFC 8767)
	Prefetch  bool // the answer had not expired, but is being asked for again
	Source    Source
	Type      wire.Type
	Rcode     wire.Rcode
	QuerySize int           // bytes, without TCP's two of the length
	ReplySize int           // bytes, without TCP's two of the length
	Took      time.Duration // from the query's arrival
}

// Zone counts the queries for one zone at one server. Its methods are safe for concurrent use.
type Zone struct {
	cells []atomic.Pointer[paddedCells] // by writer; a power of two; nil for a writer that never saw the zone
}

func newZone(writers int) *Zone {
	return &Zone{cells: make([]atomic.Pointer[paddedCells], writers)}
}

// Observe counts one query. It allocates only for a writer's first query of the zone.
func (z *Zone) Observe(s *Sample) {
	c := z.of(s.Writer)
	query, reply, took := max(s.QuerySize, 0), max(s.ReplySize, 0), max(s.Took, 0)
	c.observe(durationAt, durationBucket(took), int(took))
	c.observe(sizesAt(querySizeAt, s.TCP), sizeBucket(query), query)
	c.observe(sizesAt(replySizeAt, s.TCP), sizeBucket(reply), reply)
	c.count(requestAt(s.TCP, s.IPv6, typeIndex(s.Type)))
	c.count(responseAt(s.Source, rcodeIndex(s.Rcode)))
	if s.DO {
		c.count(doAt)
	}
	if s.Stale {
		c.count(staleAt)
	}
	if s.Prefetch {
		c.count(prefetchAt)
	}
}

// Drop counts a response that the cache did not take because it was malformed or answered another
// question.
func (z *Zone) Drop(writer int) { z.of(writer).count(dropAt) }

// of returns the cells of a writer. They are made when it first counts: most writers belong to one
// address and never see the zones of another.
func (z *Zone) of(writer int) *cells {
	p := &z.cells[writer&(len(z.cells)-1)]
	if c := p.Load(); c != nil {
		return &c.cells
	}
	p.CompareAndSwap(nil, new(paddedCells))
	return &p.Load().cells
}

// addTo adds the cells of all writers to t.
func (z *Zone) addTo(t *Totals) {
	for i := range z.cells {
		if c := z.cells[i].Load(); c != nil {
			t.addCells(&c.cells)
		}
	}
}

// Where each count stands among a writer's cells. A histogram is its sum and then a count for each
// bucket. Sizes have one histogram for UDP and one for TCP.
const (
	durationAt     = 0
	querySizeAt    = durationAt + 1 + durationBuckets
	replySizeAt    = querySizeAt + 2*(1+sizeBuckets)
	firstRequestAt = replySizeAt + 2*(1+sizeBuckets)
	firstRcodeAt   = firstRequestAt + 2*2*types
	doAt           = firstRcodeAt + int(sources)*rcodes
	staleAt        = doAt + 1
	prefetchAt     = staleAt + 1
	dropAt         = prefetchAt + 1
	cellCount      = dropAt + 1
)

// cells are the counts of one zone by one writer.
type cells [cellCount]atomic.Uint64

// paddedCells share no cache line with anything else.
type paddedCells struct {
	_ cpu.CacheLinePad
	cells
	_ cpu.CacheLinePad
}

// count adds one to the cell at i.
func (c *cells) count(i int) { c[i].Add(1) }

// observe adds amount to the histogram at i.
func (c *cells) observe(i, bucket, amount int) {
	c[i].Add(uint64(amount))
	c[i+1+bucket].Add(1)
}

// sizesAt returns the place of the histogram of a protocol, of the two that begin at i.
func sizesAt(i int, tcp bool) int { return i + bit(tcp)*(1+sizeBuckets) }

// requestAt returns the cell of queries of a protocol, an address family and a type.
func requestAt(tcp, ipv6 bool, t int) int { return firstRequestAt + (2*bit(tcp)+bit(ipv6))*types + t }

// responseAt returns the cell of answers with a source and a response code.
func responseAt(s Source, rcode int) int { return firstRcodeAt + int(s)*rcodes + rcode }

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}
