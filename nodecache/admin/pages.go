package admin

import (
	"net"
	"net/http"
)

// Pages are the handlers wanted, by address, such as ":9253", and path.
type Pages map[string]map[string]http.Handler

// Add notes that h is wanted. What was first at an address and path stays.
func (p Pages) Add(addr, path string, h http.Handler) {
	addr = canonical(addr)
	if p[addr] == nil {
		p[addr] = map[string]http.Handler{}
	}
	if p[addr][path] == nil {
		p[addr][path] = h
	}
}

// canonical writes the address of all interfaces in one way.
func canonical(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err == nil && (host == "0.0.0.0" || host == "::") {
		return ":" + port
	}
	return addr
}

// mux returns what serves the handlers of one address.
func mux(handlers map[string]http.Handler) *http.ServeMux {
	m := http.NewServeMux()
	for path, h := range handlers {
		m.Handle(path, h)
	}
	return m
}
