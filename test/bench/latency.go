package main

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/test/bench/gauge"
	"github.com/neardns/neardns/test/bench/services"
	"github.com/neardns/neardns/test/cluster"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

const (
	churn  = 200                   // slices that change each second, meanwhile
	trials = 3 * services.Headless // of each order; so many that the slowest hundredth is more than a handful

	// noise is how far the ratio of two equal times may be from 1: the API server's part of them
	// varies by a few percent from run to run.
	noise = 1.05
)

// measureLatency runs both servers on one API server where slices change all the time. It adds rows
// for the time from the request that changes an EndpointSlice to the first changed answer. The API
// server takes the same time for both, except that it tells first the client that connected last.
// So each server connects last in one of two runs.
func measureLatency(ctx context.Context, t *table, dir string, c *cluster.Cluster) error {
	var l latency
	for _, order := range [2][2]int{{0, 1}, {1, 0}} {
		if err := l.run(ctx, dir, c, order); err != nil {
			return err
		}
	}
	l.addTo(t)
	return nil
}

// latency is how many milliseconds trials took, and by how many of these one server was slower than
// the other. Ours comes first.
type latency struct {
	took, behind [2][]float64
	changes      atomic.Int64
	lasted       time.Duration
}

// run starts both servers in the order given, and runs trials.
func (l *latency) run(ctx context.Context, dir string, c *cluster.Cluster, order [2]int) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var servers [2]*server
	for _, i := range order {
		s, err := startServer(ctx, dir, contenders[i], c, "")
		if err != nil {
			return err
		}
		defer s.Stop()
		servers[i] = s
	}
	began := time.Now()
	defer func() { l.lasted += time.Since(began) }()
	go keepChanging(ctx, c.Client(), &l.changes)
	for range trials {
		n := len(l.took[0])
		d, err := trial(ctx, c.Client(), servers, n)
		if err != nil {
			return err
		}
		for i := range d {
			l.took[i] = append(l.took[i], milliseconds(d[i]))
			l.behind[i] = append(l.behind[i], milliseconds(d[i]-min(d[0], d[1])))
		}
	}
	return nil
}

func (l *latency) addTo(t *table) {
	rate := float64(l.changes.Load()) / l.lasted.Seconds()
	t.add(row{what: "slices changed a second, meanwhile", ours: rate, stock: rate})
	both := func(what string, of func([]float64) float64, values [2][]float64, most float64) {
		t.add(row{what: what, ours: of(values[0]), stock: of(values[1]), most: most})
	}
	both("API request to changed answer, median ms", gauge.Median, l.took, noise)
	both("API request to changed answer, p99 ms", gauge.P99, l.took, noise)
	both("— of it behind the faster of the two, mean ms", mean, l.behind, 0)
	both("— of it behind the faster of the two, p99 ms", gauge.P99, l.behind, 0)
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func mean(values []float64) (sum float64) {
	for _, v := range values {
		sum += v / float64(len(values))
	}
	return sum
}

// keepChanging changes one address in each of churn slices a second, or fewer if the API server
// does not keep up.
func keepChanging(ctx context.Context, c kubernetes.Interface, changes *atomic.Int64) {
	tick := time.NewTicker(time.Second / churn)
	defer tick.Stop()
	const atOnce = 32
	var writers sync.WaitGroup
	work := make(chan int)
	for range atOnce {
		writers.Go(func() {
			for n := range work {
				if change(ctx, c, n) == nil {
					changes.Add(1)
				}
			}
		})
	}
	for n := 0; ctx.Err() == nil; n++ {
		<-tick.C
		work <- n
	}
	close(work)
	writers.Wait()
}

// change replaces the first address in a slice of a ClusterIP Service.
func change(ctx context.Context, c kubernetes.Interface, n int) error {
	i := n % services.ClusterIP
	name := services.ClusterIPName(i)
	s := services.NewSlice(services.Namespace(i), name, name+"-1", services.ClusterIPAddress(i), services.ClusterIPEndpoints, false)
	s.Endpoints[0].Addresses[0] = services.IP(10<<24 | 200<<16 | n&0xffff)
	_, err := c.DiscoveryV1().EndpointSlices(s.Namespace).Update(ctx, s, metav1.UpdateOptions{})
	return err
}

// trial changes a slice, and returns how long it took until each server answered with the change.
func trial(ctx context.Context, c kubernetes.Interface, servers [2]*server, n int) (took [2]time.Duration, err error) {
	i := n % services.Headless
	name := services.HeadlessName(i)
	want := services.IP(10<<24 | 250<<16 | n)
	s := services.NewSlice(services.Namespace(i), name, name+"-1", services.HeadlessAddress(i), services.HeadlessEndpoints, false)
	s.Endpoints[0].Addresses[0] = want
	var pollers sync.WaitGroup
	var seen [2]time.Time
	for turn := range servers { // neither is always first
		i := (turn + n) % len(servers)
		pollers.Go(func() {
			seen[i] = waitFor(servers[i].addr, fmt.Sprintf("%s.%s.svc.cluster.local.", name, s.Namespace), want)
		})
	}
	begin := time.Now()
	_, err = c.DiscoveryV1().EndpointSlices(s.Namespace).Update(ctx, s, metav1.UpdateOptions{})
	pollers.Wait()
	for i := range took {
		if err == nil && seen[i].IsZero() {
			err = fmt.Errorf("%s never answered with %s", contenders[i].name, want)
		}
		took[i] = seen[i].Sub(begin)
	}
	return took, err
}

// waitFor asks every millisecond until the answer holds the address, and returns when it did, or
// the zero time if that took too long.
func waitFor(server, name, address string) time.Time {
	conn, err := dns.Dial("udp", server)
	if err != nil {
		return time.Time{}
	}
	defer conn.Close()
	conn.UDPSize = 4096
	m := new(dns.Msg)
	m.SetQuestion(name, dns.TypeA)
	m.SetEdns0(4096, false)
	want := net.ParseIP(address)
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		m.Id = dns.Id()
		conn.SetDeadline(time.Now().Add(time.Second))
		if conn.WriteMsg(m) != nil {
			continue
		}
		r, err := conn.ReadMsg()
		if err == nil && holds(r, want) {
			return time.Now()
		}
	}
	return time.Time{}
}

func holds(r *dns.Msg, ip net.IP) bool {
	for _, rr := range r.Answer {
		if a, ok := rr.(*dns.A); ok && a.A.Equal(ip) {
			return true
		}
	}
	return false
}
