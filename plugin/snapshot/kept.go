package snapshot

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/neardns/neardns/plugin/object"
	"github.com/neardns/neardns/plugin/zone"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	mcs "sigs.k8s.io/mcs-api/pkg/apis/v1alpha1"
)

// A kept file is a List of objects in JSON, one a line, with a seal at its end:
//
//	{"apiVersion":"v1","kind":"List","items":[
//	{"kind":"Namespace",…},
//	{"kind":"Service",…}
//	],"metadata":{"annotations":{"neardns.io/format":"1",…}}}
//
// So kubectl and jq read it, and `snapshot FILE` does. The order matters to a Keeper alone, which
// finds the seal without reading what stands before it.
const (
	keptHead = `{"apiVersion":"v1","kind":"List","items":[`
	keptTail = "\n]," // between the last object and the seal
)

// keptFormat is the version of what a kept file means. A file of another version is not read.
const keptFormat = "1"

// maxSeal is more than a seal takes, in bytes.
const maxSeal = 16 << 10

// Origin says whose records a kept file holds.
type Origin struct {
	// Cluster tells the cluster from others. A file is of the same cluster if it has one of these.
	Cluster []string
	// Selection is what of the cluster the records are. A file with another one is not served: what
	// it lacks would be denied.
	Selection string
}

// seal is the end of a kept file: what is known of it, and that it is whole.
type seal struct {
	Metadata struct {
		Annotations struct {
			Format    string    `json:"neardns.io/format"`
			Cluster   string    `json:"neardns.io/cluster"` // separated by spaces
			Selection string    `json:"neardns.io/selection"`
			Written   time.Time `json:"neardns.io/written"`
			Digest    string    `json:"neardns.io/sha256"` // of all before the seal, without keptTail
		} `json:"annotations"`
	} `json:"metadata"`
}

// keptWriter writes a kept file.
type keptWriter struct {
	out   *bufio.Writer
	sum   hash.Hash
	count int          // of objects
	size  int          // in bytes
	step  func() error // called after each object
	err   error
}

// writeKept writes all records of a store, and when they were true. It calls step after each object,
// and stops at its error.
func writeKept(w io.Writer, store *zone.Store, origin *Origin, asOf time.Time, step func() error) error {
	k := &keptWriter{out: bufio.NewWriterSize(w, 64<<10), sum: sha256.New(), step: step}
	k.write([]byte(keptHead))
	for name := range store.Namespaces() {
		if !k.object(object.NamespaceOf(name)) {
			return k.err
		}
	}
	for service, slices := range store.Written(zone.Local) {
		if !k.service(zone.Local, service, slices) {
			return k.err
		}
	}
	for service, slices := range store.Written(zone.Imported) {
		if !k.service(zone.Imported, service, slices) {
			return k.err
		}
	}
	for pod := range store.Pods() {
		if !k.object(object.PodOf(pod)) {
			return k.err
		}
	}
	return k.end(origin, asOf)
}

// service writes a Service, which may be nil, and its slices. It reports whether to go on.
func (k *keptWriter) service(set zone.Set, s *zone.Service, slices []*zone.Slice) bool {
	switch {
	case s == nil:
	case set == zone.Imported:
		k.object(object.ImportOf(s))
	default:
		k.object(object.ServiceOf(s))
	}
	for _, sl := range slices {
		k.object(object.SliceOf(set, sl))
	}
	return k.err == nil
}

// object writes an object, and reports whether to go on.
func (k *keptWriter) object(o any) bool {
	if k.err != nil {
		return false
	}
	text, err := json.Marshal(o)
	if err != nil {
		k.err = err
		return false
	}
	if k.count > 0 {
		k.write([]byte(","))
	}
	k.count++
	k.write([]byte("\n"))
	k.write(text)
	if k.size > maxKept {
		k.err = fmt.Errorf("the records take more than %d MiB", maxKept>>20)
	}
	if k.err == nil {
		k.err = k.step()
	}
	return k.err == nil
}

func (k *keptWriter) write(b []byte) {
	if k.err != nil {
		return
	}
	k.sum.Write(b)
	k.size += len(b)
	_, k.err = k.out.Write(b)
}

// end writes the seal.
func (k *keptWriter) end(origin *Origin, asOf time.Time) error {
	var s seal
	a := &s.Metadata.Annotations
	a.Format, a.Selection, a.Written = keptFormat, origin.Selection, asOf.UTC()
	a.Cluster, a.Digest = strings.Join(origin.Cluster, " "), hex.EncodeToString(k.sum.Sum(nil))
	text, err := json.Marshal(&s)
	if err != nil {
		return err
	}
	k.write([]byte(keptTail))
	k.write(text[1:])
	k.write([]byte("\n"))
	if k.err != nil {
		return k.err
	}
	return k.out.Flush()
}

// Why a kept file is not served.
var (
	errForeign = errors.New("`snapshot FILE keep` did not write it")
	errTorn    = errors.New("its end is missing")
	errDamaged = errors.New("it was changed, or the disk damaged it")
)

// unseal checks a kept file whole, before anything of it is used. It returns the objects, and when they
// were true. An error says why the file is not to be served.
func unseal(data []byte, origin *Origin) (objects []byte, asOf time.Time, err error) {
	if !bytes.HasPrefix(data, []byte(keptHead)) {
		return nil, asOf, errForeign
	}
	at := bytes.LastIndex(data, []byte(keptTail))
	if at < 0 || len(data)-at > maxSeal {
		return nil, asOf, errTorn
	}
	var s seal
	if json.Unmarshal(append([]byte("{"), data[at+len(keptTail):]...), &s) != nil {
		return nil, asOf, errTorn
	}
	a := &s.Metadata.Annotations
	sum := sha256.Sum256(data[:at])
	switch {
	case a.Format != keptFormat:
		return nil, asOf, fmt.Errorf("its format is %.20q, and this program reads %q", a.Format, keptFormat)
	case a.Written.IsZero(), a.Digest != hex.EncodeToString(sum[:]):
		return nil, asOf, errDamaged
	case !slices.ContainsFunc(strings.Fields(a.Cluster), func(id string) bool { return slices.Contains(origin.Cluster, id) }):
		return nil, asOf, fmt.Errorf("it is of another cluster: %.100q, not %.100q", a.Cluster, strings.Join(origin.Cluster, " "))
	case a.Selection != origin.Selection:
		return nil, asOf, fmt.Errorf("it was written with other options: %.200q, now %.200q", a.Selection, origin.Selection)
	}
	return data[len(keptHead):at], a.Written, nil
}

// parseKept returns the records of the objects of a kept file. They were checked when they were first
// served, so what a Translator passes over is not reported again.
func parseKept(objects []byte, cfg *Config) (*contents, error) {
	c, t := &contents{}, *cfg.Translator
	t.Skipped = func(object.Problem) {}
	for line := range bytes.SplitSeq(objects, []byte("\n")) {
		if line = bytes.TrimSuffix(line, []byte(",")); len(line) == 0 {
			continue
		}
		if err := c.addKept(&t, line); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// addKept adds the records of an object. The kind stands first in it.
func (c *contents) addKept(t *object.Translator, text []byte) error {
	_, rest, _ := bytes.Cut(text, []byte(`{"kind":"`))
	kind, _, _ := bytes.Cut(rest, []byte(`"`))
	switch string(kind) {
	case "Namespace":
		return take(text, func(o *corev1.Namespace) { c.namespaces = append(c.namespaces, o.Name) })
	case "Service":
		return take(text, func(o *corev1.Service) { c.services = appendRecord(c.services, t.Service(o)) })
	case "EndpointSlice":
		return take(text, func(o *discoveryv1.EndpointSlice) {
			c.slices = appendRecord(c.slices, t.Slice(o))
			c.imported = appendRecord(c.imported, t.ImportedSlice(o))
		})
	case "ServiceImport":
		return take(text, func(o *mcs.ServiceImport) { c.imports = appendRecord(c.imports, t.Import(o)) })
	case "Pod":
		return take(text, func(o *corev1.Pod) { c.pods = appendRecord(c.pods, t.Pod(o)) })
	}
	return fmt.Errorf("it holds a %.40q", kind)
}

// take reads an object and passes it on.
func take[T any](text []byte, to func(*T)) error {
	o := new(T)
	if err := json.Unmarshal(text, o); err != nil {
		return err
	}
	to(o)
	return nil
}

// appendRecord appends a record to list, unless it is nil.
func appendRecord[T any](list []*T, record *T) []*T {
	if record == nil {
		return list
	}
	return append(list, record)
}
