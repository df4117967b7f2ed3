package budget

import "log/slog"

// Default is the limit where there is none, in bytes: so much do the bounds allow that no usual
// node comes near them.
const Default = 512 << 20

// Least is the least limit that can be divided, in bytes.
const Least = 32 << 20

// What things take, in bytes, as measured on Linux 6.18 (amd64) and rounded up. Heap is the
// collector's part of it, and the rest is the kernel's or the program's own.
const (
	atRest     = 16 << 20 // resident when it has started, with the program's pages in use: 12 MB
	atRestHeap = 5 << 20

	queryHeap = 15 << 10           // a flight, its goroutine, and one and a quarter sockets' goroutines
	query     = queryHeap + 14<<10 // and one and a quarter sockets: 3 kB, and a queue of 8 KiB each

	waiter = 1 << 10

	connHeap = 1 << 9
	conn     = connHeap + 12<<10 // 4 kB, and a queue of 8 KiB, twice listen.StreamIn
)

// Shares of what is left, in hundredths. Five sixths of all: the rest is the collector's.
const (
	cacheShare   = 31
	queryShare   = 21
	waiterShare  = 4
	connShare    = 15
	bufferShare  = 3
	unsentShare  = 3
	queueShare   = 4
	backlogShare = 2
)

// Nothing gains from more than this.
const (
	maxQueries = 2048
	maxWaiters = 16384
	maxConns   = 10000
	maxBuffers = 16 << 20
	maxQueues  = 64 << 20
	maxBacklog = 16 << 20
)

// Budget is how the memory is divided. Sizes are in bytes.
type Budget struct {
	Limit int64 // what all together may take

	Cache   int64 // of answers, in all caches together
	Queries int   // asked upstream at a time
	Waiters int   // clients' queries that wait for them
	Conns   int   // TCP connections of clients
	Buffers int   // halves of their messages, and unsent answers
	Unsent  int   // answers that the kernel keeps until they are taken
	Queues  int   // datagrams that the kernel keeps until they are read
	Backlog int   // datagrams that wait behind other clients'

	beside int64
}

// Divide divides limit bytes, or Default where that is 0. What is taken beside is given.
func Divide(limit, beside int64) Budget {
	if limit <= 0 {
		limit = Default
	}
	limit = max(limit, Least)
	left := limit - atRest - beside
	part := func(share, each, most int64) int { return int(min(left*share/100/each, most)) }
	return Budget{
		Limit: limit, beside: beside,
		Cache:   left * cacheShare / 100,
		Queries: part(queryShare, query, maxQueries),
		Waiters: part(waiterShare, waiter, maxWaiters),
		Conns:   part(connShare, conn, maxConns),
		Buffers: part(bufferShare, 1, maxBuffers),
		Unsent:  part(unsentShare, 1, maxBuffers),
		Queues:  part(queueShare, 1, maxQueues),
		Backlog: part(backlogShare, 1, maxBacklog),
	}
}

// Sum returns what all takes that is at its bound, without what the collector needs.
func (b *Budget) Sum() int64 {
	return atRest + b.beside + b.Cache + int64(b.Queries)*query + int64(b.Waiters)*waiter + int64(b.Conns)*conn +
		int64(b.Buffers+b.Unsent+b.Queues+b.Backlog)
}

// Heap returns what the collector may have of a limit: all but what the kernel and the program
// itself may take.
func (b *Budget) Heap(limit int64) int64 {
	outside := atRest - atRestHeap + int64(b.Queries)*(query-queryHeap) + int64(b.Conns)*(conn-connHeap) + int64(b.Unsent+b.Queues)
	return max(limit-outside, limit/4)
}

// LogValue implements slog.LogValuer.
func (b *Budget) LogValue() slog.Value {
	return slog.GroupValue(
		slog.Int64("limit", b.Limit), slog.Int64("cache", b.Cache), slog.Int("queries", b.Queries), slog.Int("waiting", b.Waiters),
		slog.Int("connections", b.Conns), slog.Int("buffers", b.Buffers), slog.Int("unsent", b.Unsent),
		slog.Int("queues", b.Queues), slog.Int("backlog", b.Backlog),
	)
}
