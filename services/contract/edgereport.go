package contract

// EdgeReport is what an edge says of itself in tg:edges, each second and right
// after every change it applied.
type EdgeReport struct {
	ID          string   `json:"id"`
	Incarnation string   `json:"incarnation"`
	Epoch       uint64   `json:"epoch"`
	Version     string   `json:"version"` // of the program
	Schema      int      `json:"schema"`
	Policies    []string `json:"policies"` // types it can run: the capability gate
	Lineage     string   `json:"lineage"`
	Rev         uint64   `json:"rev"`  // everything up to it is in force here
	Time        int64    `json:"time"` // Unix milliseconds of the report
	Started     int64    `json:"started"`
	Ready       bool     `json:"ready"`
	Draining    bool     `json:"draining"`
	// Resting: it drains because an operator asked for it, and lives on.
	Resting bool `json:"resting,omitempty"`
	// Leaving are epochs of this edge whose processes have handed over and still
	// finish what they have.
	Leaving []uint64 `json:"leaving,omitempty"`
	// Applied is when the newest revisions came into force, newest last, at most 128.
	Applied []Applied `json:"applied,omitempty"`
	// Failed are gateways whose newest document is not in force here.
	Failed []FailedGateway `json:"failed,omitempty"`
	// Down are targets that are not healthy, at most 256.
	Down []TargetState `json:"down,omitempty"`
	// Resolved are targets of which the edge knows the addresses behind the name, at
	// most 256.
	Resolved []ResolvedTarget `json:"resolved,omitempty"`
	Requests uint64           `json:"requests"` // served since start
	Open     int64            `json:"open"`     // in flight
	// PerSecond is how many requests ended each second lately, Connections how many
	// of clients are open.
	PerSecond   float64 `json:"per_second,omitempty"`
	Connections int     `json:"connections,omitempty"`
	// CPU is how many processors the process used lately, Memory its resident bytes;
	// 0 where that can't be known.
	CPU    float64 `json:"cpu,omitempty"`
	Memory uint64  `json:"memory,omitempty"`
}

// Applied says when a revision came into force at an edge.
type Applied struct {
	Rev  uint64 `json:"rev"`
	Time int64  `json:"time"` // Unix milliseconds
}

// FailedGateway says why an edge keeps an older version.
type FailedGateway struct {
	Gateway string `json:"gateway"`
	Version uint64 `json:"version"` // the one refused
	Serving uint64 `json:"serving"` // the one still in force, 0 for none
	Reason  string `json:"reason"`
}

// TargetState is one target as one edge sees it.
type TargetState struct {
	Gateway  string `json:"gateway"`
	Upstream string `json:"upstream"`
	Target   string `json:"target"`
	Address  string `json:"address,omitempty"` // the one of its name's that is down
	Reason   string `json:"reason"`
	Since    int64  `json:"since"` // Unix milliseconds
}

// ResolvedTarget says where an edge sends a target's requests.
type ResolvedTarget struct {
	Gateway   string   `json:"gateway"`
	Upstream  string   `json:"upstream"`
	Target    string   `json:"target"`
	Addresses []string `json:"addresses"` // host:port, at most 512
}

// EdgeGone is how long after its last report an edge counts as unreachable, and
// EdgeForgotten after how long it is no longer listed (milliseconds).
const (
	EdgeGone      = 3_000
	EdgeForgotten = 24 * 3600 * 1000
)
