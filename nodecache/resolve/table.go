package resolve

import (
	"net/netip"
	"slices"

	"github.com/neardns/neardns/internal/tally"
	"github.com/neardns/neardns/internal/wire"
)

// Table says which block answers what. It does not change; a new configuration is a new one.
type Table struct {
	servers []Server
}

// Server is what is answered at one address.
type Server struct {
	Addr   netip.AddrPort // unspecified: any address of that family with that port
	Routes []Route
	Other  *tally.Zone // counts what belongs to no route
}

// Route is a zone of a server, and the block that answers it.
type Route struct {
	Zone  wire.Name
	Block *Block
	Count *tally.Zone
}

// NewTable returns a Table of servers, which it takes over.
func NewTable(servers []Server) *Table {
	for _, s := range servers {
		slices.SortStableFunc(s.Routes, func(a, b Route) int { return len(b.Zone) - len(a.Zone) })
	}
	slices.SortStableFunc(servers, func(a, b Server) int { return a.order() - b.order() })
	return &Table{servers}
}

// anywhere reports whether s has an address that stands for all of them.
func (s *Server) anywhere() bool { return s.Addr.Addr().IsUnspecified() }

// order is the place of s: what has an address of its own goes first.
func (s *Server) order() int {
	if s.anywhere() {
		return 1
	}
	return 0
}

// server returns what answers at addr, nil for nothing.
func (t *Table) server(addr netip.AddrPort) *Server {
	for i := range t.servers {
		if s := &t.servers[i]; s.Addr == addr || s.anywhere() && s.Addr.Port() == addr.Port() && s.Addr.Addr().Is4() == addr.Addr().Is4() {
			return s
		}
	}
	return nil
}

// route returns the route with the longest zone that holds name, nil for none.
func (s *Server) route(name wire.Name) *Route {
	for i := range s.Routes {
		if name.Below(s.Routes[i].Zone) {
			return &s.Routes[i]
		}
	}
	return nil
}
