// Package app is the control plane's only constructor: from one configuration to
// every service, over one database and one Redis. The portal, the worker and the
// one binary start here and build no service themselves.
//
// App opens connections and holds services; it starts nothing. Worker runs the
// loops beside it (publishing, usage, logs, periods, clean-up) until its context
// ends, and joins them.
//
// In one process the portal and the worker share one App, so that what the
// portal commits wakes the publisher at once.
package app
