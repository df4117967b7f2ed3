package proof

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
)

// Query is a query that the lane has answered.
type Query struct {
	Message       []byte         // the query, as the client sent it
	Remote, Local netip.AddrPort // the client's address, and the one that it asked
	TCP           bool           // it came over TCP

	// Cached says that CoreDNS's cache plugin is in the block. Its answers may be as old as
	// their TTL, and their TTLs are lower.
	Cached bool

	// Hash stands for what was answered: the name and the type, or what else is to be compared
	// once. The same name in another block has another Hash.
	Hash uint64
}

// Asker asks a query again. It belongs to the front that the query came to. One goroutine at a
// time asks about one query, but several ask about several. What an Asker returns is the caller's.
type Asker interface {
	// Lane returns the lane's answer to q, or nothing if it would pass q on now. Nobody counts
	// it.
	Lane(q *Query) []byte

	// Chain returns CoreDNS's own answer to q, or nothing if there is none. CoreDNS counts the
	// query in its metrics.
	Chain(q *Query) []byte

	// Differs is called for a difference that has come to stay. It turns the lane off for
	// whatever q belongs to: Lane returns nothing for such queries before Differs returns.
	// That is why it is called once for each block, although several queries may be in doubt.
	Differs(q *Query, d *Difference)
}

// The bounds of a Checker.
const (
	sampleEvery = 4096 // one in so many answers is compared, whatever was compared before
	workers     = 2
	mostQueued  = 16 // queries that wait for a worker; each with its answer has 128 KiB at most
	mostDoubts  = 16 // differences that may yet go away
)

// Checker compares answers. Any goroutine may call its methods. It needs 1 MiB.
type Checker struct {
	seen   bitmap
	queue  chan *job
	doubts chan struct{} // has an element for each doubt that is being settled
	ended  atomic.Bool

	mu sync.Mutex // held while a difference is reported
}

// job is a query to be compared, and the answer that the client got.
type job struct {
	Asker
	query  Query
	answer []byte
}

// New returns a Checker, which compares while Run runs.
func New() *Checker {
	return &Checker{queue: make(chan *job, mostQueued), doubts: make(chan struct{}, mostDoubts)}
}

// Due reports whether an answer of the lane is to be compared: the first with its hash, and one in
// some thousands of the others. It allocates nothing, and writes nothing.
func (c *Checker) Due(hash uint64) bool {
	return !c.seen.has(hash) || rand.Uint32()%sampleEvery == 0
}

// Check has the lane's answer to q compared. It copies both and does not wait. It returns false if
// too many queries wait already; then the next answer with the same hash is due again.
//
// If it returns true, CoreDNS will count the query in its metrics, and the caller must not.
func (c *Checker) Check(a Asker, q *Query, answer []byte) bool {
	if len(c.queue) == cap(c.queue) || c.ended.Load() {
		return false
	}
	buf := make([]byte, 0, len(q.Message)+len(answer))
	buf = append(append(buf, q.Message...), answer...)
	j := &job{Asker: a, query: *q, answer: buf[len(q.Message):]}
	j.query.Message = buf[:len(q.Message):len(q.Message)]
	select {
	case c.queue <- j:
		c.seen.add(q.Hash)
		return true
	default:
		return false
	}
}

// Run compares until ctx ends, and then what is still queued. When it has returned, no Asker is
// called any more. Call it once.
func (c *Checker) Run(ctx context.Context) {
	var running sync.WaitGroup
	for range workers {
		running.Go(func() { c.work(ctx, &running) })
	}
	running.Wait()
}

func (c *Checker) work(ctx context.Context, running *sync.WaitGroup) {
	for {
		select {
		case j := <-c.queue:
			c.compare(ctx, j, running)
		case <-ctx.Done():
			c.ended.Store(true)
			c.drain(ctx, running)
			return
		}
	}
}

// drain asks what is queued, because nobody else counts those queries.
func (c *Checker) drain(ctx context.Context, running *sync.WaitGroup) {
	for {
		select {
		case j := <-c.queue:
			c.compare(ctx, j, running)
		default:
			return
		}
	}
}

// compare asks the chain. If its answer differs, it leaves the doubt to another goroutine, unless
// there are too many.
func (c *Checker) compare(ctx context.Context, j *job, running *sync.WaitGroup) {
	chain := j.Chain(&j.query)
	if chain == nil || j.differs(j.answer, chain) == "" {
		return
	}
	select {
	case c.doubts <- struct{}{}:
		running.Go(func() {
			defer func() { <-c.doubts }()
			if d := j.settle(ctx); d != nil {
				c.report(j, d)
			}
		})
	default:
	}
}

// report reports a difference, unless the lane has been turned off for another one.
func (c *Checker) report(j *job, d *Difference) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if j.Lane(&j.query) != nil {
		j.Differs(&j.query, d)
	}
}
