package upstream

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/neardns/neardns/internal/wire"
)

// TestMain checks that every Forward took its goroutines with it.
func TestMain(m *testing.M) {
	if os.Getenv(serveEnv) != "" {
		serveAlone()
		return
	}
	goleak.VerifyTestMain(m)
}

// exchangeOK asks and checks that the answer belongs to the query.
func exchangeOK(t testing.TB, f *Forward, name string, scope Scope) []byte {
	t.Helper()
	m, err := exchangeErr(t, f, name, scope)
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	return m
}

func exchangeErr(t testing.TB, f *Forward, of string, scope Scope) ([]byte, error) {
	t.Helper()
	m, err := f.Exchange(context.Background(), []byte("kept"), queryFor(t, of), nil, scope)
	if err != nil {
		return nil, err
	}
	a := wire.Message(m[4:])
	if string(m[:4]) != "kept" || a.ID() != 0xabcd || !strings.EqualFold(name(a), of) || a.Flags()&wire.QR == 0 {
		return nil, &opError{Op: "match", Err: io.ErrUnexpectedEOF}
	}
	return m[4:], nil
}

// load asks n queries, some at a time, and returns how long each took, sorted.
func load(t testing.TB, f *Forward, n, atATime int, of string, scope Scope) []time.Duration {
	t.Helper()
	took := make([]time.Duration, n)
	var next atomic.Int64
	var group sync.WaitGroup
	for range atATime {
		group.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				began := time.Now()
				if m := exchangeOK(t, f, fmt.Sprintf("%s%d.example", of, i), scope); wire.Message(m).Truncated() {
					t.Error("truncated")
				}
				took[i] = time.Since(began)
			}
		})
	}
	group.Wait()
	slices.Sort(took)
	return took
}

func p99(took []time.Duration) time.Duration { return took[len(took)*99/100] }
