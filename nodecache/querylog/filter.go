package querylog

import "github.com/neardns/neardns/internal/wire"

// Rule says which replies to queries within a zone are logged.
type Rule struct {
	Zone    wire.Name
	Classes Class
}

// Filter says what is logged. Of its rules the first one whose zone has the name decides, as
// in CoreDNS, whether or not a later one would say more. The zero Filter passes nothing.
type Filter []Rule

// Pass reports whether q and its reply, which is empty if none was sent, are logged. A query
// whose question could not be read counts as one for the root.
func (f Filter) Pass(q *wire.Query, reply []byte) bool {
	for i := range f {
		r := &f[i]
		if !r.Zone.IsRoot() && !q.Name.Below(r.Zone) {
			continue
		}
		return r.Classes == All || r.Classes&ClassOf(q, reply) != 0
	}
	return false
}
