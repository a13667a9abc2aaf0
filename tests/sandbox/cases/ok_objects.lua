-- expect: ok
-- classes by metatables
return function(ctx)
  local Account = {}
  Account.__index = Account
  function Account.new(n) return setmetatable({ balance = n, log = {} }, Account) end
  function Account:add(n) self.balance = self.balance + n table.insert(self.log, n) end
  local a = Account.new(5)
  for i = 1, 10 do a:add(i) end
  assert(a.balance == 60 and #a.log == 10 and getmetatable(a) == Account)
  return a.balance
end
