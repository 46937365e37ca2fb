package shed

import (
	"testing"
	"testing/fstest"
)

func TestCgroupLimit(t *testing.T) {
	t.Parallel()
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	for name, c := range map[string]struct {
		files fstest.MapFS
		want  int64
	}{
		"none": {fstest.MapFS{}, 0},
		"version 2": {fstest.MapFS{
			"proc/self/cgroup": file("0::/a/b\n"), "sys/fs/cgroup/a/b/memory.max": file("max\n"), "sys/fs/cgroup/a/memory.max": file("1048576\n"),
		}, 1 << 20},
		"version 2, the least of the path": {fstest.MapFS{
			"proc/self/cgroup": file("0::/a/b\n"), "sys/fs/cgroup/a/b/memory.max": file("3000000\n"), "sys/fs/cgroup/a/memory.max": file("2000000\n"),
		}, 2_000_000},
		"version 2 in a container": {fstest.MapFS{
			"proc/self/cgroup": file("0::/\n"), "sys/fs/cgroup/memory.max": file("536870912\n"),
		}, 512 << 20},
		"version 1": {fstest.MapFS{
			"proc/self/cgroup":                                  file("9:name=systemd:/\n4:memory:/docker/x\n"),
			"sys/fs/cgroup/memory/memory.limit_in_bytes":        file("9223372036854771712\n"),
			"sys/fs/cgroup/memory/docker/memory.limit_in_bytes": file("7000000\n"),
		}, 7_000_000},
		"version 1, none": {fstest.MapFS{
			"proc/self/cgroup":                           file("4:memory:/\n"),
			"sys/fs/cgroup/memory/memory.limit_in_bytes": file("9223372036854771712\n"),
		}, 0},
		"nonsense": {fstest.MapFS{"proc/self/cgroup": file("what\n::\n0::/../../x\n")}, 0},
	} {
		if got := cgroupLimit(c.files); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
	if got := physical(fstest.MapFS{"proc/meminfo": file("MemFree: 1 kB\nMemTotal:       2048 kB\n")}); got != 2<<20 {
		t.Errorf("the machine has %d", got)
	}
}

func TestParseBytes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"1": 1, "10B": 10, "3KiB": 3072, "512MiB": 512 << 20, "2GiB": 2 << 30, "1TiB": 1 << 40,
		"": 0, "0": 0, "-1": 0, "GiB": 0, "2GB": 0, "2 GiB": 0, "1.5GiB": 0, "9000000TiB": 0, "iB": 0,
	} {
		got, err := ParseBytes(text)
		if got != want || (err != nil) != (want == 0) {
			t.Errorf("%q is %d, %v", text, got, err)
		}
	}
}
