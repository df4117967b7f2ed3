package selfcheck

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestCheckup lets 100 goroutines ask for 10 s as often as they can. One check runs at a time, and at
// most one a second begins. No result is more than a second old.
func TestCheckup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var checks, running atomic.Int64
		healthy := make(chan struct{})
		began := time.Now()
		c := NewCheckup(func(context.Context) error {
			checks.Add(1)
			if running.Add(1) > 1 {
				t.Error("two checks at a time")
			}
			defer running.Add(-1)
			time.Sleep(20 * time.Millisecond)
			select {
			case <-healthy:
				return nil
			default:
				return errors.New("deaf")
			}
		})
		var group sync.WaitGroup
		for range 100 {
			group.Go(func() {
				for time.Since(began) < 10*time.Second {
					err := c.Result(t.Context())
					if since := time.Since(began); since < 5*time.Second && err == nil || since > 5*time.Second+fresh+20*time.Millisecond && err != nil {
						t.Errorf("after %v: %v", since, err)
					}
					time.Sleep(10 * time.Millisecond)
				}
			})
		}
		time.Sleep(5 * time.Second)
		close(healthy)
		group.Wait()
		if n := checks.Load(); n < 9 || n > 10 {
			t.Errorf("%d checks in 10 s", n)
		}
		c.Close()
	})
}

// TestCheckupHangs makes a check that takes all the time there is. Nobody waits for it longer than
// they want to, and nobody at all once the Checkup is closed.
func TestCheckupHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewCheckup(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		ctx, cancel := context.WithTimeout(t.Context(), Time/2)
		defer cancel()
		began := time.Now()
		if err := c.Result(ctx); !errors.Is(err, errNotChecked) || time.Since(began) != Time/2 {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if err := c.Result(t.Context()); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != Time {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		time.Sleep(fresh)
		go func() { time.Sleep(time.Millisecond); c.Close() }()
		began = time.Now()
		for range 2 {
			if err := c.Result(t.Context()); err == nil || time.Since(began) != time.Millisecond {
				t.Errorf("while it closes: %v after %v", err, time.Since(began))
			}
		}
	})
}
