-- Order delivery: from an order in a kintone ledger to the service handed over.
-- After the published process "Order Delivery Process, kintone Integration": its
-- ten steps, four lanes and seventeen items, with their numbers and both names.
local ml      = require "moonlane"
local kintone = require "moonlane.kintone"
local ledger  = require "ledger"
local get     = require "activities.kintone_get"
local update  = require "activities.kintone_update"
local subject = require "activities.subject_setting"
local license = require "activities.license_arrangement"
local manual  = require "activities.manual_sending"

local function wants_manual(p) return p.data.q_optionSend == "希望する" end

return ml.workflow { "order-delivery",
  title    = { en = "Order delivery", ja = "受注納品プロセス" },
  lanes    = {
    system       = { en = "System linkage", ja = "システム連携" },
    licensing    = { en = "Licensing officer", ja = "ライセンス担当" },
    construction = { en = "Construction manager", ja = "構築担当" },
    mailing      = { en = "Mailing agent", ja = "送付担当" },
  },
  settings = {
    kintone_url   = { "url", required = true },
    kintone_app   = { "integer", required = true },
    kintone_token = { "secret", required = true },
    kintone_guest = { "integer" },
    ledger        = { "string", default = "ja" },
    ledger_codes  = { "json" },
    poll_every    = { "duration", default = "15m" },
    task_limit    = { "duration", default = "7d" },
  },
  fields   = {
    { "q_id", "string", no = 15, required = true, search = true,
      label = { en = "Customer ID", ja = "顧客ID" } },
    { "q_customerName", "string", no = 0, required = true,
      label = { en = "Customer Name", ja = "顧客氏名" } },
    { "q_customerEmail", "string", no = 1, required = true,
      label = { en = "Email Address", ja = "顧客メールアドレス" } },
    { "q_plan", "select", no = 2, label = { en = "Plan Selection", ja = "プラン選択" }, of = {
      { "ライト", en = "Light", ja = "ライト" },
      { "スタンダード", en = "Standard", ja = "スタンダード" },
      { "プレミアム", en = "Premium", ja = "プレミアム" } } },
    { "q_maintenanceDatetime", "datetime", no = 10,
      label = { en = "Desired construction date and time", ja = "構築希望日時" } },
    { "q_taskLimitDatetime", "datetime", no = 14,
      label = { en = "Task due date and time", ja = "タスク期限日時" } },
    { "q_licenseKey", "string", no = 6, required = true,
      label = { en = "License Key", ja = "ライセンスキー" } },
    { "q_accessUrl", "string", no = 8, required = true,
      label = { en = "Access URL", ja = "アクセスURL" } },
    { "q_password", "string", no = 9, required = true, sealed = true,
      label = { en = "Initial Password", ja = "初期パスワード" } },
    { "q_optionSend", "select", no = 5,
      label = { en = "I would like to receive a manual", ja = "マニュアル送付希望" }, of = {
      { "希望しない", en = "No", ja = "希望しない" }, { "希望する", en = "Yes", ja = "希望する" } } },
    { "q_sendZipcode", "string", no = 12, required = true,
      label = { en = "Postal Code", ja = "送付先郵便番号" } },
    { "q_sendAddress", "string", no = 11, required = true,
      label = { en = "Delivery Address", ja = "送付先住所" } },
    { "q_sendName", "string", no = 13, required = true,
      label = { en = "Name of person to whom the letter is to be sent (title not required)",
                ja = "送付先氏名(様は不要)" } },
    { "q_trackingNo", "string", no = 4, required = true,
      label = { en = "Enquiry Number (post office)", ja = "お問い合わせ番号(郵便局)" } },
    { "q_kintoneId", "string", no = 16,
      label = { en = "kintone Record ID", ja = "kintoneレコードID" } },
    { "q_status", "select", no = 18, search = true,
      label = { en = "Processing Status", ja = "処理ステータス" }, of = {
      { "1_対応なし", en = "1_No action", ja = "1_対応なし" },
      { "2_対応要", en = "2_Requires support", ja = "2_対応要" },
      { "3_対応中", en = "3_Responding", ja = "3_対応中" },
      { "4_対応済", en = "4_Supported", ja = "4_対応済" } } },
    { "q_memo", "text", no = 7, label = { en = "Memo/Comment", ja = "メモ・コメント" } },
  },
  start    = {
    kintone.poll { "changed", every = ml.setting "poll_every", query = ledger.query,
                   stamp = ledger.stamp, into = "q_kintoneId" },
    kintone.webhook { "orders", into = "q_kintoneId" },
    ml.form { "q_kintoneId!" },
  },
  phases   = {
    { "acquire",  get,                        next = { skip = "no action" } },
    { "prepare",  subject.responding },
    { "announce", update "x3" },
    { "deliver",                              -- the entries of one phase run side by side
      ml.branch { "environment", phases = {
        { "license", license.arrange },
        { "build",   ml.task { "1-2", node = 6, lane = "construction",
                       title = { en = "Building the environment", ja = "環境構築" },
                       show = { "q_plan", "q_maintenanceDatetime", "q_licenseKey" },
                       edit = { "q_accessUrl", "q_password", "q_memo" },
                       due = "q_taskLimitDatetime",
                       outcomes = {
                         { "built", en = "Built", ja = "構築完了", need = { "q_accessUrl", "q_password" } },
                         { "wrong", en = "Key is wrong", ja = "キー修正依頼", need = { "q_memo" } } } },
                     next = { wrong = "fix", built = ml.join }, max = 21 },
        { "fix",     license.modify, next = "build", max = 20 } } },
      ml.branch { "manual", when = wants_manual, phases = { { "mail", manual } } } },
    { "conclude", subject.supported },
    { "record",   update "x5", next = ml.finish },
    { "no action", subject.no_action, next = ml.finish },
  },
}
