// Command stripefake is tests/stripefake as a process of its own: a stateful Stripe
// for a browser test, or to try billing by hand. Its first line of output is JSON
// with its base URL, which is TOLLGATE_STRIPE_URL for the roles:
//
//	{"url":"http://127.0.0.1:40001"}
//
// Its control is under /_fake/ (see the package). Webhooks go out by themselves from
// the start; --hold keeps them back.
//
//	stripefake --replay URL --mocks bin/tools
//
// sends what the fake at a URL was asked to stripe-mock instead, and fails where
// that refuses a request or knows no field of an answer.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/tollgate/tollgate/tests/stripefake"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "where to listen")
	webhook := flag.String("webhook", "", "URL of the webhook endpoint")
	secret := flag.String("secret", "whsec_fake", "secret of the webhook endpoint")
	hold := flag.Bool("hold", false, "keep webhooks back until they are released")
	grace := flag.Duration("grace", 0, "how long an invoice stays a draft; 0: an hour")
	from := flag.String("replay", "", "URL of the fake whose requests are replayed")
	mocks := flag.String("mocks", "bin/tools", "where the stripe-mocks are")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if *from != "" {
		if err := replay(ctx, *from, *mocks); err != nil {
			log.Fatal(err)
		}
		return
	}
	f := stripefake.New(stripefake.Options{Grace: *grace})
	defer f.Close()
	url, err := f.Listen(*addr)
	if err != nil {
		log.Fatal(err)
	}
	f.SetWebhook(*webhook, *secret)
	if !*hold {
		f.Release()
	}
	if err := json.NewEncoder(os.Stdout).Encode(map[string]string{"url": url}); err != nil {
		log.Fatal(err)
	}
	<-ctx.Done()
}

// replay is --replay.
func replay(ctx context.Context, from, dir string) error {
	entries, err := stripefake.FetchLog(ctx, from)
	if err != nil {
		return err
	}
	to, wait, err := stripefake.StartMocks(ctx, dir)
	if err != nil {
		return err
	}
	defer wait()
	done, err := stripefake.Replay(ctx, entries, to)
	fmt.Printf("replayed: %d calls of meters at stripe-mock %s, %d others at %s\n", done.Meters, stripefake.MetersVersion, done.Records, stripefake.RecordsVersion)
	return err
}
