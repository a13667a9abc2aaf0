-- moonlane.registry: the types of transactions that a bundle registers with
-- ml.transaction, in the order of the calls; moonlane.define lists them.
local types = {}

return {
  add = function(name, place) types[#types + 1] = { type = name, at = place } end,
  list = function() return types end,
}
