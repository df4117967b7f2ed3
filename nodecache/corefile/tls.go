package corefile

import (
	"crypto/tls"
	"crypto/x509"
	"errors"

	"github.com/neardns/neardns/internal/wire"
)

// tls reads [CA], CERT KEY or CERT KEY CA.
func (p *forwardParser) tls() error {
	files, err := p.args(0, 3, "tls, tls CA, tls CERT KEY or tls CERT KEY CA")
	if err != nil {
		return err
	}
	pem := make([][]byte, len(files))
	for i, path := range files {
		if pem[i], err = readFile(path); err != nil {
			return p.errorf("%v", err)
		}
		p.conf.addFile(path)
		p.sum.Write(pem[i])
	}
	p.pem = pem
	p.Upstream.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	if len(pem) > 1 {
		pair, err := tls.X509KeyPair(pem[0], pem[1])
		if err != nil {
			return p.errorf("%s and %s: %v", files[0], files[1], err)
		}
		p.Upstream.TLS.Certificates = []tls.Certificate{pair}
	}
	if len(pem)%2 == 1 { // CA is the last of one or three
		last := len(pem) - 1
		if p.Upstream.TLS.RootCAs, err = roots(pem[last]); err != nil {
			return p.errorf("%s: %v", files[last], err)
		}
	}
	return nil
}

func roots(pem []byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("no certificate, expected one in PEM")
	}
	return pool, nil
}

func (p *forwardParser) tlsServerName() error {
	args, err := p.args(1, 1, "tls_servername NAME")
	if err != nil {
		return err
	}
	if _, err := wire.ParseName(args[0]); err != nil {
		return p.errorf("%v", err)
	}
	p.serverName = args[0]
	return nil
}
