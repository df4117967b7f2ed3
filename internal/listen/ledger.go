package listen

import "sync"

// Counts are the counters of all sockets of a Front.
type Counts struct {
	UDP UDPStats
	TCP TCPStats
}

// Ledger adds up the counters of Fronts, also of those that have closed. The zero value is ready for
// use. Its methods are safe for concurrent use.
type Ledger struct {
	mu   sync.Mutex
	open map[*Front]*Counts
	gone Counts // of those that have closed
}

// Add takes a Front in.
func (l *Ledger) Add(f *Front) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		l.open = map[*Front]*Counts{}
	}
	l.open[f] = new(Counts)
}

// Remove keeps what a Front counted that has closed. The kernel tells no more of its sockets, so the
// datagrams that they lost since the last call of Counts may be missing.
func (l *Ledger) Remove(f *Front) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := l.open[f]; n != nil {
		n.follow(f)
		n.UDP.Waiting, n.TCP.Waiting, n.TCP.Open = 0, 0, 0
		l.gone.add(n)
		delete(l.open, f)
	}
}

// Counts returns the sums. No counter ever falls; what is open or waiting is so now.
func (l *Ledger) Counts() Counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	sum := l.gone
	for f, n := range l.open {
		n.follow(f)
		sum.add(n)
	}
	return sum
}

// follow brings n up to what f says now.
func (n *Counts) follow(f *Front) {
	overflow := n.UDP.Overflow
	*n = f.counts()
	n.UDP.Overflow = max(n.UDP.Overflow, overflow) // the one counter that is the kernel's
}

func (n *Counts) add(m *Counts) {
	n.UDP.Unsent += m.UDP.Unsent
	n.UDP.Overflow += m.UDP.Overflow
	n.UDP.Shed += m.UDP.Shed
	n.UDP.Waiting += m.UDP.Waiting
	n.TCP.Accepted += m.TCP.Accepted
	n.TCP.Open += m.TCP.Open
	n.TCP.Evicted += m.TCP.Evicted
	n.TCP.Expired += m.TCP.Expired
	n.TCP.Malformed += m.TCP.Malformed
	n.TCP.Unsent += m.TCP.Unsent
	n.TCP.Waiting += m.TCP.Waiting
}
