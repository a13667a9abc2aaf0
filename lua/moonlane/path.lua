-- moonlane.path: from a workflow's table to what stands at a path.
--
-- "4" is phases[4]; "4.1" its first entry (an activity, a task, a branch);
-- "4.1.2.1" goes on through a branch's phases; "start.2" is start[2].  In a
-- file of its own because every slice needs it, and only it: each file that is
-- loaded makes the image larger that is copied before each attempt.
local M = {}

function M.find(flow, path)
  if type(flow) ~= "table" then return nil end
  local trigger_at = path:match "^start%.(%d+)$"
  if trigger_at then
    local t = type(flow.start) == "table" and flow.start[tonumber(trigger_at)]
    return type(t) == "table" and t or nil
  end
  local list, t, in_phase = flow.phases, nil, false
  for n in path:gmatch "%d+" do
    if in_phase then
      t = t[tonumber(n) + 1]
      list = type(t) == "table" and t.phases
    else
      t = type(list) == "table" and list[tonumber(n)]
    end
    if type(t) ~= "table" then return nil end
    in_phase = not in_phase
  end
  return t
end

return M
