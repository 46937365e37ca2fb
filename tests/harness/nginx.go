package harness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract/testport"
)

// StartNginx puts nginx before edges, as infra/docker/nginx.conf does, and returns
// its address. It has no health checks: it notices an edge that is gone by being
// refused. It ends with the test.
func StartNginx(t testing.TB, edges ...*Edge) string {
	t.Helper()
	path, err := exec.LookPath("nginx")
	if err != nil {
		path = "/usr/sbin/nginx"
		if _, err := os.Stat(path); err != nil {
			t.Fatal("nginx is not installed (Debian package nginx-light)")
		}
	}
	port := testport.Free(t)
	dir, err := TempDir()
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	var servers strings.Builder
	for _, e := range edges {
		fmt.Fprintf(&servers, "    server %s max_fails=1 fail_timeout=2s;\n", e.Addr())
	}
	conf := fmt.Sprintf(`daemon off; worker_processes 1; pid %[1]s/pid; error_log %[1]s/error.log;
events { worker_connections 4096; }
http {
  access_log off; client_body_temp_path %[1]s/a; proxy_temp_path %[1]s/b; fastcgi_temp_path %[1]s/c; uwsgi_temp_path %[1]s/d; scgi_temp_path %[1]s/e;
  upstream edges {
%[2]s    keepalive 32;
  }
  map $http_upgrade $upgraded { default upgrade; "" ""; }
  server {
    listen 127.0.0.1:%[3]d;
    keepalive_requests 1000000000;
    location / {
      proxy_pass http://edges; proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $upgraded;
      proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }
  }
}
`, dir, servers.String(), port)
	file := filepath.Join(dir, "nginx.conf")
	must(t, os.WriteFile(file, []byte(conf), 0o644))
	p := &Process{Name: "nginx", Path: path, Args: []string{"-c", file, "-p", dir}, Dir: dir}
	must(t, p.Start())
	t.Cleanup(func() {
		if t.Failed() {
			b, _ := os.ReadFile(filepath.Join(dir, "error.log"))
			t.Logf("---- nginx\n%s", lastLines(string(b), 30))
		}
		_ = p.Stop(5 * time.Second)
	})
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	if err := Until(t.Context(), 30*time.Second, func() error { return NewCaller(1).Get(addr, "x", "/", "").Err }); err != nil {
		t.Fatalf("nginx: %v\n%s", err, p.Log())
	}
	return addr
}
