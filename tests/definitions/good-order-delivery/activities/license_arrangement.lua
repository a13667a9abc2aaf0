local ml = require "moonlane"

local function arrange(label, node, title)
  return ml.task { label, node = node, title = title, lane = "licensing",
    show = { "q_plan", "q_customerName" }, edit = { "q_licenseKey", "q_memo" },
    due = "q_taskLimitDatetime" }
end

return {
  arrange = arrange("1-1", 4, { en = "License key arrangements", ja = "ライセンスキー手配" }),
  modify = arrange("1-1′", 14, { en = "Licence key modification", ja = "ライセンスキー修正" }),
}
