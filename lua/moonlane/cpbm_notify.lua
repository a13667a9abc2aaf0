-- moonlane.cpbm_notify: whom CloudPortal tells of a workflow, and how: on its
-- start, each end of an activity and each reset, with the whole state.
--
-- The user who triggered it, when active and verified; else the account's
-- master user, when that one is; else nobody.  WORKFLOW_UPDATED emptied: no mail.
return {
  notify = { template = "WORKFLOW_UPDATED",
             to = { "transaction.user", "transaction.tenant.masterUser" } },
  settings = { WORKFLOW_UPDATED = { "text", default = [[
Subject: {{data.transaction.type.name}} of {{data.tenant}}: {{event}} {{activity}}

Workflow {{workflow}} is {{run}}.
{{message}}

{{activities}}]] } },
}
