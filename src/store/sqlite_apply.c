/*
** sqlite_apply.c - one gathered row into its table, on the writer's thread.
**
** One function a kind of row: unpack, bind, step.  Fields come in the order in
** which sqlite_batch.c packed them.  Texts are bound where they lie, in the
** batch's buffer, which outlives the step.
*/
#include <assert.h>
#include <string.h>

#include "store/sqlite.h"

/* A statement with what it is fed from. */
typedef struct Row {
  ml_link *c;
  ml_unpack *in;
  ml_bind b;
} Row;

static ml_rc begin(Row *r, ml_sql id) {
  ml_rc rc;

  r->b = (ml_bind){ml_link_stmt(r->c, id, &rc), 0, SQLITE_OK};
  return rc;
}

/* Step the statement and make it ready again; the first error counts. */
static ml_rc step(Row *r) {
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

/* Fields that go from the buffer into the statement as they are. */
static void num(Row *r) { ml_sql_i64(&r->b, (int64_t)ml_unpack_u64(r->in)); }
static void opt_num(Row *r) { ml_sql_opt(&r->b, (int64_t)ml_unpack_u64(r->in)); }
static void ms(Row *r) { ml_sql_i64(&r->b, ml_unpack_i64(r->in)); }
static void opt(Row *r) { ml_sql_opt(&r->b, ml_unpack_i64(r->in)); }
static void text(Row *r) { ml_sql_str(&r->b, ml_unpack_str(r->in)); }

static void blob(Row *r) {
  ml_str s = ml_unpack_str(r->in);

  ml_sql_blob(&r->b, s.p, s.n);
}

static const char *take(ml_unpack *in, size_t n) {
  const char *p = in->p;

  if (in->bad || (size_t)(in->end - p) < n) {
    in->bad = true;
    return NULL;
  }
  in->p += n;
  return p;
}

static void bytes(Row *r, size_t n) {
  ml_sql_blob(&r->b, take(r->in, n), n);
}

/* A negative moment is the end of a lease: two columns, so that both kinds
** stand in the order of their moments. */
static void due(Row *r) {
  int64_t v = ml_unpack_i64(r->in);

  ml_sql_opt(&r->b, v < 0 ? -v : v);
  ml_sql_i64(&r->b, v < 0);
}

static void process_fields(Row *r) {
  bytes(r, 16);               /* id */
  num(r);                     /* bundle */
  num(r);                     /* flow_index */
  num(r);                     /* seq */
  opt(r);                     /* updated_ms, completed_ms, cancelled_ms, */
  opt(r);
  opt(r);
  opt(r);                     /* next_action_ms, */
  opt(r);                     /* first_assigned_ms, last_assigned_ms */
  opt(r);
  due(r);
  text(r);                    /* first_assigned_to */
  text(r);                    /* subject */
  blob(r);                    /* rest */
  text(r);                    /* data */
  num(r);                     /* status */
  num(r);                     /* run */
  opt_num(r);                 /* deleted */
  text(r);                    /* state */
  text(r);                    /* assigned_to */
  num(r);                     /* workflow */
  ms(r);                      /* created_ms */
  text(r);                    /* created_by */
  opt(r);                     /* parent_n */
  ms(r);                      /* n */
}

static ml_rc update_process(Row *r, ml_sql id, uint64_t seq_was, int *changed) {
  ml_rc rc = begin(r, id);

  if (rc != ML_OK)
    return rc;
  process_fields(r);
  ml_sql_i64(&r->b, (int64_t)seq_was);
  rc = step(r);
  *changed = rc == ML_OK ? sqlite3_changes(r->c->db) : 0;
  return rc;
}

/* The cheap update first: it finds the row when nothing but process_due's
** columns changes, which is the usual case. */
static ml_rc put_process(Row *r) {
  uint64_t seq_was = ml_unpack_u64(r->in);
  ml_unpack again = *r->in;
  int changed = 0;
  ml_rc rc;

  if (seq_was == 0) {
    rc = begin(r, SQL_PROCESS_INSERT);
    if (rc != ML_OK)
      return rc;
    process_fields(r);
    return step(r);
  }
  rc = update_process(r, SQL_PROCESS_UPDATE, seq_was, &changed);
  if (rc == ML_OK && changed == 0) {
    *r->in = again;
    rc = update_process(r, SQL_PROCESS_UPDATE_ALL, seq_was, &changed);
  }
  return rc == ML_OK && changed == 0 ? ML_STALE : rc;
}

static ml_rc put_task(Row *r) {
  ml_rc rc = begin(r, SQL_TASK_PUT);

  if (rc != ML_OK)
    return rc;
  ms(r);                      /* n */
  num(r);                     /* no */
  num(r);                     /* act */
  num(r);                     /* lane */
  num(r);                     /* status */
  ms(r);                      /* created_ms */
  opt(r);                     /* due_ms */
  opt(r);                     /* ended_ms */
  text(r);                    /* assignee, label, title, outcome */
  text(r);
  text(r);
  text(r);
  return step(r);
}

static ml_rc put_history(Row *r) {
  ml_rc rc = begin(r, SQL_HISTORY_PUT);

  if (rc != ML_OK)
    return rc;
  ms(r);                      /* n */
  num(r);                     /* seq */
  blob(r);                    /* records */
  return step(r);
}

static ml_rc put_journal(Row *r) {
  static const uint8_t none[16];
  const char *hash;
  ml_rc rc = begin(r, SQL_JOURNAL_PUT);

  if (rc != ML_OK)
    return rc;
  ms(r);                      /* n */
  num(r);                     /* act */
  text(r);                    /* call */
  num(r);                     /* kind */
  num(r);                     /* attempt */
  num(r);                     /* place */
  hash = take(r->in, sizeof none);
  if (hash != NULL && memcmp(hash, none, sizeof none) == 0)
    hash = NULL;              /* not compared */
  ml_sql_blob(&r->b, hash, sizeof none);
  ms(r);                      /* at_ms */
  text(r);                    /* answer */
  return step(r);
}

static ml_rc drop_journal(Row *r) {
  ml_rc rc = begin(r, SQL_JOURNAL_DROP);

  if (rc != ML_OK)
    return rc;
  ms(r);                      /* n */
  num(r);                     /* act */
  text(r);                    /* call */
  return step(r);
}

static ml_rc put_comment(Row *r) {
  ml_rc rc = begin(r, SQL_COMMENT_PUT);

  if (rc != ML_OK)
    return rc;
  ms(r);                      /* n */
  num(r);                     /* no */
  ms(r);                      /* at_ms */
  text(r);                    /* who, text, visibility */
  text(r);
  text(r);
  return step(r);
}

static ml_rc put_mail(Row *r) {
  ml_rc rc = begin(r, SQL_MAIL_PUT);

  if (rc != ML_OK)
    return rc;
  ms(r);                      /* n */
  num(r);                     /* no */
  ms(r);                      /* at_ms */
  text(r);                    /* name, data */
  text(r);
  return step(r);
}

static ml_rc drop_mail(Row *r) {
  ml_rc rc = begin(r, SQL_MAIL_DROP);

  if (rc != ML_OK)
    return rc;
  ms(r);                      /* n */
  num(r);                     /* no */
  return step(r);
}

static ml_rc put_key(Row *r) {
  ml_rc rc = begin(r, SQL_KEY_PUT);

  if (rc != ML_OK)
    return rc;
  bytes(r, 16);               /* key */
  bytes(r, 16);               /* body */
  ms(r);                      /* at_ms */
  ms(r);                      /* status */
  text(r);                    /* answer */
  return step(r);
}

static ml_rc expire_keys(Row *r) {
  ml_rc rc = begin(r, SQL_KEYS_EXPIRE);

  if (rc != ML_OK)
    return rc;
  ms(r);                      /* at_ms, before */
  ml_sql_i64(&r->b, ML_STORE_EXPIRE_MAX);
  return step(r);
}

static ml_rc put_bundle(Row *r) {
  ml_rc rc = begin(r, SQL_BUNDLE_PUT);

  if (rc != ML_OK)
    return rc;
  num(r);                     /* no */
  bytes(r, 32);               /* hash */
  text(r);                    /* folder */
  ms(r);                      /* at_ms */
  text(r);                    /* tree */
  blob(r);                    /* sources */
  return step(r);
}

static ml_rc put_workflow(Row *r) {
  ml_rc rc = begin(r, SQL_WORKFLOW_PUT);

  if (rc != ML_OK)
    return rc;
  num(r);                     /* no */
  text(r);                    /* name */
  opt_num(r);                 /* bundle */
  num(r);                     /* flow_index */
  return step(r);
}

static ml_rc put_trigger(Row *r) {
  ml_rc rc = begin(r, SQL_TRIGGER_PUT);

  if (rc != ML_OK)
    return rc;
  text(r);                    /* workflow, name, state */
  text(r);
  text(r);
  opt(r);                     /* due_ms, removed_ms */
  opt(r);
  return step(r);
}

static ml_rc put_occurrence(Row *r) {
  ml_rc rc = begin(r, SQL_OCCURRENCE_PUT);

  if (rc != ML_OK)
    return rc;
  text(r);                    /* workflow, name, identity */
  text(r);
  text(r);
  ms(r);                      /* at_ms */
  opt(r);                     /* n */
  return step(r);
}

static ml_rc put_lane(Row *r) {
  ml_rc rc = begin(r, SQL_LANE_PUT);

  if (rc != ML_OK)
    return rc;
  num(r);                     /* no */
  text(r);                    /* workflow, lane */
  text(r);
  return step(r);
}

static ml_rc put_member(Row *r) {
  bool in = ml_unpack_bool(r->in);
  ml_rc rc = begin(r, in ? SQL_MEMBER_PUT : SQL_MEMBER_DROP);

  if (rc != ML_OK)
    return rc;
  num(r);                     /* lane */
  text(r);                    /* user */
  return step(r);
}

static ml_rc put_user(Row *r) {
  ml_rc rc = begin(r, SQL_USER_PUT);

  if (rc != ML_OK)
    return rc;
  text(r);                    /* id, name, email */
  text(r);
  text(r);
  num(r);                     /* active */
  return step(r);
}

static ml_rc put_token(Row *r) {
  ml_rc rc = begin(r, SQL_TOKEN_PUT);

  if (rc != ML_OK)
    return rc;
  text(r);                    /* id */
  bytes(r, 32);               /* hash */
  text(r);                    /* user, scopes */
  text(r);
  ms(r);                      /* created_ms */
  opt(r);                     /* expires_ms */
  return step(r);
}

static ml_rc drop_token(Row *r) {
  ml_rc rc = begin(r, SQL_TOKEN_DROP);

  if (rc != ML_OK)
    return rc;
  text(r);                    /* id */
  return step(r);
}

/* A setting without a value is taken away. */
static ml_rc put_setting(Row *r) {
  ml_str workflow = ml_unpack_str(r->in), key = ml_unpack_str(r->in);
  ml_str value = ml_unpack_str(r->in);
  bool secret = ml_unpack_bool(r->in);
  ml_rc rc = begin(r, value.p != NULL ? SQL_SETTING_PUT : SQL_SETTING_DROP);

  if (rc != ML_OK)
    return rc;
  ml_sql_str(&r->b, workflow);
  ml_sql_str(&r->b, key);
  if (value.p != NULL) {
    ml_sql_blob(&r->b, value.p, value.n);
    ml_sql_i64(&r->b, secret);
  }
  return step(r);
}

static ml_rc (*const appliers[OP_COUNT])(Row *r) = {
  [OP_PROCESS] = put_process,       [OP_TASK] = put_task,
  [OP_HISTORY] = put_history,       [OP_JOURNAL] = put_journal,
  [OP_JOURNAL_DROP] = drop_journal, [OP_COMMENT] = put_comment,
  [OP_MAIL] = put_mail,             [OP_MAIL_DROP] = drop_mail,
  [OP_KEY] = put_key,               [OP_KEYS_EXPIRE] = expire_keys,
  [OP_BUNDLE] = put_bundle,         [OP_WORKFLOW] = put_workflow,
  [OP_TRIGGER] = put_trigger,       [OP_OCCURRENCE] = put_occurrence,
  [OP_LANE] = put_lane,             [OP_MEMBER] = put_member,
  [OP_USER] = put_user,             [OP_TOKEN] = put_token,
  [OP_TOKEN_DROP] = drop_token,     [OP_SETTING] = put_setting,
};

ml_rc ml_apply_row(ml_link *c, ml_unpack *ops) {
  const char *kind = take(ops, 1);
  Row r = {c, ops, {NULL, 0, SQLITE_OK}};

  if (kind == NULL || *kind < 1 || *kind >= OP_COUNT)
    return ML_CORRUPT;
  return appliers[(unsigned char)*kind](&r);
}
