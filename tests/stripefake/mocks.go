package stripefake

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Versions of stripe-mock that Replay needs: `make stripe-mocks` puts them into
// bin/tools as stripe-mock-VERSION.
const (
	MetersVersion  = "0.203.0"
	RecordsVersion = "0.183.0"
)

// StartMocks runs both stripe-mocks from a directory until ctx ends; wait returns
// when they have.
func StartMocks(ctx context.Context, dir string) (m Mocks, wait func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	var running []*exec.Cmd
	wait = func() {
		cancel()
		for _, c := range running {
			_ = c.Wait() // it was killed
		}
	}
	for version, to := range map[string]*string{MetersVersion: &m.Meters, RecordsVersion: &m.Records} {
		cmd, url, err := startMock(ctx, filepath.Join(dir, "stripe-mock-"+version))
		if cmd != nil {
			running = append(running, cmd)
		}
		if err != nil {
			wait()
			return Mocks{}, nil, err
		}
		*to = url
	}
	return m, wait, nil
}

func startMock(ctx context.Context, path string) (*exec.Cmd, string, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, "", fmt.Errorf("%w: run `make stripe-mocks`, which fetches and builds it", err)
	}
	var addr [2]string // it wants a port for HTTPS as well
	for i := range addr {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, "", err
		}
		addr[i] = l.Addr().String()
		l.Close()
	}
	cmd := exec.CommandContext(ctx, path, "-http-addr", addr[0], "-https-addr", addr[1])
	if err := cmd.Start(); err != nil {
		return nil, "", err
	}
	url := "http://" + addr[0]
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		resp, err := http.Get(url + "/v1/customers") // 401: it is there
		if err == nil {
			resp.Body.Close()
			return cmd, url, nil
		}
	}
	return cmd, "", errors.New("stripe-mock does not answer at " + url)
}
