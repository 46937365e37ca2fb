package redisbus

import "github.com/redis/go-redis/v9"

// The scripts refuse to replace something newer, so that a publisher that was
// paused and goes on can do no harm. Versions are compared byte by byte: Lua's
// own comparison of strings follows the server's locale.

const older = `
local function older(a, b)
  for i = 1, 8 do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return false
end
`

// setHead replaces the head (ARGV[1]) if it still is ARGV[2], "" for none, for
// which the mark ARGV[3] has to be there; else it returns the head that is there,
// or nil.
var setHead = redis.NewScript(`
local now = redis.call('GET', KEYS[1])
if (now or '') ~= ARGV[2] then return now end
if not now and redis.call('GET', KEYS[2]) ~= ARGV[3] then return now end
redis.call('SET', KEYS[1], ARGV[1])
return 1
`)

// setDocument writes a signed document, whose version is the 8 bytes after the
// first 5, unless a newer one is there.
var setDocument = redis.NewScript(older + `
local now = redis.call('GETRANGE', KEYS[1], 5, 12)
if #now == 8 and older(string.sub(ARGV[1], 6, 13), now) then return 0 end
redis.call('SET', KEYS[1], ARGV[1])
return 1
`)

// setEntry writes an index entry (field ARGV[1], value ARGV[2], version ARGV[3])
// unless one with a higher version is there.
var setEntry = redis.NewScript(`
local now = redis.call('HGET', KEYS[1], ARGV[1])
if now then
  local v = tonumber(string.match(now, '^%d+'))
  if v and v > tonumber(ARGV[3]) then return 0 end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
`)

// setKey writes a key record, whose version is the 8 bytes after the first 9,
// unless a newer one is there.
var setKey = redis.NewScript(older + `
local now = redis.call('HGET', KEYS[1], ARGV[1])
if now and #now > 17 and older(string.sub(ARGV[2], 10, 17), string.sub(now, 10, 17)) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
`)

// fillShard writes the records of a whole shard (pairs from ARGV[3] on) like
// setKey, and then its marker (field ARGV[1], value ARGV[2]).
var fillShard = redis.NewScript(older + `
for i = 3, #ARGV, 2 do
  local now = redis.call('HGET', KEYS[1], ARGV[i])
  if not (now and #now > 17 and older(string.sub(ARGV[i + 1], 10, 17), string.sub(now, 10, 17))) then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
`)
