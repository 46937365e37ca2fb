package contract

import (
	"fmt"
	"hash/fnv"
)

// Names of all Redis keys: one function or constant each.
const (
	RedisSchema  = "tg:schema"
	RedisHead    = "tg:head"
	RedisChanges = "tg:changes"
	RedisEdges   = "tg:edges"
	// RedisHeadMark stands, on the head's own node, for what was filled before the
	// first head; only the publisher reads it.
	RedisHeadMark = "{tg:head}:mark"
)

// Numbers of shards; changing one needs a new schema version.
const (
	KeyShards    = 4096
	BudgetShards = 1024
	UsageStreams = 4
	LogStreams   = 2
)

func hash(s string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(s))
	return h.Sum32()
}

// IndexBucket is the bucket of a gateway's or organization's id.
func IndexBucket(id string) int { return int(hash(id) % IndexBuckets) }

// RedisIndex is a hash: id → IndexEntry.
func RedisIndex(bucket int) string { return fmt.Sprintf("tg:index:%d", bucket) }

// RedisDocument holds a gateway's newest signed document.
func RedisDocument(gateway string) string { return "tg:doc:{" + gateway + "}" }

// RedisOrganization holds an organization's signed document.
func RedisOrganization(org string) string { return "tg:org:{" + org + "}" }

// KeyShard is the shard of a kid.
func KeyShard(kid uint64) int { return int((kid * 0x9E3779B97F4A7C15) >> 52) }

// RedisKeys is a hash: kid (10 characters) → encoded KeyRecord. The field
// KeysSeeded marks that the shard was filled from the database; without it an
// absent kid is not known to be unknown.
func RedisKeys(shard int) string { return fmt.Sprintf("tg:{k%04d}:keys", shard) }

// KeysSeeded is the seed marker's field; its value is the lineage.
const KeysSeeded = "~seeded"

// BudgetShard is the shard of a counter's name.
func BudgetShard(counter string) int { return int(hash(counter) % BudgetShards) }

// Kinds of budgets.
const (
	BudgetQuota       = "q"
	BudgetRate        = "r"
	BudgetDirect      = "d"
	BudgetConcurrency = "c"
)

// RedisBudget is a counter's key; period is empty but for quotas.
func RedisBudget(kind, counter, period string) string {
	k := fmt.Sprintf("tg:{b%04d}:%s:%s", BudgetShard(counter), kind, counter)
	if period != "" {
		k += ":" + period
	}
	return k
}

// RedisBudgetGen is the marker of a seeded budget shard; its value changes
// whenever the shard was seeded anew.
func RedisBudgetGen(shard int) string { return fmt.Sprintf("tg:{b%04d}:gen", shard) }

// RedisBudgetClaims is the hash through which edges tell, while a shard is
// unseeded, what they hold of each counter: "<edge.epoch> <counter> <period>" → claim.
func RedisBudgetClaims(shard int) string { return fmt.Sprintf("tg:{b%04d}:claims", shard) }

// RedisUsage is a stream of usage batches.
func RedisUsage(n int) string { return fmt.Sprintf("tg:usage:%d", n) }

// RedisUsageAck is the highest batch of an edge's epoch that the database has.
func RedisUsageAck(edge string, epoch uint64) string { return fmt.Sprintf("tg:ack:%s:%d", edge, epoch) }

// UsageStream is the stream an edge ships to.
func UsageStream(edge string) int { return int(hash(edge) % UsageStreams) }

// RedisLogs is a capped, lossy stream of log records.
func RedisLogs(n int) string { return fmt.Sprintf("tg:logs:%d", n) }

// LogStream is the stream an edge logs to.
func LogStream(edge string) int { return int(hash(edge) % LogStreams) }

// Consumer groups.
const (
	GroupUsage = "usage"
	GroupLogs  = "logs"
)

// BatchField is the field of usage and log streams that holds the payload.
const BatchField = "b"

// RedisAsk is the list on which an edge waits for explain questions.
func RedisAsk(edge string) string { return "tg:ask:" + edge }

// RedisPush is the list on which an edge waits for what concerns the WebSockets that
// it holds: questions that take long must not stand before it.
func RedisPush(edge string) string { return "tg:push:" + edge }

// RedisOrders is the list on which an edge waits for what the control plane tells it
// to do.
func RedisOrders(edge string) string { return "tg:orders:" + edge }

// RedisAnswer is the list that one answer is pushed to.
func RedisAnswer(id string) string { return "tg:answer:" + id }
