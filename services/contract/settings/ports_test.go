package settings

import "testing"

func TestPorts(t *testing.T) {
	for text, want := range map[string][2]int{
		"": {0, 0}, "9000-9099": {9000, 9099}, "9000": {9000, 9000}, "9000 - 9001": {9000, 9001},
		"0-10": {-1, 0}, "9099-9000": {-1, 0}, "1-65535": {-1, 0}, "9000-": {-1, 0}, "-9000": {-1, 0}, "http": {-1, 0}, "9000-70000": {-1, 0},
	} {
		v, err := Load([]string{StreamPorts}, nil, []string{"TOLLGATE_STREAM_PORTS=" + text})
		if err != nil {
			t.Fatal(err)
		}
		first, last, err := v.Ports(StreamPorts)
		if bad := want[0] < 0; (err != nil) != bad || !bad && (first != want[0] || last != want[1]) {
			t.Errorf("%q is %d to %d, %v", text, first, last, err)
		}
	}
}
