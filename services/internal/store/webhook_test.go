package store_test

import (
	"testing"

	"github.com/tollgate/tollgate/services/internal/storetest"
)

func TestWebhookTenancy(t *testing.T) {
	t.Parallel()
	storetest.Each(t, storetest.WebhookTenancy)
}
