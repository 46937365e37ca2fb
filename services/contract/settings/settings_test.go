package settings

import (
	"strings"
	"testing"
	"time"
)

func TestLoad(t *testing.T) {
	t.Parallel()
	demo := Setting{Name: "DEMO", Bool: true, FlagOnly: true, Help: "seed"}
	v, err := Load([]string{EdgeAddr, DrainTimeout, TrustedProxies, AllowPrivateUpstreams},
		[]string{"--edge-addr=:9", "--demo", "rest", "--drain-timeout", "5s"},
		[]string{"TOLLGATE_EDGE_ADDR=:7", "TOLLGATE_TRUSTED_PROXIES=10.0.0.0/8, ::1/128", "TOLLGATE_STRIPE_KEY=x", "TOLLGATE_OIDC_CORP_ISSUER=https://i", "TOLLGATE_TEST_X=1", "PATH=/"}, demo)
	if err != nil {
		t.Fatal(err)
	}
	if got := v.String(EdgeAddr); got != ":9" {
		t.Errorf("flag did not win: %q", got)
	}
	if d, err := v.Duration(DrainTimeout); err != nil || d != 5*time.Second {
		t.Errorf("drain timeout %v, %v", d, err)
	}
	if got := v.List(TrustedProxies); len(got) != 2 || got[1] != "::1/128" {
		t.Errorf("list %q", got)
	}
	if b, err := v.Bool("DEMO"); err != nil || !b {
		t.Errorf("demo %v, %v", b, err)
	}
	if b, err := v.Bool(AllowPrivateUpstreams); err != nil || b || v.Given(AllowPrivateUpstreams) {
		t.Errorf("default %v, %v", b, err)
	}
	if len(v.Args) != 1 || v.Args[0] != "rest" {
		t.Errorf("args %q", v.Args)
	}
}

func TestLoadNamesEveryMistake(t *testing.T) {
	t.Parallel()
	_, err := Load([]string{EdgeAddr}, []string{"--edge-adr=x", "--edge-addr"}, []string{"TOLLGATE_REDIS_ULR=x", "TOLLGATE_OIDC_ISSUER=x"})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"--edge-adr; did you mean --edge-addr?", "--edge-addr needs a value", "TOLLGATE_REDIS_ULR is not a setting of Tollgate; did you mean TOLLGATE_REDIS_URL?", "TOLLGATE_OIDC_ISSUER"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q:\n%v", want, err)
		}
	}
}

func TestRequire(t *testing.T) {
	t.Parallel()
	v, err := Load([]string{RedisURL, DatabaseURL, EdgeAddr}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = v.Require(RedisURL, EdgeAddr, DatabaseURL)
	if err == nil || !strings.Contains(err.Error(), "TOLLGATE_REDIS_URL") || !strings.Contains(err.Error(), "TOLLGATE_DATABASE_URL") || strings.Contains(err.Error(), "EDGE_ADDR") {
		t.Errorf("got %v", err)
	}
}

func TestValuesSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	v, _ := Load([]string{DrainTimeout, AllowPrivateUpstreams, LogFormat}, []string{"--drain-timeout=-1s", "--allow-private-upstreams=perhaps", "--log-format=xml"}, nil)
	if _, err := v.Duration(DrainTimeout); err == nil || !strings.Contains(err.Error(), "TOLLGATE_DRAIN_TIMEOUT") {
		t.Errorf("duration: %v", err)
	}
	if _, err := v.Bool(AllowPrivateUpstreams); err == nil || !strings.Contains(err.Error(), "perhaps") {
		t.Errorf("bool: %v", err)
	}
	if _, err := v.Logger(); err == nil || !strings.Contains(err.Error(), "json or text") {
		t.Errorf("logger: %v", err)
	}
}

func TestProviders(t *testing.T) {
	t.Parallel()
	v, err := Load(nil, []string{"--oidc-corp-client-secret", "flag"}, []string{
		"TOLLGATE_OIDC_CORP_ISSUER=https://corp", "TOLLGATE_OIDC_CORP_CLIENT_ID=a", "TOLLGATE_OIDC_CORP_CLIENT_SECRET=env",
		"TOLLGATE_OIDC_MY_IDP_ISSUER=https://my", "TOLLGATE_OIDC_MY_IDP_CLIENT_ID=b", "TOLLGATE_OIDC_MY_IDP_CLIENT_SECRET=c",
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := v.Providers()
	want := []Provider{{"corp", "https://corp", "a", "flag"}, {"my_idp", "https://my", "b", "c"}}
	if err != nil || len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("providers %+v, %v, want %+v", got, err, want)
	}
	if v, err = Load(nil, nil, []string{"TOLLGATE_OIDC_CORP_ISSUER=https://corp"}); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Providers(); err == nil || !strings.Contains(err.Error(), "TOLLGATE_OIDC_CORP needs all of") {
		t.Errorf("half a provider: %v", err)
	}
}
