// Package lambdaruntime is AWS Lambda for tests: an Invoke endpoint that checks
// signatures (Signature Version 4, by code of its own), and behind it a real
// function, a process that speaks to a Runtime API server as it does at AWS. It
// invokes in every way (RequestResponse, Event, a response stream), ends a function
// that takes too long, starts one anew that crashed, and throttles when it is asked
// to.
//
// Sources: AWS Lambda API Reference (Invoke, InvokeWithResponseStream), AWS Lambda
// Developer Guide ("Using the Lambda runtime API"), AWS General Reference
// ("Signature Version 4"), the event stream encoding of the AWS SDKs.
package lambdaruntime
