// Package spend is what the policies rate_limit, quota and concurrency have in
// common: one counter for each subject, debited on the way in, credited in OnDone,
// told in the RateLimit fields. It is no policy by itself.
package spend
