-- The order delivery of DESIGN.md, whole: definition only, little work inside.
local ml      = require "moonlane"
local kintone = require "moonlane.kintone"
local get     = require "activities.kintone_get"
local update  = require "activities.kintone_update"
local subject = require "activities.subject_setting"
local license = require "activities.license_arrangement"

local function wants_manual(p) return p.data.q_optionSend == "希望する" end

return ml.workflow { "order-delivery",
  title    = { en = "Order delivery", ja = "受注納品プロセス" },
  lanes    = { system = { en = "System linkage", ja = "システム連携" },
               licensing = { en = "Licensing officer", ja = "ライセンス担当" },
               construction = { en = "Construction manager", ja = "構築担当" },
               mailing = { en = "Mailing agent", ja = "送付担当" } },
  settings = { kintone_url = { "url", required = true }, kintone_app = { "integer", required = true },
               kintone_token = { "secret", required = true }, poll_every = { "duration", default = "15m" } },
  fields   = {
    { "q_id", "string", no = 15, required = true, label = { en = "Customer ID", ja = "顧客ID" } },
    { "q_customerName", "string", no = 0, required = true, label = { en = "Customer name", ja = "顧客氏名" } },
    { "q_customerEmail", "string", no = 1, required = true, label = { en = "Email address", ja = "顧客メールアドレス" } },
    { "q_plan", "select", no = 2, of = { "A", "B" }, label = { en = "Plan selection", ja = "プラン選択" } },
    { "q_maintenanceDatetime", "datetime", no = 10, label = { en = "Desired construction date and time", ja = "構築希望日時" } },
    { "q_taskLimitDatetime", "datetime", no = 14, label = { en = "Task due date and time", ja = "タスク期限日時" } },
    { "q_licenseKey", "string", no = 6, required = true, label = { en = "License key", ja = "ライセンスキー" } },
    { "q_accessUrl", "string", no = 8, required = true, label = { en = "Access URL", ja = "アクセスURL" } },
    { "q_password",   "string", no = 9, required = true, sealed = true, label = { en = "Initial password", ja = "初期パスワード" } },
    { "q_optionSend", "select", no = 5, of = { "希望する", "希望しない" }, label = { en = "I would like to receive a manual", ja = "マニュアル送付希望" } },
    { "q_sendZipcode", "string", no = 12, required = true, label = { en = "Postal code", ja = "送付先郵便番号" } },
    { "q_sendAddress", "string", no = 11, required = true, label = { en = "Delivery address", ja = "送付先住所" } },
    { "q_sendName", "string", no = 13, required = true, label = { en = "Addressee (title not required)", ja = "送付先氏名(様は不要)" } },
    { "q_trackingNo", "string", no = 4, required = true, label = { en = "Enquiry number (post office)", ja = "お問い合わせ番号(郵便局)" } },
    { "q_kintoneId", "string", no = 16, label = { en = "kintone record ID", ja = "kintoneレコードID" } },
    { "q_status",     "select", no = 18, search = true, initial = "1_対応なし", of = { { "1_対応なし", en = "1_No action" },
      { "2_対応要", en = "2_Requires support" }, { "3_対応中", en = "3_Responding" }, { "4_対応済", en = "4_Supported" } } },
    { "q_memo", "text", no = 7, label = { en = "Memo/Comment", ja = "メモ・コメント" } },
  },
  start    = { kintone.poll { "changed", every = ml.setting "poll_every", query = 'k_ステータス in ("2_対応要")', stamp = "更新日時", into = "q_kintoneId" },
               kintone.webhook { "orders", into = "q_kintoneId" }, ml.form { "q_kintoneId!" } },
  phases   = {
    { "acquire",  get,                        next = { skip = "no action" } },
    { "prepare",  subject.responding },
    { "announce", update "x3" },
    { "deliver",                                    -- the entries of one phase run side by side
      ml.branch { "environment", phases = {
        { "license", license.arrange },
        { "build",   ml.task { "1-2", node = 6, title = { en = "Building the environment", ja = "環境構築" }, lane = "construction", show = { "q_plan", "q_licenseKey" },
                       edit = { "q_accessUrl", "q_password", "q_memo" }, due = "q_taskLimitDatetime",
                       outcomes = { { "built", en = "Built", ja = "構築完了", need = { "q_accessUrl", "q_password" } },
                                    { "wrong", en = "Key is wrong", ja = "キー修正依頼", need = { "q_memo" } } } },
                     next = { wrong = "fix", built = ml.join } },
        { "fix",     license.modify, next = "build", max = 20 } } },
      ml.branch { "manual", when = wants_manual, phases = { { "mail", require "activities.manual_sending" } } } },
    { "conclude", subject.supported },
    { "record",   update "x5", next = ml.finish },
    { "no action", subject.no_action, next = ml.finish },
  },
}
