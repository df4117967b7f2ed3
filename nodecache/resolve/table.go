package resolve

import (
	"net/netip"
	"slices"

	"github.com/neardns/neardns/internal/tally"
	"github.com/neardns/neardns/internal/wire"
)

// Table says which block answers which query. It does not change; a new configuration has a new Table.
type Table struct {
	servers []Server
}

// Server is what answers at one address.
type Server struct {
	Addr   netip.AddrPort // an unspecified address stands for all of its family
	Routes []Route
	Other  *tally.Zone // counts queries that belong to no route
}

// Route is a zone of a server, and the block that answers it.
type Route struct {
	Zone  wire.Name
	Block *Block
	Count *tally.Zone
}

// NewTable returns a Table of servers. The slice and its routes are the Table's from then on.
func NewTable(servers []Server) *Table {
	for _, s := range servers {
		slices.SortStableFunc(s.Routes, func(a, b Route) int { return len(b.Zone) - len(a.Zone) })
	}
	slices.SortStableFunc(servers, func(a, b Server) int { return a.order() - b.order() })
	return &Table{servers}
}

// anywhere reports whether s answers at all addresses of a family.
func (s *Server) anywhere() bool { return s.Addr.Addr().IsUnspecified() }

// order is the place of s in a Table: servers with one address come first.
func (s *Server) order() int {
	if s.anywhere() {
		return 1
	}
	return 0
}

// server returns the server at addr, or nil.
func (t *Table) server(addr netip.AddrPort) *Server {
	for i := range t.servers {
		if s := &t.servers[i]; s.Addr == addr || s.anywhere() && s.Addr.Port() == addr.Port() && s.Addr.Addr().Is4() == addr.Addr().Is4() {
			return s
		}
	}
	return nil
}

// route returns the route with the longest zone that holds name, or nil.
func (s *Server) route(name wire.Name) *Route {
	for i := range s.Routes {
		if name.Below(s.Routes[i].Zone) {
			return &s.Routes[i]
		}
	}
	return nil
}
