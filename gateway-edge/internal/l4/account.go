package l4

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/gateway-edge/internal/observe"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// This file is the one place that counts. A session is admitted before a target is
// looked for, credited when none is reached, and billed once when one is; its bytes
// are counted while it goes on and at its end.

// statusReached is the status that a session counts under that reached a target.
const statusReached = 200

// commit is called once, when the session has reached its target.
func (x *session) commit() {
	x.reached = x.s.cfg.Clock.Boot()
	x.at.Store(x.target)
	x.billed = x.gw.Doc.Mode != contract.ModeTest
	m := x.s.cfg.Meter
	m.Commit(&x.st.Meter.Hot, x.st.Meter, &x.id, statusReached, true)
	m.Answered(x.st.Meter, x.target.ID, statusReached)
	x.s.served.Add(1)
}

// charge counts what was carried since the last time. The lock is held.
func (x *session) charge(now int64) (in, out int64) {
	all := [2]int64{x.in.Load(), x.out.Load()}
	in, out = all[0]-x.charged[0], all[1]-x.charged[1]
	x.charged, x.due = all, now+int64(chargeEvery)
	return in, out
}

// finish ends the session: it is counted and logged. Once.
func (x *session) finish() {
	s := x.s
	s.mu.Lock()
	delete(s.sessions, x)
	s.mu.Unlock()
	if x.room != nil {
		x.room.leave(x.client.Addr())
	}
	if x.seated {
		s.cfg.Guard.Disconnect(&x.gw.Org.Share)
	}
	if x.call.Target() != nil {
		result := balance.ResultNone
		if x.out.Load() > 0 {
			result = balance.ResultOK
		}
		x.call.End(result, 0)
	}
	x.giveBack()
	m := s.cfg.Meter
	if x.admitted && x.reached == 0 {
		m.Credit(x.ticket)
	}
	status := statusReached
	if x.refused {
		s.refused.Add(1)
		status = x.code.Info().Status
		m.Refuse(&x.st.Meter.Hot, x.st.Meter, &x.id, x.code, status)
	}
	now := s.cfg.Clock.Boot()
	x.mu.Lock()
	in, out := x.charge(now)
	x.mu.Unlock()
	took := now - x.began
	if x.reached != 0 {
		took = x.reached - x.began
	}
	m.Done(&x.st.Meter.Hot, x.st.Meter, &x.id, in, out, took/1000, 0)
	if x.reached != 0 {
		m.AnsweredDone(x.st.Meter, x.target.ID, x.in.Load(), x.out.Load(), took/1000)
	}
	x.log(status, now, took)
}

// log writes the access log's line.
func (x *session) log(status int, now, took int64) {
	l := x.s.cfg.Log
	if l == nil {
		return
	}
	code, ended := "", policy.Ended(x.ended.Load()).String()
	if x.refused {
		code, ended = x.code.String(), ""
	}
	if !x.gw.LogShare.Wants(status, code, ended) || l.Full(x.gw.Doc.Num, code != "" || ended != "") {
		return
	}
	protocol := strings.ToUpper(x.st.Doc.Protocol)
	r := observe.Record{
		Time: x.s.cfg.Clock.Milli(x.began), RequestID: newID(x.s.cfg.Clock.Milli(x.began)),
		Organization: x.id.Organization, Gateway: x.id.Gateway, Version: x.gw.Doc.Version,
		RouteNum: x.st.Doc.Num, Route: x.st.Doc.Name,
		Method: protocol, Protocol: protocol, Host: x.named, Client: x.client.Addr(),
		Status: status, Code: code, Billed: x.billed, Tries: x.tries,
		BytesIn: x.in.Load(), BytesOut: x.out.Load(), EdgeMicros: took / 1000, DurationMicros: (now - x.began) / 1000, Aborted: ended,
	}
	if x.target != nil {
		r.Target = x.target.URL.String()
	}
	l.Write(&r)
}

// newID is a UUIDv7 (RFC 9562, 5.7) of a time in Unix milliseconds.
func newID(milli int64) string {
	var id [16]byte
	_, _ = rand.Read(id[6:])
	binary.BigEndian.PutUint16(id[:], uint16(milli>>32))
	binary.BigEndian.PutUint32(id[2:], uint32(milli))
	id[6], id[8] = id[6]&0x0f|0x70, id[8]&0x3f|0x80
	h := hex.EncodeToString(id[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
