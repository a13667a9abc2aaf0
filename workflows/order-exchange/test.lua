-- Both sides of an order, each with the other one played by the test.
local t = require "moonlane.test"

local FAR = "01890000-0000-7000-8000-000100000001"

local function buyer(w)
  w:people { buying = { "ann" } }
  w:partner "supplier"
end

local function place(w, data)
  return w:as("ann"):start("purchase", data or { item = "bolts", count = 3, wish = "blue",
    limit_price = 7 })
end

t.it("an order is made at the supplier's, with its mapped fields alone", function(w)
  buyer(w)
  w:http("POST", "/partners/supplier", { status = 201, json = { process = FAR } })
  local p = place(w)
  t.eq(p.state, "ordered")
  t.eq(p.subject, "bolts × 3")
  local sent = w:calls("POST", "/partners/supplier")[1].json
  t.eq(sent.type, "order")
  t.eq(sent.process, p.id)
  t.eq(sent.workflow, "supply")
  t.eq(sent.person, "sales@supplier.example")
  t.eq(sent.state, "new")
  t.eq(sent.fields, { goods = "bolts", number = 3, remark = "blue" })
  t.eq(sent.author, { name = "ann", email = "ann@people.example" })
  t.eq(sent.client, nil)
end)

t.it("our client goes along when there is one", function(w)
  buyer(w)
  w:http("POST", "/partners/supplier", { status = 201, json = { process = FAR } })
  place(w, { item = "nuts", count = 1, customer = { name = "Ole", email = "ole@client.example" } })
  t.eq(w:calls("POST", "/partners/supplier")[1].json.client,
       { name = "Ole", email = "ole@client.example" })
end)

t.it("a supplier that is down for a day is asked again with the same key and body", function(w)
  buyer(w)
  w:http("POST", "/partners/supplier", { fail = { "refused", "timeout", 503, 502 },
    then_status = 201, then_json = { process = FAR } })
  local p = place(w)
  t.eq(p.state, "written")
  w:pass "1d"
  t.eq(p.state, "ordered")
  local calls = w:calls("POST", "/partners/supplier")
  t.eq(#calls, 5)
  for _, c in ipairs(calls) do
    t.eq(c.body, calls[1].body)
    t.eq(c.headers["webhook-id"], calls[1].headers["webhook-id"])
  end
end)

t.it("what the supplier refuses is an incident with the supplier's reason", function(w)
  buyer(w)
  w:http("POST", "/partners/supplier", { status = 422, times = 1,
    json = { title = "not valid", detail = "nobody here has the address 'sales@supplier.example'" } })
  w:http("POST", "/partners/supplier", { status = 201, json = { process = FAR } })
  local p = place(w)
  t.eq(p.run, "Error")
  t.ok(p.message:find "nobody here has the address")
  p:retry()
  t.eq(p.run, "Running")
  t.eq(p.state, "ordered")
end)

t.it("comments that may cross go there, private ones do not", function(w)
  buyer(w)
  w:http("POST", "/partners/supplier", { status = 201, json = { process = FAR } })
  local p = place(w)
  p:comment("between us", "private")
  p:comment("when?", "shared")
  w:pass "1m"
  local calls = w:calls("POST", "/partners/supplier")
  t.eq(#calls, 2)
  t.eq(calls[2].json.type, "comment")
  t.eq(calls[2].json.text, "when?")
  t.eq(calls[2].json.process, FAR)
end)

t.it("a mapped field that changes later goes along, others do not", function(w)
  buyer(w)
  w:http("POST", "/partners/supplier", { status = 201, json = { process = FAR } })
  local p = place(w)
  p:set({ limit_price = 9 })
  p:set({ wish = "red" })
  w:pass "1m"
  local calls = w:calls("POST", "/partners/supplier")
  t.eq(#calls, 2)
  t.eq(calls[2].json.fields, { remark = "red" })
end)

t.it("the customer confirms what came", function(w)
  buyer(w)
  w:http("POST", "/partners/supplier", { status = 201, json = { process = FAR } })
  local p = place(w)
  local said = w:hear("supplier", { type = "comment", process = p.id, no = 5, at = w:now(),
    author = "Sam", visibility = "client", text = "Shipped." })
  t.eq(said.status, 200)
  t.eq(p:comments()[1].text, "Shipped.")
  w:as("ann"):complete(p, "confirm", "received")
  t.eq(p.status, "COMPLETED")
  t.eq(p.state, "received")
end)

-- ---- the supplier's side ----

local function seller(w)
  w:people { sales = { "sam" } }
  w:partner "customer"
end

local function comes(w, more)
  local order = { type = "order", process = FAR, workflow = "supply",
    person = "sam@people.example", fields = { goods = "bolts", number = 3 },
    author = { name = "Ann", email = "ann@customer.example" } }
  for k, v in pairs(more or {}) do order[k] = v end
  return w:hear("customer", order)
end

t.it("an order that comes is a process, once", function(w)
  seller(w)
  local p = comes(w).process
  t.eq(p.workflow, "supply")
  t.eq(p.data.goods, "bolts")
  t.eq(p.assignedTo, "sam")
  t.eq(p.data.client.name, "Ann")
  t.eq(comes(w).process, p)
  t.eq(#w:processes "supply", 1)
end)

t.it("shipping tells the customer", function(w)
  seller(w)
  w:http("POST", "/partners/customer", { json = {} })
  local p = comes(w, { state = "urgent" }).process
  t.eq(p.state, "urgent")
  w:as("sam"):complete(p, "ship", "shipped", { margin = 40 })
  t.eq(p.status, "COMPLETED")
  local calls = w:calls("POST", "/partners/customer")
  t.eq(#calls, 1)
  t.eq(calls[1].json.text, "Shipped.")
  t.eq(calls[1].json.process, FAR)
end)

for what, more in pairs {
  ["an address that nobody has"] = { person = "x@people.example" },
  ["a workflow that partners may not start"] = { workflow = "purchase" },
  ["a state of another workflow"] = { state = "ordered" },
  ["a field that is not the partner's"] = { fields = { goods = "b", number = 1, margin = 3 } },
  ["a number that is none"] = { fields = { goods = "b", number = "many" } },
  ["a field too few"] = { fields = { goods = "b" } },
} do
  t.it("an order is refused for " .. what .. ", and makes nothing", function(w)
    seller(w)
    local said = comes(w, more)
    t.eq(said.status, 422)
    t.ok(#said.refused > 10)
    t.eq(#w:processes "supply", 0)
  end)
end

t.it("a partner speaks about nothing but what is shared with it", function(w)
  seller(w)
  w:partner "other"
  local p = comes(w).process
  local said = w:hear("other", { type = "comment", process = p.id, no = 1, at = w:now(),
    author = "X", visibility = "client", text = "hello" })
  t.eq(said.status, 403)
  t.eq(#p:comments(), 0)
end)
