-- Quota lease.
-- KEYS: 1 the counter's hash, 2 the shard's marker.
-- ARGV: 1 gen ("" before the first answer), 2 limit, 3 edge.epoch, 4 seq,
--       5 claim (granted so far, as the edge knows), 6 hold (claim less what is given back; -1: nothing is
--       given back, and more may have been granted and spent than the edge's books say),
--       7 want, 8 spent (of the claim), 9 period start, 10 expireat, 11 settle (1: the epoch is over, 2: it was before)
-- All numbers are absolute: a command that comes twice or late changes nothing.
-- Hash: u units taken from the quota, n edges that take part, h units that edges hold unspent
--       (as they last told), e<edge.epoch> = "granted seq spent".
-- Reply: {1, granted, left, n, held by others, gen} | {0, why, gen or seq}
-- why: unseeded (no marker) | gen (another one: sync everything of this shard) | ask (only the
-- worker knows whether this counter was used before the shard was emptied) | seq (a late command)
local gen = redis.call('GET', KEYS[2])
if not gen then return {0, 'unseeded', ''} end
if ARGV[1] ~= '' and ARGV[1] ~= gen then return {0, 'gen', gen} end
local k, f = KEYS[1], 'e' .. ARGV[3]
local limit, seq, claim = tonumber(ARGV[2]), tonumber(ARGV[4]), tonumber(ARGV[5])
local hold, want, spent = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local v = redis.call('HMGET', k, 'u', 'n', 'h', f)
local u, n, h = tonumber(v[1] or 0), tonumber(v[2] or 0), tonumber(v[3] or 0)
if not v[1] then
  local since = string.match(gen, '^[^ ]+ (%d+)')
  if since and tonumber(ARGV[9]) < tonumber(since) then return {0, 'ask', gen} end
end
local g, s, p = 0, -1, 0
if v[4] then
  g, s, p = string.match(v[4], '^(%d+) (%d+) (%d+)')
  g, s, p = tonumber(g), tonumber(s), tonumber(p)
  if seq <= s then return {0, 'seq', string.format('%.0f', s)} end
elseif ARGV[11] == '0' then
  n = n + 1
end
h = h - (g - p)
if claim > g then u = u + (claim - g) g = claim end -- Redis lost a grant: the edge's word brings it back
if hold < 0 then hold, spent = g, g end
if hold < g then u = u - (g - hold) g = hold end -- unspent units return, those of a lost reply too
local left = limit - u
if want > 0 and left > 0 then
  local q = math.min(left, want, math.max(1, math.floor(left / (4 * math.max(1, n)))))
  g = g + q u = u + q left = left - q
end
if v[4] and ARGV[11] == '1' then n = math.max(0, n - 1) end
local others = h
h = h + (g - spent)
local d = function(x) return string.format('%.0f', x) end
redis.call('HSET', k, 'u', d(u), 'n', d(n), 'h', d(h), f, d(g) .. ' ' .. d(seq) .. ' ' .. d(spent))
if not v[1] then redis.call('EXPIREAT', k, ARGV[10]) end
return {1, g, left, n, others, gen}
