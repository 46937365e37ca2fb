package webhook

import (
	"fmt"
	"net/url"
	"strings"
)

// letter tells owners that a webhook is switched off.
func (s *Service) letter(w *Webhook) string {
	var b strings.Builder
	fmt.Fprintf(&b, "The webhook %s of the gateway %s was switched off:\n%s.\n\n", w.Spec.Name, w.GatewayName, w.DisabledReason)
	b.WriteString("It gets nothing of what happens from now on, and what waited for it is not sent.\n")
	b.WriteString("Mend the receiver, try it with the button \"Test\", and switch the webhook on again;\nwhat it missed can be sent again from its list of deliveries.\n\n")
	fmt.Fprintf(&b, "%s/gateways/%s/webhooks/%s\n", s.base, url.PathEscape(w.GatewayName), url.PathEscape(w.Spec.Name))
	return b.String()
}
