package listen

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Front is a set of open sockets and their readers.
type Front struct {
	config Config
	addrs  []netip.AddrPort
	udp    []*udpSocket
	tcp    *tcpServer // nil with Config.UDPOnly
}

// Open opens all sockets that cfg names, or none and returns an error. The error is an *OpError
// if it concerns an address. The kernel queues what arrives until Serve is called.
func Open(cfg Config) (*Front, error) {
	if err := canBatch(); err != nil {
		return nil, err
	}
	cpus := onlineCPUs()
	f := &Front{config: cfg.withDefaults(len(cpus))}
	if err := f.open(cpus); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (f *Front) open(cpus []int) (err error) {
	if !f.config.UDPOnly || len(f.config.Given.TCP) > 0 {
		if f.tcp, err = newTCPServer(f.config.TCP); err != nil {
			return err
		}
	}
	batches := new(batchPool)
	for _, addr := range f.config.Addrs {
		if err := f.openAddr(addr, cpus, batches); err != nil {
			return err
		}
	}
	if err := f.openGiven(batches); err != nil {
		return err
	}
	if f.tcp != nil {
		f.tcp.client.Reader = f.config.FirstReader + len(f.udp)
	}
	return nil
}

// openAddr opens the sockets of one address.
func (f *Front) openAddr(addr netip.AddrPort, cpus []int, batches *batchPool) error {
	addr = f.config.bindAddr(addr)
	for i := range f.config.Sockets {
		cpu := cpus[i%len(cpus)]
		if !f.config.UDPOnly {
			// TCP comes first: a port that is free for UDP is often taken by a TCP client.
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
		f.add(s)
		addr = s.addr // if the port was 0, it is now the one that the first socket got
	}
	f.addrs = append(f.addrs, addr)
	return nil
}

// openGiven adopts the sockets of Config.Given.
func (f *Front) openGiven(batches *batchPool) error {
	for _, given := range f.config.Given.TCP {
		fd, addr, err := adopt(given, unix.SOCK_STREAM, &f.config)
		if err != nil {
			return err
		}
		if err := f.tcp.watch(fd, listener{addr, true}); err != nil {
			return err
		}
	}
	for _, given := range f.config.Given.UDP {
		fd, addr, err := adopt(given, unix.SOCK_DGRAM, &f.config)
		if err != nil {
			return err
		}
		s, err := newUDP(fd, addr, &f.config, batches)
		if err != nil {
			return err
		}
		s.given = true
		f.add(s)
	}
	return nil
}

// add gives s the next number of a reader.
func (f *Front) add(s *udpSocket) {
	s.reader = f.config.FirstReader + len(f.udp)
	f.udp = append(f.udp, s)
}

// Addrs returns the addresses listened on, in the order of Config.Addrs, with their ports.
func (f *Front) Addrs() []netip.AddrPort { return f.addrs }

// Readers returns the number of readers: one for each UDP socket, and one for TCP. Their numbers
// begin with Config.FirstReader; TCP has the last.
func (f *Front) Readers() int {
	if f.tcp == nil {
		return len(f.udp)
	}
	return len(f.udp) + 1
}

// ReadersAt returns the numbers of the readers whose UDP sockets receive datagrams to addr: the
// sockets bound to addr if there are any, or else those bound to the unspecified address, as the
// kernel chooses (udp_sk_score in net/ipv4/udp.c).
func (f *Front) ReadersAt(addr netip.AddrPort) (readers []int) {
	any := netip.IPv6Unspecified()
	if addr.Addr().Is4() {
		any = netip.IPv4Unspecified()
	}
	for _, a := range []netip.AddrPort{addr, netip.AddrPortFrom(any, addr.Port())} {
		for _, s := range f.udp {
			if s.addr == a || s.dual && s.addr.Port() == a.Port() && a.Addr().IsUnspecified() {
				readers = append(readers, s.reader)
			}
		}
		if len(readers) > 0 {
			break
		}
	}
	return readers
}

// Serve lets h answer queries until ctx ends. Then it hands the ports over to the sockets that
// share them, answers what it has received, and closes all sockets. It returns an error if
// queries were still unanswered after Config.Drain. Call it once at most.
func (f *Front) Serve(ctx context.Context, h Handler) error {
	var readers sync.WaitGroup
	for _, s := range f.udp {
		readers.Go(func() { s.serve(h) })
	}
	if f.tcp != nil {
		readers.Go(func() { f.tcp.serve(h) })
	}
	<-ctx.Done()
	deadline := time.Now().Add(f.config.Drain)
	for _, s := range f.udp {
		s.leave(deadline)
	}
	if f.tcp != nil {
		f.tcp.leave(deadline)
	}
	readers.Wait()
	return f.unanswered()
}

// unanswered returns an error if clients still wait for an answer.
func (f *Front) unanswered() error {
	if n := f.counts(); n.TCP.Waiting+n.UDP.Waiting > 0 {
		return fmt.Errorf("%d queries were not answered within %v of leaving", n.TCP.Waiting+n.UDP.Waiting, f.config.Drain)
	}
	return nil
}

// Close closes the sockets of a Front that is not being served.
func (f *Front) Close() {
	for _, s := range f.udp {
		s.file.Close()
	}
	if f.tcp != nil {
		f.tcp.close()
	}
}

// counts reads all counters.
func (f *Front) counts() (n Counts) {
	for _, s := range f.udp {
		s.addStats(&n.UDP)
	}
	if f.tcp != nil {
		n.TCP = f.tcp.count.stats()
	}
	return n
}
