package apiproxy

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/cluster"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// bench is a namespace of a real API server, and a proxy before it.
type bench struct {
	*testing.T
	*Proxy
	direct kubernetes.Interface
	space  string
}

// create creates objects of these names.
func (b *bench) create(names ...string) {
	b.Helper()
	for _, name := range names {
		o := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"ours": ""}}}
		if _, err := b.direct.CoreV1().ConfigMaps(b.space).Create(b.Context(), o, metav1.CreateOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

// watch begins a watch through the proxy, of the present state and what comes then.
func (b *bench) watch(media string) watch.Interface {
	b.Helper()
	c, err := kubernetes.NewForConfig(&rest.Config{Host: b.URL, ContentConfig: rest.ContentConfig{ContentType: media}})
	if err != nil {
		b.Fatal(err)
	}
	yes := true
	w, err := c.CoreV1().ConfigMaps(b.space).Watch(b.Context(), metav1.ListOptions{
		LabelSelector: "ours", AllowWatchBookmarks: true, SendInitialEvents: &yes, ResourceVersionMatch: "NotOlderThan",
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(w.Stop)
	return w
}

// text returns the name of an event's object, or | for the end of a list. Other bookmarks have none.
func text(e watch.Event) string {
	o := e.Object.(*corev1.ConfigMap)
	if e.Type == watch.Bookmark && o.Annotations[metav1.InitialEventsAnnotationKey] != "" {
		return "|"
	}
	return o.Name
}

// next returns the text of the next event of a watch that has one.
func (b *bench) next(w watch.Interface) string {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), testkit.Patience)
	defer cancel()
	for {
		select {
		case e, ok := <-w.ResultChan():
			if !ok {
				b.Fatal("the watch has ended")
			}
			if s := text(e); s != "" {
				return s
			}
		case <-ctx.Done():
			b.Fatal("no event")
		}
	}
}

func TestProxy(t *testing.T) {
	c := cluster.ForTest(t, cluster.Options{})
	const late = 300 * time.Millisecond
	on := func(name string, a Action) Rule {
		return func(e Event) Action {
			if e.Name == name && e.Type == "ADDED" && e.Namespace != "" && e.Resource == "configmaps" {
				return a
			}
			return Pass
		}
	}
	tests := []struct {
		name string
		rule Rule
		want string // a and b are there, c, d and e come then
	}{
		{"pass", nil, "ab|cde"},
		{"swallow", on("d", Swallow), "ab|ce"},
		{"duplicate", on("d", Duplicate), "ab|cdde"},
		{"reorder", on("d", Reorder), "ab|ced"},
		{"delay", on("d", Delay(late)), "ab|cde"},
		{"freeze", on("d", Freeze), "ab|c"},
		{"list", on("a", Swallow), "b|cde"},
		{"live", Live(Swallow), "ab|"},
		{"bookmark", func(e Event) Action {
			if e.Type == "BOOKMARK" && e.Initial {
				return Swallow
			}
			return Pass
		}, "abcde"},
	}
	for _, test := range tests {
		for _, media := range []string{runtime.ContentTypeJSON, runtime.ContentTypeProtobuf} {
			space := test.name + "-" + media[strings.LastIndexAny(media, "./")+1:]
			t.Run(space, func(t *testing.T) {
				if err := c.CreateNamespace(t.Context(), space); err != nil {
					t.Fatal(err)
				}
				b := &bench{t, Start(t, c.Config()), c.Client(), space}
				b.create("a", "b")
				b.Do("configmaps", test.rule)
				w := b.watch(media)
				start := time.Now()
				b.create("c", "d", "e")
				var got []string
				for range len(test.want) {
					got = append(got, b.next(w))
				}
				if list := strings.Index(test.want+"|", "|"); list < len(got) {
					slices.Sort(got[:list]) // a list has no order
				}
				if s := strings.Join(got, ""); s != test.want {
					t.Errorf("saw %q, want %q", s, test.want)
				}
				if test.name == "delay" && time.Since(start) < late {
					t.Errorf("the last event came after %v", time.Since(start))
				}
				b.quiet(w)
			})
		}
	}
}

// quiet shows that a watch stays open, and says nothing more.
func (b *bench) quiet(w watch.Interface) {
	b.Helper()
	for quiet := time.After(200 * time.Millisecond); ; { // what is not to come can't be waited for
		select {
		case e, ok := <-w.ResultChan():
			if !ok || text(e) != "" {
				b.Fatalf("one more event, or the end: %v %v", e.Type, ok)
			}
		case <-quiet:
			return
		}
	}
}

// TestAway shows that what is no watch passes, and what becomes of requests while the server is away.
func TestAway(t *testing.T) {
	c := cluster.ForTest(t, cluster.Options{})
	p := Start(t, c.Config())
	client, err := kubernetes.NewForConfig(&rest.Config{Host: p.URL})
	if err != nil {
		t.Fatal(err)
	}
	list, err := client.CoreV1().Services("").List(t.Context(), metav1.ListOptions{})
	if err != nil || len(list.Items) == 0 {
		t.Errorf("%d Services, %v", len(list.Items), err)
	}
	c.KillAPIServer()
	if _, err = client.CoreV1().Services("").List(t.Context(), metav1.ListOptions{}); err == nil {
		t.Error("a list of a server that is away")
	}
}
