package webhook

import (
	"fmt"
	"net/url"

	"github.com/tollgate/tollgate/services/mailform"
)

// letter tells owners that a webhook is switched off.
func (s *Service) letter(w *Webhook) mailform.Form {
	return mailform.Form{
		Subject: fmt.Sprintf("Webhook %s of gateway %s is switched off", w.Spec.Name, w.GatewayName),
		Text:    []string{"It gets nothing of what happens from now on, and what waited for it is not sent."},
		Facts: []mailform.Fact{
			{Name: "Gateway", Value: w.GatewayName}, {Name: "Webhook", Value: w.Spec.Name}, {Name: "Reason", Value: w.DisabledReason},
		},
		Action: &mailform.Action{Label: "Look at the webhook", URL: fmt.Sprintf("%s/gateways/%s/webhooks/%s", s.base, url.PathEscape(w.GatewayName), url.PathEscape(w.Spec.Name))},
		After: []string{
			"Mend the receiver, try it with the button \"Test\", and switch the webhook on again. What it missed can be sent again from its list of deliveries.",
		},
		Why: "You are an owner of the organization that the gateway belongs to.",
	}
}
