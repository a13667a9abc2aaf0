/*
** sqlite_find.c - what is due, and lists: whichever index fits the filter best
** drives, the rest of the filter is judged row by row here.
**
** A page looks at no more than ML_STORE_SCAN_MAX rows when its caller can go
** on from a cursor (`more`), however rare what it wants may be; then it may come
** back short, or empty, and not be the last one.  Wide columns are read only
** for rows that are given.
*/
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/plant.h"
#include "store/sqlite.h"

/* ---- due ---- */

static int64_t moment(int64_t due) {
  return due < 0 ? -due : due;
}

/* Oldest moment first; a process has one, so (moment, n) is an order. */
static bool is_before(ml_due_item a, ml_due_item b) {
  if (moment(a.due) != moment(b.due))
    return moment(a.due) < moment(b.due);
  return a.n < b.n;
}

/* Moments, or leases: first `at`, the rest of the cursor's moment, if there is
** a cursor, then `b`, what comes later.  Leases too far ahead (`far`) come after
** those that have ended, by the same statement. */
typedef struct Due {
  ml_bind at, b;
  int64_t sign;           /* -1: leases */
  int64_t far;            /* leases that end later than that too; 0: none */
  ml_due_item item;
  bool has;
} Due;

/* One step of a statement into d->item; d->has: there was a row. */
static ml_rc due_step(ml_read *r, Due *d, const ml_bind *b) {
  int code = b->rc == SQLITE_OK ? sqlite3_step(b->st) : b->rc;

  d->has = code == SQLITE_ROW;
  if (d->has) {
    d->item.due = d->sign * sqlite3_column_int64(b->st, 0);
    d->item.n = sqlite3_column_int64(b->st, 1);
    return ML_OK;
  }
  if (code == SQLITE_DONE)
    return ML_OK;
  return ml_sqlite_rc(b->rc != SQLITE_OK ? b->rc
                                         : sqlite3_extended_errcode(r->c->db));
}

static ml_rc due_next(ml_read *r, Due *d) {
  ml_rc rc = ML_OK;

  d->has = false;
  if (d->at.st != NULL) {
    rc = due_step(r, d, &d->at);
    if (rc == ML_OK && !d->has) {
      sqlite3_reset(d->at.st);
      d->at.st = NULL;
    }
  }
  return rc == ML_OK && !d->has ? due_step(r, d, &d->b) : rc;
}

/* From the cursor, or from `from` when that is later, until `until`. */
static ml_rc due_begin(ml_read *r, Due *d, int64_t sign, ml_due_item after,
                       int64_t from, int64_t until, size_t limit) {
  int64_t cursor = moment(after.due);
  ml_rc rc = ml_read_begin(r, sign > 0 ? SQL_DUE : SQL_LEASES, &d->b);

  d->sign = sign;
  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&d->b, cursor > from ? cursor : from);
  ml_sql_i64(&d->b, until);
  ml_sql_i64(&d->b, (int64_t)limit);
  if (cursor > from && cursor <= until) {
    rc = ml_read_begin(r, sign > 0 ? SQL_DUE_AT : SQL_LEASES_AT, &d->at);
    if (rc != ML_OK)
      return rc;
    ml_sql_i64(&d->at, cursor);
    ml_sql_i64(&d->at, after.n);
    ml_sql_i64(&d->at, (int64_t)limit);
  }
  return due_next(r, d);
}

static void due_end(Due *d) {         /* NULL is allowed */
  sqlite3_reset(d->at.st);
  sqlite3_reset(d->b.st);
  d->at.st = d->b.st = NULL;
}

/* Leases that have ended; then those too far ahead. */
static ml_rc leases_begin(ml_read *r, Due *d, int64_t now_ms, int64_t lease_ms,
                          ml_due_item after, size_t limit) {
  if (ML_PLANTED(flag_stays))
    return ML_OK;
  if (lease_ms > 0 && !ML_PLANTED(clock_believed))
    d->far = now_ms + lease_ms;
  return due_begin(r, d, -1, after, 0, lease_ms > 0 ? now_ms : INT64_MAX, limit);
}

static ml_rc leases_next(ml_read *r, Due *d, ml_due_item after, size_t limit) {
  int64_t from = d->far;

  if (d->has || from == 0)
    return ML_OK;
  due_end(d);
  d->far = 0;
  return due_begin(r, d, -1, after, from, INT64_MAX, limit);
}

ml_rc ml_read_due(ml_read *r, int64_t now_ms, int64_t lease_ms,
                  ml_due_item after, ml_due_item *out, size_t limit,
                  size_t *count) {
  Due d[2] = {0};         /* moments, leases */
  size_t n = 0;
  ml_rc rc = due_begin(r, &d[0], 1, after, 0, now_ms, limit);

  if (rc == ML_OK)
    rc = leases_begin(r, &d[1], now_ms, lease_ms, after, limit);
  while (rc == ML_OK && n < limit) {
    Due *x;

    rc = leases_next(r, &d[1], after, limit);
    if (rc != ML_OK || (!d[0].has && !d[1].has))
      break;
    x = !d[1].has || (d[0].has && is_before(d[0].item, d[1].item)) ? &d[0]
                                                                   : &d[1];
    out[n++] = x->item;
    rc = due_next(r, x);
  }
  due_end(&d[0]);
  due_end(&d[1]);
  if (rc == ML_OK)
    *count = n;
  return rc;
}

static void get_i64(ml_cols *c, void *row) {
  *(int64_t *)row = ml_col_i64(c);
}

/* The one number of a statement without parameters; 0 when no row. */
static ml_rc one_number(ml_read *r, ml_sql id, int64_t *v) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, id, &b);

  *v = 0;
  if (rc == ML_OK)
    rc = ml_read_one(r, NULL, &b, get_i64, v);
  return rc == ML_NOT_FOUND ? ML_OK : rc;
}

ml_rc ml_read_next_due(ml_read *r, int64_t *due_ms) {
  int64_t due, lease;
  ml_rc rc = one_number(r, SQL_NEXT_DUE, &due);

  if (rc == ML_OK)
    rc = one_number(r, SQL_NEXT_LEASE, &lease);
  if (rc != ML_OK)
    return rc;
  *due_ms = due == 0 || (lease != 0 && lease < due) ? lease : due;
  return ML_OK;
}

ml_rc ml_read_updated(ml_read *r, int64_t n, int64_t *ms) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, SQL_UPDATED, &b);

  *ms = 0;
  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&b, n);
  return ml_read_one(r, NULL, &b, get_i64, ms);
}

/* ---- processes ---- */

/* Ids of others: which drives, and its value; SQL_COUNT: none is wanted. */
static const struct object_id {
  ml_sql id;
  size_t at;                 /* in ml_find_process */
} object_ids[] = {
  {SQL_FIND_OBJECT_RECORD, offsetof(ml_find_process, record)},
  {SQL_FIND_OBJECT_BOOKING, offsetof(ml_find_process, booking)},
  {SQL_FIND_OBJECT_BELONGS, offsetof(ml_find_process, belongs_to)},
  {SQL_FIND_OBJECT_ENTITY, offsetof(ml_find_process, entity)},
};
enum { OBJECT_IDS = sizeof object_ids / sizeof *object_ids };

static ml_str object_value(const ml_find_process *f, size_t i) {
  return *(const ml_str *)((const char *)f + object_ids[i].at);
}

static ml_sql object_driver(const ml_find_process *f) {
  for (size_t i = 0; i < OBJECT_IDS; i++)
    if (object_value(f, i).p != NULL)
      return object_ids[i].id;
  return SQL_COUNT;
}

/* The narrowest index first.  Those of open processes hold no deleted ones. */
static ml_sql process_driver(const ml_find_process *f) {
  bool open = f->status == ML_OPEN && !f->deleted;
  ml_sql by_object = object_driver(f);

  if (by_object != SQL_COUNT)
    return by_object;
  if (f->parent_n != 0)
    return SQL_FIND_PARENT;
  if (f->run == ML_RUN_FAILURE || f->run == ML_RUN_ERROR)
    return SQL_FIND_RUN;
  if (open && f->assigned_to.p != NULL)
    return SQL_FIND_ASSIGNED;
  if (open && f->state.p != NULL)
    return SQL_FIND_STATE;
  if (open && f->workflow != 0)
    return SQL_FIND_OPEN_OF;
  if (f->team.p != NULL)
    return SQL_FIND_TEAM;
  return open ? SQL_FIND_OPEN : SQL_FIND_ALL;
}

static ml_rc process_begin(ml_read *r, const ml_find_process *f, ml_bind *b) {
  ml_sql id = process_driver(f);
  ml_rc rc = ml_read_begin(r, id, b);

  if (rc != ML_OK)
    return rc;
  for (size_t i = 0; i < OBJECT_IDS; i++)
    if (id == object_ids[i].id)
      ml_sql_str(b, object_value(f, i));
  if (id == SQL_FIND_TEAM)
    ml_sql_str(b, f->team);
  else if (id == SQL_FIND_PARENT)
    ml_sql_i64(b, f->parent_n);
  else if (id == SQL_FIND_RUN)
    ml_sql_i64(b, f->run);
  else if (id == SQL_FIND_ASSIGNED)
    ml_sql_str(b, f->assigned_to);
  else if (id == SQL_FIND_STATE)
    ml_sql_str(b, f->state);
  else if (id == SQL_FIND_OPEN_OF)
    ml_sql_i64(b, f->workflow);
  ml_sql_i64(b, f->before_n > 0 ? f->before_n : INT64_MAX);
  return ml_sqlite_rc(b->rc);
}

static bool text_is(sqlite3_stmt *st, int i, ml_str want) {
  const void *p;

  if (want.p == NULL)
    return true;
  if (sqlite3_column_type(st, i) == SQLITE_NULL)
    return false;
  p = sqlite3_column_blob(st, i);
  return (size_t)sqlite3_column_bytes(st, i) == want.n &&
         (want.n == 0 || memcmp(p, want.p, want.n) == 0);
}

/* FIND_COLUMNS: n, workflow, status, run, deleted, parent_n, state,
** assigned_to. */
static bool process_fits(sqlite3_stmt *st, const ml_find_process *f) {
  return (f->workflow == 0 || sqlite3_column_int64(st, 1) == f->workflow) &&
         (f->status < 0 || sqlite3_column_int(st, 2) == f->status) &&
         (f->run < 0 || sqlite3_column_int(st, 3) == f->run) &&
         (f->deleted || sqlite3_column_int(st, 4) == 0) &&
         (f->parent_n == 0 || sqlite3_column_int64(st, 5) == f->parent_n) &&
         text_is(st, 6, f->state) && text_is(st, 7, f->assigned_to);
}

static bool same_id(ml_str want, ml_str has) {
  return want.p == NULL || ml_str_eq(want, has);
}

/* Ids of others that the driver did not look at stand in a row of their own. */
static ml_rc object_fits(ml_read *r, ml_sql driver, const ml_find_process *f,
                         int64_t n, bool *fits) {
  ml_row_object o;
  ml_arena a = {0};
  bool many = false;
  ml_rc rc;

  *fits = true;
  for (size_t i = 0; i < OBJECT_IDS; i++)
    many = many || (object_value(f, i).p != NULL && object_ids[i].id != driver);
  if (!many && (f->team.p == NULL || driver == SQL_FIND_TEAM))
    return ML_OK;
  rc = ml_read_object(r, &a, n, &o);
  if (rc == ML_NOT_FOUND) {
    *fits = false;
    rc = ML_OK;
  } else if (rc == ML_OK) {
    *fits = same_id(f->team, o.team) && same_id(f->entity, o.entity) &&
            same_id(f->record, o.record) &&
            same_id(f->belongs_to, o.belongs_to) &&
            same_id(f->booking, o.booking);
  }
  ml_arena_free(&a);
  return rc;
}

/* Numbers of the page's processes; *more as ml_find_process says. */
static ml_rc process_page(ml_read *r, const ml_find_process *f, int64_t *ns,
                          size_t *count, int64_t *more) {
  size_t seen = 0, n = 0;
  int64_t last = 0;
  ml_bind b;
  ml_rc rc = process_begin(r, f, &b);
  int code = SQLITE_DONE;
  bool fits;

  while (rc == ML_OK) {
    code = sqlite3_step(b.st);
    if (code != SQLITE_ROW)
      break;
    last = sqlite3_column_int64(b.st, 0);
    fits = process_fits(b.st, f);
    if (fits)
      rc = object_fits(r, process_driver(f), f, last, &fits);
    if (rc == ML_OK && fits)
      ns[n++] = last;
    seen++;
    if (n == f->limit || (f->more != NULL && seen >= ML_STORE_SCAN_MAX))
      break;
  }
  if (code != SQLITE_ROW && code != SQLITE_DONE)
    rc = ml_sqlite_rc(sqlite3_extended_errcode(r->c->db));
  sqlite3_reset(b.st);
  *count = n;
  *more = code == SQLITE_ROW ? last : 0;
  return rc;
}

ml_rc ml_read_processes(ml_read *r, ml_arena *a, const ml_find_process *f,
                        ml_row_process **out, size_t *count) {
  int64_t *ns = ml_arena_alloc(a, (f->limit + 1) * sizeof *ns), more = 0;
  ml_row_process *rows = ml_arena_alloc(a, (f->limit + 1) * sizeof *rows);
  size_t n = 0;
  ml_rc rc = ns != NULL && rows != NULL ? ML_OK : ML_NOMEM;

  if (rc == ML_OK && f->limit > 0)
    rc = process_page(r, f, ns, &n, &more);
  for (size_t i = 0; rc == ML_OK && i < n; i++)
    rc = ml_read_process(r, a, ns[i], &rows[i]);
  if (rc != ML_OK)
    return rc;
  *out = rows;
  *count = n;
  if (f->more != NULL)
    *f->more = more;
  return ML_OK;
}

/* ---- tasks ---- */

typedef ml_task_at Key;

typedef struct Keys {
  Key *p;
  size_t count, cap;
} Keys;

static int by_key(const void *a, const void *b) {
  const Key *x = a, *y = b;

  if (x->n != y->n)
    return x->n < y->n ? -1 : 1;
  return x->no < y->no ? -1 : x->no > y->no;
}

static bool has_lane(const ml_find_task *f, int64_t lane) {
  for (size_t i = 0; i < f->lane_count; i++)
    if (f->lanes[i] == lane)
      return true;
  return false;
}

static bool wants_all(const ml_find_task *f) {
  return f->lanes == NULL && f->user.p == NULL;
}

/* Columns n, no, status, lane, assignee. */
static bool task_fits(sqlite3_stmt *st, const ml_find_task *f) {
  if (f->status >= 0 && sqlite3_column_int(st, 2) != f->status)
    return false;
  if (wants_all(f))
    return true;
  if (sqlite3_column_type(st, 4) == SQLITE_NULL)
    return f->any_lane || has_lane(f, sqlite3_column_int64(st, 3));
  return f->user.p != NULL && text_is(st, 4, f->user);
}

/* One index, in order; `judged`: what it gives is looked at row by row, and
** the page may end after so many.  *cut: there may be more behind the last
** row seen. */
static ml_rc add_keys(ml_read *r, ml_arena *a, const ml_find_task *f,
                      ml_bind *b, bool judged, Keys *keys, Key *cut) {
  size_t seen = 0, taken = 0;
  ml_rc rc = ml_sqlite_rc(b->rc);

  cut->n = 0;
  while (rc == ML_OK) {
    int code = sqlite3_step(b->st);
    Key k, *p;
    bool fits;

    if (code == SQLITE_DONE)
      break;
    if (code != SQLITE_ROW) {
      rc = ml_sqlite_rc(sqlite3_extended_errcode(r->c->db));
      break;
    }
    k = (Key){sqlite3_column_int64(b->st, 0),
              (uint32_t)sqlite3_column_int64(b->st, 1)};
    seen++;
    fits = !judged || task_fits(b->st, f);
    if (fits && f->team.p != NULL) {
      rc = ml_read_team_is(r, k.n, f->team);
      fits = rc == ML_OK;
      if (rc == ML_NOT_FOUND)
        rc = ML_OK;
      if (rc != ML_OK)
        break;
    }
    if (fits) {
      p = ml_read_grow(a, keys->p, keys->count, &keys->cap, sizeof *p);
      if (p == NULL) {
        rc = ML_NOMEM;
        break;
      }
      keys->p = p;
      keys->p[keys->count++] = k;
      taken++;
    }
    if (taken == f->limit ||
        (judged && f->more != NULL && seen >= ML_STORE_SCAN_MAX)) {
      *cut = k;
      break;
    }
  }
  sqlite3_reset(b->st);
  return rc;
}

/* `id` with its lane or user (or neither), the cursor and, if it takes one,
** the limit. */
static ml_rc task_begin(ml_read *r, const ml_find_task *f, ml_sql id,
                        const uint32_t *lane, const ml_str *user, bool limited,
                        ml_bind *b) {
  ml_rc rc = ml_read_begin(r, id, b);

  if (rc != ML_OK)
    return rc;
  if (lane != NULL)
    ml_sql_i64(b, *lane);
  if (user != NULL)
    ml_sql_str(b, *user);
  ml_sql_i64(b, f->after_n);
  ml_sql_i64(b, f->after_no);
  if (limited)                 /* a wall leaves some out: no limit is known */
    ml_sql_i64(b, f->team.p != NULL ? INT64_MAX : (int64_t)f->limit);
  return ML_OK;
}

/* Each lane's tasks and the user's, a page of each; later sorted together. */
static ml_rc inbox(ml_read *r, ml_arena *a, const ml_find_task *f, Keys *keys) {
  Key cut;
  ml_bind b;
  ml_rc rc = ML_OK;

  for (size_t i = 0; rc == ML_OK && i < f->lane_count; i++) {
    rc = task_begin(r, f, SQL_TASKS_OFFERED, &f->lanes[i], NULL, true, &b);
    if (rc == ML_OK)
      rc = add_keys(r, a, f, &b, false, keys, &cut);
  }
  if (rc == ML_OK && f->user.p != NULL) {
    rc = task_begin(r, f, SQL_TASKS_ALLOCATED, NULL, &f->user, true, &b);
    if (rc == ML_OK)
      rc = add_keys(r, a, f, &b, false, keys, &cut);
  }
  return rc;
}

/* Sort, leave out what a lane named twice gave twice, cut to the page. */
static void trim(const ml_find_task *f, Keys *keys) {
  size_t n = 0;

  if (keys->count == 0)
    return;
  qsort(keys->p, keys->count, sizeof *keys->p, by_key);
  for (size_t i = 0; i < keys->count; i++)
    if (n == 0 || by_key(&keys->p[n - 1], &keys->p[i]) != 0)
      keys->p[n++] = keys->p[i];
  keys->count = n < f->limit ? n : f->limit;
}

static ml_rc task_page(ml_read *r, ml_arena *a, const ml_find_task *f,
                       Keys *keys, Key *cut) {
  bool open = f->status == ML_TASK_OPEN;
  bool judged = !open || (f->any_lane && !wants_all(f));
  ml_bind b;
  ml_rc rc;

  *cut = (Key){0, 0};
  if (open && !f->any_lane && !wants_all(f)) {
    rc = inbox(r, a, f, keys);
    trim(f, keys);
    if (keys->count == f->limit)
      *cut = keys->p[keys->count - 1];
    return rc;
  }
  rc = task_begin(r, f, !open ? SQL_TASKS_ALL
                        : judged ? SQL_TASKS_OFFERED_ANY : SQL_TASKS_OPEN,
                  NULL, NULL, open && !judged, &b);
  return rc == ML_OK ? add_keys(r, a, f, &b, judged, keys, cut) : rc;
}

static void get_task(ml_cols *c, void *row) {
  ml_row_task *t = row;

  memset(t, 0, sizeof *t);
  t->n = ml_col_i64(c);
  t->no = ml_col_u32(c, UINT32_MAX);
  t->act = ml_col_u32(c, UINT32_MAX);
  t->lane = ml_col_u32(c, UINT32_MAX);
  t->status = (ml_tasks)ml_col_u32(c, ML_TASK_COUNT - 1);
  t->created_ms = ml_col_i64(c);
  t->due_ms = ml_col_i64(c);
  t->ended_ms = ml_col_i64(c);
  t->assignee = ml_col_str(c);
  t->label = ml_col_str(c);
  t->title = ml_col_str(c);
  t->outcome = ml_col_str(c);
  t->failed = ml_col_u32(c, 1) == 1;
}

static ml_rc task_get(ml_read *r, ml_arena *a, Key k, ml_row_task *out) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, SQL_TASK_GET, &b);

  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&b, k.n);
  ml_sql_i64(&b, k.no);
  return ml_read_one(r, a, &b, get_task, out);
}

ml_rc ml_read_tasks(ml_read *r, ml_arena *a, const ml_find_task *f,
                    ml_row_task **out, size_t *count) {
  Keys keys = {0};
  Key cut = {0, 0};
  ml_row_task *rows;
  ml_rc rc = ML_OK;

  if (f->lane_count > ML_STORE_LANES_MAX)
    return ML_LIMIT;
  if (f->limit > 0)
    rc = task_page(r, a, f, &keys, &cut);
  if (rc != ML_OK)
    return rc;
  rows = ml_arena_alloc(a, (keys.count + 1) * sizeof *rows);
  if (rows == NULL)
    return ML_NOMEM;
  for (size_t i = 0; rc == ML_OK && i < keys.count; i++)
    rc = task_get(r, a, keys.p[i], &rows[i]);
  if (rc != ML_OK)
    return rc;
  *out = rows;
  *count = keys.count;
  if (f->more != NULL)
    *f->more = cut;
  return ML_OK;
}

ml_rc ml_read_tasks_of(ml_read *r, ml_arena *a, int64_t n, ml_row_task **out,
                       size_t *count) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, SQL_TASKS_OF, &b);

  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&b, n);
  return ml_read_list(r, a, &b, sizeof **out, 0, get_task, out, count);
}

ml_rc ml_read_counts(ml_read *r, int64_t *open, int64_t *tasks,
                     int64_t *incidents) {
  ml_rc rc = one_number(r, SQL_COUNT_OPEN, open);

  if (rc == ML_OK)
    rc = one_number(r, SQL_COUNT_TASKS, tasks);
  return rc == ML_OK ? one_number(r, SQL_COUNT_INCIDENTS, incidents) : rc;
}
