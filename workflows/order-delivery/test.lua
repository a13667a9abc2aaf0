local t = require "moonlane.test"
t.it("a wrong key goes back once", function(w)
  w:settings { kintone_url = "https://k.example", kintone_app = 1, kintone_token = "t", poll_every = "15m" }
  w:people { licensing = { "aiko" }, construction = { "ben" } }
  w:http("GET", "/k/v1/record.json", { json = w:fixture "record.json" })
  w:http("PUT", "/k/v1/record.json", { fail = { "timeout", 503 }, then_json = { revision = "2" } })
  local p = w:start("order-delivery", { q_kintoneId = "42" })
  w:as("aiko"):complete("1-1", { q_licenseKey = "K-1" })
  w:as("ben"):complete("1-2", "wrong", { q_memo = "plan differs" })
  w:pass("3d")
  w:as("aiko"):complete("1-1′", { q_licenseKey = "K-2" })
  w:as("ben"):complete("1-2", "built", { q_accessUrl = "https://a.example", q_password = "x" })
  t.eq(p.status, "COMPLETED")
end)
