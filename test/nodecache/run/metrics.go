package run

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Metrics are the values of series. The key is what stands before the value:
// NAME{LABEL="VALUE",...}.
type Metrics map[string]float64

// Scrape returns the metrics at addr.
func Scrape(t testing.TB, addr string) Metrics {
	t.Helper()
	status, body := Get(t, "http://"+addr+"/metrics")
	if status != http.StatusOK {
		t.Fatalf("%s/metrics: %d", addr, status)
	}
	m := Metrics{}
	for line := range strings.Lines(body) {
		line = strings.TrimSpace(line)
		at := strings.LastIndexByte(line, ' ')
		if at < 0 || line[0] == '#' {
			continue
		}
		v, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil {
			t.Fatalf("%s/metrics: %q: %v", addr, line, err)
		}
		m[line[:at]] = v
	}
	return m
}

// Sum adds up the series of a name that have all labels, such as `type="success"`.
func (m Metrics) Sum(name string, labels ...string) (sum float64) {
	for key, v := range m {
		if m.is(key, name, labels) {
			sum += v
		}
	}
	return sum
}

// Has reports whether there is a series of a name with all labels.
func (m Metrics) Has(name string, labels ...string) bool {
	for key := range m {
		if m.is(key, name, labels) {
			return true
		}
	}
	return false
}

func (Metrics) is(key, name string, labels []string) bool {
	base, rest, _ := strings.Cut(key, "{")
	if base != name {
		return false
	}
	for _, l := range labels {
		if !strings.Contains("{"+rest, l) {
			return false
		}
	}
	return true
}

// Get returns the status and the body of a page, or 0 if nothing serves it. Each request has a
// connection of its own.
func Get(t testing.TB, url string) (status int, body string) {
	t.Helper()
	c := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := c.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = r.Body.Close() }()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return 0, err.Error()
	}
	return r.StatusCode, string(text)
}
