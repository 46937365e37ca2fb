package failpoint

// Point is a step of a process.
type Point string

// Points of the edge.
const (
	// EdgeAfterHeaderWrite: the client's socket took the first byte of the answer, and
	// nothing of it was counted.
	EdgeAfterHeaderWrite Point = "edge.after_header_write"
	// EdgeBeforeAdd: the answer's status was counted, and it was not billed yet.
	EdgeBeforeAdd Point = "edge.before_add"
	// EdgeSlotDirAppend: a new counter's identity stands in the file, without the word
	// that makes it valid.
	EdgeSlotDirAppend Point = "edge.slot_dir_append"
	// EdgeAfterXaddBeforeMark: batches are in Redis, and nothing here says so.
	EdgeAfterXaddBeforeMark Point = "edge.after_xadd_before_mark"
	// EdgeEpochBump: before and after the new epoch took the old one's place on disk.
	EdgeEpochBump Point = "edge.epoch_bump"
	// EdgeSeal: hours are over, and their seal is numbered and not sent.
	EdgeSeal Point = "edge.seal"
	// EdgeInPolicy: a request is in its route's policies.
	EdgeInPolicy Point = "edge.in_policy"
	// ConfigApplyStart: a new document was verified, and is not on disk.
	ConfigApplyStart Point = "config.apply_start"
	// ConfigApplyMid: it is being compiled, with the mark of that set.
	ConfigApplyMid Point = "config.apply_mid"
	// ConfigApplyEnd: it is in force, and its revision was not reported.
	ConfigApplyEnd Point = "config.apply_end"
	// LKGAfterTmp: the compacted configuration log is whole beside the old one.
	LKGAfterTmp Point = "lkg.after_tmp"
	// LKGAfterRename: it has taken the old one's place, and the directory was not synced.
	LKGAfterRename Point = "lkg.after_rename"
)

// Points of the worker.
const (
	// WorkerAfterRead: batches were taken from the stream.
	WorkerAfterRead Point = "worker.after_read"
	// WorkerTxBeforeCommit: everything of them is written, and not committed.
	WorkerTxBeforeCommit Point = "worker.tx_before_commit"
	// WorkerAfterCommitBeforeXack: it is committed, and the stream still has them.
	WorkerAfterCommitBeforeXack Point = "worker.after_commit_before_xack"
	// WorkerAfterXackBeforeAckKey: the stream gave them up, and no edge was told.
	WorkerAfterXackBeforeAckKey Point = "worker.after_xack_before_ackkey"
	// RollupMid: hours were raised to what the counters sum to, and nothing that
	// follows from it was written.
	RollupMid Point = "rollup.mid"
	// ProjAfterPostBeforeStore: the payment provider has an hour's total, and the
	// ledger does not know.
	ProjAfterPostBeforeStore Point = "proj.after_post_before_store"
	// HookAfterPostBeforeStore: a receiver took a webhook's message, and its delivery
	// still waits.
	HookAfterPostBeforeStore Point = "hook.after_post_before_store"
	// OutboxAssignedBeforePublish: changes have their revisions, and Redis has none of them.
	OutboxAssignedBeforePublish Point = "outbox.assigned_before_publish"
	// OutboxPublishBeforeMark: Redis has them, and the outbox still calls them unsent.
	OutboxPublishBeforeMark Point = "outbox.publish_before_mark"
)

// Points of the portal.
const (
	// WebhookAfterCommitBefore200: an event of the payment provider's is noted, and
	// not answered.
	WebhookAfterCommitBefore200 Point = "webhook.after_commit_before_200"
	// PortalKeyBeforeCommit: a key is written, and not committed.
	PortalKeyBeforeCommit Point = "portal.key_before_commit"
	// PortalKeyAfterCommitBeforeReply: it is committed, and nobody was shown it.
	PortalKeyAfterCommitBeforeReply Point = "portal.key_after_commit_before_reply"
)

// Points are all of them.
var Points = []Point{
	EdgeAfterHeaderWrite, EdgeBeforeAdd, EdgeSlotDirAppend, EdgeAfterXaddBeforeMark, EdgeEpochBump, EdgeSeal, EdgeInPolicy,
	ConfigApplyStart, ConfigApplyMid, ConfigApplyEnd, LKGAfterTmp, LKGAfterRename,
	WorkerAfterRead, WorkerTxBeforeCommit, WorkerAfterCommitBeforeXack, WorkerAfterXackBeforeAckKey, RollupMid,
	ProjAfterPostBeforeStore, HookAfterPostBeforeStore, OutboxAssignedBeforePublish, OutboxPublishBeforeMark,
	WebhookAfterCommitBefore200, PortalKeyBeforeCommit, PortalKeyAfterCommitBeforeReply,
}
