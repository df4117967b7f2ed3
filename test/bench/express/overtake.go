package express

import (
	"fmt"
	"time"

	"github.com/miekg/dns"
)

// overtake adds a row for how long cluster names take that are asked right behind a slow name, on
// the same connection.
func (b *bench) overtake(running [count]*instance) error {
	f := new(figures)
	for range rounds {
		for _, i := range []int{ours, off, stock} {
			d, err := behindSlow(running[i])
			if err != nil {
				return fmt.Errorf("%s: behind a slow query: %w", running[i].name, err)
			}
			f.add(i, float64(d.Microseconds())/1000)
		}
	}
	b.table.add(fmt.Sprintf("— 10 behind one that is forwarded and takes %d ms: ms to the last", slowness.Milliseconds()), f.medians(), share(0.1, stock))
	return nil
}

// behindSlow asks for a slow name and then for 10 of the cluster, without waiting, and returns how
// long it took until these were answered.
func behindSlow(s *instance) (time.Duration, error) {
	c, err := dns.DialTimeout("tcp", s.at.String(), time.Second)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	began := time.Now()
	slow := question{name: fmt.Sprintf("slow-%d.example.org.", began.UnixNano()), qtype: dns.TypeA}.message()
	waiting := map[uint16]bool{}
	if err := c.WriteMsg(slow); err != nil {
		return 0, err
	}
	for i := range 10 {
		m := clusterIP(i).message()
		m.Id = slow.Id + 1 + uint16(i)
		waiting[m.Id] = true
		if err := c.WriteMsg(m); err != nil {
			return 0, err
		}
	}
	for len(waiting) > 0 {
		m, err := c.ReadMsg()
		if err != nil {
			return 0, err
		}
		delete(waiting, m.Id)
	}
	return time.Since(began), nil
}
