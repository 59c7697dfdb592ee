package wire

import (
	"context"
	"net"
	"time"

	"github.com/sourcegraph/conc/panics"
	"golang.org/x/sync/semaphore"

	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/seal"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/listen"
)

// ListenConfig is the configuration of listen.
type ListenConfig struct {
	boot.Common
	Keyless
	RefsKeys
	Address         string `env:"WL_LISTEN" envDefault:"127.0.0.1:8080"`
	CertFile        string `env:"WL_LISTEN_CERT_FILE"`
	KeyFile         string `env:"WL_LISTEN_KEY_FILE"`
	AppSecretFile   string `env:"WL_APP_SECRET_FILE"`
	VerifyTokenFile string `env:"WL_VERIFY_TOKEN_FILE"`
}

// Check names what single variables cannot show.
func (c *ListenConfig) Check() []boot.Problem {
	problems := append(c.Keyless.check(), c.RefsKeys.check(&c.Common)...)
	host, _, err := net.SplitHostPort(c.Address)
	if err != nil {
		problems = append(problems, boot.Problem{Variable: "WL_LISTEN", What: "is not host:port", Hint: "127.0.0.1:8080"})
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		problems = append(problems, boot.Problem{Variable: "WL_LISTEN_CERT_FILE", What: "and WL_LISTEN_KEY_FILE go together", Hint: "set both or none"})
	}
	if err == nil && c.CertFile == "" && !boot.Loopback(host) {
		problems = append(problems, boot.Problem{Variable: "WL_LISTEN", What: "is not on loopback and there is no certificate", Hint: "set WL_LISTEN_CERT_FILE and WL_LISTEN_KEY_FILE, or listen on loopback behind a TLS proxy"})
	}
	if _, err := boot.SecretLines("WL_APP_SECRET_FILE", c.AppSecretFile); err != nil {
		problems = append(problems, boot.Problems(err)...)
	}
	if _, err := boot.SecretFile("WL_VERIFY_TOKEN_FILE", c.VerifyTokenFile); err != nil {
		problems = append(problems, boot.Problems(err)...)
	}
	return problems
}

// listener is HTTP callbacks -> status, events, stops, suppressions, outcomes.
type listener struct {
	process *boot.Process
	cfg     *ListenConfig
	log     pipeline.Log
	regs    registers
	refs    *seal.Refs
	secrets [][]byte
	token   boot.Secret
	slots   chan struct{} // genuine callbacks being worked on; full means 503
	memory  *semaphore.Weighted
}

// Listen wires HTTP callbacks -> status. It opens no content; its keeper makes pseudonyms only.
func Listen(p *boot.Process, cfg *ListenConfig) (boot.Service, error) {
	keeper, err := cfg.RefsKeys.keeper()
	if err != nil {
		return boot.Service{}, err
	}
	l := &listener{process: p, cfg: cfg, log: p.Cluster.Log(), regs: newRegisters(p), slots: make(chan struct{}, maxCallbacks), memory: semaphore.NewWeighted(maxBodies)}
	l.refs = seal.NewRefs(keeper, l.regs.refsKey)
	secrets, err := boot.SecretLines("WL_APP_SECRET_FILE", cfg.AppSecretFile)
	if err != nil {
		return boot.Service{}, err
	}
	for _, s := range secrets {
		l.secrets = append(l.secrets, []byte(s))
	}
	if l.token, err = boot.SecretFile("WL_VERIFY_TOKEN_FILE", cfg.VerifyTokenFile); err != nil {
		return boot.Service{}, err
	}
	return guarded(p, boot.Service{Ready: allReady(l.regs.ready, keeper.Ready), Run: func(ctx context.Context) error { return l.regs.run(ctx, l.serve) }}), nil
}

// reduce takes from a genuine callback what may be kept. A panic is the body's fault, as in every stage, and its value
// goes nowhere: it may quote the body.
func (l *listener) reduce(ctx context.Context, body []byte) (reduction listen.Reduction, err error) {
	if panics.Try(func() { reduction, err = listen.Reduce(body, l.deps(ctx)) }) != nil {
		l.process.Log.Error("panic on a callback, which is left")
		return listen.Reduction{}, pipeline.Reject(pipeline.ReasonPanic)
	}
	return reduction, err
}

func (l *listener) deps(ctx context.Context) listen.Deps {
	return listen.Deps{
		Tenant: l.regs.tenant, SenderTenant: l.regs.owners.ofNumber, AccountTenant: l.regs.owners.ofAccount, Stopped: l.regs.stop,
		ReceivedAt: time.Now(), PolicyVersion: PolicyVersion,
		Ref: func(tenant, kind, value string) ([]byte, error) {
			return l.refs.Ref(ctx, tenant, seal.RefKind(kind), value)
		},
	}
}

// append lands a reduction; Meta gets its 200 only after Kafka has all of it.
func (l *listener) append(ctx context.Context, r listen.Reduction) error {
	var outputs []output
	for i := range r.Statuses {
		outputs = append(outputs, record(StatusT, []byte(r.Statuses[i].TenantID), schemas.Statuses, &r.Statuses[i]))
	}
	for i := range r.Stops {
		outputs = append(outputs, record(StopsT, []byte(StopKey(r.Stops[i].Scope, r.Stops[i].ID)), schemas.Stops, &r.Stops[i]))
	}
	for i := range r.Suppressions {
		outputs = append(outputs, record(Suppressions, []byte(listen.SuppressionKey(r.Suppressions[i])), schemas.Suppressions, &r.Suppressions[i]))
	}
	for i := range r.Events {
		outputs = append(outputs, record(EventsT, []byte(r.Events[i].MessageID), schemas.Events, &r.Events[i]))
	}
	for i := range r.Outcomes {
		outputs = append(outputs, record(OutcomesOf(r.Outcomes[i].TenantID), []byte(r.Outcomes[i].MessageID), schemas.Outcomes, &r.Outcomes[i]))
	}
	encoded, err := encodeAll(outputs...)
	if err != nil || len(encoded) == 0 {
		return err
	}
	_, err = l.log.Append(ctx, encoded)
	return err
}
