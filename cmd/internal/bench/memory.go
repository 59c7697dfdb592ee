package main

import (
	"context"
	"fmt"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/deployment"
	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/sinks/cloudapi/simulator"
)

// memory lets deliver park n messages of a stopped number, and then a next owner take them over.
func (w *world) memory(ctx context.Context, n int) ([]figure, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Minute)
	defer cancel()
	senders := numbers(500, 2, 1000)
	s, err := w.sending(ctx, "memory.", senders, simulator.Config{}, nil)
	if err != nil {
		return nil, err
	}
	defer s.close()
	if err := s.stop(ctx, senders[0].id, 20*time.Hour); err != nil {
		return nil, err
	}
	s.numbers = senders[:1]
	if err := s.fill(ctx, n); err != nil {
		return nil, err
	}
	say("parking")
	began := time.Now()
	parking, err := s.Start("deliver", nil)
	if err != nil {
		return nil, err
	}
	for {
		done, err := committed(ctx, s.cluster, "wl.deliver", wire.RoutedT)
		if err != nil {
			return nil, err
		}
		if done >= int64(n) {
			break
		}
		if err := pause(ctx); err != nil {
			return nil, fmt.Errorf("%d of %d are parked: %w; the log of %s ends:\n%s", done, n, err, parking.Name, parking.Tail(5))
		}
	}
	parked := figure{
		what: "deliver parks", rate: float64(n) / time.Since(began).Seconds(), cpu: usage(parking) / time.Duration(n),
		comment: fmt.Sprintf("(%d lie parked)", n),
	}
	_, parked.rss = parking.Usage()
	if err := deployment.Stop(parking); err != nil {
		return []figure{parked}, err
	}
	say("taking over")
	s.numbers = senders[1:]
	if err := s.fill(ctx, 1); err != nil {
		return []figure{parked}, err
	}
	took, err := s.takeOver(ctx)
	return []figure{parked, took}, err
}

// takeOver starts an owner of what lies parked, and measures until it sends what another number has.
func (s *sending) takeOver(ctx context.Context) (f figure, err error) {
	f = figure{what: "  the next owner sends after", unit: "s"}
	began := time.Now()
	p, err := s.Start("deliver", nil)
	if err != nil {
		return f, err
	}
	if err := s.door.accepted(ctx, 1); err != nil {
		return f, fmt.Errorf("%w; the log of %s ends:\n%s", err, p.Name, p.Tail(5))
	}
	f.rate = time.Since(began).Seconds()
	_, f.rss = p.Usage()
	return f, deployment.Stop(p)
}
