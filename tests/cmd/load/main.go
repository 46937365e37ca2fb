// Command load asks for one path over HTTP/1.1 at fixed times, whether or not earlier
// answers have come (an open loop), with as little work of its own as can be, and
// tells as one line of JSON what came back.
//
// Each connection has its own times. A request whose time came while the one before
// was still open is sent late, and its latency counts from when it was due; one that
// would be later than -late is left out and counted.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Report is what came back.
type report struct {
	Due      int64         `json:"due"`      // requests whose time came
	Left     int64         `json:"left"`     // of them, what was not sent
	Statuses map[int]int64 `json:"statuses"` // 0: the connection broke
	// Good are the answers with 200 in each second, by when they were due.
	Good []int64 `json:"good"`
	// Quantiles of the time from when a request was due to its answer, of answers
	// with 200, in microseconds: 0.5, 0.9, 0.99, 0.999, 1.
	Micros [5]int64 `json:"micros"`
	// Worst is the slowest of a hundred (0.99) in each second, in microseconds.
	Worst []int64 `json:"worst"`
	Error string  `json:"error"` // of the first that broke
}

var (
	addr  = flag.String("addr", "", "host:port to connect to")
	host  = flag.String("host", "", "Host of the requests")
	path  = flag.String("path", "/", "path of the requests")
	rate  = flag.Float64("rate", 100, "requests a second, in all")
	first = flag.Float64("first", 0, "requests a second at the beginning; 0: rate")
	ramp  = flag.Duration("ramp", time.Second, "time from first to rate")
	conns = flag.Int("conns", 10, "connections")
	span  = flag.Duration("for", 10*time.Second, "time to ask for")
	late  = flag.Duration("late", time.Minute, "how late a request is still sent")
	from  = flag.Int("from", 1, "connections come from 127.<from>.x.y, a hundred of each address")
)

func main() {
	flag.Parse()
	out := report{Statuses: map[int]int64{}, Good: make([]int64, int(span.Seconds())+1)}
	var due, left atomic.Int64
	var mu sync.Mutex
	var times []int64
	bySecond := make([][]int64, len(out.Good))
	var all sync.WaitGroup
	request := []byte("GET " + *path + " HTTP/1.1\r\nHost: " + *host + "\r\n\r\n")
	// Connections are there before the first request is due: a millisecond each.
	began := time.Now().Add(200*time.Millisecond + time.Duration(*conns)*time.Millisecond)
	for i := range *conns {
		all.Go(func() {
			c := &caller{i: i, request: request, statuses: map[int]int64{}, good: make([]int64, len(out.Good)), times: make([][]int64, len(out.Good))}
			defer c.close()
			time.Sleep(time.Duration(i) * time.Millisecond)
			if err := c.dial(); err != nil {
				c.broke(err)
			}
			c.run(began)
			due.Add(c.due)
			left.Add(c.left)
			mu.Lock()
			defer mu.Unlock()
			for s, n := range c.statuses {
				out.Statuses[s] += n
			}
			for s, n := range c.good {
				out.Good[s] += n
			}
			if out.Error == "" && c.err != nil {
				out.Error = c.err.Error()
			}
			for s, t := range c.times {
				times = append(times, t...)
				bySecond[s] = append(bySecond[s], t...)
			}
		})
	}
	all.Wait()
	out.Due, out.Left = due.Load(), left.Load()
	for _, t := range bySecond {
		slices.Sort(t)
		out.Worst = append(out.Worst, quantile(t, 0.99))
	}
	slices.Sort(times)
	for i, q := range []float64{0.5, 0.9, 0.99, 0.999, 1} {
		out.Micros[i] = quantile(times, q)
	}
	if err := json.NewEncoder(os.Stdout).Encode(&out); err != nil {
		log.Fatal(err)
	}
}

func quantile(sorted []int64, q float64) int64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

// at is when the nth request in all is due.
func at(n float64) time.Duration {
	lo, hi, up := *first, *rate, ramp.Seconds()
	if lo == 0 || up == 0 {
		return time.Duration(n / hi * float64(time.Second))
	}
	// During the ramp n = lo·t + (hi-lo)·t²/(2·up).
	if most := (lo + hi) / 2 * up; n > most {
		return *ramp + time.Duration((n-most)/hi*float64(time.Second))
	}
	l, h := 0.0, up
	for range 40 {
		if t := (l + h) / 2; lo*t+(hi-lo)*t*t/(2*up) < n {
			l = t
		} else {
			h = t
		}
	}
	return time.Duration(l * float64(time.Second))
}

// caller is one connection.
type caller struct {
	i         int
	request   []byte
	c         net.Conn
	r         *bufio.Reader
	due, left int64
	statuses  map[int]int64
	good      []int64
	times     [][]int64 // by second
	err       error
}

func (c *caller) dial() (err error) {
	d := net.Dialer{Timeout: 10 * time.Second, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, byte(*from), byte(c.i/100), byte(1+c.i/100))}}
	if c.c, err = d.Dial("tcp", *addr); err != nil {
		return err
	}
	c.r = bufio.NewReaderSize(c.c, 4096)
	return nil
}

func (c *caller) close() {
	if c.c != nil {
		_ = c.c.Close()
		c.c = nil
	}
}

func (c *caller) broke(err error) {
	if c.err == nil {
		c.err = err
	}
	c.statuses[0]++
	c.close()
}

func (c *caller) run(began time.Time) {
	for k := 0; ; k++ {
		due := at(float64(k**conns + c.i))
		if due >= *span {
			return
		}
		c.due++
		wait := time.Until(began.Add(due))
		if wait > 0 {
			time.Sleep(wait)
		} else if -wait > *late {
			c.left++
			continue
		}
		if c.c == nil {
			if err := c.dial(); err != nil {
				c.broke(err)
				continue
			}
		}
		status, closes, err := c.ask()
		if err != nil {
			c.broke(err)
			continue
		}
		if closes {
			c.close()
		}
		c.statuses[status]++
		if status == http.StatusOK {
			second := int(due.Seconds())
			c.good[second]++
			c.times[second] = append(c.times[second], time.Since(began.Add(due)).Microseconds())
		}
	}
}

// ask sends the request and reads the answer, whose length must be announced.
func (c *caller) ask() (status int, closes bool, err error) {
	_ = c.c.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err = c.c.Write(c.request); err != nil {
		return 0, false, err
	}
	line, err := c.r.ReadSlice('\n')
	if err != nil || len(line) < 12 {
		return 0, false, errors.Join(err, errors.New("no status line"))
	}
	status = int(line[9]-'0')*100 + int(line[10]-'0')*10 + int(line[11]-'0')
	length := 0
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return 0, false, err
		}
		if len(line) <= 2 {
			break
		}
		if n := len("Content-Length: "); len(line) > n && string(line[:n]) == "Content-Length: " {
			if _, err := fmt.Sscan(string(line[n:len(line)-2]), &length); err != nil {
				return 0, false, err
			}
		}
		closes = closes || string(line) == "Connection: close\r\n"
	}
	_, err = c.r.Discard(length)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return status, closes, err
}
