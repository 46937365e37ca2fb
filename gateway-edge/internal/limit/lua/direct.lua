-- Direct rate: the generic cell rate algorithm, for rates too small to share.
-- KEYS: 1 the counter, 2 the shard's marker. ARGV: 1 interval in us, 2 burst, 3 wanted units
-- Reply: {1, units, us until the next one, units left} | {0, 'unseeded'}
-- The counter is the theoretical arrival time in us of Redis' own clock.
if redis.call('EXISTS', KEYS[2]) == 0 then return {0, 'unseeded'} end
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000000 + tonumber(t[2])
local iv, b, want = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local was = tonumber(redis.call('GET', KEYS[1]) or 0)
local tat = math.min(math.max(was, now), now + b * iv) -- what a slower rate owed is at most an empty bucket of this one
local free = math.floor((b * iv - (tat - now)) / iv + 0.000001)
local n = math.min(want, free)
if n > 0 or was > tat then
  tat = tat + n * iv
  redis.call('SET', KEYS[1], string.format('%.0f', tat), 'PX', math.ceil((tat - now) / 1000) + 1)
end
return {1, n, math.max(0, math.ceil(tat + iv - now - b * iv)), free - n}
