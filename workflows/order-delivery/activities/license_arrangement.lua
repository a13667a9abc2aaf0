-- 1-1, 1-1′: the licensing officer arranges the key, and corrects it when the
-- builder sends it back.  The same person does both (the lane's rule).
local ml = require "moonlane"

local license = {}

license.arrange = ml.task { "1-1", node = 4, lane = "licensing", due = "q_taskLimitDatetime",
  title = { en = "License key arrangements", ja = "ライセンスキー手配" },
  show = { "q_id", "q_customerName", "q_plan", "q_maintenanceDatetime" },
  edit = { "q_licenseKey", "q_memo" },
  outcomes = { { "done", en = "Arranged", ja = "手配完了" } } }

license.modify = ml.task { "1-1′", node = 14, lane = "licensing", due = "q_taskLimitDatetime",
  title = { en = "Licence key modification", ja = "ライセンスキー修正" },
  show = { "q_id", "q_customerName", "q_plan" },
  edit = { "q_licenseKey", "q_memo" },
  outcomes = { { "done", en = "Corrected", ja = "修正完了" } } }

return license
