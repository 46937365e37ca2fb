package lambda_test

import (
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy/lambda"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
)

func TestPolicy(t *testing.T) { policytest.Run(t, &lambda.Descriptor, policytest.Suite{}) }
