package nodecache

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/neardns/neardns/internal/wire"
)

// flush begins the question that has a name forgotten; see probe.go for who may ask.
const flush = "flush "

// Flush has the running process forget what it keeps of a name and of all names below it; an empty
// name is the root. It returns what came of it, as text.
func Flush(ctx context.Context, name string) (result string, err error) {
	n, err := wire.ParseName(cmp.Or(name, "."))
	if err != nil {
		return "", err
	}
	addr, err := probeAddr()
	if err != nil {
		return "", err
	}
	return probe(ctx, addr, flush+n.String())
}

// answer answers what is asked through the prober's socket.
func (p *process) answer(ctx context.Context, question string) (result string, err error) {
	name, ok := strings.CutPrefix(question, flush)
	if !ok {
		return "", p.answerProbe(ctx, question)
	}
	n, err := wire.ParseName(name)
	if err != nil {
		return "", err
	}
	forgotten := p.resolver.Flush(n)
	p.Log.Info("flushed", "name", name, "answers", forgotten)
	return fmt.Sprintf("answers forgotten: %d", forgotten), nil
}
