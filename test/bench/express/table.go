package express

import (
	"fmt"
	"strings"

	"github.com/neardns/neardns/test/bench/gauge"
)

// row is a line of the table.
type row struct {
	what string
	of   [count]float64 // 0: not measured
	aims []aim
}

// aim says what is aimed at, and whether these figures meet it.
type aim func(of [count]float64) (text string, met bool)

// times wants stock's figure to be at least n times ours.
func times(n float64) aim {
	return func(of [count]float64) (string, bool) {
		return fmt.Sprintf("stock %.4g times ours", n), of[stock] >= n*of[ours]
	}
}

// share wants ours to be at most this share of a contender's.
func share(n float64, of int) aim {
	return func(f [count]float64) (string, bool) {
		return fmt.Sprintf("%.2f of %s", n, names[of]), f[ours] <= n*f[of]
	}
}

// over wants ours to be at most n more than with the lane off.
func over(n float64) aim {
	return func(of [count]float64) (string, bool) {
		return fmt.Sprintf("%.4g more than off", n), of[ours] <= of[off]+n
	}
}

// atMost wants ours to be at most n.
func atMost(n float64) aim {
	return func(of [count]float64) (string, bool) { return fmt.Sprintf("%.4g", n), of[ours] <= n }
}

type table struct{ begun bool }

// add prints a row at once, so that a long run shows how far it is.
func (t *table) add(what string, of [count]float64, aims ...aim) {
	if !t.begun {
		fmt.Println("\n| | neardns | express off | stock | unbound | echo | stock / ours | ours / echo | aim |")
		fmt.Println("|---|---|---|---|---|---|---|---|---|")
		t.begun = true
	}
	r := row{what, of, aims}
	cells := []string{r.what}
	for _, v := range r.of {
		cells = append(cells, gauge.Number(v))
	}
	cells = append(cells, r.ratio(stock, ours), r.ratio(ours, echo), r.verdict())
	fmt.Printf("| %s |\n", strings.Join(cells, " | "))
}

func (r row) ratio(a, b int) string {
	if r.of[a] == 0 || r.of[b] == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", r.of[a]/r.of[b])
}

func (r row) verdict() string {
	var texts []string
	missed := false
	for _, a := range r.aims {
		text, met := a(r.of)
		texts = append(texts, text)
		missed = missed || !met
	}
	if missed {
		texts = append(texts, "MISSED")
	}
	return strings.Join(texts, ", ")
}
