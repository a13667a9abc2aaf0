/* sqlite_small.c - reading the small tables, whole or one row by its key. */
#include "store/sqlite.h"

static ml_rc whole(ml_read *r, ml_arena *a, ml_sql id, size_t size,
                   ml_row_fn *fn, void *out, size_t *count) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, id, &b);

  return rc == ML_OK ? ml_read_list(r, a, &b, size, 0, fn, out, count) : rc;
}

static void get_bundle(ml_cols *c, void *row) {
  ml_row_bundle *b = row;

  *b = (ml_row_bundle){0};
  b->no = ml_col_u32(c, UINT32_MAX);
  ml_col_bytes(c, b->hash, sizeof b->hash);
  b->folder = ml_col_str(c);
  b->at_ms = ml_col_i64(c);
}

static void get_whole_bundle(ml_cols *c, void *row) {
  ml_row_bundle *b = row;

  get_bundle(c, row);
  b->tree = ml_col_str(c);
  b->sources = ml_col_str(c);
}

ml_rc ml_read_bundles(ml_read *r, ml_arena *a, ml_row_bundle **out,
                      size_t *count) {
  return whole(r, a, SQL_BUNDLES, sizeof **out, get_bundle, out, count);
}

ml_rc ml_read_bundle(ml_read *r, ml_arena *a, uint32_t no,
                     ml_row_bundle *out) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, SQL_BUNDLE_GET, &b);

  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&b, no);
  return ml_read_one(r, a, &b, get_whole_bundle, out);
}

static void get_workflow(ml_cols *c, void *row) {
  ml_row_workflow *w = row;

  w->no = ml_col_u32(c, UINT32_MAX);
  w->name = ml_col_str(c);
  w->bundle = ml_col_u32(c, UINT32_MAX);
  w->flow_index = (uint16_t)ml_col_u32(c, UINT16_MAX);
}

ml_rc ml_read_workflows(ml_read *r, ml_arena *a, ml_row_workflow **out,
                        size_t *count) {
  return whole(r, a, SQL_WORKFLOWS, sizeof **out, get_workflow, out, count);
}

static void get_trigger(ml_cols *c, void *row) {
  ml_row_trigger *t = row;

  t->workflow = ml_col_str(c);
  t->name = ml_col_str(c);
  t->state = ml_col_str(c);
  t->due_ms = ml_col_i64(c);
  t->removed_ms = ml_col_i64(c);
}

ml_rc ml_read_triggers(ml_read *r, ml_arena *a, ml_row_trigger **out,
                       size_t *count) {
  return whole(r, a, SQL_TRIGGERS, sizeof **out, get_trigger, out, count);
}

static void get_i64(ml_cols *c, void *row) {
  *(int64_t *)row = ml_col_i64(c);
}

ml_rc ml_read_occurrence(ml_read *r, ml_str workflow, ml_str trigger,
                         ml_str identity, int64_t *n) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, SQL_OCCURRENCE_GET, &b);

  if (rc != ML_OK)
    return rc;
  ml_sql_str(&b, workflow);
  ml_sql_str(&b, trigger);
  ml_sql_str(&b, identity);
  return ml_read_one(r, NULL, &b, get_i64, n);
}

static void get_lane(ml_cols *c, void *row) {
  ml_row_lane *l = row;

  l->no = ml_col_u32(c, UINT32_MAX);
  l->workflow = ml_col_str(c);
  l->lane = ml_col_str(c);
}

ml_rc ml_read_lanes(ml_read *r, ml_arena *a, ml_row_lane **out,
                    size_t *count) {
  return whole(r, a, SQL_LANES, sizeof **out, get_lane, out, count);
}

static void get_member(ml_cols *c, void *row) {
  ml_row_member *m = row;

  m->lane = ml_col_u32(c, UINT32_MAX);
  m->user = ml_col_str(c);
}

ml_rc ml_read_members(ml_read *r, ml_arena *a, ml_row_member **out,
                      size_t *count) {
  return whole(r, a, SQL_MEMBERS, sizeof **out, get_member, out, count);
}

static void get_user(ml_cols *c, void *row) {
  ml_row_user *u = row;

  u->id = ml_col_str(c);
  u->name = ml_col_str(c);
  u->email = ml_col_str(c);
  u->active = ml_col_u32(c, 1) != 0;
  u->team = ml_col_str(c);
}

ml_rc ml_read_users(ml_read *r, ml_arena *a, ml_row_user **out,
                    size_t *count) {
  return whole(r, a, SQL_USERS, sizeof **out, get_user, out, count);
}

static void get_token(ml_cols *c, void *row) {
  ml_row_token *t = row;

  t->id = ml_col_str(c);
  ml_col_bytes(c, t->hash, sizeof t->hash);
  t->user = ml_col_str(c);
  t->scopes = ml_col_str(c);
  t->created_ms = ml_col_i64(c);
  t->expires_ms = ml_col_i64(c);
  t->team = ml_col_str(c);
}

ml_rc ml_read_tokens(ml_read *r, ml_arena *a, ml_row_token **out,
                     size_t *count) {
  return whole(r, a, SQL_TOKENS, sizeof **out, get_token, out, count);
}

static void get_setting(ml_cols *c, void *row) {
  ml_row_setting *s = row;

  s->workflow = ml_col_str(c);
  s->key = ml_col_str(c);
  s->value = ml_col_str(c);
  s->secret = ml_col_u32(c, 1) != 0;
}

ml_rc ml_read_settings(ml_read *r, ml_arena *a, ml_str workflow,
                       ml_row_setting **out, size_t *count) {
  ml_bind b;
  ml_rc rc;

  if (workflow.p == NULL)
    return whole(r, a, SQL_SETTINGS_ALL, sizeof **out, get_setting, out, count);
  rc = ml_read_begin(r, SQL_SETTINGS_OF, &b);
  if (rc != ML_OK)
    return rc;
  ml_sql_str(&b, workflow);
  return ml_read_list(r, a, &b, sizeof **out, 0, get_setting, out, count);
}
