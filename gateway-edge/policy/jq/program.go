package jq

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/itchyny/gojq"
)

// MaxLen bounds a program, in bytes.
const MaxLen = 16 << 10

// Program is a compiled program. It may be run by several goroutines at once.
type Program struct {
	query *gojq.Query
	pool  sync.Pool // of *machine: compiled code and what it has spent
}

// Errors of a run. A Message is what the program itself said by error("…").
var (
	// ErrBudget: the program took too many steps, too long, or too much memory.
	ErrBudget = errors.New("the jq program took more steps, time or memory than allowed")
	// ErrResults: it gave no value, or several.
	ErrResults = errors.New("the jq program gave no value, or more than one")
	// ErrFailed: it met a value that it can't work on.
	ErrFailed = errors.New("the jq program failed on this body")
)

// Message is an error that the program raised by error("…").
type Message string

// Error is the message.
func (m Message) Error() string { return string(m) }

const maxMessage = 200

// Compile reads a program. Its error says what is wrong in words for the operator.
func Compile(src string) (*Program, error) {
	if len(src) > MaxLen {
		return nil, fmt.Errorf("is %d bytes, at most %d are allowed", len(src), MaxLen)
	}
	q, err := gojq.Parse(src)
	if err != nil {
		var pe *gojq.ParseError
		if errors.As(err, &pe) {
			return nil, fmt.Errorf("character %d: unexpected %q", pe.Offset, pe.Token)
		}
		return nil, err
	}
	f := newFence()
	f.query(q)
	if f.err != nil {
		return nil, f.err
	}
	q.FuncDefs = append(append([]*gojq.FuncDef{}, prelude...), q.FuncDefs...)
	p := &Program{query: q}
	m, err := newMachine(q)
	if err != nil {
		return nil, err
	}
	p.pool.Put(m)
	return p, nil
}

// Run runs the program on a value, which document.Parse gives, and returns the one
// value that it makes. Neither may be changed afterwards: they may share parts.
func (p *Program) Run(v any) (any, error) {
	m, _ := p.pool.Get().(*machine)
	if m == nil {
		var err error
		if m, err = newMachine(p.query); err != nil {
			return nil, err
		}
	}
	defer p.pool.Put(m)
	m.begin()
	if _, err := m.fit(v); err != nil {
		return nil, ErrBudget
	}
	it := m.code.RunWithContext(&m.ctx, v)
	out, ok := it.Next()
	if !ok {
		return nil, ErrResults
	}
	if err, bad := out.(error); bad {
		return nil, failure(err)
	}
	if _, more := it.Next(); more {
		return nil, ErrResults
	}
	return out, nil
}

func failure(err error) error {
	var big *tooMuch
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &big) {
		return ErrBudget
	}
	var raised gojq.ValueError
	if errors.As(err, &raised) {
		if s, ok := raised.Value().(string); ok && len(s) <= maxMessage {
			return Message(s)
		}
	}
	return ErrFailed
}

// Bounds of a run.
const (
	maxSteps  = 2_000_000
	maxTime   = 250 * time.Millisecond
	maxWeight = 32 << 20 // of one value, in bytes
	maxMade   = 64 << 20 // what a program may make before the heap is looked at
	maxHeap   = 256 << 20
	maxDepth  = 200
)

// machine is the code of a program with the account of the run it serves.
type machine struct {
	code  *gojq.Code
	ctx   spent
	made  int64
	heard int64 // made when the heap was looked at last
	heap  uint64
}

// spent is a context that ends when the steps are used up or the time is. The
// interpreter asks it before each instruction.
type spent struct {
	steps int
	began time.Time
	over  bool
}

var closed = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// Done counts a step.
func (s *spent) Done() <-chan struct{} {
	if s.steps++; s.steps > maxSteps || s.steps&15 == 0 && time.Since(s.began) > maxTime {
		s.over = true
	}
	if s.over {
		return closed
	}
	return nil
}

// Err is context.DeadlineExceeded once the budget is spent.
func (s *spent) Err() error {
	if s.over {
		return context.DeadlineExceeded
	}
	return nil
}

// Deadline: there is none that others could use.
func (s *spent) Deadline() (time.Time, bool) { return time.Time{}, false }

// Value holds nothing.
func (s *spent) Value(any) any { return nil }

func newMachine(q *gojq.Query) (*machine, error) {
	m := &machine{}
	code, err := gojq.Compile(q, m.functions()...)
	if err != nil {
		return nil, err
	}
	m.code = code
	return m, nil
}

func (m *machine) begin() {
	m.ctx = spent{began: time.Now()}
	m.made, m.heard, m.heap = 0, 0, 0
}
