package express

import (
	"fmt"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/test/bench/services"
)

// question is what a client asks, and how many bytes of an answer it takes over UDP (EDNS). 0 is no
// EDNS, as glibc and musl ask.
type question struct {
	name  string
	qtype uint16
	size  uint16
}

// edns is the size that Go's resolver and systemd-resolved ask with, as RFC 9715 advises. 50
// addresses fit in. 50 SRV records don't, and then the client asks again over TCP.
const edns = 1232

func (q question) message() *dns.Msg {
	m := new(dns.Msg)
	m.SetQuestion(q.name, q.qtype)
	if q.size > 0 {
		m.SetEdns0(q.size, false)
	}
	return m
}

// The i-th question of each kind. There are as many as there are Services of that kind.
func clusterIP(i int) question {
	return question{name: serviceName(services.ClusterIPName(i), services.Namespace(i)), qtype: dns.TypeA}
}

// searchPath is what a stub resolver asks first for a name outside the cluster.
func searchPath(i int) question {
	return question{name: fmt.Sprintf("api-%d.example.com.%s.svc.cluster.local.", i/services.Namespaces, services.Namespace(i)), qtype: dns.TypeA}
}

func headlessA(i int) question {
	return question{name: serviceName(services.HeadlessName(i), services.Namespace(i)), qtype: dns.TypeA, size: edns}
}

func headlessSRV(i int) question {
	return question{name: "_http._tcp." + headlessA(i).name, qtype: dns.TypeSRV, size: edns}
}

func endpointPTR(i int) question {
	const spread = services.HeadlessEndpoints * services.Headless / services.ClusterIP // over all endpoints
	return question{name: reverse(services.IP(services.HeadlessAddress(0) + i*spread)), qtype: dns.TypePTR}
}

// mixed mixes them: of each hundred, 45 are for a ClusterIP, 40 are search-path names, 9 are for a
// PTR, 4 are headless A and 2 are SRV.
func mixed(i int) question {
	at := i / 100 * 37 // other names in each hundred
	switch k := i * 61 % 100; {
	case k < 45:
		return clusterIP((at + k) % services.ClusterIP)
	case k < 85:
		return searchPath((at + k) % services.ClusterIP)
	case k < 94:
		return endpointPTR((at + k) % services.ClusterIP)
	case k < 98:
		return headlessA((at + k) % services.Headless)
	default:
		return headlessSRV((at + k) % services.Headless)
	}
}

// ask returns the first n questions of a kind.
func ask(kind func(int) question, n int) (list []question) {
	for i := range n {
		list = append(list, kind(i))
	}
	return list
}
