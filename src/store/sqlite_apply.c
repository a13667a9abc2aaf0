/*
** sqlite_apply.c - one gathered row into its table, on the writer's thread.
**
** One function a kind of row: unpack, bind, step.  Fields come in the order in
** which sqlite_batch.c packed them.  Texts are bound where they lie, in the
** batch's buffer, which outlives the step.
*/
#include <assert.h>
#include <string.h>

#include "store/sqlite_index.h"

ml_rc row_begin(ml_feed *r, ml_sql id) {
  ml_rc rc;

  r->b = (ml_bind){ml_link_stmt(r->c, id, &rc), 0, SQLITE_OK};
  return rc;
}

ml_rc row_step(ml_feed *r) {
  int code = r->b.rc;

  assert(r->in->bad || code != SQLITE_OK ||
         r->b.i == sqlite3_bind_parameter_count(r->b.st));
  if (r->in->bad)
    return ML_CORRUPT;    /* our own buffer: cannot be, but never write it */
  if (code == SQLITE_OK) {
    code = sqlite3_step(r->b.st);
    if (code != SQLITE_DONE)
      code = sqlite3_extended_errcode(r->c->db);
  }
  sqlite3_reset(r->b.st);
  return ml_sqlite_rc(code);
}

const char *row_take(ml_unpack *in, size_t n) {
  const char *p = in->p;

  if (in->bad || (size_t)(in->end - p) < n) {
    in->bad = true;
    return NULL;
  }
  in->p += n;
  return p;
}

/* A negative moment is the end of a lease: two columns, so that both kinds
** stand in the order of their moments. */
static void due(ml_feed *r) {
  int64_t v = ml_unpack_i64(r->in);

  ml_sql_opt(&r->b, v < 0 ? -v : v);
  ml_sql_i64(&r->b, v < 0);
}

static void process_fields(ml_feed *r) {
  row_bytes(r, 16);           /* id */
  row_num(r);                 /* bundle */
  row_num(r);                 /* flow_index */
  row_num(r);                 /* seq */
  row_opt(r);                 /* updated_ms, completed_ms, cancelled_ms, */
  row_opt(r);
  row_opt(r);
  row_opt(r);                 /* next_action_ms, */
  row_opt(r);                 /* first_assigned_ms, last_assigned_ms */
  row_opt(r);
  row_text(r);                /* first_assigned_to */
  row_text(r);                /* subject */
  row_blob(r);                /* rest */
  row_text(r);                /* data */
  due(r);
  row_num(r);                 /* status */
  row_num(r);                 /* run */
  row_opt_num(r);             /* deleted */
  row_text(r);                /* state */
  row_text(r);                /* assigned_to */
  row_num(r);                 /* workflow */
  row_ms(r);                  /* created_ms */
  row_text(r);                /* created_by */
  row_opt(r);                 /* parent_n */
  row_ms(r);                  /* n */
}

static ml_rc update_process(ml_feed *r, ml_sql id, uint64_t seq_was, int *changed) {
  ml_rc rc = row_begin(r, id);

  if (rc != ML_OK)
    return rc;
  process_fields(r);
  ml_sql_i64(&r->b, (int64_t)seq_was);
  rc = row_step(r);
  *changed = rc == ML_OK ? sqlite3_changes(r->c->db) : 0;
  return rc;
}

/* A statement that sets a column of an index writes that index, whether the
** value differs or not.  So the one that sets fewest is tried first; it does not
** find a row of which more differs. */
static ml_rc write_process(ml_feed *r, uint64_t seq_was, ml_indexed indexed) {
  static const ml_sql first[] = {
    [ML_INDEXED_ANY] = SQL_PROCESS_UPDATE_ALL,
    [ML_INDEXED_DUE] = SQL_PROCESS_UPDATE_DUE,
    [ML_INDEXED_SAME] = SQL_PROCESS_UPDATE};
  ml_unpack again = *r->in;
  int changed = 0;
  ml_rc rc;

  if (seq_was == 0) {
    rc = row_begin(r, SQL_PROCESS_INSERT);
    if (rc != ML_OK)
      return rc;
    process_fields(r);
    return row_step(r);
  }
  rc = update_process(r, first[indexed], seq_was, &changed);
  if (rc == ML_OK && changed == 0 && indexed != ML_INDEXED_ANY) {
    *r->in = again;
    rc = update_process(r, SQL_PROCESS_UPDATE_ALL, seq_was, &changed);
  }
  return rc == ML_OK && changed == 0 ? ML_STALE : rc;
}

/* The row, and what of it the search index holds. */
static ml_rc put_process(ml_feed *r) {
  uint64_t seq_was = ml_unpack_u64(r->in);
  ml_indexed indexed = (ml_indexed)ml_unpack_u32(r->in, ML_INDEXED_SAME);
  int64_t n = ml_unpack_i64(r->in);
  uint32_t workflow = ml_unpack_u32(r->in, UINT32_MAX);
  ml_index_turn turn;
  ml_rc rc = ml_index_before(r->c, &turn, workflow, n, seq_was == 0);

  if (rc == ML_OK)
    rc = write_process(r, seq_was, indexed);
  return rc == ML_OK ? ml_index_after(r->c, &turn) : rc;
}

static ml_rc put_task(ml_feed *r) {
  ml_rc rc = row_begin(r, SQL_TASK_PUT);

  if (rc != ML_OK)
    return rc;
  row_ms(r);                  /* n */
  row_num(r);                 /* no */
  row_num(r);                 /* act */
  row_num(r);                 /* lane */
  row_num(r);                 /* status */
  row_ms(r);                  /* created_ms */
  row_opt(r);                 /* due_ms */
  row_opt(r);                 /* ended_ms */
  row_text(r);                /* assignee, label, title, outcome */
  row_text(r);
  row_text(r);
  row_text(r);
  row_opt_num(r);             /* failed */
  return row_step(r);
}

static ml_rc put_history(ml_feed *r) {
  int64_t n = ml_unpack_i64(r->in);
  uint64_t seq = ml_unpack_u64(r->in);
  ml_rc rc;

  if (n < 0 || n > ML_HISTORY_N_MAX || seq > ML_STORE_HISTORY_MAX)
    return ML_LIMIT;
  rc = row_begin(r, SQL_HISTORY_PUT);
  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&r->b, ml_history_number(n, seq));
  row_blob(r);                /* records */
  return row_step(r);
}

static ml_rc put_journal(ml_feed *r) {
  static const uint8_t none[16];
  const char *hash;
  ml_rc rc = row_begin(r, SQL_JOURNAL_PUT);

  if (rc != ML_OK)
    return rc;
  row_ms(r);                  /* n */
  row_num(r);                 /* act */
  row_text(r);                /* call */
  row_num(r);                 /* kind */
  row_num(r);                 /* attempt */
  row_num(r);                 /* place */
  hash = row_take(r->in, sizeof none);
  if (hash != NULL && memcmp(hash, none, sizeof none) == 0)
    hash = NULL;              /* not compared */
  ml_sql_blob(&r->b, hash, sizeof none);
  row_ms(r);                  /* at_ms */
  row_text(r);                /* answer */
  return row_step(r);
}

static ml_rc drop_journal(ml_feed *r) {
  ml_rc rc = row_begin(r, SQL_JOURNAL_DROP);

  if (rc != ML_OK)
    return rc;
  row_ms(r);                  /* n */
  row_num(r);                 /* act */
  row_text(r);                /* call */
  return row_step(r);
}

static ml_rc put_comment(ml_feed *r) {
  ml_rc rc = row_begin(r, SQL_COMMENT_PUT);

  if (rc != ML_OK)
    return rc;
  row_ms(r);                  /* n */
  row_num(r);                 /* no */
  row_ms(r);                  /* at_ms */
  row_text(r);                /* who, text, visibility */
  row_text(r);
  row_text(r);
  row_opt_num(r);             /* partner, far */
  row_opt_num(r);
  return row_step(r);
}

static ml_rc put_mail(ml_feed *r) {
  ml_rc rc = row_begin(r, SQL_MAIL_PUT);

  if (rc != ML_OK)
    return rc;
  row_ms(r);                  /* n */
  row_num(r);                 /* no */
  row_ms(r);                  /* at_ms */
  row_text(r);                /* name, data */
  row_text(r);
  return row_step(r);
}

static ml_rc drop_mail(ml_feed *r) {
  ml_rc rc = row_begin(r, SQL_MAIL_DROP);

  if (rc != ML_OK)
    return rc;
  row_ms(r);                  /* n */
  row_num(r);                 /* no */
  return row_step(r);
}

static ml_rc put_key(ml_feed *r) {
  ml_rc rc = row_begin(r, SQL_KEY_PUT);

  if (rc != ML_OK)
    return rc;
  row_bytes(r, 16);           /* key */
  row_bytes(r, 16);           /* body */
  row_ms(r);                  /* age_ms */
  row_ms(r);                  /* status */
  row_text(r);                /* answer */
  return row_step(r);
}

static ml_rc put_bundle(ml_feed *r) {
  ml_rc rc = row_begin(r, SQL_BUNDLE_PUT);

  if (rc != ML_OK)
    return rc;
  row_num(r);                 /* no */
  row_bytes(r, 32);           /* hash */
  row_text(r);                /* folder */
  row_ms(r);                  /* at_ms */
  row_text(r);                /* tree */
  row_blob(r);                /* sources */
  return row_step(r);
}

static ml_rc put_workflow(ml_feed *r) {
  ml_rc rc = row_begin(r, SQL_WORKFLOW_PUT);

  if (rc != ML_OK)
    return rc;
  row_num(r);                 /* no */
  row_text(r);                /* name */
  row_opt_num(r);             /* bundle */
  row_num(r);                 /* flow_index */
  return row_step(r);
}

static ml_rc put_trigger(ml_feed *r) {
  ml_rc rc = row_begin(r, SQL_TRIGGER_PUT);

  if (rc != ML_OK)
    return rc;
  row_text(r);                /* workflow, name, state */
  row_text(r);
  row_text(r);
  row_opt(r);                 /* due_ms, removed_ms */
  row_opt(r);
  return row_step(r);
}

static ml_rc put_occurrence(ml_feed *r) {
  ml_rc rc = row_begin(r, SQL_OCCURRENCE_PUT);

  if (rc != ML_OK)
    return rc;
  row_text(r);                /* workflow, name, identity */
  row_text(r);
  row_text(r);
  row_ms(r);                  /* age_ms */
  row_opt(r);                 /* n */
  return row_step(r);
}

static ml_rc put_lane(ml_feed *r) {
  ml_rc rc = row_begin(r, SQL_LANE_PUT);

  if (rc != ML_OK)
    return rc;
  row_num(r);                 /* no */
  row_text(r);                /* workflow, lane */
  row_text(r);
  return row_step(r);
}

static ml_rc put_member(ml_feed *r) {
  bool in = ml_unpack_bool(r->in);
  ml_rc rc = row_begin(r, in ? SQL_MEMBER_PUT : SQL_MEMBER_DROP);

  if (rc != ML_OK)
    return rc;
  row_num(r);                 /* lane */
  row_text(r);                /* user */
  return row_step(r);
}

static ml_rc put_user(ml_feed *r) {
  ml_rc rc = row_begin(r, SQL_USER_PUT);

  if (rc != ML_OK)
    return rc;
  row_text(r);                /* id, name, email */
  row_text(r);
  row_text(r);
  row_num(r);                 /* active */
  row_text(r);                /* team */
  return row_step(r);
}

static ml_rc put_token(ml_feed *r) {
  ml_rc rc = row_begin(r, SQL_TOKEN_PUT);

  if (rc != ML_OK)
    return rc;
  row_text(r);                /* id */
  row_bytes(r, 32);           /* hash */
  row_text(r);                /* user, scopes */
  row_text(r);
  row_ms(r);                  /* created_ms */
  row_opt(r);                 /* expires_ms */
  row_text(r);                /* team */
  return row_step(r);
}

static ml_rc drop_token(ml_feed *r) {
  ml_rc rc = row_begin(r, SQL_TOKEN_DROP);

  if (rc != ML_OK)
    return rc;
  row_text(r);                /* id */
  return row_step(r);
}

/* A setting without a value is taken away. */
static ml_rc put_setting(ml_feed *r) {
  ml_str workflow = ml_unpack_str(r->in), key = ml_unpack_str(r->in);
  ml_str value = ml_unpack_str(r->in);
  bool secret = ml_unpack_bool(r->in);
  ml_rc rc = row_begin(r, value.p != NULL ? SQL_SETTING_PUT : SQL_SETTING_DROP);

  if (rc != ML_OK)
    return rc;
  ml_sql_str(&r->b, workflow);
  ml_sql_str(&r->b, key);
  if (value.p != NULL) {
    ml_sql_blob(&r->b, value.p, value.n);
    ml_sql_i64(&r->b, secret);
  }
  return row_step(r);
}

static ml_rc (*const appliers[OP_COUNT])(ml_feed *r) = {
  [OP_PROCESS] = put_process,       [OP_TASK] = put_task,
  [OP_HISTORY] = put_history,       [OP_JOURNAL] = put_journal,
  [OP_JOURNAL_DROP] = drop_journal, [OP_COMMENT] = put_comment,
  [OP_MAIL] = put_mail,             [OP_MAIL_DROP] = drop_mail,
  [OP_KEY] = put_key,               [OP_KEYS_EXPIRE] = ml_apply_keys_expire,
  [OP_BUNDLE] = put_bundle,         [OP_WORKFLOW] = put_workflow,
  [OP_TRIGGER] = put_trigger,       [OP_OCCURRENCE] = put_occurrence,
  [OP_LANE] = put_lane,             [OP_MEMBER] = put_member,
  [OP_USER] = put_user,             [OP_TOKEN] = put_token,
  [OP_TOKEN_DROP] = drop_token,     [OP_SETTING] = put_setting,
  [OP_POST] = ml_apply_post,          [OP_POST_END] = ml_apply_post_end,
  [OP_UNIQUE] = ml_apply_unique,    [OP_UNIQUE_DROP] = ml_apply_unique_drop,
  [OP_REPLAY] = ml_apply_replay,
  [OP_OCCURRENCE_DROP] = ml_apply_occurrence_drop,
  [OP_QUARANTINE] = ml_apply_quarantine,
  [OP_SEARCH_SET] = ml_apply_search_set,
  [OP_SEARCH_FILL] = ml_apply_search_fill,
  [OP_COMMENT_EDIT] = ml_apply_comment_edit,
  [OP_PARTNER] = ml_apply_partner,  [OP_PARTNER_TOLD] = ml_apply_partner_told,
  [OP_SHARE] = ml_apply_share,      [OP_CONTACT] = ml_apply_contact,
  [OP_JOB] = ml_apply_job,          [OP_JOB_DONE] = ml_apply_job_done,
  [OP_ENTRY] = ml_apply_entry,      [OP_ENTRY_END] = ml_apply_entry_end,
  [OP_TX] = ml_apply_transaction,
  [OP_TX_STATE] = ml_apply_transaction_state,
  [OP_OBJECT] = ml_apply_object,    [OP_RECORD] = ml_apply_record,
  [OP_TASK_MORE] = ml_apply_task_more,
  [OP_WEBHOOK] = ml_apply_webhook,
  [OP_MEND] = ml_apply_mend,        [OP_PROBE] = ml_apply_probe,
  [OP_KEY_SET] = ml_apply_key_set,  [OP_KEY_FILL] = ml_apply_key_fill,
  [OP_KEY_TAKE] = ml_apply_key_take,
  [OP_JOB_CANCEL] = ml_apply_job_cancel,
};

ml_rc ml_apply_row(ml_link *c, ml_unpack *ops) {
  const char *kind = row_take(ops, 1);
  ml_feed r = {c, ops, {NULL, 0, SQLITE_OK}};

  if (kind == NULL || *kind < 1 || *kind >= OP_COUNT)
    return ML_CORRUPT;
  return appliers[(unsigned char)*kind](&r);
}
