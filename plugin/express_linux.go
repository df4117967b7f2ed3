package kubernetes

import (
	"crypto/rand"
	"sync"

	"github.com/neardns/neardns/internal/cookie"
	"github.com/neardns/neardns/plugin/front"
)

// fronts are all fronts of the process. They outlive a reload, and so does the secret of their cookies.
var fronts = sync.OnceValue(func() *front.Fronts {
	var secret [16]byte
	_, _ = rand.Read(secret[:]) // it never fails
	return &front.Fronts{Log: log, Cookies: cookie.New(secret)}
})

func newBeside(p *plan) beside { return fronts().NewInstance(p.table) }
