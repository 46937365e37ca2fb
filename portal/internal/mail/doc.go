// Package mail sends what the tenant domain queues: by SMTP, or, where no mail
// server is set up, to the log and to a mailbox in memory that `tollgate up`
// shows at GET /dev/mails. It keeps nothing and retries nothing: the queue does.
package mail
