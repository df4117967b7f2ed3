package node

import (
	"fmt"
	"strings"

	"github.com/neardns/neardns/test/bench/gauge"
)

// row is a line of the table. An aim of 0 is none.
type row struct {
	what      string
	of        [count]float64 // 0: not measured
	ofStock   float64        // aim for ours, as a share of stock's
	ofUnbound float64        // aim for ours, as a share of unbound's
	most      float64        // aim for ours
}

type table struct{ begun bool }

// add prints a row at once, so that a long run shows how far it is.
func (t *table) add(r row) {
	if !t.begun {
		fmt.Println("\n| | neardns | stock | unbound | dnsmasq | of stock | of unbound | aim |")
		fmt.Println("|---|---|---|---|---|---|---|---|")
		t.begun = true
	}
	cells := []string{r.what}
	for _, v := range r.of {
		cells = append(cells, gauge.Number(v))
	}
	cells = append(cells, r.ratio(stock), r.ratio(unbound), r.verdict())
	fmt.Printf("| %s |\n", strings.Join(cells, " | "))
}

func (r row) ratio(to int) string {
	if r.of[to] == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", r.of[ours]/r.of[to])
}

func (r row) verdict() string {
	var aims []string
	missed := false
	aim := func(format string, most, unit float64) {
		if most > 0 {
			aims = append(aims, fmt.Sprintf(format, most))
			missed = missed || r.of[ours] > most*unit
		}
	}
	aim("%.2f of stock", r.ofStock, r.of[stock])
	aim("%.2f of unbound", r.ofUnbound, r.of[unbound])
	aim("%.4g", r.most, 1)
	if missed {
		aims = append(aims, "MISSED")
	}
	return strings.Join(aims, ", ")
}
