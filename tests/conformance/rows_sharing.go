package conformance

// SharingRows are the rows on what tenants and callers share: caches, connections,
// limits and what is billed, and the bodies that policies read. Each has a subtest of
// TestSharingRows, which fails for a row that has none. MSC10, MSC14 and QTA07 are
// elsewhere, with the Terraform provider, with peers, and with billing; ISO09, MSC04,
// MSC05, MSC07, MSC11, MSC12, MSC13 and MSC15 are beside the code that they are about.
var SharingRows = []Row{
	{"ISO01", "one path of two tenants has two answers"},
	{"ISO02", "what one caller was answered is given to no other"},
	{"ISO03", "fields that no key knows do not change what is stored"},
	{"ISO04", "a path that only looks like a stored one is not stored"},
	{"ISO05", "errors, parts, cookies and what is private are not stored"},
	{"ISO06", "one key stands for one request to the backend"},
	{"ISO07", "a thousand at once are one call, and one that leaves takes nobody along"},
	{"ISO08", "twenty tenants on the same backends never see each other's answers"},
	{"ISO10", "copies and questions about a request carry no credentials that they were not given"},
	{"ISO11", "an authoriser's long answer costs little"},
	{"ISO12", "what belongs to the operator is not on the tenants' port"},
	{"QTA01", "a key is one key, however the path and the host are written"},
	{"QTA02", "a hundred keys of a consumer have one quota"},
	{"QTA03", "every kind of answer is billed as the rule says"},
	{"QTA04", "a backend's 5xx is billed, an error of the edge is not"},
	{"QTA05", "as many at once as the limit says, over both edges"},
	{"QTA06", "a client can't say what its request costs"},
	{"QTA08", "a flood at the door costs the tenant nothing"},
	{"QTA09", "a retry is no second unit"},
	{"QTA10", "numbers at the ends of their range are kept or refused, never bent"},
	{"MSC01", "a body without end is ended at the limit, and costs no memory"},
	{"MSC02", "bodies that grow when they are decoded are refused"},
	{"MSC03", "a policy judges the same bytes that the backend gets"},
	{"MSC06", "operations too deep, too wide or too many are refused"},
	{"MSC08", "a bad configuration is refused with its places"},
	{"MSC09", "what looks like a template is text"},
}
