package main

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/test/cluster"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

const (
	churn  = 200 // slices that change each second, meanwhile
	trials = headlessCount
)

// measureLatency runs both servers on one API server where slices change all the time,
// and adds rows for how long it takes from the request that changes an EndpointSlice to the
// first changed answer. The API server's part of it is the same for both.
func measureLatency(ctx context.Context, t *table, dir string, c *cluster.Cluster) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var servers [2]*server
	for i, who := range contenders {
		s, err := startServer(ctx, dir, who, c)
		if err != nil {
			return err
		}
		defer s.stop()
		servers[i] = s
	}
	var changes atomic.Int64
	began := time.Now()
	go keepChanging(ctx, c.Client(), &changes)
	var took [2][]float64
	for n := range trials {
		d, err := trial(ctx, c.Client(), servers, n)
		if err != nil {
			return err
		}
		for i := range d {
			took[i] = append(took[i], float64(d[i].Microseconds())/1000)
		}
	}
	rate := float64(changes.Load()) / time.Since(began).Seconds()
	t.add(row{what: "slices changed a second, meanwhile", ours: rate, stock: rate})
	t.add(row{what: "API request to changed answer, median ms", ours: quantile(took[0], 0.5), stock: quantile(took[1], 0.5), most: 1})
	t.add(row{what: "API request to changed answer, p99 ms", ours: quantile(took[0], 0.99), stock: quantile(took[1], 0.99), most: 1})
	return nil
}

// keepChanging changes one address in each of churn slices a second, as far as the API
// server keeps up.
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

// change gives one slice of a ClusterIP Service a new first address.
func change(ctx context.Context, c kubernetes.Interface, n int) error {
	i := n % clusterIPCount
	name := fmt.Sprintf("service-%d", i)
	s := newSlice(namespaceName(i), name, name+"-1", 10<<24|i*clusterIPEndpoints, clusterIPEndpoints, false)
	s.Endpoints[0].Addresses[0] = ip(10<<24 | 200<<16 | n&0xffff)
	_, err := c.DiscoveryV1().EndpointSlices(s.Namespace).Update(ctx, s, metav1.UpdateOptions{})
	return err
}

// trial changes a slice and returns after how long each server answered with it.
func trial(ctx context.Context, c kubernetes.Interface, servers [2]*server, n int) (took [2]time.Duration, err error) {
	name := fmt.Sprintf("headless-%d", n)
	want := ip(10<<24 | 250<<16 | n)
	s := newSlice(namespaceName(n), name, name+"-1", 10<<24|1<<20|n*headlessEndpoints, headlessEndpoints, false)
	s.Endpoints[0].Addresses[0] = want
	var pollers sync.WaitGroup
	var seen [2]time.Time
	for turn := range servers { // neither is always first
		i := (turn + n) % len(servers)
		pollers.Go(func() {
			seen[i] = waitFor(servers[i].addr, fmt.Sprintf("%s.%s.svc.cluster.local.", name, namespaceName(n)), want)
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

// waitFor asks every millisecond until the answer holds the address, and returns when it
// did; the zero time if that took too long.
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
