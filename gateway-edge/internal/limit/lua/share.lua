-- Share of a token bucket.
-- KEYS: 1 the counter's hash, 2 the shard's marker.
-- ARGV: 1 rate a second, 2 burst, 3 edge.epoch, 4 seq, 5 level (tokens handed back), 6 keep (tokens the edge may still
--       spend), 7 demand a second (negative: the edge gives its share back), 8 take (tokens that requests wait for)
-- Hash: p = "tokens at_ms share" of what no edge holds, <edge.epoch> = "share until_ms demand seq"
-- Shares never sum to more than 1 and tokens are conserved, so that all edges together admit at most burst + rate * t.
-- Reply: {1, share * 1e9, tokens * 1e3, term_ms, contended, spare * 1e3, n, direct, ms until the next token} | {0, 'unseeded'} | {0, 'seq', seq}
if redis.call('EXISTS', KEYS[2]) == 0 then return {0, 'unseeded'} end
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + tonumber(t[2]) / 1000
local k, r, b, me = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local seq, level, keep, d, take = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local all = redis.call('HGETALL', k)
local p, at, ps, mine, others, dem, n, asked = b, now, 1, 0, 0, 0, 1, {d}
local till, back = 0, 0
-- A share whose term is over: its tokens are gone, what it earned since then is not.
local over = function(x, y) back = back + math.min(x * r * (now - y) / 1000, x * b) end
for i = 1, #all, 2 do
  local x, y, z, w = string.match(all[i + 1], '^(%S+) (%S+) (%S+) ?(%S*)$')
  x, y, z, w = tonumber(x), tonumber(y), tonumber(z), tonumber(w)
  if all[i] == 'p' then
    p, at, ps = x, y, z
  elseif all[i] == me then
    if seq <= w then return {0, 'seq', string.format('%.0f', w)} end
    if y > now then mine = x else over(x, y) end
  elseif y > now then
    others = others + x
    till = math.max(till, y)
    dem = dem + z
    n = n + 1
    asked[n] = z
  else
    over(x, y)
    redis.call('HDEL', k, all[i])
  end
end
local free = math.max(0, 1 - others)
p = math.min(p + ps * r * math.max(0, now - at) / 1000, ps * b) + back
if mine > 0 then p = p + math.min(level, mine * b) else keep = 0 end
p = math.min(p, math.max(0, free * b - keep))
if d < 0 then
  redis.call('HDEL', k, me)
  redis.call('HSET', k, 'p', string.format('%.6f %.3f %.12f', p, now, free))
  redis.call('PEXPIRE', k, math.ceil(math.max(60000, till - now) + 2000 * b / r))
  return {1, 0, 0, 0, 0, 0, n, 0, 0}
end
local share, term, contended, direct, tokens = 0, 60000, 0, 0, 0
local sum = d + dem
if b < 8 * n then -- a share would hold too few tokens: one call an admission, from the common bucket
  direct = 1
  share = math.min(free, keep / b)
  term = share > 0 and 1000 or 10000 -- who asks now and then still counts: else it is shares again and again
  tokens = math.max(0, math.min(take, math.floor(p)))
else
  if sum <= 0.5 * r then
    share = math.max(2 * d / r, 1 / (8 * n), 3 / b)
    if sum > 0.25 * r then term = 2000 elseif sum > 0.05 * r then term = 10000 end
    local burst = (keep + take) / b
    if burst > share then share, term = burst, 1000 end -- others may need it as soon as it is spent
  else
    -- Everyone has a little, and at least room for a token; the rest goes by demand.
    local little = function(z) return math.max(math.min(2 * z / r, 1 / (8 * n)), 2 / b) end
    local rest = 1
    for i = 1, n do rest = rest - little(asked[i]) end
    share, term, contended = little(d) + rest * d / sum, 1000, 1
  end
  share = math.min(free, math.max(share, keep / b))
  tokens = math.max(0, math.min(p, share * b - keep))
end
p = p - tokens
ps = math.max(0, free - share)
p = math.min(p, ps * b)
redis.call('HSET', k, 'p', string.format('%.6f %.3f %.12f', p, now, ps),
  me, string.format('%.12f %.3f %.3f %.0f', share, now + term, d, seq))
redis.call('PEXPIRE', k, math.ceil(math.max(term, till - now) + 2000 * b / r)) -- when every share is over and the bucket full
local wait = 0
if direct == 1 and tokens < take then
  -- While others hold shares of before, the common bucket earns next to nothing; they come back at any moment.
  wait = math.min(250, math.ceil((1 - p) / (ps * r + 0.000001) * 1000))
end
return {1, math.floor(share * 1e9), math.floor(tokens * 1000 + 0.001), term, contended, math.floor(p * 1000), n, direct, wait}
