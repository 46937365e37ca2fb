package contract

// Push is what the control plane asks of the edge that holds a client's WebSocket
// (ConnectionEdge), on the list RedisPush. It is sealed like an Ask, and its answer
// is an Answer with Pushed.
type Push struct {
	ID         string `json:"id"`
	Gateway    string `json:"gateway"` // gateway id; another's connection does not exist
	Connection string `json:"connection"`
	Op         string `json:"op"` // PushSend, PushClose or PushGet
	Binary     bool   `json:"binary,omitempty"`
	Data       []byte `json:"data,omitempty"`
	Code       uint16 `json:"code,omitempty"`
	Reason     string `json:"reason,omitempty"`
	Deadline   int64  `json:"deadline"` // Unix milliseconds
	// Passed is the incarnation of a process of the edge that does not hold the
	// connection, while the edge is handed over from one to another.
	// Passes is how often it was passed on.
	Passed string `json:"passed,omitempty"`
	Passes int    `json:"passes,omitempty"`
}

// What a Push asks for: to write a message to the client, to close the connection,
// to tell what is known of it.
const (
	PushSend  = "send"
	PushClose = "close"
	PushGet   = "get"
)

// MaxPush bounds the message of a Push, in bytes.
const MaxPush = 256 << 10

// Pushed is what came of a Push.
type Pushed struct {
	Outcome string          `json:"outcome"`
	Limit   int64           `json:"limit,omitempty"`      // of PushTooLong: the route's, in bytes
	Found   *ConnectionInfo `json:"connection,omitempty"` // of PushGet
}

// Outcomes of a Push.
const (
	PushDone    = "done" // the message was written to the client's connection
	PushGone    = "gone" // there is no such connection, or not any more
	PushSlow    = "slow" // the client did not take it in time, or too much waits for it: it may still arrive
	PushBusy    = "busy" // the edge has too many to do
	PushTooLong = "too_long"
)

// ConnectionInfo is what an edge knows of a client's WebSocket.
type ConnectionInfo struct {
	Route    string `json:"route"`
	Consumer string `json:"consumer,omitempty"`
	Client   string `json:"client"`
	Protocol string `json:"protocol"` // HTTP/1.1, HTTP/2.0, HTTP/3.0
	Since    int64  `json:"since"`    // Unix milliseconds
	Moved    int64  `json:"moved"`    // the same: when something came or went last
	In       uint64 `json:"in"`       // messages of the client
	Out      uint64 `json:"out"`      // messages to it
}
