package sdk

// fault is what happens to requests with events on their way.
type fault struct {
	name string
	// strikes is how many requests it happens to, from the first.
	strikes int
	// meaning, for the help and the documents.
	meaning string
	strike  func(*proxy, *exchange)
}

// faults that SDKs meet. The first is none, to compare with.
var faults = []fault{
	{"none", 0, "nothing", nil},
	{"before", 2, "the connection dies before the service has the request", (*proxy).before},
	{"during", 2, "the connection dies during the commit", (*proxy).during},
	{"after", 2, "the connection dies after the commit, before the answer", (*proxy).after},
	{"slow", 4, "request and answer take seconds", (*proxy).slow},
	{"503", 2, "the service cannot reach Postgres", (*proxy).away},
	{"429", 2, "the service says that the rate is too high", (*proxy).limited},
}
