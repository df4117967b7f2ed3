package listen

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// Front is a set of open sockets and what serves them.
type Front struct {
	config Config
	addrs  []netip.AddrPort
	udp    []*udpSocket
	tcp    *tcpServer // nil for UDP only
}

// Open opens all sockets that cfg names, or none and returns an error, which is an *OpError
// if it concerns an address. The kernel queues what arrives until Serve is called.
func Open(cfg Config) (*Front, error) {
	f := &Front{config: cfg.withDefaults()}
	if err := f.open(); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (f *Front) open() (err error) {
	if !f.config.UDPOnly {
		if f.tcp, err = newTCPServer(f.config.TCP); err != nil {
			return err
		}
	}
	batches := new(batchPool)
	for _, addr := range f.config.Addrs {
		if err := f.openAddr(addr, batches); err != nil {
			return err
		}
	}
	if f.tcp != nil {
		f.tcp.client.Reader = f.config.FirstReader + len(f.udp)
	}
	return nil
}

// openAddr opens the sockets of one address.
func (f *Front) openAddr(addr netip.AddrPort, batches *batchPool) error {
	cpus := onlineCPUs()
	for i := range f.config.Sockets {
		cpu := cpus[i%len(cpus)]
		if f.tcp != nil {
			// TCP comes first: a free port of UDP is often taken by some TCP client.
			bound, err := f.tcp.listen(addr, cpu, &f.config)
			if err != nil {
				return err
			}
			addr = bound
		}
		s, err := openUDP(addr, cpu, &f.config, batches)
		if err != nil {
			return err
		}
		s.reader = f.config.FirstReader + len(f.udp)
		f.udp = append(f.udp, s)
		addr = s.addr // with the port that the first socket has found if it was 0
	}
	f.addrs = append(f.addrs, addr)
	return nil
}

// Addrs returns the addresses listened on, in the order of Config.Addrs, with their ports.
func (f *Front) Addrs() []netip.AddrPort { return f.addrs }

// Readers returns how many loops there are: one for each UDP socket, and one for TCP. They are
// numbered from Config.FirstReader on, TCP last.
func (f *Front) Readers() int {
	if f.tcp == nil {
		return len(f.udp)
	}
	return len(f.udp) + 1
}

// ReadersAt returns the numbers of the UDP sockets that receive what is sent to addr: its own,
// or those of the unspecified address, as the kernel prefers (udp_sk_score in net/ipv4/udp.c).
func (f *Front) ReadersAt(addr netip.AddrPort) (readers []int) {
	any := netip.IPv6Unspecified()
	if addr.Addr().Is4() {
		any = netip.IPv4Unspecified()
	}
	for _, a := range []netip.AddrPort{addr, netip.AddrPortFrom(any, addr.Port())} {
		for _, s := range f.udp {
			if s.addr == a {
				readers = append(readers, s.reader)
			}
		}
		if len(readers) > 0 {
			break
		}
	}
	return readers
}

// Serve lets h answer what arrives until ctx ends. Then it hands the ports over to whoever
// shares them, answers what it received, and closes all sockets. It returns an error if
// queries were left unanswered at the end of Config.Drain. It must be called once at most.
func (f *Front) Serve(ctx context.Context, h Handler) error {
	var loops sync.WaitGroup
	for _, s := range f.udp {
		loops.Go(func() { s.serve(h) })
	}
	if f.tcp != nil {
		loops.Go(func() { f.tcp.serve(h) })
	}
	<-ctx.Done()
	deadline := time.Now().Add(f.config.Drain)
	for _, s := range f.udp {
		s.leave(deadline)
	}
	if f.tcp != nil {
		f.tcp.leave(deadline)
	}
	loops.Wait()
	return f.unanswered()
}

// unanswered reports what is still owed to clients.
func (f *Front) unanswered() error {
	n := f.TCP().Waiting
	for _, s := range f.udp {
		n += int(s.count.waiting.Load())
	}
	if n > 0 {
		return fmt.Errorf("%d queries were not answered within %v of leaving", n, f.config.Drain)
	}
	return nil
}

// Close closes the sockets of a Front that is not served.
func (f *Front) Close() {
	for _, s := range f.udp {
		s.file.Close()
	}
	if f.tcp != nil {
		f.tcp.close()
	}
}

// UDP returns the counters of every UDP socket.
func (f *Front) UDP() []UDPStats {
	list := make([]UDPStats, 0, len(f.udp))
	for _, s := range f.udp {
		list = append(list, s.stats())
	}
	return list
}

// TCP returns the counters of all TCP connections.
func (f *Front) TCP() TCPStats {
	if f.tcp == nil {
		return TCPStats{}
	}
	return f.tcp.count.stats()
}
