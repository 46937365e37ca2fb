// Package bot is the policy "bot": it refuses automated clients by what they say
// of themselves: their User-Agent, and fields that every browser sends.
//
// It stops those that do not hide. It allocates nothing.
package bot
