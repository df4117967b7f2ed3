package metrics

import (
	"crypto/sha512"
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestEvents shows which series each event counts in.
func TestEvents(t *testing.T) {
	s := New(1)
	e := s.Events
	e.Coalesced()
	for range 3 {
		e.AncestorAsked()
	}
	e.CutDropped()
	e.WatchLog(func() uint64 { return 5 }, func() uint64 { return 6 })
	e.WatchPages(func() uint64 { return 4 })
	e.Panicked()
	e.Panicked()
	e.ReloadFailed.Add(8)
	e.HealthFailures.Add(9)
	e.HealthDuration.Observe(0.01)
	e.SetupFailed(InterfaceCheck)
	e.HostsRead("/etc/hosts\xff", 3, time.Unix(100, 5e8))
	e.LoopFound(".", "10.0.0.1:53", true)
	old, sum := sha512.Sum512([]byte("old")), sha512.Sum512([]byte("new"))
	e.Reloaded(old)
	e.Reloaded(sum)
	wants(t, s, map[string]float64{
		`nodecache_coalesced_queries_total`:                                       1,
		`nodecache_cut_probes_total`:                                              3,
		`nodecache_cuts_dropped_total`:                                            1,
		`nodecache_http_connections_dropped_total`:                                4,
		`nodecache_log_dropped_total`:                                             5,
		`nodecache_query_log_dropped_total`:                                       6,
		`coredns_panics_total`:                                                    2,
		`coredns_reload_failed_total`:                                             8,
		`coredns_health_request_failures_total`:                                   9,
		`coredns_health_request_duration_seconds_bucket{le="0.0025"}`:             0,
		`coredns_health_request_duration_seconds_bucket{le="0.025"}`:              1,
		`coredns_nodecache_setup_errors_total{errortype="interface_check"}`:       1,
		`coredns_hosts_entries{hostsfile="/etc/hosts` + "\uFFFD" + `"}`:           3,
		`coredns_hosts_reload_timestamp_seconds`:                                  100.5,
		`nodecache_loop_detected{to="10.0.0.1:53",zone="."}`:                      1,
		fmt.Sprintf(`coredns_reload_version_info{hash="sha512",value="%x"}`, sum): 1,
	})
	e.LoopFound(".", "10.0.0.1:53", false)
	for _, gone := range []string{"nodecache_loop_detected{", fmt.Sprintf("%x", old)} {
		if strings.Contains(scrape(t, s), gone) {
			t.Errorf("%s is still there", gone)
		}
	}
}

// TestBuild shows the labels of the build, which TestStock leaves out.
func TestBuild(t *testing.T) {
	text := scrape(t, New(1))
	for _, want := range []string{`revision="abcdef"`, `version="1.2.3"`, `goversion="go1.`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
}

// TestSetPlugins shows that a directive is gone from the metrics when a reload takes it away.
func TestSetPlugins(t *testing.T) {
	s := New(1)
	s.SetPlugins([]Plugin{{here, ".", "cache"}, {here, ".", "hosts"}, {here, ".", "reload"}})
	s.SetPlugins([]Plugin{{here, ".", "cache"}, {here, ".", "cache"}})
	text := scrape(t, s)
	for name, there := range map[string]bool{"cache": true, "hosts": false, "reload": false} {
		if strings.Contains(text, `coredns_plugin_enabled{name="`+name+`",`) != there {
			t.Errorf("%s: want %v", name, there)
		}
	}
}
