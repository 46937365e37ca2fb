package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// part is something that runs until its context ends.
type part struct {
	name string
	run  func(ctx context.Context) error
}

// stages runs groups of parts at once and ends them one group after the other,
// the last one first: what takes requests ends before what keeps their counts.
// A part that ends by itself ends everything, and its error is returned.
type stages struct {
	groups []*group
	failed chan error
}

type group struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

func newStages() *stages { return &stages{failed: make(chan error, 1)} }

// start starts one more group, which outlives ctx until wait ends it.
func (s *stages) start(ctx context.Context, parts ...part) {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	g := &group{cancel: cancel}
	for _, p := range parts {
		g.wg.Go(func() {
			err := p.run(own)
			switch {
			case err != nil:
				err = fmt.Errorf("%s: %w", p.name, err)
			case own.Err() == nil:
				err = fmt.Errorf("%s ended by itself", p.name)
			default:
				return
			}
			select {
			case s.failed <- err:
			default: // the first failure is the one that is told
			}
		})
	}
	s.groups = append(s.groups, g)
}

// wait blocks until ctx ends or a part fails, then ends all groups.
func (s *stages) wait(ctx context.Context) error {
	var err error
	select {
	case <-ctx.Done():
	case err = <-s.failed:
	}
	return errors.Join(err, s.stop())
}

// stop ends all groups, the last one first, and returns a failure while ending.
func (s *stages) stop() (err error) {
	for i := len(s.groups) - 1; i >= 0; i-- {
		s.groups[i].cancel()
		s.groups[i].wg.Wait()
	}
	s.groups = nil
	select {
	case err = <-s.failed:
	default:
	}
	return err
}
