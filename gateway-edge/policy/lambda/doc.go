// Package lambda is the integration lambda: a route is answered by an AWS Lambda
// function. The request becomes the proxy event that Amazon API Gateway would make
// (payload version 1.0 of REST APIs or 2.0 of HTTP APIs), and what the function
// returns becomes the response, by the same rules. A function is invoked and waited
// for, invoked and left alone (Event), or read while it answers (a response stream).
//
// Requests are signed and encoded by the AWS SDK. Its connections are made through
// the edge's guard, it retries nothing by itself, and nothing of the operator's
// environment (AWS_* variables, files, instance roles) takes part.
//
// Sources: Amazon API Gateway Developer Guide, "Lambda proxy integrations" (REST)
// and "Working with AWS Lambda proxy integrations for HTTP APIs"; AWS Lambda API
// Reference, Invoke and InvokeWithResponseStream.
package lambda
