package kafka_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/whatsapplink/cloud/pipeline/kafka"
)

// certificate makes a self-signed one for a name or address, and the pool that trusts it.
func certificate(t *testing.T, host string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func secured(t *testing.T, opts ...kfake.Opt) []string {
	t.Helper()
	b, err := kfake.NewCluster(append(opts, kfake.NumBrokers(1))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b.ListenAddrs()
}

func TestAuthenticatedAndEncryptedConnectionsWork(t *testing.T) {
	// Goal: every mechanism works with TLS, for requests and for group membership. Method: kfake with each.
	for mechanism, its := range map[string]string{
		"plain": "PLAIN", "scram-sha-256": "SCRAM-SHA-256", "scram-sha-512": "SCRAM-SHA-512",
	} {
		t.Run(mechanism, func(t *testing.T) {
			own, pool := certificate(t, "127.0.0.1")
			brokers := secured(t, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{own}}),
				kfake.EnableSASL(), kfake.Superuser(its, "user", "secret"))
			sasl, err := kafka.SASL(mechanism, "user", "secret")
			if err != nil {
				t.Fatal(err)
			}
			c := kafka.New(kafka.Config{Brokers: brokers, Prefix: "wa.", TLS: &tls.Config{RootCAs: pool}, SASL: sasl, Logger: quiet})
			t.Cleanup(c.Close)
			create(t, c, kafka.TopicSpec{Name: "a", Partitions: 1})
			put(t, c, numbered("a", 0, 3))
			s := newSeen()
			join(t, &kafka.Group{Cluster: c, ID: "g", Topics: topics("a"), Own: handle(s)})
			eventually(t, "the group reads", func() bool { return s.count() == 3 })
		})
	}
}

func TestABrokerOfAnotherNameIsRefused(t *testing.T) {
	// Goal: nobody switches the check of names off, not even a configuration that says so. Method: a certificate for
	// another host, and InsecureSkipVerify.
	own, pool := certificate(t, "elsewhere.example")
	brokers := secured(t, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{own}}))
	c := kafka.New(kafka.Config{Brokers: brokers, TLS: &tls.Config{RootCAs: pool, InsecureSkipVerify: true}, Logger: quiet})
	t.Cleanup(c.Close)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if topics, err := c.Topics(ctx); err == nil {
		t.Fatalf("listed %v", topics)
	}
}

func TestAWrongPasswordIsToldWithoutIt(t *testing.T) {
	// Goal: a refused login is an error that names the cause and not the secret. Method: list topics with a wrong one.
	brokers := secured(t, kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-256", "user", "secret"))
	sasl, err := kafka.SASL("scram-sha-256", "user", "canary")
	if err != nil {
		t.Fatal(err)
	}
	c := kafka.New(kafka.Config{Brokers: brokers, SASL: sasl, Logger: quiet})
	t.Cleanup(c.Close)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if _, err := c.Topics(ctx); err == nil || strings.Contains(err.Error(), "canary") {
		t.Fatalf("error %v", err)
	} else {
		t.Log(err)
	}
	if _, err := kafka.SASL("kerberos", "", ""); err == nil {
		t.Fatal("an unknown mechanism is accepted")
	}
}
