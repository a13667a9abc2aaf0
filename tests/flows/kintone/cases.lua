local ml      = require "moonlane"
local kintone = require "moonlane.kintone"

local function app(ctx, opts) return kintone.app(ctx, opts) end

return {
  get         = function(ctx) return app(ctx):get("42") end,
  get_integer = function(ctx) return app(ctx):get(42).name.value end,
  get_bad     = function(ctx) return app(ctx):get("4x") end,

  read_no_pair  = function(ctx) return app(ctx):read("42", {}) end,
  read_half     = function(ctx) return app(ctx):read("42", { { "name", "" } }) end,
  read_no_code  = function(ctx) return app(ctx):read("42", { { "", "item" } }) end,
  read_twice    = function(ctx) return app(ctx):read("42", { { "name", "a" }, { "k_id", "a" } }) end,
  read_missing  = function(ctx) return app(ctx):read("42", { { "name", "a" }, { "nothing", "b" } }) end,
  read_list     = function(ctx) return app(ctx):read("42", { { "name", "a" }, { "tags", "b" } }) end,
  read_eight    = function(ctx)
    local pairs_ = {}
    for i = 1, 8 do pairs_[i] = { "name", "item" .. i } end
    return app(ctx):read("42", pairs_)
  end,
  read          = function(ctx)
    local got, record = app(ctx):read("42", { { "name", "a" }, { "empty", "b" }, { "null", "c" } })
    return { a = got.a, b = got.b == nil, c = got.c == nil, revision = record["$revision"].value }
  end,

  records = function(ctx)
    local list, total = app(ctx):records { query = 'name = "a b" limit 2', fields = { "$id", "名前" }, total = true }
    return { ids = { list[1]["$id"].value, list[2]["$id"].value }, total = total }
  end,
  all     = function(ctx) return #app(ctx):all { query = 'k in ("x")', fields = { "name", "$id" } } end,
  all_of_it = function(ctx) return #app(ctx):all() end,

  add        = function(ctx)
    local id, revision = app(ctx):add { name = "A", note = "", gone = ml.null }
    return { id, revision }
  end,
  add_unique = function(ctx)
    local id, revision = app(ctx):add({ k_id = 'C-"7"' }, { unique = "k_id" })
    return { id, revision }
  end,
  add_nothing_unique = function(ctx) return app(ctx):add({ name = "A" }, { unique = "k_id" }) end,
  add_all    = function(ctx)
    local list = {}
    for i = 1, 150 do list[i] = { n = i } end
    return #app(ctx):add_all(list)
  end,
  delete     = function(ctx)
    local ids = {}
    for i = 1, 101 do ids[i] = i end
    return app(ctx):delete(ids)
  end,

  update       = function(ctx) return app(ctx):update("42", { name = "B", when = "2026-03-10T10:00:00+09:00", n = 15 }) end,
  update_none  = function(ctx) return app(ctx):update("42", {}) end,
  update_eight = function(ctx)
    local fields = {}
    for i = 1, 8 do fields["f" .. i] = i end
    return app(ctx):update("42", fields)
  end,
  update_typo  = function(ctx) return app(ctx):update("42", { nmae = "B" }) end,
  update_check = function(ctx)
    return app(ctx):update("42", { name = "B" }, { check = function(r) return "taken: " .. r.name.value end })
  end,
  update_by_key = function(ctx) return app(ctx):update_by_key("k_id", 7, { name = "B" }) end,

  comment  = function(ctx) return app(ctx):comment(42, "出荷しました") end,
  comments = function(ctx) return app(ctx):comments(42, { order = "asc", limit = 5 })[1].text end,
  fields   = function(ctx) return app(ctx):fields().name.label end,

  basic    = function(ctx) return app(ctx, { basic = { "user", ctx.settings.login } }):get("42").name.value end,
  other    = function(ctx) return app(ctx, { app = 9, token = "T9" }):get("42").name.value end,
  no_token = function(ctx) return app(ctx):get("42").name.value end,

  try      = function(ctx)
    local record, err = kintone.try.app(ctx):get("42")
    return { none = record == nil, status = err.status, code = err.code, id = err.id, message = err.message,
             at = err.errors and err.errors["record.k.value"].messages[1] }
  end,
  try_all  = function(ctx)
    local app_ = kintone.try.app(ctx)
    local out = {}
    for _, f in ipairs {
      function() return app_:records() end, function() return app_:all() end,
      function() return app_:add { a = 1 } end, function() return app_:add_all { { a = 1 } } end,
      function() return app_:delete { 1 } end, function() return app_:update("1", { a = 1 }) end,
      function() return app_:update_by_key("k", "v", { a = 1 }) end, function() return app_:comment("1", "c") end,
      function() return app_:comments("1") end, function() return app_:fields() end } do
      local v, err = f()
      out[#out + 1] = (v == nil and err.code) or "?"
    end
    return out
  end,

  value = function()
    local record = { a = { value = "x" }, b = { value = "" }, c = { value = ml.null } }
    local ok, why = pcall(kintone.value, record, "d")
    return { kintone.value(record, "a"), kintone.value(record, "b") == nil, kintone.value(record, "c") == nil,
             ok, tostring(why) }
  end,
  quote = function() return kintone.quote [[a "b" \c]] end,
}
