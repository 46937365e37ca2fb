package engine_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// ordinary are the parts of requests that people and programs make every day.
var ordinary = struct {
	names, streets, searches, texts, foreign, code, agents, cookies, urls []string
}{
	names: []string{
		"Conor O'Brien", "Anna D'Angelo", "Jean-Luc L'Hôpital", "Siân Price-Jones", "Müller & Söhne GmbH", "Dr. Ng, Jr.", "Zoë van 't Hoff", "José María Ñuñez", "Łukasz Wójcik", "Bob \"The Builder\" Smith",
		"Nguyễn Thị Minh", "Björk Guðmundsdóttir", "王伟", "山田 太郎", "محمد علي", "Иван Петров", "Ελένη Παπαδοπούλου", "דוד כהן", "김민준", "Anne-Marie (Annie) Doe",
	},
	streets: []string{
		"12 St. John's Road, Flat 3", "Straße des 17. Juni 135", "Calle Mayor, 5 - 2º izq.", "10, rue de l'Église", "P.O. Box #42; Suite 7", "221B Baker St.", "Apt 4/12, King's Cross", "1 Infinite Loop", "Am Markt 3 (Hinterhof)", "北京市朝阳区建国路88号",
	},
	searches: []string{
		"men's jacket", "\"blue suede shoes\"", "rock & roll", "C++ tutorial", "select a size", "union station hotel", "5% off", "50/50 cotton", "what's new?", "table for two and chairs", "who is online", "drop shipping costs", "or else", "10-12 years", "iPhone 15 (128 GB)",
		"size:xl color:red", "price < 20", "mother's day - gifts", "order by phone", "salt+pepper", "when does it arrive?", "insert for shoes", "update on my order", "e-mail: help", "1 or 2 people", "jack & jones t-shirt", "fish 'n' chips", "the cat sat on the mat", "café crème", "#summer @beach",
	},
	texts: []string{
		"Hi there,\n\nit's a gift, isn't it? Please don't ring the bell; leave it with the neighbours (no. 7).\nThanks, Ann & Bob", "# Release notes\n\n* faster search\n* *new* colours, see [the guide](https://docs.example.com/guide)\n\n> quoted\n",
		"Total: 19.90 EUR (incl. 19% VAT) - paid by card ending in 4242.", "Meeting moved from 10:30 to 11:15; dial-in +49 30 123456, PIN 9981#.", "I'd rate it 4/5: good quality, but the zipper's stuck...", "TODO: call the plumber, buy milk & eggs, pay the bill (due 3/12).",
		"She said \"hello\" and he replied 'good morning'.", "If a < b and b < c then a < c, of course.", "We're hiring! 100% remote, $90k-$110k + bonus; apply at jobs@example.com.", "- [x] done\n- [ ] open\n\n| a | b |\n|---|---|\n| 1 | 2 |\n",
		"The quick brown fox; the lazy dog. 1 + 1 = 2.", "Order #10045 has been shipped, track it: https://track.example.com/p/1Z999AA10123456784?lang=en", "Can you select the blue one from the list, or update me when it's back?", "N/A", "Don't drop the table on your foot when you move it!",
	},
	foreign: []string{
		"你好，我想退货，谢谢！", "請在下午三點以前送達。", "مرحبا، متى يصل الطلب؟", "注文番号は１２３４です。", "안녕하세요, 배송 언제 되나요?", "Здравствуйте! Где мой заказ №15?", "สวัสดีครับ ขอบคุณมาก", "🎉🎂 Happy birthday! 👩‍👩‍👧‍👦", "Ça va être très bien, n'est-ce pas ?", "שלום, תודה רבה", "नमस्ते, धन्यवाद", "Grüße aus Köln – schöne Woche noch!",
	},
	code: []string{
		"func add(a, b int) int {\n\treturn a + b\n}", "total = price * quantity", "for i in range(10):\n    total += i", "body { color: red; margin: 0 auto; }", "{\"compilerOptions\": {\"strict\": true}}", "x := []int{1, 2, 3}", "key: value\nlist:\n  - one\n  - two\n", "const area = width * height;",
	},
	agents: []string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
		"Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0", "okhttp/4.12.0", "Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8 Build/AP1A.240505.004)", "shop-app/3.2 CFNetwork/1568 Darwin/24.1.0", "PostmanRuntime/7.43.0", "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
	},
	cookies: []string{
		"_ga=GA1.2.1234567890.1732273200; _gid=GA1.2.987654321.1732270000; _gat=1", "_fbp=fb.1.1732273200123.1234567890; _gcl_au=1.1.123456.1732273200", "OptanonConsent=isGpcEnabled=0&datestamp=Sun+Nov+22+2026+10%3A00%3A00+GMT%2B0100&version=202409.1.0&groups=C0001%3A1%2CC0002%3A0",
		"session=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl; theme=dark; lang=de-DE", "cart=3f2b8c1e-7a4d-4e0b-9c55-1d2f3a4b5c6d; seen=1%2C2%2C3", "_hjSessionUser_12345=eyJpZCI6ImFiYyIsImNyZWF0ZWQiOjE3MzIyNzMyMDB9; cookieconsent_status=dismiss", "consent={%22ads%22:false%2C%22stats%22:true}; tz=Europe/Berlin",
	},
	urls: []string{
		"https://shop.example.com/return?order=7", "https://www.example.org/a/b.html#top", "https://api.example.com:8443/v2/callback", "https://cdn.example.net/img/p%20q.png", "/account/orders?page=2", "mailto:ann@example.com",
	},
}

func of(list []string, i int) string { return list[i%len(list)] }

// ordinaryRequest is the i-th of as many ordinary requests as are wanted.
func ordinaryRequest(i int) string {
	o := &ordinary
	fields := "User-Agent: " + of(o.agents, i) + "\r\nAccept: */*\r\nAccept-Language: de-DE,de;q=0.9,en;q=0.8\r\n"
	if i%3 == 0 {
		fields += "Cookie: " + of(o.cookies, i/3) + "\r\n"
	}
	if i%4 == 0 {
		fields += "Referer: https://www.example.com/search?q=" + url.QueryEscape(of(o.searches, i/4)) + "\r\n"
	}
	get := func(target, more string) string { return req("GET "+target+" HTTP/1.1", fields+more) }
	send := func(method, target, kind, body string) string {
		return req(method+" "+target+" HTTP/1.1", fields+"Content-Type: "+kind+"\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\n") + body
	}
	object := func(method, target string, v any) string {
		b, _ := json.Marshal(v)
		return send(method, target, "application/json", string(b))
	}
	type m = map[string]any
	n := i / 20
	name, text := of(o.names, n+i), of(o.texts, n+i)
	when := fmt.Sprintf("2026-%02d-%02dT%02d:%02d:07.%03dZ", 1+i%12, 1+i%28, i%24, i%60, i%1000)
	id := fmt.Sprintf("%08x-7a4d-4e0b-9c55-%012x", i*2654435761%(1<<32), i*7919)
	switch i % 20 {
	case 0:
		return get("/search?q="+url.QueryEscape(of(o.searches, n))+"&page="+strconv.Itoa(n), "")
	case 1:
		return get("/search?q="+url.PathEscape(of(o.searches, n+11))+"&sort=price%3Aasc&filter[size]=xl&filter[colour]=red", "")
	case 2:
		return get("/products/"+id+"?fields=id,name,price&expand=variants.images&since="+url.QueryEscape(when), "If-None-Match: W/\"a1b2c3\"\r\n")
	case 3:
		return get("/login?redirect="+url.QueryEscape(of(o.urls, n))+"&utm_source=newsletter&utm_campaign=black-friday_2026&gclid=Cj0KCQiA_abc-123", "")
	case 4:
		return send("POST", "/address", "application/x-www-form-urlencoded", url.Values{
			"name": {name}, "street": {of(o.streets, n)}, "zip": {fmt.Sprintf("%05d", 10000+i)}, "phone": {"+49 (30) 123-45" + strconv.Itoa(i%100)}, "note": {text},
		}.Encode())
	case 5:
		return object("POST", "/orders", m{"id": id, "customer": m{"name": name, "email": fmt.Sprintf("user.%d+shop@example.co.uk", i), "street": of(o.streets, n)}, "items": []any{m{"sku": "AB-1/" + strconv.Itoa(i), "n": 2, "price": 19.9, "gift": true, "note": nil}}, "at": when})
	case 6:
		return object("POST", "/comments", m{"author": name, "text": text, "parent": nil, "created_at": when})
	case 7:
		return object("POST", "/messages", m{"to": []string{name}, "subject": of(o.foreign, n), "body": of(o.foreign, n+5) + " " + text})
	case 8:
		return object("POST", "/graphql", m{"operationName": "Orders", "query": "query Orders($amount: Int!, $page: String) {\n  orders(first: $amount, after: $page) {\n    items { number total { amount currency } }\n    pageInfo { hasNextPage }\n  }\n}", "variables": m{"amount": 10 + n, "page": "Y3Vyc29yOjEw"}})
	case 9:
		return object("POST", "/graphql", m{"query": "mutation { addComment(input: {subject: \"" + strconv.Itoa(i) + "\", body: \"" + of(o.foreign, n) + "\"}) { comment { id } } }"})
	case 10:
		return object("PATCH", "/products/"+strconv.Itoa(i), []any{m{"op": "replace", "path": "/price", "value": 12.5}, m{"op": "add", "path": "/tags/-", "value": of(o.searches, n)}, m{"op": "remove", "path": "/images/0"}})
	case 11:
		body := "--XyZ" + strconv.Itoa(i) + "\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\n" + text + "\r\n--XyZ" + strconv.Itoa(i) + "\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"IMG_" + strconv.Itoa(1000+i) +
			".png\"\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x01\x00\x00\x00\x01\x00\x08\x06\r\n--XyZ" + strconv.Itoa(i) + "--\r\n"
		return send("POST", "/photos", "multipart/form-data; boundary=XyZ"+strconv.Itoa(i), body)
	case 12:
		body := "--b1\r\nContent-Disposition: form-data; name=\"file\"; filename=\"orders " + strconv.Itoa(i) + ".csv\"\r\nContent-Type: text/csv\r\n\r\nid;name;price\r\n1;\"" + strings.ReplaceAll(name, `"`, `""`) + "\";19,90\r\n--b1--\r\n"
		return send("POST", "/import", "multipart/form-data; boundary=b1", body)
	case 13:
		return object("PUT", "/snippets/"+strconv.Itoa(i), m{"language": "text", "code": of(o.code, n), "public": i%2 == 0})
	case 14:
		return send("POST", "/soap", "text/xml; charset=utf-8", "<?xml version=\"1.0\" encoding=\"UTF-8\"?><order xmlns=\"urn:shop\"><name>"+strings.NewReplacer("&", "&amp;", "<", "&lt;", `"`, "&quot;").Replace(name)+"</name><at>"+when+"</at></order>")
	case 15:
		return object("POST", "/webhooks/stripe", m{"id": "evt_" + strconv.Itoa(i), "object": "event", "api_version": "2024-06-20", "created": 1732273200 + i, "type": "checkout.session.completed", "data": m{"object": m{"id": "cs_test_a1B2c3", "success_url": of(o.urls, n), "metadata": m{"order": id}}}})
	case 16:
		return get("/reports?from=2026-01-01&to=2026-12-31&tz=Europe%2FBerlin&metrics=p50,p95,p99&group_by=day&q=status:%3E%3D500", "Authorization: Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1c2VyIn0.c2lnbmF0dXJl"+strconv.Itoa(i)+"\r\n")
	case 17:
		return object("POST", "/events", m{"batch": []any{m{"event": "page_view", "url": of(o.urls, n), "ts": when, "props": m{"title": of(o.searches, n+3), "viewport": "1440x900", "ref": of(o.urls, n+1)}}, m{"event": "click", "target": "button#buy > span.label", "x": 120.5}}})
	case 18:
		return send("POST", "/feedback", "application/x-www-form-urlencoded", url.Values{"rating": {"4"}, "title": {of(o.searches, n+7)}, "text": {of(o.foreign, n) + "\n" + text}, "csrf_token": {"dGhpcy1pcy1hLXRva2Vu"}}.Encode())
	}
	return req("DELETE /carts/"+id+"/items/"+strconv.Itoa(i)+" HTTP/1.1", fields+"X-Requested-With: XMLHttpRequest\r\nIf-Match: \"7\"\r\n")
}
