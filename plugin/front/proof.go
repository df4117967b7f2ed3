package front

import (
	"bytes"
	"strings"

	"github.com/neardns/neardns/internal/listen"
	"github.com/neardns/neardns/plugin/count"
	"github.com/neardns/neardns/plugin/lane"
	"github.com/neardns/neardns/plugin/proof"
)

// prove has CoreDNS asked as well, if that is due. It returns true if CoreDNS counts the query.
func (f *front) prove(g *generation, query, answer []byte, c *listen.Client, v *lane.Verdict) bool {
	hash := v.What ^ g.salt
	return f.proof.Due(hash) && f.proof.Check(f, &proof.Query{
		Message: query, Remote: c.Remote, Local: c.Local, TCP: c.TCP, Cached: v.Block.Cached, Hash: hash,
	}, answer)
}

// Lane implements proof.Asker.
func (f *front) Lane(q *proof.Query) []byte {
	answer, v := f.again(q)
	if v.Outcome != lane.Answered {
		return nil
	}
	return answer
}

// again asks the lane once more.
func (f *front) again(q *proof.Query) (answer []byte, v lane.Verdict) {
	c := listen.NewClient(q.Remote, q.Local, q.TCP, nil)
	return f.answer(f.current.Load(), nil, q.Message, c)
}

// Chain implements proof.Asker.
func (f *front) Chain(q *proof.Query) []byte {
	g := f.enter()
	if g == nil {
		return nil
	}
	defer g.leave()
	var answer kept
	g.ask(f.writer(&answer, q.Remote, q.Local, q.TCP), bytes.Clone(q.Message))
	return answer
}

// Differs implements proof.Asker.
func (f *front) Differs(q *proof.Query, d *proof.Difference) {
	_, v := f.again(q)
	if v.Block != nil && v.Block.TurnOff() {
		f.counts.Outcome(0, count.Different)
		f.fronts.log.Errorf("express is off from now on for %s, because it does not answer as CoreDNS does; please report this: %v",
			zonesOf(v.Block), d)
	}
}

// zonesOf writes the zones of a block.
func zonesOf(b *lane.Block) string {
	var names []string
	for _, z := range b.Responder.Zones {
		names = append(names, z.Name)
	}
	return strings.Join(names, " ")
}

// kept is a listen.Responder that keeps the answer.
type kept []byte

// Send implements listen.Responder.
func (k *kept) Send(answer []byte) { *k = bytes.Clone(answer) }

// Part implements listen.Responder.
func (k *kept) Part(message []byte) error {
	k.Send(message)
	return nil
}
