package main

import (
	"fmt"

	"github.com/neardns/neardns/test/bench/gauge"
)

// row is a line of the table. most is the aim for our figure, as a share of stock's.
type row struct {
	what        string
	ours, stock float64
	most        float64
}

type table struct{ rows []row }

// add prints a row at once, so that a long run shows how far it is.
func (t *table) add(r row) {
	if len(t.rows) == 0 {
		fmt.Println("\n| | neardns | stock | ratio | aim |")
		fmt.Println("|---|---|---|---|---|")
	}
	t.rows = append(t.rows, r)
	fmt.Printf("| %s | %s | %s | %s | %s |\n", r.what, gauge.Number(r.ours), gauge.Number(r.stock), r.ratio(), r.verdict())
}

func (r row) ratio() string {
	if r.stock == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", r.ours/r.stock)
}

func (r row) verdict() string {
	switch {
	case r.most == 0:
		return ""
	case r.ours > r.most*r.stock:
		return fmt.Sprintf("%.2f, MISSED", r.most)
	}
	return fmt.Sprintf("%.2f", r.most)
}
