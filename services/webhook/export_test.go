package webhook

import "context"

// Send sends what is due now, and returns when that is done.
func (n *Sender) Send(ctx context.Context) error {
	for {
		began, err := n.begin(ctx)
		if err != nil {
			return err
		}
		n.all.Wait()
		if began == 0 {
			return nil
		}
	}
}
