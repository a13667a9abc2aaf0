-- 2: the mailing agent confirms the address and posts the manual.
local ml = require "moonlane"

return ml.task { "2", node = 9, lane = "mailing", due = "q_taskLimitDatetime",
  title = { en = "Arrange for manuals to be sent", ja = "マニュアル送付手配" },
  show = { "q_customerName", "q_customerEmail", "q_plan" },
  edit = { "q_sendZipcode", "q_sendAddress", "q_sendName", "q_trackingNo", "q_memo" },
  outcomes = { { "done", en = "Sent", ja = "送付完了" } } }
