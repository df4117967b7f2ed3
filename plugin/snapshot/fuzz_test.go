package snapshot

import (
	"errors"
	"strings"
	"testing"

	"github.com/neardns/neardns/plugin/object"
	"github.com/neardns/neardns/plugin/zone"
)

// FuzzParse feeds a file of any bytes: it is taken, or refused with a fault of one line.
func FuzzParse(f *testing.F) {
	f.Add([]byte(cluster))
	f.Add([]byte(namespaceJSON + "\n---\n" + namespaceN))
	f.Add([]byte(serviceS + "  clusterIP: 10.0.0.1\n  ports:\n  - port: http\n"))
	f.Add([]byte(sliceS + "endpoints:\n- addresses: [fd00::1]\n  hostname: a\n"))
	f.Add([]byte("a: &a [x]\nb: {<<: *a}\n? [k]\n: !!binary aGk=\n0x10: .inf\n"))
	f.Add([]byte(laughs()))
	f.Add([]byte(utf16(namespaceN)))
	f.Add([]byte("{\"a\":\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg := &Config{
			Endpoints:  true,
			Pods:       true,
			Imports:    true,
			Translator: &object.Translator{Skipped: func(object.Problem) {}},
			Writer:     zone.NewWriter(zone.New(zone.Options{})),
		}
		found, err := parse(data, cfg)
		if err == nil {
			found.write(cfg)
			return
		}
		var bad *fault
		if !errors.As(err, &bad) {
			t.Errorf("%T: %v", err, err)
		}
		if strings.ContainsAny(err.Error(), "\n\r\x00") {
			t.Errorf("more than a line: %q", err)
		}
	})
}
