package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/klog/v2"
)

func newTestReport() (*report, *logged) {
	l := &logged{}
	return newReport(l, "https://api.example"), l
}

func testResource() *resource {
	return &resource{group: corev1.SchemeGroupVersion, name: "services"}
}

// age makes all troubles older.
func (r *report) age(d time.Duration) {
	for _, t := range r.troubles {
		t.since, t.logged = t.since.Add(-d), t.logged.Add(-d)
	}
}

func TestReportConnection(t *testing.T) { synctest.Test(t, testReportConnection) }

func testReportConnection(t *testing.T) {
	r, l := newTestReport()
	ctx, res := context.Background(), testResource()
	for i := range 100 {
		err := &url.Error{Op: "Get", URL: fmt.Sprint("https://api.example/", i), Err: fmt.Errorf("dial: %w", syscall.ECONNREFUSED)}
		if got := r.outcome(ctx, "list", res, err); !utilnet.IsConnectionRefused(got) {
			t.Errorf("%v is not %v any more", got, err)
		}
		time.Sleep(6 * time.Second) // virtual time
		if away := time.Since(r.awaySince()); away != time.Duration(i+1)*6*time.Second {
			t.Fatalf("away for %v", away)
		}
	}
	_ = r.outcome(ctx, "watch", testResource(), nil)
	if !r.awaySince().IsZero() {
		t.Errorf("away since %v, after an answer", r.awaySince())
	}
	time.Sleep(settleAfter) // virtual time
	synctest.Wait()
	const want = `WARNING cannot reach the Kubernetes API at https://api.example: dial: connection refused; trying until it answers
WARNING cannot reach the Kubernetes API at https://api.example: dial: connection refused; trying until it answers (for 5m0s so far)
INFO the Kubernetes API answers again, after 10m0s`
	if l.String() != want {
		t.Errorf("log:\n%v\nwant:\n%v", l, want)
	}
}

// TestReportFlaps makes one of two API servers refuse our credentials: requests fail and succeed
// side by side. One line says that the trouble began, and one that it is over.
func TestReportFlaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := newTestReport()
		ctx, other := context.Background(), &resource{group: corev1.SchemeGroupVersion, name: "pods"}
		refused := apierrors.NewUnauthorized("Unauthorized")
		for range 30 {
			_ = r.outcome(ctx, "list", testResource(), refused)
			_ = r.outcome(ctx, "list", other, nil)
			time.Sleep(longestBackoff)
		}
		const began = `ERROR the Kubernetes API at https://api.example does not accept our credentials: Unauthorized`
		if l.String() != began {
			t.Errorf("log:\n%v\nwant:\n%v", l, began)
		}
		_ = r.outcome(ctx, "list", testResource(), nil)
		time.Sleep(settleAfter - longestBackoff)
		synctest.Wait()
		const over = began + "\nINFO the Kubernetes API accepts our credentials again, after 2m54s"
		if l.String() != over {
			t.Errorf("log:\n%v\nwant:\n%v", l, over)
		}

		_ = r.outcome(ctx, "list", testResource(), refused) // another time
		_ = r.outcome(ctx, "list", testResource(), nil)
		r.close()
		time.Sleep(2 * settleAfter)
		synctest.Wait()
		if want := over + "\n" + began; l.String() != want {
			t.Errorf("log after close:\n%v\nwant:\n%v", l, want)
		}
	})
}

func TestReportForbidden(t *testing.T) {
	r, l := newTestReport()
	ctx := context.Background()
	one := &resource{group: corev1.SchemeGroupVersion, name: "namespaces", only: "a"}
	in := &resource{group: schema.GroupVersion{Group: "g", Version: "v"}, name: "things", namespace: "a"}
	err := apierrors.NewForbidden(schema.GroupResource{Resource: "services"}, "", errors.New("no"))
	for range 3 {
		_ = r.outcome(ctx, "list", testResource(), err)
		_ = r.outcome(ctx, "watch", one, err)
		_ = r.outcome(ctx, "list", in, err)
	}
	_ = r.outcome(ctx, "list", testResource(), apierrors.NewForbidden(schema.GroupResource{}, "", errors.New(`User "dns" can't`)))
	_ = r.outcome(ctx, "watch", testResource(), nil)
	_ = r.outcome(ctx, "list", testResource(), nil)
	const want = `ERROR cannot list services in all namespaces: forbidden; grant verb "list" on "services" (API group "")
ERROR cannot watch namespaces with name "a": forbidden; grant verb "watch" on "namespaces" (API group "", resource name "a")
ERROR cannot list things.g in namespace "a": forbidden; grant verb "list" on "things" (API group "g", namespace "a")
ERROR cannot list services in all namespaces: forbidden; grant verb "list" on "services" (API group "") to User "dns"
INFO can list services in all namespaces now, after 0s`
	if l.String() != want {
		t.Errorf("log:\n%v\nwant:\n%v", l, want)
	}
}

func TestReportOther(t *testing.T) {
	r, l := newTestReport()
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	_ = r.outcome(ended, "list", testResource(), context.Canceled)
	_ = r.outcome(context.Background(), "watch", testResource(), apierrors.NewResourceExpired("too old"))
	_ = r.outcome(context.Background(), "watch", testResource(), apierrors.NewInternalError(io.EOF))
	const want = `WARNING cannot watch services in all namespaces: Internal error occurred: EOF; trying again`
	if l.String() != want {
		t.Errorf("log:\n%v\nwant:\n%v", l, want)
	}
}

func TestReflectorLog(t *testing.T) {
	r, l := newTestReport()
	log := r.logger()
	log.V(1).Info("detail")
	log.Error(fmt.Errorf("failed to list: %w", reported{io.EOF}), "Failed to watch")
	for range 3 {
		log.WithName("x").WithValues("reflector", "r").Info("Warning: watch ended with error", "type", "services", "err", io.EOF, "n", 1)
	}
	log.Error(io.ErrUnexpectedEOF, "Unable to do")
	r.age(reportAgain)
	log.Error(io.ErrUnexpectedEOF, "Unable to do")
	const want = `WARNING watch ended with error reflector="r" type="services" err=EOF n=1
WARNING Unable to do: unexpected EOF
WARNING Unable to do: unexpected EOF`
	if l.String() != want {
		t.Errorf("log:\n%v\nwant:\n%v", l, want)
	}
}

func TestLogTo(t *testing.T) {
	l := &logged{}
	LogTo(l)
	defer klog.ClearLogger()
	klog.InfoS("hello", "a", 1)
	klog.ErrorS(io.EOF, "failed", "b", "x y", "odd")
	const want = `INFO hello a=1
ERROR failed: EOF b="x y"`
	if !strings.HasPrefix(l.String(), want) {
		t.Errorf("log:\n%v\nwant:\n%v", l, want)
	}
}
