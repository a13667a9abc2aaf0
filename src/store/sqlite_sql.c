/*
** sqlite_sql.c - every statement, once; and the connections that keep them.
**
** Lists name their index (INDEXED BY): with the index gone the statement does
** not even prepare, and no statistics can talk the planner out of it.  A
** statement that walks a whole table or index says why it may.
**
** Parameters stand in the order in which they are bound.
*/
#include <assert.h>
#include <string.h>

#include "store/sqlite_index.h"

/* Columns of ml_row_process as get_process() of sqlite_read.c reads them. */
#define PROCESS_COLUMNS \
  "n, id, workflow, bundle, flow_index, status, run, deleted, seq," \
  " created_ms, updated_ms, completed_ms, cancelled_ms, next_action_ms," \
  " first_assigned_ms, last_assigned_ms, due, lease, parent_n, subject," \
  " state, assigned_to, first_assigned_to, created_by, data, rest"
#define SET_PROCESS \
  "UPDATE process SET id = ?, bundle = ?, flow_index = ?, seq = ?," \
  " updated_ms = ?, completed_ms = ?, cancelled_ms = ?, next_action_ms = ?," \
  " first_assigned_ms = ?, last_assigned_ms = ?, first_assigned_to = ?," \
  " subject = ?, rest = ?, data = ?"
#define SAME_PROCESS \
  " AND status = ? AND run = ? AND deleted IS ? AND state IS ?" \
  " AND assigned_to IS ? AND workflow = ? AND created_ms = ?" \
  " AND created_by IS ? AND parent_n IS ? AND n = ? AND seq = ?"
/* What find_processes() of sqlite_find.c judges. */
#define FIND_COLUMNS \
  "n, workflow, status, run, deleted, parent_n, state, assigned_to"
#define TASK_COLUMNS \
  "n, no, act, lane, status, created_ms, due_ms, ended_ms, assignee, label," \
  " title, outcome, failed"
#define POST_COLUMNS \
  "no, kind, queue, n, key, at_ms, due_ms, attempts, aside, why, body"
#define COMMENT_COLUMNS \
  "n, no, at_ms, who, text, visibility, edited_ms, removed, partner, far"
#define TX_COLUMNS \
  "n, id, state, created_ms, ended_ms, process_n, workflow, type, tenant," \
  " rule, message, who, once, payload"
/* What find_tx of sqlite_transaction.c judges. */
#define FIND_TX_COLUMNS "n, state, type, tenant"
#define FIND_BY_OBJECT(index, column) \
  "SELECT p.n, p.workflow, p.status, p.run, p.deleted, p.parent_n, p.state," \
  " p.assigned_to FROM object AS o INDEXED BY " index \
  " JOIN process AS p ON p.n = o.n WHERE o." column " = ? AND o.n < ?" \
  " ORDER BY o.n DESC"
#define JOB_COLUMNS \
  "no, kind, workflow, total, at_ms, done_ms, who, team, cancelled_by"
#define WALK_OBJECT(index, column) \
  "SELECT " column ", n FROM object INDEXED BY " index \
  " WHERE " column " = ? AND n < ? ORDER BY n DESC LIMIT ?"
#define SMALL "a small table, wanted whole"

const ml_sql_text ml_sql_texts[SQL_COUNT] = {
  [SQL_BEGIN] = {"BEGIN IMMEDIATE", NULL},
  [SQL_COMMIT] = {"COMMIT", NULL},
  [SQL_ROLLBACK] = {"ROLLBACK", NULL},
  [SQL_BEGIN_READ] = {"BEGIN", NULL},
  [SQL_SAVE] = {"SAVEPOINT unit", NULL},
  [SQL_SAVE_RELEASE] = {"RELEASE unit", NULL},
  [SQL_SAVE_ROLLBACK] = {"ROLLBACK TO unit", NULL},
  [SQL_PAGE_COUNT] = {"PRAGMA page_count", NULL},
  [SQL_BOOT] = {"INSERT INTO boot (at_ms) VALUES (?)", NULL},
  [SQL_BOOT_BEFORE] = {
    "SELECT at_ms FROM boot WHERE no = (SELECT max(no) FROM boot)", NULL},
  [SQL_LAST_N] = {"SELECT max(n) FROM process", NULL},

  [SQL_LAST_TX] = {"SELECT max(n) FROM \"transaction\"", NULL},

  /* ---- writing ---- */
  [SQL_PROCESS_INSERT] = {
    "INSERT INTO process (id, bundle, flow_index, seq, updated_ms,"
    " completed_ms, cancelled_ms, next_action_ms, first_assigned_ms,"
    " last_assigned_ms, first_assigned_to, subject, rest, data, due, lease,"
    " status, run, deleted, state, assigned_to, workflow, created_ms,"
    " created_by, parent_n, n)"
    " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", NULL},
  /* Nothing changes that an index holds; only what process_due holds. */
  [SQL_PROCESS_UPDATE] = {
    SET_PROCESS " WHERE due IS ? AND lease = ?" SAME_PROCESS, NULL},
  [SQL_PROCESS_UPDATE_DUE] = {
    SET_PROCESS ", due = ?, lease = ? WHERE true" SAME_PROCESS, NULL},
  [SQL_PROCESS_UPDATE_ALL] = {
    SET_PROCESS ", due = ?, lease = ?, status = ?, run = ?, deleted = ?,"
    " state = ?, assigned_to = ?, workflow = ?, created_ms = ?,"
    " created_by = ?, parent_n = ? WHERE n = ? AND seq = ?", NULL},
  [SQL_TASK_PUT] = {
    "INSERT INTO task (n, no, act, lane, status, created_ms, due_ms, ended_ms,"
    " assignee, label, title, outcome, failed)"
    " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)"
    " ON CONFLICT (n, no) DO UPDATE SET act = excluded.act,"
    " lane = excluded.lane, status = excluded.status,"
    " created_ms = excluded.created_ms, due_ms = excluded.due_ms,"
    " ended_ms = excluded.ended_ms, assignee = excluded.assignee,"
    " label = excluded.label, title = excluded.title,"
    " outcome = excluded.outcome, failed = excluded.failed", NULL},
  [SQL_HISTORY_PUT] = {
    "INSERT INTO history (number, records) VALUES (?,?)", NULL},
  [SQL_JOURNAL_PUT] = {
    "INSERT INTO journal (n, act, call, kind, attempt, place, hash, at_ms,"
    " answer) VALUES (?,?,?,?,?,?,?,?,?)"
    " ON CONFLICT (n, act, call) DO UPDATE SET kind = excluded.kind,"
    " attempt = excluded.attempt, place = excluded.place,"
    " hash = excluded.hash, at_ms = excluded.at_ms,"
    " answer = excluded.answer", NULL},
  [SQL_JOURNAL_DROP] = {
    "DELETE FROM journal WHERE n = ? AND act = ? AND call = ?", NULL},
  [SQL_COMMENT_PUT] = {
    "INSERT INTO comment (n, no, at_ms, who, text, visibility, partner, far)"
    " VALUES (?,?,?,?,?,?,?,?)", NULL},
  [SQL_MAIL_PUT] = {
    "INSERT INTO mail (n, no, at_ms, name, data) VALUES (?,?,?,?,?)", NULL},
  [SQL_MAIL_DROP] = {"DELETE FROM mail WHERE n = ? AND no = ?", NULL},
  [SQL_KEY_PUT] = {
    "INSERT INTO idem (key, body, age_ms, status, answer) VALUES (?,?,?,?,?)",
    NULL},
  [SQL_KEYS_EXPIRE] = {
    "DELETE FROM idem WHERE no <= (SELECT max(no) FROM (SELECT no, age_ms"
    " FROM idem ORDER BY no LIMIT ?2) WHERE age_ms < ?1) AND age_ms < ?1",
    "the first ones, so many as LIMIT says"},
  [SQL_BUNDLE_PUT] = {
    "INSERT INTO bundle (no, hash, folder, at_ms, tree, sources)"
    " VALUES (?,?,?,?,?,?)"
    " ON CONFLICT (no) DO UPDATE SET hash = excluded.hash,"
    " folder = excluded.folder, at_ms = excluded.at_ms,"
    " tree = excluded.tree, sources = excluded.sources", NULL},
  [SQL_WORKFLOW_PUT] = {
    "INSERT INTO workflow (no, name, bundle, flow_index) VALUES (?,?,?,?)"
    " ON CONFLICT (no) DO UPDATE SET name = excluded.name,"
    " bundle = excluded.bundle, flow_index = excluded.flow_index", NULL},
  [SQL_TRIGGER_PUT] = {
    "INSERT INTO trigger_state (workflow, name, state, due_ms, removed_ms)"
    " VALUES (?,?,?,?,?)"
    " ON CONFLICT (workflow, name) DO UPDATE SET state = excluded.state,"
    " due_ms = excluded.due_ms, removed_ms = excluded.removed_ms", NULL},
  [SQL_OCCURRENCE_PUT] = {
    "INSERT INTO occurrence (workflow, name, identity, age_ms, n)"
    " VALUES (?,?,?,?,?)", NULL},
  [SQL_LANE_PUT] = {
    "INSERT INTO lane (no, workflow, lane) VALUES (?,?,?)"
    " ON CONFLICT (no) DO UPDATE SET workflow = excluded.workflow,"
    " lane = excluded.lane", NULL},
  [SQL_MEMBER_PUT] = {
    "INSERT INTO member (lane, user) VALUES (?,?)"
    " ON CONFLICT (lane, user) DO NOTHING", NULL},
  [SQL_MEMBER_DROP] = {"DELETE FROM member WHERE lane = ? AND user = ?", NULL},
  [SQL_USER_PUT] = {
    "INSERT INTO user (id, name, email, active, team) VALUES (?,?,?,?,?)"
    " ON CONFLICT (id) DO UPDATE SET name = excluded.name,"
    " email = excluded.email, active = excluded.active,"
    " team = excluded.team", NULL},
  [SQL_TOKEN_PUT] = {
    "INSERT INTO token (id, hash, user, scopes, created_ms, expires_ms, team)"
    " VALUES (?,?,?,?,?,?,?)"
    " ON CONFLICT (id) DO UPDATE SET hash = excluded.hash,"
    " user = excluded.user, scopes = excluded.scopes,"
    " created_ms = excluded.created_ms, expires_ms = excluded.expires_ms,"
    " team = excluded.team", NULL},
  [SQL_TOKEN_DROP] = {"DELETE FROM token WHERE id = ?", NULL},
  [SQL_TX_INSERT] = {
    "INSERT INTO \"transaction\" (" TX_COLUMNS ")"
    " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)", NULL},
  [SQL_TX_STATE] = {
    "UPDATE \"transaction\" SET state = ?, ended_ms = ?, message = ?"
    " WHERE n = ?", NULL},
  [SQL_SETTING_PUT] = {
    "INSERT INTO setting (workflow, key, value, secret) VALUES (?,?,?,?)"
    " ON CONFLICT (workflow, key) DO UPDATE SET value = excluded.value,"
    " secret = excluded.secret", NULL},
  [SQL_SETTING_DROP] = {
    "DELETE FROM setting WHERE workflow = ? AND key = ?", NULL},
  [SQL_OBJECT_PUT] = {
    "INSERT INTO object (n, team, entity, record, belongs_to, booking)"
    " VALUES (?,?,?,?,?,?)"
    " ON CONFLICT (n) DO UPDATE SET team = excluded.team,"
    " entity = excluded.entity, record = excluded.record,"
    " belongs_to = excluded.belongs_to, booking = excluded.booking", NULL},
  [SQL_OBJECT_DROP] = {"DELETE FROM object WHERE n = ?", NULL},
  [SQL_RECORD_PUT] = {
    "INSERT INTO record (id, entity, team, created_by, data, derived,"
    " created_ms, updated_ms, deleted) VALUES (?,?,?,?,?,?,?,?,?)", NULL},
  [SQL_RECORD_UPDATE] = {
    "UPDATE record SET entity = ?, data = ?, derived = ?, updated_ms = ?,"
    " deleted = ? WHERE id = ? AND updated_ms = ?", NULL},
  [SQL_TASK_MORE_PUT] = {
    "INSERT INTO task_more (n, no, more) VALUES (?,?,?)"
    " ON CONFLICT (n, no) DO UPDATE SET more = excluded.more", NULL},

  /* ---- reading one process ---- */
  [SQL_PROCESS_GET] = {
    "SELECT " PROCESS_COLUMNS " FROM process WHERE n = ?", NULL},
  [SQL_JOURNAL_ALL] = {
    "SELECT n, act, call, kind, attempt, place, hash, at_ms, answer"
    " FROM journal WHERE n = ?", NULL},
  [SQL_JOURNAL_ACT] = {
    "SELECT n, act, call, kind, attempt, place, hash, at_ms, answer"
    " FROM journal WHERE n = ? AND act = ?", NULL},
  /* The pack that holds the record of ?2, not before ?1; and those behind it. */
  [SQL_HISTORY_FROM] = {
    "SELECT seq FROM history WHERE number >= ? AND number <= ?"
    " ORDER BY number DESC LIMIT 1", NULL},
  [SQL_HISTORY_AFTER] = {
    "SELECT seq, records FROM history WHERE number >= ? AND number <= ?"
    " ORDER BY number", NULL},
  [SQL_COMMENTS] = {
    "SELECT " COMMENT_COLUMNS " FROM comment"
    " WHERE n = ? AND no > ? ORDER BY no", NULL},
  [SQL_COMMENT_LAST] = {"SELECT max(no) FROM comment WHERE n = ?", NULL},
  [SQL_MAIL] = {
    "SELECT n, no, at_ms, name, data FROM mail WHERE n = ? ORDER BY no", NULL},
  [SQL_KEY_GET] = {
    "SELECT key, body, age_ms, status, answer FROM idem WHERE key = ?", NULL},
  [SQL_TASKS_OF] = {
    "SELECT " TASK_COLUMNS " FROM task WHERE n = ? ORDER BY no", NULL},
  [SQL_TASK_GET] = {
    "SELECT " TASK_COLUMNS " FROM task WHERE n = ? AND no = ?", NULL},
  [SQL_RECORD_GET] = {
    "SELECT id, entity, team, created_by, data, derived, created_ms,"
    " updated_ms, deleted FROM record WHERE id = ?", NULL},
  [SQL_OBJECT_GET] = {
    "SELECT n, team, entity, record, belongs_to, booking FROM object"
    " WHERE n = ?", NULL},
  [SQL_TASK_MORE_GET] = {
    "SELECT n, no, more FROM task_more WHERE n = ? AND no = ?", NULL},
  [SQL_TEAM_IS] = {"SELECT n FROM object WHERE n = ? AND team = ?", NULL},

  /* ---- finding ---- */
  /* Past the cursor: the rest of its moment (_AT), then later moments.  One
  ** comparison of pairs would walk over the whole moment each time. */
  [SQL_DUE] = {
    "SELECT due, n FROM process INDEXED BY process_due"
    " WHERE lease = 0 AND due IS NOT NULL AND due > ? AND due <= ?"
    " ORDER BY due, n LIMIT ?", NULL},
  [SQL_DUE_AT] = {
    "SELECT due, n FROM process INDEXED BY process_due"
    " WHERE lease = 0 AND due = ? AND n > ? ORDER BY n LIMIT ?", NULL},
  [SQL_LEASES] = {
    "SELECT due, n FROM process INDEXED BY process_due"
    " WHERE lease = 1 AND due IS NOT NULL AND due > ? AND due <= ?"
    " ORDER BY due, n LIMIT ?", NULL},
  [SQL_LEASES_AT] = {
    "SELECT due, n FROM process INDEXED BY process_due"
    " WHERE lease = 1 AND due = ? AND n > ? ORDER BY n LIMIT ?", NULL},
  [SQL_NEXT_DUE] = {
    "SELECT due FROM process INDEXED BY process_due"
    " WHERE lease = 0 AND due IS NOT NULL ORDER BY due LIMIT 1", NULL},
  [SQL_NEXT_LEASE] = {
    "SELECT due FROM process INDEXED BY process_due"
    " WHERE lease = 1 AND due IS NOT NULL ORDER BY due LIMIT 1", NULL},
  [SQL_UPDATED] = {"SELECT updated_ms FROM process WHERE n = ?", NULL},
  /* Driven by an id of another; the process's row is looked at for the rest. */
  [SQL_FIND_TEAM] = {FIND_BY_OBJECT("object_team", "team"), NULL},
  [SQL_FIND_OBJECT_ENTITY] = {FIND_BY_OBJECT("object_entity", "entity"), NULL},
  [SQL_FIND_OBJECT_RECORD] = {FIND_BY_OBJECT("object_record", "record"), NULL},
  [SQL_FIND_OBJECT_BELONGS] = {FIND_BY_OBJECT("object_belongs", "belongs_to"),
                               NULL},
  [SQL_FIND_OBJECT_BOOKING] = {FIND_BY_OBJECT("object_booking", "booking"),
                               NULL},
  [SQL_FIND_ALL] = {
    "SELECT " FIND_COLUMNS " FROM process WHERE n < ? ORDER BY n DESC", NULL},
  [SQL_FIND_PARENT] = {
    "SELECT " FIND_COLUMNS " FROM process INDEXED BY process_parent"
    " WHERE parent_n = ? AND n < ? ORDER BY n DESC", NULL},
  [SQL_FIND_RUN] = {
    "SELECT " FIND_COLUMNS " FROM process INDEXED BY process_incident"
    " WHERE run = ? AND run IN (3, 4) AND n < ? ORDER BY n DESC", NULL},
  [SQL_FIND_ASSIGNED] = {
    "SELECT " FIND_COLUMNS " FROM process INDEXED BY process_assigned"
    " WHERE assigned_to = ? AND status = 0 AND deleted IS NULL AND n < ?"
    " ORDER BY n DESC", NULL},
  [SQL_FIND_STATE] = {
    "SELECT " FIND_COLUMNS " FROM process INDEXED BY process_state"
    " WHERE state = ? AND status = 0 AND deleted IS NULL AND n < ?"
    " ORDER BY n DESC", NULL},
  [SQL_FIND_OPEN_OF] = {
    "SELECT " FIND_COLUMNS " FROM process INDEXED BY process_open_of"
    " WHERE workflow = ? AND status = 0 AND deleted IS NULL AND n < ?"
    " ORDER BY n DESC", NULL},
  [SQL_FIND_OPEN] = {
    "SELECT " FIND_COLUMNS " FROM process INDEXED BY process_open"
    " WHERE status = 0 AND deleted IS NULL AND n < ? ORDER BY n DESC", NULL},
  [SQL_TASKS_ALL] = {
    "SELECT n, no, status, lane, assignee FROM task"
    " WHERE (n, no) > (?, ?) ORDER BY n, no", NULL},
  [SQL_TASKS_OPEN] = {
    "SELECT n, no FROM task INDEXED BY task_open"
    " WHERE status = 0 AND (n, no) > (?, ?) ORDER BY n, no LIMIT ?", NULL},
  [SQL_TASKS_OFFERED] = {
    "SELECT n, no FROM task INDEXED BY task_offered"
    " WHERE lane = ? AND status = 0 AND assignee IS NULL"
    " AND (n, no) > (?, ?) ORDER BY n, no LIMIT ?", NULL},
  [SQL_TASKS_OFFERED_ANY] = {
    "SELECT n, no, status, lane, assignee FROM task INDEXED BY task_open"
    " WHERE status = 0 AND (n, no) > (?, ?) ORDER BY n, no", NULL},
  [SQL_TASKS_ALLOCATED] = {
    "SELECT n, no FROM task INDEXED BY task_allocated"
    " WHERE assignee = ? AND status = 0"
    " AND (n, no) > (?, ?) ORDER BY n, no LIMIT ?", NULL},
  [SQL_COUNT_OPEN] = {
    "SELECT count(*) FROM process INDEXED BY process_open"
    " WHERE status = 0 AND deleted IS NULL", NULL},
  [SQL_COUNT_TASKS] = {
    "SELECT count(*) FROM task INDEXED BY task_open WHERE status = 0",
    NULL},
  [SQL_COUNT_INCIDENTS] = {
    "SELECT count(*) FROM process INDEXED BY process_incident"
    " WHERE run IN (3, 4) AND status = 0 AND deleted IS NULL", NULL},

  /* ---- small tables ---- */
  /* ---- transactions ---- */
  [SQL_TX_GET] = {
    "SELECT " TX_COLUMNS " FROM \"transaction\" WHERE n = ?", NULL},
  [SQL_TX_OF] = {
    "SELECT " TX_COLUMNS " FROM \"transaction\" INDEXED BY transaction_process"
    " WHERE process_n = ?", NULL},
  [SQL_TX_ALL] = {
    "SELECT " FIND_TX_COLUMNS " FROM \"transaction\" WHERE n < ?"
    " ORDER BY n DESC", NULL},
  [SQL_TX_TENANT] = {
    "SELECT " FIND_TX_COLUMNS " FROM \"transaction\" INDEXED BY transaction_tenant"
    " WHERE tenant = ? AND n < ? ORDER BY n DESC", NULL},
  [SQL_TX_TYPE] = {
    "SELECT " FIND_TX_COLUMNS " FROM \"transaction\" INDEXED BY transaction_type"
    " WHERE type = ? AND n < ? ORDER BY n DESC", NULL},
  [SQL_TX_OPEN] = {
    "SELECT " FIND_TX_COLUMNS " FROM \"transaction\" INDEXED BY transaction_state"
    " WHERE state = ? AND state <> 1 AND n < ? ORDER BY n DESC", NULL},
  [SQL_TX_ACTIVE] = {
    "SELECT n FROM \"transaction\" INDEXED BY transaction_active"
    " WHERE tenant = ? AND type = ? AND state = 0 AND n < ?"
    " ORDER BY n DESC LIMIT 1", NULL},
  [SQL_TX_ONCE] = {
    "SELECT n FROM \"transaction\" INDEXED BY transaction_once"
    " WHERE tenant = ? AND type = ? AND once = ? AND state = 1"
    " AND process_n IS NOT NULL ORDER BY n DESC LIMIT 1", NULL},

  [SQL_BUNDLES] = {"SELECT no, hash, folder, at_ms FROM bundle ORDER BY no",
                   SMALL},
  [SQL_BUNDLE_GET] = {
    "SELECT no, hash, folder, at_ms, tree, sources FROM bundle WHERE no = ?",
    NULL},
  [SQL_WORKFLOWS] = {
    "SELECT no, name, bundle, flow_index FROM workflow ORDER BY no", SMALL},
  [SQL_TRIGGERS] = {
    "SELECT workflow, name, state, due_ms, removed_ms FROM trigger_state"
    " ORDER BY workflow, name", SMALL},
  [SQL_OCCURRENCE_GET] = {
    "SELECT n FROM occurrence WHERE workflow = ? AND name = ?"
    " AND identity = ?", NULL},
  [SQL_LANES] = {"SELECT no, workflow, lane FROM lane ORDER BY no", SMALL},
  [SQL_MEMBERS] = {"SELECT lane, user FROM member ORDER BY lane, user", SMALL},
  [SQL_USERS] = {"SELECT id, name, email, active, team FROM user ORDER BY id",
                 SMALL},
  [SQL_TOKENS] = {
    "SELECT id, hash, user, scopes, created_ms, expires_ms, team FROM token"
    " ORDER BY id", SMALL},
  [SQL_SETTINGS_ALL] = {
    "SELECT workflow, key, value, secret FROM setting ORDER BY workflow, key",
    SMALL},
  [SQL_SETTINGS_OF] = {
    "SELECT workflow, key, value, secret FROM setting WHERE workflow = ?"
    " ORDER BY key", NULL},

  /* ---- outbox ---- */
  [SQL_POST_PUT] = {
    "INSERT INTO outbox (kind, queue, n, key, at_ms, due_ms, attempts, body)"
    " VALUES (?1, ?2, ?3, ?4, ?5, CASE WHEN EXISTS"
    " (SELECT 1 FROM outbox INDEXED BY outbox_queue"
    "   WHERE queue = ?2 AND aside IS NULL) THEN NULL ELSE ?6 END, 0, ?7)",
    NULL},
  [SQL_POST_DROP] = {"DELETE FROM outbox WHERE no = ?", NULL},
  [SQL_POST_AGAIN] = {
    "UPDATE outbox SET attempts = attempts + 1, why = ?1, due_ms ="
    " CASE WHEN no = (SELECT no FROM outbox AS o INDEXED BY outbox_queue"
    "   WHERE o.queue = ?4 AND o.aside IS NULL ORDER BY no LIMIT 1)"
    " THEN ?2 ELSE NULL END WHERE no = ?3 AND aside IS NULL", NULL},
  [SQL_POST_ASIDE] = {
    "UPDATE outbox SET attempts = attempts + 1, why = ?, due_ms = NULL,"
    " aside = 1 WHERE no = ?", NULL},
  [SQL_POST_RESEND] = {
    "UPDATE outbox SET attempts = 0, due_ms = NULL, aside = NULL"
    " WHERE no = ? AND aside = 1", NULL},
  [SQL_POST_BEHIND] = {
    "UPDATE outbox INDEXED BY outbox_queue SET due_ms = NULL"
    " WHERE queue = ? AND aside IS NULL AND no > ? AND due_ms IS NOT NULL",
    NULL},
  [SQL_POST_HEAD] = {
    "UPDATE outbox SET due_ms = ? WHERE no ="
    " (SELECT no FROM outbox AS o INDEXED BY outbox_queue"
    "   WHERE o.queue = ? AND o.aside IS NULL ORDER BY no LIMIT 1)"
    " AND due_ms IS NULL", NULL},
  [SQL_POST_DUE] = {
    "SELECT " POST_COLUMNS " FROM outbox INDEXED BY outbox_due"
    " WHERE due_ms <= ? ORDER BY due_ms LIMIT ?", NULL},
  [SQL_POST_FAR] = {
    "SELECT " POST_COLUMNS " FROM outbox INDEXED BY outbox_due"
    " WHERE due_ms > ? ORDER BY due_ms LIMIT ?", NULL},
  [SQL_POST_NEXT] = {
    "SELECT due_ms FROM outbox INDEXED BY outbox_due"
    " WHERE due_ms > ? ORDER BY due_ms LIMIT 1", NULL},
  [SQL_POST_GET] = {"SELECT " POST_COLUMNS " FROM outbox WHERE no = ?", NULL},
  [SQL_POSTS] = {
    "SELECT " POST_COLUMNS " FROM outbox WHERE no > ? ORDER BY no LIMIT ?",
    NULL},
  [SQL_POSTS_ASIDE] = {
    "SELECT " POST_COLUMNS " FROM outbox INDEXED BY outbox_aside"
    " WHERE aside = 1 AND no > ? ORDER BY no LIMIT ?", NULL},
  [SQL_POST_COUNT] = {
    "SELECT count(*) FROM outbox INDEXED BY outbox_queue"
    " WHERE aside IS NULL", "counts those that wait: their index alone"},
  [SQL_POST_COUNT_ASIDE] = {
    "SELECT count(*) FROM outbox INDEXED BY outbox_aside WHERE aside = 1",
    NULL},
  [SQL_POST_OLDEST] = {
    "SELECT min(at_ms) FROM (SELECT at_ms FROM outbox WHERE no > 0"
    " AND aside IS NULL ORDER BY no LIMIT 1)", NULL},

  /* ---- taken values ---- */
  [SQL_UNIQUE_PUT] = {
    "INSERT INTO taken (workflow, field, value, n) VALUES (?,?,?,?)"
    " ON CONFLICT (workflow, field, value) DO UPDATE SET n = excluded.n"
    " WHERE n = excluded.n", NULL},
  [SQL_UNIQUE_DROP] = {
    "DELETE FROM taken WHERE workflow = ? AND field = ? AND value = ?"
    " AND n = ?", NULL},
  [SQL_UNIQUE_GET] = {
    "SELECT n FROM taken WHERE workflow = ? AND field = ? AND value = ?",
    NULL},

  /* ---- primary keys that were declared later ---- */
  [SQL_KEY_FIELDS] = {
    "SELECT no, workflow, field, done, last, gone FROM key_field ORDER BY no",
    SMALL},
  [SQL_KEY_FIELD_GET] = {
    "SELECT no, workflow, field, done, last, gone FROM key_field"
    " WHERE workflow = ? AND field = ? AND gone IS NULL", SMALL},
  [SQL_KEY_FIELD_PUT] = {
    "INSERT INTO key_field (workflow, field, done, last)"
    " VALUES (?,?, 0, (SELECT coalesce(max(n), 0) FROM process))", NULL},
  [SQL_KEY_FIELD_DROP] = {"DELETE FROM key_field WHERE no = ?", NULL},
  [SQL_KEY_GONE] = {"UPDATE key_field SET gone = 1 WHERE no = ?", NULL},
  [SQL_KEY_DONE] = {"UPDATE key_field SET done = ? WHERE no = ?", NULL},
  [SQL_KEY_EMPTY] = {
    "DELETE FROM taken WHERE (workflow, field, value) IN"
    " (SELECT workflow, field, value FROM taken WHERE workflow = ? AND field = ?"
    " LIMIT ?)", NULL},
  [SQL_KEY_FILL] = {
    "SELECT n, workflow, data, rest FROM process WHERE n > ? AND n <= ?"
    " ORDER BY n", NULL},
  [SQL_CLASH_PUT] = {
    "INSERT INTO key_clash (workflow, field, n, value) VALUES (?,?,?,?)"
    " ON CONFLICT (workflow, field, n) DO UPDATE SET value = excluded.value",
    NULL},
  [SQL_CLASH_DROP] = {
    "DELETE FROM key_clash WHERE workflow = ? AND field = ? AND n = ?", NULL},
  [SQL_CLASH_NEXT] = {
    "SELECT n FROM key_clash INDEXED BY key_clash_value"
    " WHERE workflow = ? AND field = ? AND value = ? ORDER BY n LIMIT 1", NULL},
  [SQL_CLASH_EMPTY] = {
    "DELETE FROM key_clash WHERE (workflow, field, n) IN"
    " (SELECT workflow, field, n FROM key_clash WHERE workflow = ? AND field = ?"
    " LIMIT ?)", NULL},
  [SQL_CLASHES] = {
    "SELECT c.n, c.value, t.n FROM key_clash AS c LEFT JOIN taken AS t ON"
    " t.workflow = c.workflow AND t.field = c.field AND t.value = c.value"
    " WHERE c.workflow = ? AND c.field = ? AND c.n > ? ORDER BY c.n LIMIT ?",
    NULL},

  /* ---- requests that were taken ---- */
  [SQL_REPLAY_PUT] = {
    "INSERT INTO replay (scope, id, until_ms) VALUES (?,?,?)"
    " ON CONFLICT (scope, id) DO UPDATE SET until_ms = excluded.until_ms"
    " WHERE until_ms <= ?", NULL},
  [SQL_REPLAY_FORGET] = {
    "DELETE FROM replay WHERE (scope, id) IN"
    " (SELECT scope, id FROM replay INDEXED BY replay_until"
    "   WHERE until_ms <= ? ORDER BY until_ms LIMIT ?)", NULL},
  [SQL_REPLAY_GET] = {
    "SELECT until_ms FROM replay WHERE scope = ? AND id = ?", NULL},

  /* ---- the age, and what is old ---- */
  [SQL_AGE_GET] = {"SELECT ms FROM age WHERE no = 1", NULL},
  [SQL_AGE_PUT] = {"UPDATE age SET ms = ? WHERE no = 1", NULL},
  [SQL_KEYS_OLD] = {
    "SELECT age_ms FROM (SELECT age_ms FROM idem ORDER BY no LIMIT ?2)"
    " WHERE age_ms < ?1", "the first ones, so many as LIMIT says"},
  [SQL_OCCURRENCES] = {
    "SELECT workflow, name, identity, age_ms < ? AND NOT EXISTS"
    " (SELECT 1 FROM process WHERE n = occurrence.n AND status = 0)"
    " FROM occurrence WHERE (workflow, name, identity) > (?,?,?)"
    " ORDER BY workflow, name, identity LIMIT ?", NULL},
  [SQL_OCCURRENCE_DROP] = {
    "DELETE FROM occurrence WHERE workflow = ? AND name = ? AND identity = ?"
    " AND age_ms < ? AND NOT EXISTS"
    " (SELECT 1 FROM process WHERE n = occurrence.n AND status = 0)", NULL},

  /* ---- bundles in quarantine ---- */
  [SQL_QUARANTINE_PUT] = {
    "INSERT INTO quarantine (bundle, at_ms) VALUES (?,?)"
    " ON CONFLICT (bundle) DO UPDATE SET at_ms = excluded.at_ms", NULL},
  [SQL_QUARANTINE_DROP] = {"DELETE FROM quarantine WHERE bundle = ?", NULL},
  [SQL_QUARANTINES] = {
    "SELECT bundle, at_ms FROM quarantine ORDER BY bundle", SMALL},
  /* ---- search ---- */
  [SQL_SEARCH_FIELDS] = {
    "SELECT no, workflow, field, type, done, last, gone FROM search_field"
    " ORDER BY no", SMALL},
  [SQL_SEARCH_FIELD_PUT] = {
    "INSERT INTO search_field (workflow, field, type, done, last)"
    " VALUES (?,?,?, 0, (SELECT coalesce(max(n), 0) FROM process))", NULL},
  [SQL_SEARCH_FIELD_DROP] = {"DELETE FROM search_field WHERE no = ?", NULL},
  [SQL_SEARCH_GONE] = {"UPDATE search_field SET gone = 1 WHERE no = ?", NULL},
  [SQL_SEARCH_DONE] = {"UPDATE search_field SET done = ? WHERE no = ?", NULL},
  [SQL_SEARCH_EMPTY] = {
    "DELETE FROM search WHERE (field, value, n) IN"
    " (SELECT field, value, n FROM search WHERE field = ? LIMIT ?)", NULL},
  [SQL_SEARCH_PUT] = {
    "INSERT INTO search (field, value, n) VALUES (?,?,?)"
    " ON CONFLICT (field, value, n) DO NOTHING", NULL},
  [SQL_SEARCH_DROP] = {
    "DELETE FROM search WHERE field = ? AND value = ? AND n = ?", NULL},
  [SQL_INDEX_ROW] = {
    "SELECT " INDEX_COLUMNS " FROM process WHERE n = ?", NULL},
  [SQL_INDEX_FILL] = {
    "SELECT n, " INDEX_COLUMNS " FROM process WHERE n > ? AND n <= ?"
    " ORDER BY n", NULL},
  [SQL_SEARCH_ROW_OBJECT] = {
    "SELECT " INDEX_COLUMNS ", " INDEX_OBJECT_COLUMNS " FROM process AS p"
    " LEFT JOIN object AS o ON o.n = p.n WHERE p.n = ?", NULL},
  [SQL_SEARCH_ENTITY] = {WALK_OBJECT("object_entity", "entity"), NULL},
  [SQL_SEARCH_RECORD] = {WALK_OBJECT("object_record", "record"), NULL},
  [SQL_SEARCH_BELONGS] = {WALK_OBJECT("object_belongs", "belongs_to"), NULL},
  [SQL_SEARCH_BOOKING] = {WALK_OBJECT("object_booking", "booking"), NULL},
  [SQL_SEARCH_EQ_UP] = {
    "SELECT value, n FROM search WHERE field = ? AND value = ? AND n > ?"
    " ORDER BY n LIMIT ?", NULL},
  [SQL_SEARCH_EQ_DOWN] = {
    "SELECT value, n FROM search WHERE field = ? AND value = ? AND n < ?"
    " ORDER BY n DESC LIMIT ?", NULL},
  [SQL_SEARCH_UP] = {
    "SELECT value, n FROM search WHERE field = ? AND value > ? AND value < ?"
    " ORDER BY value, n LIMIT ?", NULL},
  [SQL_SEARCH_DOWN] = {
    "SELECT value, n FROM search WHERE field = ? AND value > ? AND value < ?"
    " ORDER BY value DESC, n DESC LIMIT ?", NULL},
  [SQL_SEARCH_ALL] = {
    "SELECT n, workflow FROM process WHERE n < ? ORDER BY n DESC LIMIT ?",
    NULL},
  [SQL_SEARCH_OPEN_OF] = {
    "SELECT n, workflow FROM process INDEXED BY process_open_of"
    " WHERE workflow = ? AND status = 0 AND deleted IS NULL AND n < ?"
    " ORDER BY n DESC LIMIT ?", NULL},
  /* ---- partners ---- */
  [SQL_COMMENT_EDIT] = {
    "UPDATE comment SET text = ?, edited_ms = ?, removed = ?"
    " WHERE n = ? AND no = ?", NULL},
  [SQL_COMMENT_FAR] = {
    "SELECT " COMMENT_COLUMNS " FROM comment INDEXED BY comment_far"
    " WHERE n = ? AND partner = ? AND far = ?", NULL},
  [SQL_PARTNER_PUT] = {
    "INSERT INTO partner (no, link, name, url, state, secret, before,"
    " before_ms, made_ms) VALUES (?,?,?,?,?,?,?,?,?)"
    " ON CONFLICT (no) DO UPDATE SET name = excluded.name,"
    " url = excluded.url, state = excluded.state, secret = excluded.secret,"
    " before = excluded.before, before_ms = excluded.before_ms", NULL},
  [SQL_PARTNER_TOLD] = {
    "INSERT INTO partner_told (partner, at_ms, what, who, text)"
    " VALUES (?,?,?,?,?)", NULL},
  [SQL_SHARE_PUT] = {
    "INSERT INTO share (n, partner, far, ours, client_only, fields)"
    " VALUES (?,?,?,?,?,?)", NULL},
  [SQL_CONTACT_PUT] = {
    "INSERT INTO contact (no, name, email, phone) VALUES (?,?,?,?)"
    " ON CONFLICT (no) DO UPDATE SET name = excluded.name,"
    " email = excluded.email, phone = excluded.phone", NULL},
  [SQL_PARTNERS] = {
    "SELECT no, link, name, url, state, secret, before, before_ms, made_ms"
    " FROM partner ORDER BY no", SMALL},
  [SQL_PARTNER_TOLDS] = {
    "SELECT no, partner, at_ms, what, who, text FROM partner_told"
    " INDEXED BY partner_told_of WHERE partner = ? AND no > ?"
    " ORDER BY no LIMIT ?", NULL},
  [SQL_SHARES] = {
    "SELECT n, partner, far, ours, client_only, fields FROM share"
    " WHERE n = ? ORDER BY partner", NULL},
  [SQL_SHARE_FAR] = {
    "SELECT n, partner, far, ours, client_only, fields FROM share"
    " INDEXED BY share_far WHERE partner = ? AND far = ?", NULL},
  [SQL_CONTACT_EMAIL] = {
    "SELECT no, name, email, phone FROM contact INDEXED BY contact_email"
    " WHERE email = ? ORDER BY no LIMIT 1", NULL},
  [SQL_CONTACT_PHONE] = {
    "SELECT no, name, email, phone FROM contact INDEXED BY contact_phone"
    " WHERE phone = ? ORDER BY no LIMIT 1", NULL},
  [SQL_CONTACT_LAST] = {"SELECT max(no) FROM contact", NULL},
  [SQL_POST_OF] = {
    "SELECT count(*), min(at_ms) FROM outbox INDEXED BY outbox_queue"
    " WHERE aside IS NULL AND queue >= ? AND queue < ?", NULL},

  /* ---- jobs ---- */
  [SQL_JOB_PUT] = {
    "INSERT INTO job (no, kind, workflow, total, at_ms, done_ms, who, team)"
    " VALUES (?,?,?,?,?,?,?,?)", NULL},
  [SQL_JOB_DONE] = {
    "UPDATE job SET done_ms = ? WHERE no = ? AND done_ms IS NULL", NULL},
  [SQL_JOB_CANCEL] = {
    "UPDATE job SET done_ms = ?, cancelled_by = ? WHERE no = ?"
    " AND done_ms IS NULL", NULL},
  [SQL_ENTRIES_CANCEL] = {       /* at most as many as a job may have */
    "UPDATE job_entry INDEXED BY job_entry_status SET status = ?"
    " WHERE job = ? AND status = 0", NULL},
  [SQL_JOB_GET] = {
    "SELECT " JOB_COLUMNS " FROM job"
    " WHERE no = ?", NULL},
  [SQL_JOB_OPEN] = {
    "SELECT " JOB_COLUMNS " FROM job"
    " INDEXED BY job_open WHERE done_ms IS NULL AND no > 0 ORDER BY no LIMIT 1",
    NULL},
  [SQL_ENTRY_PUT] = {
    "INSERT INTO job_entry (job, no, status, body) VALUES (?,?,0,?)", NULL},
  [SQL_ENTRY_END] = {
    "UPDATE job_entry SET status = ?, n = ?, why = ?"
    " WHERE job = ? AND no = ? AND status = 0", NULL},
  [SQL_ENTRIES] = {
    "SELECT job, no, status, n, body, why FROM job_entry"
    " WHERE job = ? AND no > ? ORDER BY no LIMIT ?", NULL},
  [SQL_ENTRIES_OF] = {
    "SELECT job, no, status, n, body, why FROM job_entry"
    " INDEXED BY job_entry_status WHERE job = ? AND status = ? AND no > ?"
    " ORDER BY no LIMIT ?", NULL},
  [SQL_ENTRY_COUNT] = {
    "SELECT count(*) FROM job_entry INDEXED BY job_entry_status"
    " WHERE job = ? AND status = ?", NULL},

  /* ---- webhooks ---- */
  [SQL_WEBHOOK_PUT] = {
    "INSERT INTO webhook (no, url, secret, workflow, events, active, removed,"
    " at_ms, why) VALUES (?,?,?,?,?,?,?,?,?)"
    " ON CONFLICT (no) DO UPDATE SET url = excluded.url,"
    " secret = excluded.secret, workflow = excluded.workflow,"
    " events = excluded.events, active = excluded.active,"
    " removed = excluded.removed, at_ms = excluded.at_ms,"
    " why = excluded.why", NULL},
  [SQL_WEBHOOKS] = {
    "SELECT no, url, secret, workflow, events, active, removed, at_ms, why"
    " FROM webhook ORDER BY no", SMALL},
  /* ---- looking for broken ones ---- */
  [SQL_AUDIT] = {
    "SELECT n, id, workflow, bundle, flow_index, status, run, deleted, seq,"
    " created_ms, completed_ms, cancelled_ms, next_action_ms, due, lease,"
    " parent_n, data, rest FROM process WHERE n > ? ORDER BY n LIMIT ?", NULL},
  [SQL_AUDIT_OPEN] = {
    "SELECT count(*) FROM process INDEXED BY process_open"
    " WHERE status = 0 AND deleted IS NULL AND n > ? AND n <= ?", NULL},
  [SQL_AUDIT_FAILURES] = {
    "SELECT count(*) FROM process INDEXED BY process_incident"
    " WHERE run = 3 AND run IN (3, 4) AND n > ? AND n <= ?", NULL},
  [SQL_AUDIT_ERRORS] = {
    "SELECT count(*) FROM process INDEXED BY process_incident"
    " WHERE run = 4 AND run IN (3, 4) AND n > ? AND n <= ?", NULL},
  [SQL_AUDIT_NEXT] = {
    "SELECT n FROM history WHERE number > ? ORDER BY number LIMIT 1", NULL},
  [SQL_AUDIT_MEND] = {
    "UPDATE process SET status = ?, run = ?, seq = ?, completed_ms = ?,"
    " cancelled_ms = ?, due = ?, lease = 1, deleted ="
    " CASE WHEN deleted IS NULL THEN NULL ELSE 1 END WHERE n = ?", NULL},
  [SQL_PROBE] = {
    "UPDATE boot SET at_ms = at_ms + 1 - 2 * (at_ms & 1)"
    " WHERE no = (SELECT max(no) FROM boot)", NULL},
};

/* ---- connections ---- */

sqlite3_stmt *ml_link_stmt(ml_link *c, ml_sql id, ml_rc *rc) {
  int code;

  assert(id < SQL_COUNT);
  if (c->st[id] == NULL) {
    code = sqlite3_prepare_v3(c->db, ml_sql_texts[id].text, -1,
                              SQLITE_PREPARE_PERSISTENT, &c->st[id], NULL);
    if (code != SQLITE_OK) {
      *rc = ml_sqlite_rc(sqlite3_extended_errcode(c->db));
      return NULL;
    }
  }
  *rc = ML_OK;
  return c->st[id];
}

int ml_link_run(ml_link *c, ml_sql id) {
  ml_rc rc;
  sqlite3_stmt *st = ml_link_stmt(c, id, &rc);
  int code, again;

  if (st == NULL)
    return sqlite3_extended_errcode(c->db);
  code = sqlite3_step(st);
  if (code != SQLITE_DONE && code != SQLITE_ROW)
    code = sqlite3_extended_errcode(c->db);   /* before reset, the first one */
  again = sqlite3_reset(st);
  if (code == SQLITE_DONE || code == SQLITE_ROW)
    return again;
  return code;
}

void ml_link_close(ml_link *c) {
  for (int i = 0; i < SQL_COUNT; i++)
    sqlite3_finalize(c->st[i]);
  sqlite3_close(c->db);
  ml_index_free(c->index);
  memset(c, 0, sizeof *c);
}

ml_rc ml_sqlite_rc(int code) {
  switch (code & 0xff) {
  case SQLITE_OK: case SQLITE_ROW: case SQLITE_DONE:
    return ML_OK;
  case SQLITE_NOMEM:
    return ML_NOMEM;
  case SQLITE_FULL:
    return ML_FULL;
  case SQLITE_TOOBIG:
    return ML_LIMIT;
  case SQLITE_INTERRUPT:
    return ML_TIMEOUT;
  case SQLITE_CORRUPT: case SQLITE_NOTADB: case SQLITE_FORMAT:
    return ML_CORRUPT;
  case SQLITE_CONSTRAINT:
    return code == SQLITE_CONSTRAINT_PRIMARYKEY ||
                   code == SQLITE_CONSTRAINT_UNIQUE ||
                   code == SQLITE_CONSTRAINT_ROWID
               ? ML_EXISTS
               : ML_INVALID;
  case SQLITE_IOERR:
    return code == SQLITE_IOERR_NOMEM ? ML_NOMEM : ML_IO;
  default:
    return ML_IO;
  }
}

/* ---- parameters ---- */

static void bound(ml_bind *b, int rc) {
  if (b->rc == SQLITE_OK)
    b->rc = rc;
}

void ml_sql_i64(ml_bind *b, int64_t v) {
  bound(b, sqlite3_bind_int64(b->st, ++b->i, v));
}

void ml_sql_real(ml_bind *b, double v) {
  bound(b, sqlite3_bind_double(b->st, ++b->i, v));
}

void ml_sql_opt(ml_bind *b, int64_t v) {
  if (v != 0)
    ml_sql_i64(b, v);
  else
    bound(b, sqlite3_bind_null(b->st, ++b->i));
}

void ml_sql_str(ml_bind *b, ml_str s) {
  if (s.p == NULL)
    bound(b, sqlite3_bind_null(b->st, ++b->i));
  else
    bound(b, sqlite3_bind_text64(b->st, ++b->i, s.p, s.n, SQLITE_STATIC,
                                 SQLITE_UTF8));
}

void ml_sql_blob(ml_bind *b, const void *p, size_t n) {
  if (p == NULL)
    bound(b, sqlite3_bind_null(b->st, ++b->i));
  else
    bound(b, sqlite3_bind_blob64(b->st, ++b->i, p, n, SQLITE_STATIC));
}

/* ---- columns ---- */

int64_t ml_col_i64(ml_cols *c) {
  return sqlite3_column_int64(c->st, c->i++);
}

uint32_t ml_col_u32(ml_cols *c, uint32_t max) {
  int64_t v = ml_col_i64(c);

  if (v < 0 || v > (int64_t)max) {
    c->bad = true;
    return 0;
  }
  return (uint32_t)v;
}

ml_str ml_col_str(ml_cols *c) {
  int i = c->i++;
  const void *p;
  ml_str s;

  if (sqlite3_column_type(c->st, i) == SQLITE_NULL)
    return ML_NOSTR;
  p = sqlite3_column_blob(c->st, i);   /* NULL for "" */
  s.n = (size_t)sqlite3_column_bytes(c->st, i);
  s.p = ml_arena_dup(c->a, p != NULL ? p : "", s.n);
  if (s.p == NULL) {
    c->nomem = true;
    return ML_NOSTR;
  }
  return s;
}

void ml_col_bytes(ml_cols *c, void *out, size_t n) {
  int i = c->i++;
  const void *p = sqlite3_column_blob(c->st, i);

  if (p != NULL && (size_t)sqlite3_column_bytes(c->st, i) == n) {
    memcpy(out, p, n);
  } else {
    memset(out, 0, n);
    c->bad = true;
  }
}
