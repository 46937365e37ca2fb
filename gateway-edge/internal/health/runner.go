package health

import (
	"container/heap"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
)

// workers bounds the checks that run at once.
const workers = 256

// Config of a Runner.
type Config struct {
	Registry *balance.Registry
	Logger   *slog.Logger
}

// Runner checks everything that is in force in a Registry.
type Runner struct {
	cfg   Config
	probe func(ctx context.Context, t *balance.Target, c *balance.Check) error

	// All below belongs to Run's goroutine.
	jobs  map[jobKey]*job
	queue queue
}

// jobKey identifies what is checked: versions that check the same target in the
// same way go on with one job.
type jobKey struct {
	gateway, upstream, target string
}

// job is one target's check.
type job struct {
	key    jobKey
	target *balance.Target
	check  *balance.Check
	due    time.Time
	index  int  // in the queue, -1 when it is not there
	busy   bool // a worker has it
	gone   bool
	ok     bool // of the last check, for the log
	told   bool
}

// New makes a Runner; nothing happens before Run.
func New(cfg Config) (*Runner, error) {
	if cfg.Registry == nil || cfg.Logger == nil {
		return nil, errors.New("health: registry and logger are needed")
	}
	return &Runner{cfg: cfg, probe: probe, jobs: map[jobKey]*job{}}, nil
}

// Run checks, and moves the Registry's clockwork, until ctx ends; it returns when
// every check has.
func (r *Runner) Run(ctx context.Context) error {
	todo := make(chan task)
	done := make(chan result, workers)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for t := range todo {
				done <- result{t.job, r.one(ctx, t)}
			}
		})
	}
	// Whoever still checks must be able to hand in its result.
	defer wg.Wait()
	defer close(todo)
	sweep := time.NewTicker(balance.SweepEvery)
	defer sweep.Stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	r.reload()
	for {
		var next task
		var out chan<- task
		if len(r.queue) > 0 {
			j := r.queue[0]
			next = task{j, j.target, j.check}
			if wait := time.Until(j.due); wait > 0 {
				timer.Reset(wait)
			} else {
				out = todo
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-r.cfg.Registry.Changed():
			r.reload()
		case <-sweep.C:
			r.cfg.Registry.Sweep()
		case <-timer.C:
		case out <- next:
			next.job.busy = true
			heap.Remove(&r.queue, next.job.index)
		case res := <-done:
			r.finish(ctx, res)
		}
	}
}

// task is a job handed to a worker, with what it is to check: the job itself
// stays with Run's goroutine.
type task struct {
	job    *job
	target *balance.Target
	check  *balance.Check
}

type result struct {
	job *job
	err error
}

// one runs a check within its timeout.
func (r *Runner) one(ctx context.Context, t task) error {
	ctx, cancel := context.WithTimeout(ctx, t.check.Timeout)
	defer cancel()
	return r.probe(ctx, t.target, t.check)
}

// finish tells the target and schedules the next check.
func (r *Runner) finish(ctx context.Context, res result) {
	j := res.job
	j.busy = false
	if j.gone || ctx.Err() != nil {
		return
	}
	reason := ""
	if res.err != nil {
		reason = "health check: " + describe(res.err)
	}
	j.target.Checked(res.err == nil, reason)
	if ok := res.err == nil; ok != j.ok || !j.told {
		j.ok, j.told = ok, true
		r.cfg.Logger.Info("health check changed", "gateway", j.key.gateway, "upstream", j.key.upstream, "target", j.key.target, "ok", ok, "reason", reason)
	}
	j.due = time.Now().Add(jitter(j.check.Interval))
	heap.Push(&r.queue, j)
}

// reload compares the jobs with what is in force: new ones begin now, those that
// are gone end, the others go on by their schedule with the newest configuration.
func (r *Runner) reload() {
	seen := make(map[jobKey]bool, len(r.jobs))
	for gateway, upstreams := range r.cfg.Registry.Live() {
		for _, u := range upstreams {
			if u.Check == nil {
				continue
			}
			for _, t := range u.Targets() {
				key := jobKey{gateway, u.Name, t.Key()}
				seen[key] = true
				j := r.jobs[key]
				if j == nil {
					j = &job{key: key, due: time.Now(), index: -1}
					r.jobs[key] = j
					j.target, j.check = t, u.Check
					heap.Push(&r.queue, j)
					continue
				}
				j.target, j.check = t, u.Check
				if soon := time.Now().Add(u.Check.Interval); !j.busy && j.due.After(soon) {
					j.due = soon
					heap.Fix(&r.queue, j.index)
				}
			}
		}
	}
	for key, j := range r.jobs {
		if seen[key] {
			continue
		}
		j.gone = true
		delete(r.jobs, key)
		if j.index >= 0 {
			heap.Remove(&r.queue, j.index)
		}
	}
}

// jitter is d, a tenth more or less, so that checks don't march in step.
func jitter(d time.Duration) time.Duration {
	return d - d/10 + time.Duration(rand.Int64N(int64(d/5)+1))
}

// queue is a heap of jobs by due time.
type queue []*job

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].due.Before(q[j].due) }
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push is of container/heap.
func (q *queue) Push(x any) {
	j := x.(*job)
	j.index = len(*q)
	*q = append(*q, j)
}

// Pop is of container/heap.
func (q *queue) Pop() any {
	old := *q
	j := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	j.index = -1
	return j
}
