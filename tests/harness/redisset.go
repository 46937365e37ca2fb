package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract/testport"
)

// RedisKind is how Redis is laid out in a cluster of Tollgate.
type RedisKind string

const (
	RedisSingle   RedisKind = ""         // one server
	RedisSentinel RedisKind = "sentinel" // a master with a replica, three sentinels
	RedisCluster  RedisKind = "cluster"  // three masters with a replica each
)

// RedisSet is several throwaway Redis servers that stand in for each other.
type RedisSet struct {
	Kind      RedisKind
	Nodes     []*Redis // servers that hold data
	Sentinels []*Redis
}

// failoverAfter is how long a server is silent before another takes its place.
const failoverAfter = time.Second

// URL is the TOLLGATE_REDIS_URL of the set.
func (s *RedisSet) URL() string {
	var hosts []string
	list := s.Nodes
	if s.Kind == RedisSentinel {
		list = s.Sentinels
	}
	for _, r := range list {
		hosts = append(hosts, "127.0.0.1:"+strconv.Itoa(r.Port))
	}
	if s.Kind == RedisSentinel {
		return "redis+sentinel://" + strings.Join(hosts, ",") + "/main/0"
	}
	return "redis+cluster://" + strings.Join(hosts, ",")
}

// StartRedisSet starts a set of the kind in directories below dir.
func StartRedisSet(ctx context.Context, t testing.TB, kind RedisKind, dir string) *RedisSet {
	t.Helper()
	s := &RedisSet{Kind: kind}
	t.Cleanup(s.kill)
	switch kind {
	case RedisSentinel:
		must(t, s.sentinel(ctx, dir))
	case RedisCluster:
		must(t, s.cluster(ctx, dir))
	default:
		t.Fatalf("no set of kind %q", kind)
	}
	return s
}

func (s *RedisSet) kill() {
	for _, r := range append(s.Nodes, s.Sentinels...) {
		r.Kill()
	}
}

// node starts one server that holds data.
func (s *RedisSet) node(ctx context.Context, dir string, more ...string) (*Redis, error) {
	sub := filepath.Join(dir, fmt.Sprintf("node-%d", len(s.Nodes)))
	if err := os.Mkdir(sub, 0o755); err != nil {
		return nil, err
	}
	r, err := startRedis(ctx, sub, append([]string{"--repl-diskless-sync-delay", "0"}, more...)...)
	if err != nil {
		return nil, err
	}
	s.Nodes = append(s.Nodes, r)
	return r, nil
}

func (s *RedisSet) sentinel(ctx context.Context, dir string) error {
	master, err := s.node(ctx, dir)
	if err != nil {
		return err
	}
	replica, err := s.node(ctx, dir, "--replicaof", "127.0.0.1 "+strconv.Itoa(master.Port))
	if err != nil {
		return err
	}
	for i := range 3 {
		port, err := testport.Find(1)
		if err != nil {
			return err
		}
		file := filepath.Join(dir, fmt.Sprintf("sentinel-%d.conf", i))
		text := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\nsentinel monitor main 127.0.0.1 %d 2\nsentinel down-after-milliseconds main %d\nsentinel failover-timeout main 5000\n",
			port, dir, master.Port, failoverAfter.Milliseconds())
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return err
		}
		r := &Redis{Port: port, Process: &Process{Name: fmt.Sprintf("sentinel-%d", i), Path: master.Path, Dir: dir, Env: cleanEnv(), Args: []string{file, "--sentinel"}}}
		if err := r.Start(); err != nil {
			return err
		}
		s.Sentinels = append(s.Sentinels, r)
	}
	if err := until(ctx, replica, "INFO replication", "master_link_status:up"); err != nil {
		return err
	}
	for _, r := range s.Sentinels {
		if err := until(ctx, r, "INFO sentinel", "status=ok,address=127.0.0.1:"+strconv.Itoa(master.Port)+",slaves=1,sentinels=3"); err != nil {
			return err
		}
	}
	return nil
}

const clusterSlots = 16384

func (s *RedisSet) cluster(ctx context.Context, dir string) error {
	const masters = 3
	var buses []int
	for range 2 * masters {
		bus, err := testport.Find(1) // else 10,000 above the port, which may be no port at all
		if err != nil {
			return err
		}
		if _, err := s.node(ctx, dir, "--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(bus), "--cluster-node-timeout", strconv.FormatInt(failoverAfter.Milliseconds(), 10)); err != nil {
			return err
		}
		buses = append(buses, bus)
	}
	for i, r := range s.Nodes[:masters] {
		if _, err := r.Do(fmt.Sprintf("CLUSTER ADDSLOTSRANGE %d %d", i*clusterSlots/masters, (i+1)*clusterSlots/masters-1)); err != nil {
			return err
		}
		// Apart from each other's, so that nothing has to be settled first.
		if _, err := r.Do(fmt.Sprintf("CLUSTER SET-CONFIG-EPOCH %d", i+1)); err != nil {
			return err
		}
	}
	for _, r := range s.Nodes[1:] {
		if _, err := r.Do(fmt.Sprintf("CLUSTER MEET 127.0.0.1 %d %d", s.Nodes[0].Port, buses[0])); err != nil {
			return err
		}
	}
	for i, r := range s.Nodes[masters:] {
		id, err := s.Nodes[i].Do("CLUSTER MYID")
		if err != nil {
			return err
		}
		_, id, _ = strings.Cut(strings.TrimSpace(id), "\r\n")
		if err := Until(ctx, 20*time.Second, func() error { // once it has heard of it
			_, err := r.Do("CLUSTER REPLICATE " + id)
			return err
		}); err != nil {
			return err
		}
	}
	for _, r := range s.Nodes {
		if err := until(ctx, r, "CLUSTER INFO", "cluster_state:ok", fmt.Sprintf("cluster_known_nodes:%d", 2*masters)); err != nil {
			return err
		}
	}
	for _, r := range s.Nodes[masters:] {
		if err := until(ctx, r, "INFO replication", "master_link_status:up"); err != nil {
			return err
		}
	}
	return nil
}

// until asks a server until its answer holds all the words.
func until(ctx context.Context, r *Redis, command string, words ...string) error {
	return Until(ctx, 30*time.Second, func() error {
		got, err := r.Do(command)
		if err != nil {
			return err
		}
		for _, w := range words {
			if !strings.Contains(got, w) {
				return errors.New(r.Name + ": " + command + " does not say " + w + ":\n" + got)
			}
		}
		return nil
	})
}
