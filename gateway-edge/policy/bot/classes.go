package bot

// classes are clients known by a part of their User-Agent, in lower case.
var classes = map[string][]string{
	"scanners": {
		"acunetix", "arachni", "burpsuite", "dirbuster", "feroxbuster", "fimap", "gobuster", "havij", "jorgee", "masscan", "morfeus", "nessus",
		"netsparker", "nikto", "nmap", "nuclei", "openvas", "paros/", "qualys", "skipfish", "sqlmap", "w3af", "wapiti", "webshag", "wfuzz", "wpscan", "zgrab", "zmeu",
	},
	"ai_crawlers": {
		"amazonbot", "anthropic-ai", "applebot-extended", "bytespider", "ccbot", "chatgpt-user", "claudebot", "claude-web", "cohere-ai", "diffbot",
		"facebookbot", "google-extended", "gptbot", "imagesiftbot", "meta-externalagent", "oai-searchbot", "omgili", "perplexitybot", "youbot",
	},
	"seo_crawlers": {
		"ahrefsbot", "barkrowler", "blexbot", "dataforseobot", "dotbot", "megaindex", "mj12bot", "petalbot", "rogerbot", "screaming frog", "semrushbot", "serpstatbot", "sistrix",
	},
	"scrapers": {
		"cheerio", "colly", "go-colly", "headlesschrome", "heritrix", "httrack", "mechanize", "phantomjs", "playwright", "puppeteer", "scrapy", "selenium", "sitesucker", "teleport pro", "webcopier", "webzip",
	},
	"libraries": {
		"aiohttp", "apache-httpclient", "axios/", "curl/", "go-http-client", "guzzlehttp", "java/", "libwww-perl", "node-fetch", "okhttp", "python-httpx", "python-requests", "python-urllib", "restsharp", "ruby", "undici", "wget/",
	},
}
