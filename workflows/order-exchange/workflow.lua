-- An order between two companies, each with its own moonlane: `purchase` runs at
-- the customer's, `supply` at the supplier's.  The order appears there when it is
-- placed here; both talk in comments; who has it there tells that it was shipped
-- in a comment, and the customer confirms.
local ml = require "moonlane"

local item  = { "item", "string", required = true, search = true,
                label = { en = "Item", uk = "Товар", ja = "品目" } }
local count = { "count", "integer", required = true, label = { en = "Number", ja = "数量" } }
local wish  = { "wish", "text", label = { en = "Wish", ja = "希望" } }

local purchase = ml.workflow { "purchase",
  title    = { en = "Purchase", uk = "Закупівля", ja = "発注" },
  lanes    = { buying = { en = "Buying", ja = "購買" } },
  settings = {
    supplier    = { "string", default = "supplier" },        -- the link's name
    person      = { "email", default = "sales@supplier.example" },
    client_only = { "boolean", default = false },
  },
  fields   = {
    item, count, wish,
    { "limit_price", "integer", label = { en = "What we would pay (ours alone)" } },
    { "customer", "json", label = { en = "Our client" } },
  },
  states   = { "written", "ordered", "received", start = "written",
               moves = { written = { "ordered" }, ordered = { "received" } } },
  start    = { ml.form { "item!", "count!", "wish", "limit_price", "customer" } },
  phases   = {
    { "place", ml.partner_sync { "order",
        link = ml.setting "supplier", person = ml.setting "person", workflow = "supply",
        state = "new", client_only = ml.setting "client_only", client = "customer",
        fields = { item = "goods", count = "number", wish = "remark" } } },
    { "mark", ml.activity { "mark ordered", run = function(ctx)
        ctx:subject(("%s × %d"):format(ctx.data.item, ctx.data.count))
        ctx:state "ordered"
      end } },
    { "receive", ml.task { "confirm", lane = "buying", title = { en = "Confirm that it came" },
        show = { "item", "count" }, edit = { "wish" },
        outcomes = { { "received", en = "It came", ja = "受領" } } }, next = { "close" } },
    { "close", ml.activity { "mark received", run = function(ctx) ctx:state "received" end },
      next = ml.finish },
  },
}

local supply = ml.workflow { "supply",
  title    = { en = "Supply", uk = "Постачання", ja = "受注" },
  lanes    = { sales = { en = "Sales", ja = "営業" } },
  fields   = {
    { "goods", "string", required = true, search = true, label = { en = "Goods" } },
    { "number", "integer", required = true, label = { en = "Number" } },
    { "remark", "text", label = { en = "Remark of the customer" } },
    { "client", "json", label = { en = "Client" } },
    { "margin", "integer", label = { en = "Margin (ours alone)" } },
  },
  states   = { "new", "urgent", "shipped", start = "new",
               moves = { new = { "shipped" }, urgent = { "shipped" } } },
  start    = { ml.partner { "goods!", "number!", "remark", client = "client" } },
  phases   = {
    { "ship", ml.task { "ship", lane = "sales", title = { en = "Ship the goods" },
        show = { "goods", "number", "remark", "client" }, edit = { "margin" },
        outcomes = { { "shipped", en = "Shipped", ja = "発送済" } } }, next = { "tell" } },
    { "tell", ml.activity { "tell", run = function(ctx)
        ctx:state "shipped"
        ctx:comment("Shipped.", { visibility = "client" })
      end }, next = ml.finish },
  },
}

return { purchase, supply }
