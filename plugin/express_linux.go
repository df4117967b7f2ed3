package kubernetes

import (
	"crypto/rand"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/neardns/neardns/internal/cookie"
	"github.com/neardns/neardns/plugin/front"
)

// fronts are all fronts of the process. They outlive a reload, and so does the secret of their cookies.
var fronts = sync.OnceValue(func() *front.Fronts {
	var secret [16]byte
	_, _ = rand.Read(secret[:]) // it never fails
	f := front.New(log, cookie.New(secret))
	prometheus.MustRegister(f.Losses())
	return f
})

func newBeside(p *plan) beside { return fronts().NewInstance(p.table) }
