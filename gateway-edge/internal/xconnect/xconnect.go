package xconnect

import "os"

const setting = "http2xconnect=1"

func init() {
	if had := os.Getenv("GODEBUG"); had != "" {
		_ = os.Setenv("GODEBUG", had+","+setting)
		return
	}
	_ = os.Setenv("GODEBUG", setting)
}
