package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/sourcegraph/conc/pool"

	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/cmd/internal/wire"
)

// service is one binary running inside this process, by the wiring its main uses.
type service struct {
	name    string
	process *boot.Process
	boot.Service
}

// services builds every binary from the environment; logs of all go to one place.
func services(environment map[string]string, logs io.Writer) ([]service, error) {
	var all []service
	var problems []boot.Problem
	for _, build := range []func() (service, []boot.Problem){
		built[wire.ValidateConfig]("validate", wire.Validate, environment, logs),
		built[wire.RouteConfig]("route", wire.Route, without(environment, "WL_KEYS_URL", "WL_REFS_URL"), logs),
		built[wire.DeliverConfig]("deliver", wire.Deliver, environment, logs),
		built[wire.RedactConfig]("redact", wire.Redact, without(environment, "WL_KEYS_URL", "WL_REFS_URL"), logs),
		built[wire.ListenConfig]("listen", wire.Listen, without(environment, "WL_KEYS_URL"), logs),
		built[wire.RecordConfig]("record", wire.Record, without(environment, "WL_KEYS_URL", "WL_REFS_URL"), logs),
		built[wire.CustodyConfig]("custody", wire.Custody, environment, logs),
	} {
		s, wrong := build()
		all = append(all, s)
		for _, p := range wrong {
			if !slices.Contains(problems, p) { // a variable that several binaries read
				problems = append(problems, p)
			}
		}
	}
	if len(problems) > 0 {
		return nil, mistakes(problems)
	}
	return all, nil
}

func built[C any, P interface {
	*C
	boot.Config
}](name string, w boot.Wire[C], environment map[string]string, logs io.Writer) func() (service, []boot.Problem) {
	return func() (service, []boot.Problem) {
		process, wired, problems := boot.Build[C, P](name, w, environment, logs)
		return service{name: name, process: process, Service: wired}, problems
	}
}

// without is the environment of a binary that must not have some of it.
func without(environment map[string]string, variables ...string) map[string]string {
	rest := maps.Clone(environment)
	for _, v := range variables {
		delete(rest, v)
	}
	return rest
}

// runServices runs all until ctx ends; the first that fails ends the others.
func runServices(ctx context.Context, all []service) error {
	group := pool.New().WithContext(ctx).WithCancelOnError().WithFirstError()
	for _, s := range all {
		group.Go(func(ctx context.Context) error {
			defer s.process.Cluster.Close()
			if err := s.Run(ctx); err != nil && ctx.Err() == nil {
				return fmt.Errorf("%s stopped: %w", s.name, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// awaitReady waits until every service says it is ready.
func awaitReady(ctx context.Context, all []service) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for _, s := range all {
		for s.Ready() != nil {
			select {
			case <-ctx.Done():
				return fmt.Errorf("%s is not ready: %w", s.name, s.Ready())
			case <-tick.C:
			}
		}
	}
	return nil
}
