package engine

import (
	"net/netip"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/gateway-edge/internal/gate"
	"github.com/tollgate/tollgate/gateway-edge/internal/meter"
	"github.com/tollgate/tollgate/gateway-edge/internal/route"
	"github.com/tollgate/tollgate/gateway-edge/internal/shed"
	"github.com/tollgate/tollgate/gateway-edge/internal/snapshot"
	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// Sizes of buffers, in bytes.
const (
	headBuf   = 8 << 10  // a request's head and what came with it
	answerBuf = 16 << 10 // a response's head and what came with it
	streamBuf = 64 << 10 // a piece of a long body
	smallBody = 16 << 10 // a body up to this is copied behind its head: one write
)

// client is the side of an exchange that its engine knows.
type client interface {
	// read returns the next piece of the request's body, valid until the next
	// call, and whether it was the last; then e.ReqTrailer is filled.
	read(j *job) (p []byte, last bool, err error)
	// begin makes ready to write the head that stands in j.e.Resp, with a body
	// of length bytes (-1: not known) or none. It writes nothing yet.
	begin(j *job, length int64, body bool)
	// write writes a piece of the answer's body, the head before the first.
	// last ends the answer, with j.e.RespTrailer.
	write(j *job, p []byte, last bool) error
	// abort ends an answer that can't be finished, so that the client notices.
	abort(j *job)
	// ahead returns the whole body when it is here already, so that it can be
	// sent at once and sent again.
	ahead(j *job) (body []byte, ok bool, err error)
	// continues answers 100 (Continue), when the client waits for it.
	continues(j *job) error
	// interim sends an answer below 200 that a backend sent before its final one;
	// its head stands in j.e.Resp.
	interim(j *job) error
	// open answers a WebSocket's handshake and returns the client's side of it.
	open(j *job) (peer, error)
	// stopReading makes a read that another goroutine is in return.
	stopReading()
	// protocol is the log's and the metrics' name.
	protocol() protocol
}

// job is one request under way. Jobs are pooled; everything that points into
// their buffers is gone when OnDone has returned.
type job struct {
	eng *Engine
	// shown is the client's certificate where the gateway asked for one.
	shown *ClientCert
	x     *policy.Exchange
	e     *policy.EngineExchange
	cl    client

	head gate.Head
	info Info
	kept *forwarding // of the connection; nil: none is kept

	gw          *snapshot.Compiled
	rt          *snapshot.Route
	chain       *policy.Chain
	found       route.Result
	maxBody     int64 // 0: no bound
	host        policy.Text
	path        policy.Text
	query       policy.Text
	refused     bool // the edge itself answers with code
	code        contract.Code
	detail      string
	target      *balance.Target
	tries       int
	streamed    bool   // a policy wrote the answer
	unended     bool   // and has not ended it
	accepted    bool   // the integration takes the WebSocket
	chosen      bool   // the caller's claims have chosen the route, of several
	preflighted bool   // a CORS preflight for the route, never sent on
	shake       *shake // of a WebSocket; nil for every other request
	upErr       error

	hot      *meter.Hot
	counts   *meter.Route
	id       contract.CounterID
	ticket   meter.Ticket
	admitted bool
	call     balance.Call
	tryBegan int64 // CLOCK_BOOTTIME ns
	payload  payload
	deadline int64

	share   *shed.Tenant // the organization's, while the request is counted there
	shed    bool         // refused because the edge has too much to do
	alone   bool         // the connection ends with it: the organization has too many
	watched bool         // the sweeper looks at the caller's credential
	entered bool         // counted among the requests under way

	began, sent, answered, committed int64 // CLOCK_BOOTTIME ns
	bodyIn, bodyOut                  int64
	charged                          int64 // of bodyOut, what the organization was charged
	headIn, headOut                  int64
	carried                          [2]int64 // of all of these, what was counted already
	ended                            policy.Ended

	tracing tracing

	reqID  [36]byte
	idText policy.Text
	random uint64
	body   requestBody
	up     upstream1
	timers *timers
	whole  [2]policy.EngineBody
	held   int64 // bytes counted in eng.collected
	pump   pump

	buf  []byte // the request's head; conn only
	rbuf []byte // the response's head
	out  []byte // what is written to the client
	wbuf []byte // what is written upstream
	misc []byte // errors, forwarded lists
}

func newJob(e *Engine) *job {
	j := &job{eng: e}
	j.x = policy.EngineNew(e.clock.Boot, match.CanonPath)
	j.e = policy.EngineOf(j.x)
	j.buf = make([]byte, headBuf)
	j.rbuf = make([]byte, answerBuf)
	j.out = make([]byte, 0, 4<<10)
	j.wbuf = make([]byte, 0, 4<<10)
	j.up.init(j)
	return j
}

// reset makes the job ready for another request of the same owner.
func (j *job) reset() {
	j.e.Reset()
	j.gw, j.rt, j.chain = nil, nil, nil
	j.maxBody = 0
	j.host, j.path, j.query = policy.Text{}, policy.Text{}, policy.Text{}
	j.refused, j.code, j.detail = false, 0, ""
	j.target, j.tries, j.streamed, j.unended, j.preflighted, j.chosen, j.upErr = nil, 0, false, false, false, false, nil
	j.hot, j.counts, j.admitted, j.ticket = nil, nil, false, meter.Ticket{}
	j.call, j.payload = balance.Call{}, payload{}
	j.began, j.sent, j.answered, j.committed = 0, 0, 0, 0
	j.bodyIn, j.bodyOut, j.headIn, j.headOut, j.carried = 0, 0, 0, 0, [2]int64{}
	j.charged, j.pump.charged, j.shed, j.alone = 0, 0, false, false
	j.shake, j.accepted = nil, false
	j.ended = policy.EndedWell
	j.tracing.reset()
	j.idText = policy.Text{}
	j.body = requestBody{}
	if j.held > 0 {
		j.eng.collected.Add(-j.held)
		j.held = 0
	}
	j.whole[0].Reset()
	j.whole[1].Reset()
	j.out, j.wbuf = j.out[:0], j.wbuf[:0]
	// A buffer that one request made large is not kept for the next.
	if cap(j.buf) > headBuf {
		j.buf = make([]byte, headBuf)
	}
	if cap(j.rbuf) != answerBuf {
		j.rbuf = make([]byte, answerBuf)
	}
	if cap(j.out) > streamBuf {
		j.out = make([]byte, 0, 4<<10)
	}
	if cap(j.wbuf) > streamBuf {
		j.wbuf = make([]byte, 0, 4<<10)
	}
}

// wreck ends a job that the engine itself failed on, as far as it can be: its
// policies are told, and nothing of it is used again.
func (j *job) wreck() {
	defer func() {
		if v := recover(); v != nil {
			j.eng.cfg.Logger.Error("engine panicked again", "panic", v)
		}
	}()
	defer j.leave()
	if c := j.up.c; c != nil {
		j.up.c = nil
		j.up.pool.Discard(c)
	}
	if j.chain != nil {
		j.e.Outcome.Ended = policy.EndedByEdge
		j.chain.EngineDone(j.x)
	}
}

// refuse makes the edge answer with an error of its own.
func (j *job) refuse(code contract.Code, detail string) {
	j.e.Reply = policy.EngineReply{Code: code, Detail: detail}
}

// peer is the true client of a request, given what a trusted proxy says.
func (j *job) peer() netip.Addr {
	if j.info.Trusted && !j.head.ForwardedFor.Empty() {
		if a, ok := trueClient(policy.EngineString(j.head.ForwardedFor), j.eng.cfg.Trusted); ok {
			return a
		}
	}
	return j.info.Peer.Addr()
}
