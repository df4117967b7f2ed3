package kubernetes

import (
	"cmp"
	"math"
	"slices"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/plugin/reply"
	"github.com/neardns/neardns/plugin/zone"
)

// zoneTransfer sends one zone to one client.
type zoneTransfer struct {
	responder *reply.Responder
	apex      reply.Question
	soa       *dns.SOA
	reply     reply.Reply
	out       chan<- []dns.RR
}

// run sends the zone, or the SOA record alone if the client has this serial.
func (t *zoneTransfer) run(serial uint32) {
	defer close(t.out)
	defer func() {
		if v := recover(); v != nil { // nobody else would recover it
			log.Errorf("Transfer of %s panicked: %v", t.apex.Name, v)
		}
	}()
	t.out <- []dns.RR{t.soa}
	if serial != 0 && serial == t.soa.Serial {
		return
	}
	t.sendZone()
	t.out <- []dns.RR{t.soa}
}

// sendZone sends what questions for the zone's names are answered with, each record once.
func (t *zoneTransfer) sendZone() {
	t.apex.Type = wire.NS
	t.ask(&t.apex)
	for _, qtype := range [...]wire.Type{wire.A, wire.AAAA} {
		q := t.apex.At("ns.dns.", qtype)
		q.Name = reply.Join("ns.dns.", t.apex.Name) // in the letter case of the NS records
		t.ask(&q)
	}
	t.sendPointers()
	if t.apex.Zone.Reverse {
		return
	}
	q := t.apex.At("dns-version.", wire.TXT)
	t.ask(&q)
	t.sendServices()
	for name, addr := range t.responder.Store.PodNames() {
		qtype := wire.A
		if !addr.Is4() {
			qtype = wire.AAAA
		}
		t.sendFound(name+"pod.", qtype, &zone.Result{Existence: zone.Records, What: zone.PodIP, Addr: addr})
	}
}

// ask sends the answer to a question.
func (t *zoneTransfer) ask(q *reply.Question) {
	t.responder.Answer(q, &t.reply)
	t.send(q)
}

// sendFound sends the records of one type at labels below the zone.
func (t *zoneTransfer) sendFound(labels string, qtype wire.Type, found *zone.Result) {
	q := t.apex.At(labels, qtype)
	t.responder.Fill(&q, found, &t.reply)
	t.send(&q)
}

// send sends the reply's records, unless the name is in another zone of the block.
func (t *zoneTransfer) send(q *reply.Question) {
	if t.responder.Zones.Match(q.Lower) != t.apex.Zone {
		return
	}
	if records, _ := newRecords(q.Name, &t.reply); len(records) > 0 {
		t.out <- records
	}
}

func (t *zoneTransfer) sendPointers() {
	for addr := range t.responder.Store.Pointers() {
		name, err := dns.ReverseAddr(addr.String())
		if err != nil {
			continue
		}
		if q, ok := t.responder.Zones.Question(name, wire.PTR); ok && q.Zone == t.apex.Zone {
			t.ask(&q)
		}
	}
}

// sendServices sends the records of all Services in order of their names.
func (t *zoneTransfer) sendServices() {
	store, z := t.responder.Store, t.apex.Zone
	services := slices.SortedFunc(store.Services(z.Set), func(a, b zone.Result) int {
		return cmp.Or(cmp.Compare(a.Service.Name, b.Service.Name), cmp.Compare(a.Service.Namespace, b.Service.Namespace))
	})
	for _, service := range services {
		own := service.Service.Name + "." + service.Service.Namespace + ".svc."
		for labels, found := range store.Names(z.Set, service) {
			t.sendAt(labels+own, &found)
		}
	}
}

// sendAt sends the records of all types at a Service's name or a name below it. A name that is
// too long for a message has none.
func (t *zoneTransfer) sendAt(labels string, found *zone.Result) {
	switch {
	case reply.Length(reply.Join(labels, t.apex.Zone.Name)) > zone.MaxName:
	case found.What == zone.Alias:
		t.sendFound(labels, wire.CNAME, found)
	default:
		for _, qtype := range [...]wire.Type{wire.A, wire.AAAA, wire.SRV} {
			t.sendFound(labels, qtype, found)
		}
	}
}

// newTransfer returns the transfer of one of our zones to out. It returns false if name is no
// zone of ours, or if the records are not complete yet.
func newTransfer(responder *reply.Responder, name string, out chan<- []dns.RR) (*zoneTransfer, bool) {
	apex, ok := responder.Zones.Question(dns.Fqdn(name), wire.SOA)
	if !ok || apex.Rest != "" || !responder.Store.Synced() {
		return nil, false
	}
	apex.Size = math.MaxInt // nothing is cut
	soa := responder.SOA(&apex)
	return &zoneTransfer{responder: responder, apex: apex, soa: newSOA(&soa), out: out}, true
}
