package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/sinks/cloudapi/simulator"
)

type simulateCmd struct {
	Listen   string        `help:"Where to serve the Cloud API, GET /ledger and POST /faults; loopback only." default:"127.0.0.1:8090"`
	Callback []string      `help:"Where status callbacks go; several are taken in turn." placeholder:"URL"`
	Secrets  string        `help:"Folder as setup --local writes it: tenants.yaml, app-secret, verify-token, credentials/." type:"existingdir" required:""`
	Seed     uint64        `help:"Decides fates and faults." default:"1"`
	Latency  time.Duration `help:"Before every answer." default:"50ms"`
	Delay    time.Duration `help:"From acceptance to the first callback, and between callbacks." default:"300ms"`
}

// Run serves until it is asked to stop. The ledger lives in memory.
func (c *simulateCmd) Run(ctx context.Context, s streams) error {
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil || !boot.Loopback(host) {
		return errors.New("--listen is not a loopback address: the simulator takes scripts from anyone who reaches it")
	}
	tenants, err := readTenants(filepath.Join(c.Secrets, "tenants.yaml"))
	if err != nil {
		return err
	}
	config, err := simulatorConfig(c.Secrets, tenants, c.Seed, c.Callback)
	if err != nil {
		return err
	}
	config.Latency = c.Latency
	config.Callbacks = simulator.Callbacks{Delay: c.Delay, Jitter: c.Delay}
	config.Fates = simulator.Fates{Sent: 0.05, Read: 0.5, Failed: map[int]float64{131026: 0.01}}
	door, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", c.Listen, err)
	}
	sim := simulator.New(config)
	server := &http.Server{Handler: sim, ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- sim.Run(ctx) }()
	_, _ = fmt.Fprintf(s.out, "Cloud API simulator at http://%s, its ledger at /ledger\n", door.Addr())
	if err := server.Serve(door); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return <-ended
}

// simulatorConfig takes senders from the tenants and tokens from the credentials.
func simulatorConfig(secrets string, tenants []schemas.Tenant, seed uint64, callbacks []string) (simulator.Config, error) {
	config := simulator.Config{Seed: seed, CallbackURLs: callbacks, Senders: map[string]simulator.Sender{}}
	for name, into := range map[string]*string{"app-secret": &config.AppSecret, "verify-token": &config.VerifyToken} {
		secret, err := boot.SecretFile(name, filepath.Join(secrets, name))
		if err != nil {
			return config, err
		}
		*into = string(secret)
	}
	for _, t := range tenants {
		for _, s := range t.Senders {
			token, err := boot.SecretFile("credentials", filepath.Join(secrets, "credentials", s.PhoneNumberID))
			if err != nil {
				return config, err
			}
			config.Senders[s.PhoneNumberID] = simulator.Sender{WABA: s.WABA, Token: string(token), RatePerSecond: int(s.Rate)}
		}
	}
	return config, nil
}
