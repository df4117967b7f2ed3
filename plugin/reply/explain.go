package reply

import (
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/plugin/zone"
)

// text is the text of an extended error, in memory that is used again.
type text []byte

// explain gives r the extended errors that belong to it, as one.
func (s *Responder) explain(existence zone.Existence, r *Reply) {
	r.why = r.why[:0]
	if existence == zone.NotSynced {
		r.why = append(r.why, "not synced with the Kubernetes API yet"...)
		r.Error = wire.Error{Set: true, Code: wire.NotReady, Text: r.why}
	}
	if s.Notice == nil {
		return
	}
	n := s.Notice()
	switch {
	case !n.Set:
		return
	case n.Code == wire.StaleAnswer && r.Rcode == wire.NXDomain:
		n.Code = wire.StaleNXDomain
	}
	if r.Error.Set {
		r.why = append(append(r.why, "; "...), n.Text...)
		n.Text = r.why
	}
	r.Error = n
}
