local ml = require "moonlane"

return ml.task { "2", node = 9, lane = "mailing",
  title = { en = "Arrange for manuals to be sent", ja = "マニュアル送付手配" },
  edit = { "q_sendZipcode", "q_sendAddress", "q_sendName", "q_trackingNo", "q_memo" },
  due = "q_taskLimitDatetime" }
