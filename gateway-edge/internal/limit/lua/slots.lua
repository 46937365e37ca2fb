-- Concurrency slots, leased for a term.
-- KEYS: 1 the counter's hash, 2 the shard's marker.
-- ARGV: 1 cap, 2 edge.epoch, 3 seq, 4 keep (slots the edge goes on holding), 5 want (slots it wants in all), 6 term in ms
-- Hash: <edge.epoch> = "slots until_ms seq"; w:<edge.epoch> = "0 until_ms 0" of an edge that asked for more than it got
-- Reply: {1, slots, free, n, hungry (1: another edge wants more)} | {0, 'unseeded'} | {0, 'seq', seq}
-- free is below 0 while edges hold more than the cap, since it was lowered or one of them was cut off.
if redis.call('EXISTS', KEYS[2]) == 0 then return {0, 'unseeded'} end
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
local k, me = KEYS[1], ARGV[2]
local cap, seq, keep, want, term = tonumber(ARGV[1]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local all = redis.call('HGETALL', k)
local others, n, hungry = 0, 1, 0
for i = 1, #all, 2 do
  local slots, till, s = string.match(all[i + 1], '^(%d+) (%d+) (%d+)$')
  slots, till, s = tonumber(slots), tonumber(till), tonumber(s)
  if all[i] == me then
    if seq <= s then return {0, 'seq', string.format('%.0f', s)} end
  elseif till <= now then
    redis.call('HDEL', k, all[i])
  elseif string.sub(all[i], 1, 2) ~= 'w:' then
    others = others + slots
    n = n + 1
  elseif all[i] ~= 'w:' .. me then
    hungry = 1
  end
end
local free = cap - others - keep
local mine = keep
if want > keep and free > 0 then
  local q = math.min(want - keep, free, math.max(1, math.floor(free / (2 * n))))
  -- While another wants more, nobody goes beyond an even part.
  if hungry == 1 then q = math.max(0, math.min(q, math.ceil(cap / n) - keep)) end
  mine = keep + q
  free = free - q
end
if want > mine then redis.call('HSET', k, 'w:' .. me, string.format('0 %.0f 0', now + 1000)) end
local till = now + term
if mine == 0 and want == 0 then till = now end -- it takes no part any more
redis.call('HSET', k, me, string.format('%.0f %.0f %.0f', mine, till, seq))
redis.call('PEXPIRE', k, term + 1000)
return {1, mine, free, n, hungry}
