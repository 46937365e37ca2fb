package gateway

import (
	"errors"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// CheckOffline checks a plan by itself, as what a gateway without anything would
// become: with the code that the edge runs, but without a database. Pointers of
// errors are into the plan. Ports of streams are not looked at: which are free is an
// installation's matter.
func CheckOffline(checker Checker, in Plan) error {
	s := &Service{checker: checker, edgeDomain: "gateway.invalid", ports: PortRange{First: 1, Last: 65535}}
	src := &Source{Gateway: Gateway{ID: core.PrefixGateway + "_plan", Name: in.Gateway, Label: "plan", Mode: contract.ModeLive}}
	if err := in.Config.unique(); err != nil {
		return err
	}
	d := &draft{source: src, name: in.Gateway, config: in.Config.clone()}
	d.taken = func() ([]StreamPort, error) { return nil, nil }
	for _, name := range in.Secrets {
		d.secrets.puts = append(d.secrets.puts, &SecretValue{Secret: Secret{Name: name}})
	}
	_, err := s.review(edit{}, &src.Gateway, &Config{}, d)
	var known *core.Error
	if errors.As(err, &known) {
		for i := range known.Fields {
			known.Fields[i].Pointer = "/config" + known.Fields[i].Pointer
		}
	}
	return err
}

// CheckConsumer checks a consumer by itself, without a database: whether its usage plan
// is there, and whose its identities are, is not looked at. Pointers of errors are into
// the consumer.
func CheckConsumer(in PutConsumer) error { return in.validate() }
