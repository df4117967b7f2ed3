package listen

import "sync"

// batchPool keeps batches that are not in use. There are never more than loops that ran at the
// same time, which is about one per CPU.
type batchPool struct {
	mu   sync.Mutex
	free []*batch
}

func (p *batchPool) get() *batch {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.free) - 1
	if last < 0 {
		return newBatch()
	}
	b := p.free[last]
	p.free = p.free[:last]
	return b
}

func (p *batchPool) put(b *batch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, b)
}
