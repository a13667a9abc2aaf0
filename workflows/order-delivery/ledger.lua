-- How the order ledger names things.  Ids on our side are the Japanese choices,
-- the authority (対応済 means done); an English ledger is mapped to them.
local ledger = {}

local ja = {
  stamp = "更新日時",
  codes = { id = "k_id", name = "k_氏名", email = "k_メールアドレス", plan = "k_プラン",
            wish = "k_構築希望日時", manual = "k_マニュアル送付希望", qid = "k_Qid",
            status = "k_ステータス" },
  choices = {},
}

local en = {
  stamp = "Updated_datetime",
  codes = { id = "k_id", name = "k_name", email = "k_email_address", plan = "k_plan",
            wish = "k_desired_build_date", manual = "k_request_to_send_manual", qid = "k_Qid",
            status = "k_status" },
  choices = {
    ["1_対応なし"] = "1_No action", ["2_対応要"] = "2_Requires support",
    ["3_対応中"] = "3_Responding", ["4_対応済"] = "4_Supported",
    ["ライト"] = "Light", ["スタンダード"] = "Standard", ["プレミアム"] = "Premium",
    ["希望しない"] = "No", ["希望する"] = "Yes",
  },
}

-- The set that the settings choose; `ledger_codes` overrides single codes.
function ledger.of(settings)
  local base = settings.ledger == "en" and en or ja
  local over = type(settings.ledger_codes) == "table" and settings.ledger_codes or {}
  local codes = {}
  for k, v in pairs(base.codes) do codes[k] = over[k] or v end
  return { stamp = over.stamp or base.stamp, codes = codes, choices = base.choices }
end

-- A choice of ours as the ledger writes it, and back.
function ledger.out(set, choice) return set.choices[choice] or choice end

function ledger.back(set, text)
  for ours, theirs in pairs(set.choices) do
    if theirs == text then return ours end
  end
  return text
end

-- The condition that a record asks for delivery.
function ledger.query(settings)
  local set = ledger.of(settings)
  return ('%s in ("%s")'):format(set.codes.status, ledger.out(set, "2_対応要"))
end

function ledger.stamp(settings) return ledger.of(settings).stamp end

return ledger
