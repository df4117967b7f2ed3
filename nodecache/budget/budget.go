// Package budget divides the memory that the process may take. Clients and servers can make many
// things grow. Even if all of them are as large as they may be, at the same time, they fit.
//
//	limit of the cgroup
//	 |-- the program, and what it takes at rest
//	 |-- what has no bound here, for example HTTP connections
//	 |-- a sixth for the collector: garbage that it has not collected yet
//	 `-- the rest, in shares: answers kept, queries under way, clients that wait for them,
//	     connections and their buffers, datagrams
//
// The kernel's part counts too: cgroups of version 2 count sockets and their content.
package budget

import (
	"log/slog"

	"github.com/neardns/neardns/internal/listen"
)

// Default is the limit if the cgroup has none, in bytes. Its bounds are so wide that no usual node
// comes near them.
const Default = 512 << 20

// Least is the smallest limit that can be divided, in bytes.
const Least = 32 << 20

// What things take, in bytes, as measured on Linux 6.18 (amd64) and rounded up. Heap is the part in
// the Go heap. The rest is the kernel's, or the program's own pages.
const (
	atRest     = 16 << 20 // resident after the start, with the program's pages in use: 12 MB
	atRestHeap = 5 << 20

	queryHeap = 15 << 10           // a flight, its goroutine, and the goroutines of one and a quarter sockets
	query     = queryHeap + 14<<10 // and one and a quarter sockets, each 3 kB and a queue of 8 KiB

	waiter = 1 << 10

	connHeap = 1 << 9
	conn     = connHeap + 4<<10 + 2*listen.StreamIn // 4 kB, and a queue, whose size the kernel doubles
)

// Shares of the rest, in hundredths. They add up to five sixths. The collector has the last sixth.
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

// Bounds above these gain nothing.
const (
	maxQueries = 2048
	maxWaiters = 16384
	maxConns   = 10000
	maxBuffers = 16 << 20
	maxQueues  = 64 << 20
	maxBacklog = 16 << 20
)

// Budget says how the memory is divided. Sizes are in bytes.
type Budget struct {
	Limit int64 // for everything together

	Cache   int64 // answers, in all caches together
	Queries int   // how many may be under way upstream
	Waiters int   // how many queries of clients may wait for them
	Conns   int   // how many TCP connections clients may have
	Buffers int   // half-read messages and unsent answers on these connections
	Unsent  int   // answers that the kernel keeps until clients take them
	Queues  int   // datagrams that the kernel keeps until we read them
	Backlog int   // datagrams that wait behind those of other clients
}

// Divide divides limit bytes, or Default if limit is 0. The parts that have no bound here take
// beside bytes of it.
func Divide(limit, beside int64) Budget {
	if limit <= 0 {
		limit = Default
	}
	limit = max(limit, Least)
	left := limit - atRest - beside
	part := func(share, each, most int64) int { return int(min(left*share/100/each, most)) }
	return Budget{
		Limit:   limit,
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

// Heap returns how large the Go heap may grow under a limit, in bytes: everything but what the kernel
// and the program itself may take.
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
