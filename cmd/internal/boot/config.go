package boot

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"reflect"
	"slices"
	"sort"
	"strings"

	"github.com/caarlos0/env/v11"

	"github.com/whatsapplink/cloud/pipeline/kafka"
)

// Common are the variables every binary reads.
type Common struct {
	Brokers      []string `env:"WL_KAFKA_BROKERS" envDefault:"127.0.0.1:9092"`
	TLS          string   `env:"WL_KAFKA_TLS" envDefault:"off"`
	CAFile       string   `env:"WL_KAFKA_CA_FILE"`
	CertFile     string   `env:"WL_KAFKA_CERT_FILE"`
	KeyFile      string   `env:"WL_KAFKA_KEY_FILE"`
	SASL         string   `env:"WL_KAFKA_SASL" envDefault:"none"`
	User         string   `env:"WL_KAFKA_USER"`
	PasswordFile string   `env:"WL_KAFKA_PASSWORD_FILE"`
	Prefix       string   `env:"WL_TOPIC_PREFIX" envDefault:"wa."`
	HTTP         string   `env:"WL_HTTP" envDefault:"127.0.0.1:9090"`
}

func (c *Common) common() *Common { return c }

// Problem is one mistake in the configuration, and what to do about it. It never holds a value that could be a secret.
type Problem struct {
	Variable string
	What     string
	Hint     string
}

// Error names the variable, the mistake and the remedy.
func (p Problem) Error() string {
	s := p.Variable + ": " + p.What
	if p.Hint != "" {
		s += " (" + p.Hint + ")"
	}
	return s
}

// Problems takes an error of a wire function apart into problems.
func Problems(err error) []Problem {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []Problem
		for _, e := range joined.Unwrap() {
			all = append(all, Problems(e)...)
		}
		return all
	}
	var p Problem
	if errors.As(err, &p) {
		return []Problem{p}
	}
	return []Problem{{Variable: "wiring", What: err.Error()}}
}

// Report prints every problem, one a line.
func Report(w io.Writer, name string, problems []Problem) {
	_, _ = fmt.Fprintf(w, "%s: mistakes in the configuration: %d\n", name, len(problems))
	for _, p := range problems {
		_, _ = fmt.Fprintln(w, "  "+p.Error())
	}
}

// Parse fills cfg from the environment and returns every mistake at once: variables that do not parse, WL_ variables
// that nobody reads (a misspelling would otherwise be a silent default), and what Check finds.
func Parse(cfg Config, environment map[string]string) []Problem {
	var problems []Problem
	err := env.ParseWithOptions(cfg, env.Options{Environment: environment})
	var aggregate env.AggregateError
	if errors.As(err, &aggregate) {
		for _, e := range aggregate.Errors {
			problems = append(problems, fromEnv(cfg, e))
		}
	} else if err != nil {
		problems = append(problems, fromEnv(cfg, err))
	}
	problems = append(problems, unknownVariables(environment)...)
	problems = append(problems, cfg.common().check()...)
	problems = append(problems, cfg.Check()...)
	return problems
}

// fromEnv words an error of env without the value it quotes.
func fromEnv(cfg Config, err error) Problem {
	var parse env.ParseError
	if errors.As(err, &parse) {
		return Problem{Variable: variableOf(cfg, parse.Name), What: "is not of type " + parse.Type.String(), Hint: "see the README's table of variables"}
	}
	var unset env.VarIsNotSetError
	if errors.As(err, &unset) {
		return Problem{Variable: unset.Key, What: "is not set", Hint: hints[unset.Key]}
	}
	var empty env.EmptyVarError
	if errors.As(err, &empty) {
		return Problem{Variable: empty.Key, What: "is empty", Hint: hints[empty.Key]}
	}
	return Problem{Variable: "environment", What: "does not parse"}
}

func variableOf(cfg Config, field string) string {
	t := reflect.TypeOf(cfg).Elem()
	if f, ok := t.FieldByName(field); ok {
		if name, _, _ := strings.Cut(f.Tag.Get("env"), ","); name != "" {
			return name
		}
	}
	return field
}

// Variables of the contract. Other WL_ names are mistakes, except those of tests.
var hints = map[string]string{
	"WL_KEYS_URL":            "a keeper URL, on one machine: base64key://… from `wlctl setup --new-key`",
	"WL_REFS_URL":            "a keeper URL of its own, on one machine: base64key://… from `wlctl setup --new-key`",
	"WL_CREDENTIALS_DIR":     "a folder with one file per sender, named by its phone number id, holding its token",
	"WL_APP_SECRET_FILE":     "a file with the Meta app's secret, one a line (two while rotating)",
	"WL_VERIFY_TOKEN_FILE":   "a file with the token that Meta's webhook set-up was given",
	"WL_KAFKA_PASSWORD_FILE": "a file with the password; passwords are never taken from variables",
}

var known = []string{
	"WL_KAFKA_BROKERS", "WL_KAFKA_TLS", "WL_KAFKA_CA_FILE", "WL_KAFKA_CERT_FILE", "WL_KAFKA_KEY_FILE", "WL_KAFKA_SASL",
	"WL_KAFKA_USER", "WL_KAFKA_PASSWORD_FILE", "WL_TOPIC_PREFIX", "WL_CLICKHOUSE_URL", "WL_CLICKHOUSE_USER",
	"WL_CLICKHOUSE_PASSWORD_FILE", "WL_CLICKHOUSE_CA_FILE", "WL_CLICKHOUSE_CLUSTER", "WL_KEYS_URL", "WL_KEYS_OLD_URL", "WL_REFS_URL", "WL_WINDOWS",
	"WL_DELIVERY_WINDOW", "WL_DIAGNOSTIC_WINDOW", "WL_DEDUP_HORIZON", "WL_PARTITIONS", "WL_REPLICATION",
	"WL_CLOUD_API_URL", "WL_CLOUD_API_VERSION", "WL_CREDENTIALS_DIR", "WL_LISTEN", "WL_LISTEN_CERT_FILE",
	"WL_LISTEN_KEY_FILE", "WL_APP_SECRET_FILE", "WL_VERIFY_TOKEN_FILE", "WL_SCHEMA_REGISTRY_URL", "WL_HTTP",
}

func unknownVariables(environment map[string]string) []Problem {
	names := map[string]bool{}
	for _, k := range known {
		names[k] = true
	}
	var problems []Problem
	for k := range environment {
		if strings.HasPrefix(k, "WL_") && !strings.HasPrefix(k, "WL_TEST_") && !names[k] {
			problems = append(problems, Problem{Variable: k, What: "is not a variable of ours", Hint: "misspelled? see the README's table of variables"})
		}
	}
	sort.Slice(problems, func(i, j int) bool { return problems[i].Variable < problems[j].Variable })
	return problems
}

func (c *Common) check() []Problem {
	var p []Problem
	if len(c.Brokers) == 0 {
		p = append(p, Problem{"WL_KAFKA_BROKERS", "names no broker", "host:port, comma separated"})
	}
	for _, b := range c.Brokers {
		if _, _, err := net.SplitHostPort(b); err != nil {
			p = append(p, Problem{"WL_KAFKA_BROKERS", "has an address that is not host:port", ""})
		}
	}
	switch c.TLS {
	case "on":
	case "off":
		if !c.Local() {
			p = append(p, Problem{"WL_KAFKA_TLS", "is off and a broker is not on loopback", "set WL_KAFKA_TLS=on; plaintext is allowed on loopback only"})
		}
	default:
		p = append(p, Problem{"WL_KAFKA_TLS", "is neither on nor off", ""})
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		p = append(p, Problem{"WL_KAFKA_CERT_FILE", "and WL_KAFKA_KEY_FILE go together", "set both or none"})
	}
	switch c.SASL {
	case "none":
	case "plain", "scram-sha-256", "scram-sha-512":
		if c.User == "" {
			p = append(p, Problem{"WL_KAFKA_USER", "is empty and WL_KAFKA_SASL asks for one", ""})
		}
		if c.PasswordFile == "" {
			p = append(p, Problem{"WL_KAFKA_PASSWORD_FILE", "is empty and WL_KAFKA_SASL asks for one", hints["WL_KAFKA_PASSWORD_FILE"]})
		}
	default:
		p = append(p, Problem{"WL_KAFKA_SASL", "is none of none, plain, scram-sha-256, scram-sha-512", ""})
	}
	if _, _, err := net.SplitHostPort(c.HTTP); err != nil {
		p = append(p, Problem{"WL_HTTP", "is not host:port", "127.0.0.1:9090"})
	}
	return p
}

// Local reports whether every broker is on this machine.
func (c *Common) Local() bool {
	return !slices.ContainsFunc(c.Brokers, func(b string) bool {
		host, _, _ := net.SplitHostPort(b)
		return !Loopback(host)
	})
}

// Loopback reports whether a host name or address can only be this machine.
func Loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// kafka turns the variables into the adapter's configuration; it reads the files they name.
func (c *Common) kafka(name string) (kafka.Config, error) {
	kc := kafka.Config{Brokers: c.Brokers, Prefix: c.Prefix, ClientID: "wl-" + name}
	var errs []error
	if c.TLS == "on" {
		tc, err := TLSConfig(c.CAFile, c.CertFile, c.KeyFile, "WL_KAFKA")
		errs = append(errs, err)
		kc.TLS = tc
	}
	if c.SASL != "none" {
		password, err := SecretFile("WL_KAFKA_PASSWORD_FILE", c.PasswordFile)
		errs = append(errs, err)
		kc.SASL, err = kafka.SASL(c.SASL, c.User, string(password))
		errs = append(errs, err)
	}
	return kc, errors.Join(errs...)
}

// TLSConfig is TLS 1.2 or newer with names verified; system roots where caFile is empty.
func TLSConfig(caFile, certFile, keyFile, variables string) (*tls.Config, error) {
	tc := &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile != "" {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, Problem{variables + "_CA_FILE", "cannot be read", ""}
		}
		tc.RootCAs = x509.NewCertPool()
		if !tc.RootCAs.AppendCertsFromPEM(pem) {
			return nil, Problem{variables + "_CA_FILE", "holds no PEM certificate", ""}
		}
	}
	if certFile != "" {
		cert, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			return nil, Problem{variables + "_CERT_FILE", "and its key file are not a PEM pair", ""}
		}
		tc.Certificates = []tls.Certificate{cert}
	}
	return tc, nil
}

func environ() map[string]string { return env.ToMap(os.Environ()) }

// NotSet is the problem of a variable without a value.
func NotSet(variable string) Problem { return Problem{variable, "is not set", hints[variable]} }
