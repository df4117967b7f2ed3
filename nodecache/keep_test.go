package nodecache

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"testing"

	"github.com/neardns/neardns/nodecache/corefile"
)

// generations builds one configuration after the other. None is put to work.
type generations struct {
	t    *testing.T
	p    *process
	keep *keep // of the last one
}

func newGenerations(t *testing.T) *generations {
	g := &generations{t, newProcess(Config{Node: "node", Log: slog.New(slog.DiscardHandler)}), newKeep()}
	t.Cleanup(func() {
		g.keep.closeBut(newKeep())
		g.p.resolver.Close()
	})
	return g
}

// build makes what text says and ends what only the one before needs.
func (g *generations) build(text string) *generation {
	g.t.Helper()
	conf, err := corefile.Parse("Corefile", []byte(text), corefile.Options{})
	if err != nil {
		g.t.Fatal(err)
	}
	next, err := g.p.build(context.Background(), conf, g.keep)
	if err != nil {
		g.t.Fatal(err)
	}
	g.keep.forgetFailures(next.keep)
	g.keep.closeBut(next.keep)
	g.keep = next.keep
	return next
}

// forward returns the only forward.
func (g *generation) forward() *forward {
	for _, f := range g.keep.forwards {
		return f
	}
	return nil
}

// TestKeepTLS has a forward over TLS outlive a change of something else, as others do, and takes
// in another certificate under the same name.
func TestKeepTLS(t *testing.T) {
	g, file := newGenerations(t), filepath.Join(t.TempDir(), "ca.pem")
	writeCA(t, file)
	text := func(seconds int) string {
		return fmt.Sprintf(".:53 {\n cache %d\n forward . tls://192.0.2.1 {\n  tls %s\n  tls_servername dns.example\n }\n}\n", seconds, file)
	}
	first := g.build(text(30)).forward()
	if second := g.build(text(31)).forward(); second != first {
		t.Error("there are new connections though only the cache has changed")
	}
	writeCA(t, file)
	if third := g.build(text(31)).forward(); third == first || third.conf.Pool.TLS.RootCAs.Equal(first.conf.Pool.TLS.RootCAs) {
		t.Error("another certificate was not taken in")
	}
}

// writeCA writes a new certificate into a file.
func writeCA(t *testing.T, file string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
