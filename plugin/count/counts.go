package count

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/metrics"
	"github.com/coredns/coredns/plugin/metrics/vars"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/neardns/neardns/internal/tally"
)

// Outcome is what became of a query that came to one of the lane's sockets.
type Outcome int

// The outcomes. A query has one of them, and perhaps one of the last two besides.
const (
	Answered  Outcome = iota // by the lane alone
	Compared                 // by the lane, and CoreDNS was asked as well
	Refused                  // by the lane, with an error: it was malformed
	Passed                   // handed to CoreDNS, which answers
	Busy                     // no answer over UDP, SERVFAIL over TCP: CoreDNS would have had too many to answer at a time
	Dropped                  // it was no query
	Panicked                 // passed, because the lane panicked
	Different                // compared, and CoreDNS's answer differs for good
)

var outcomes = [...]string{"answered", "compared", "refused", "passed", "busy", "dropped", "panicked", "different"}

// Counts are the counts of all lanes of the process. Its methods are safe for concurrent use. A
// reload changes nothing.
type Counts struct {
	queries *tally.Set
	events  *tally.Events
	express tally.Family
	readers atomic.Int64 // how many numbers were given
}

// Open returns the process's Counts. The first call takes the place of CoreDNS's own collectors in
// the default registry, where its prometheus plugin has them. A process without a lane is spared
// that.
func Open() (*Counts, error) { return open() }

var open = sync.OnceValues(func() (*Counts, error) { return newCounts(prometheus.DefaultRegisterer) })

// fronts is for how many fronts the readers get cells of their own: one for each of a few
// listeners, and some that take over from them.
const fronts = 4

func newCounts(r prometheus.Registerer) (*Counts, error) {
	writers := fronts * (runtime.NumCPU() + 1)
	c := &Counts{
		queries: tally.New(writers),
		events:  tally.NewEvents(writers),
		express: tally.NewFamily(prometheus.CounterValue, plugin.Namespace, "kubernetes", "express_total",
			"Counter of the queries that came to the express lane, by what became of them.", "outcome"),
	}
	if err := takePlace(r, c.queries); err != nil {
		return nil, err
	}
	return c, r.Register(c)
}

// takePlace registers a collector that adds what lane collects to what CoreDNS collects. There is a
// moment in which neither is registered. A scrape in that moment lacks the series, which Prometheus
// bears as it does a failed scrape.
func takePlace(r prometheus.Registerer, lane prometheus.Collector) error {
	own := []prometheus.Collector{
		vars.RequestCount, vars.RequestDuration, vars.RequestSize, vars.RequestDo, vars.ResponseSize, vars.ResponseRcode,
	}
	for i, c := range own {
		if !r.Unregister(c) {
			for _, back := range own[:i] {
				_ = r.Register(back) // it was there before
			}
			return errors.New("CoreDNS's metrics are not where they were in CoreDNS 1.15.0; queries of the express lane are not in them")
		}
	}
	return r.Register(append(sum{lane}, own...))
}

// Readers returns the first of n numbers for the readers of a front, see listen.Config.FirstReader.
func (c *Counts) Readers(n int) (first int) { return int(c.readers.Add(int64(n))) - n }

// Outcome counts one query that reader read.
func (c *Counts) Outcome(reader int, o Outcome) { c.events.Count(reader, int(o)) }

// Zone returns what counts the lane's queries for zone, a key of block, at the server with the address
// server (dnsserver.Server.Addr). It returns nil if CoreDNS would not count them, because prometheus
// is not in the block. The block's plugins must have been chained, as they are when CoreDNS calls a
// plugin's OnStartup.
//
// The labels are those that the prometheus plugin of CoreDNS 1.15.0 writes. It names the plugin that
// stands behind it, whoever answers (see tally.Source).
//
// Samples have to count as that plugin does. ReplySize is of the message as the plugins hand it out,
// which is uncompressed, without an OPT record and not yet cut to what the client takes. Took is
// without the way through the sockets, but with the wait for the queries that were read together with
// this one. What CoreDNS refuses before it asks a plugin is not counted.
func (c *Counts) Zone(server string, block *dnsserver.Config, zone string) *tally.Zone {
	m, ok := block.Handler("prometheus").(*metrics.Metrics)
	if !ok {
		return nil
	}
	return c.queries.ZoneOf(server, zone, m.Next.Name())
}

// Describe implements prometheus.Collector.
func (c *Counts) Describe(ch chan<- *prometheus.Desc) { tally.Describe(ch, c.express) }

// Collect implements prometheus.Collector. All outcomes are there from the beginning, so that an
// alert can tell 0 from nothing.
func (c *Counts) Collect(ch chan<- prometheus.Metric) {
	for kind, name := range outcomes {
		c.express.Send(ch, float64(c.events.Total(kind)), name)
	}
}
