-- Concurrency slots, leased for a term.
-- KEYS: 1 the counter's hash, 2 the shard's marker.
-- ARGV: 1 cap, 2 edge.epoch, 3 seq, 4 keep (slots the edge goes on holding), 5 want (slots it wants in all), 6 term in ms
-- Hash: <edge.epoch> = "slots until_ms seq"
-- Reply: {1, slots, free, n} | {0, 'unseeded'} | {0, 'seq', seq}
if redis.call('EXISTS', KEYS[2]) == 0 then return {0, 'unseeded'} end
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
local k, me = KEYS[1], ARGV[2]
local cap, seq, keep, want, term = tonumber(ARGV[1]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local all = redis.call('HGETALL', k)
local others, n = 0, 1
for i = 1, #all, 2 do
  local slots, till, s = string.match(all[i + 1], '^(%d+) (%d+) (%d+)$')
  slots, till, s = tonumber(slots), tonumber(till), tonumber(s)
  if all[i] == me then
    if seq <= s then return {0, 'seq', string.format('%.0f', s)} end
  elseif till > now then
    others = others + slots
    n = n + 1
  else
    redis.call('HDEL', k, all[i])
  end
end
local free = cap - others - keep
local mine = keep
if want > keep and free > 0 then
  local q = math.min(want - keep, free, math.max(1, math.floor(free / (2 * n))))
  mine = keep + q
  free = free - q
end
redis.call('HSET', k, me, string.format('%.0f %.0f %.0f', mine, now + term, seq))
redis.call('PEXPIRE', k, term + 1000)
return {1, mine, free, n}
