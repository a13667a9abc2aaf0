/*
** sqlite_search.c - a page of processes by filter and order: which index
** drives, then every candidate judged by its row.
**
** The comparisons that stand alone or joined by `and`, on a field whose index
** is complete, are terms: each is a range of the index, or some values of it.
** A few of their entries are counted, and then
**   ORDERED   the index of the order's field is walked, between the bounds of
**             its own terms
**   EQUAL     by number: the entries of a term's values, newest first, merged
**   FEW       a term with few entries: all of them, sorted
**   EVERY     nothing serves: every process of the workflow, newest first
** A filter that is not in order where it is walked is gathered whole and sorted;
** that has an end, too.
*/
#include <stdlib.h>
#include <string.h>

#include "store/sqlite_walk.h"

enum { MERGE_MAX = 16 };         /* values walked side by side */

typedef struct term {            /* a range, or some values, of one index */
  size_t col;                    /* of the filter */
  uint32_t field;
  ml_columnk object;             /* instead of a field: an id of others */
  const ml_fnode *node;
  ml_range range;
  ml_skey *values;               /* NULL: the range */
  size_t count;
  size_t entries;                /* at most FEW + 1 are counted */
} term;

typedef struct found {
  ml_skey key;
  int64_t n;
} found;

typedef struct search {
  ml_read *r;
  ml_arena *a;
  const ml_search *s;
  const ml_filter *f;
  ml_searched *out;
  ml_err *e;
  ml_search_field *fields;
  size_t field_count;
  term terms[ML_FILTER_TESTS_MAX];
  size_t term_count;
  bool object;                   /* an id of others is looked at */
  bool nothing;                  /* two terms contradict each other */
  enum { PLAN_ORDERED, PLAN_EQUAL, PLAN_FEW, PLAN_EVERY } plan;
  const term *drive;             /* EQUAL, FEW, ORDERED (or NULL) */
  bool gather;                   /* not in order as it comes */
  /* candidates */
  ml_walk *walks;
  const ml_entry **heads;        /* of each walk */
  size_t walk_count;
  int64_t every[ML_WALK_CHUNK], every_from;
  size_t every_count, every_next;
  bool open_only;
  int64_t last_n;                /* given last, by EQUAL */
  /* judging */
  ml_arena row;
  ml_skeys *values;
  /* found */
  found *list;
  size_t count, cap;
} search;

/* ---- terms ---- */

/* The index of a column, when it is complete. */
static const ml_search_field *index_of(const search *q, const ml_column *c) {
  for (size_t i = 0; i < q->field_count; i++) {
    const ml_search_field *f = &q->fields[i];
    ml_column col;

    if (f->workflow != q->s->workflow || f->gone || f->done < f->last)
      continue;
    ml_index_column(f->field, f->type, &col);
    if (col.kind == c->kind && col.type == c->type && ml_str_eq(col.id, c->id))
      return f;
  }
  return NULL;
}

/* Could a longer text be cut to these bytes? */
static bool is_cut(const ml_skey *v) {
  return v->cls == ML_SKEY_TEXT && v->s.n >= ML_SKEY_TEXT_MAX;
}

/* What begins with v is in front of the text with one more in its last byte
** (no UTF-8 ends in 0xFF). */
static bool range_like(search *q, const ml_skey *v, ml_range *out) {
  char *end = ml_arena_dup(q->a, v->s.p, v->s.n);

  if (end == NULL)
    return false;
  end[v->s.n - 1]++;
  *out = (ml_range){*v, {.cls = ML_SKEY_TEXT, .s = {end, v->s.n}}, true, false};
  return true;
}

static bool range_of(search *q, const ml_fnode *n, ml_range *out) {
  ml_skey v = n->count > 0 ? ml_skey_cut(n->values[0]) : ML_SKEY_NONE;

  switch (n->op) {
  case ML_FOP_EQ: case ML_FOP_EMPTY:
    *out = ml_range_one(v);
    return true;
  case ML_FOP_NOT_EMPTY:
    *out = ml_range_all();
    out->hi_in = false;
    return true;
  case ML_FOP_LIKE:
    return range_like(q, &v, out);
  case ML_FOP_LT: case ML_FOP_LE:
    *out = ml_range_class(v.cls);
    out->hi = v;
    out->hi_in = n->op == ML_FOP_LE || is_cut(&v);
    return true;
  default:
    *out = ml_range_class(v.cls);
    out->lo = v;
    out->lo_in = n->op == ML_FOP_GE || is_cut(&v);
    return true;
  }
}

/* The values of an `in`, cut, each once. */
static bool set_values(search *q, const ml_fnode *n, term *t) {
  t->values = ml_arena_alloc(q->a, (n->count + 1) * sizeof *t->values);
  if (t->values == NULL)
    return false;
  for (size_t i = 0; i < n->count; i++) {
    ml_skey v = ml_skey_cut(n->values[i]);
    bool twice = false;

    for (size_t k = 0; k < t->count; k++)
      twice = twice || ml_skey_cmp(&t->values[k], &v) == 0;
    if (!twice)
      t->values[t->count++] = v;
  }
  return true;
}

/* A range beside one of the same field: both at once (a field of many choices
** may satisfy each with another choice). */
static bool merged(search *q, const term *t) {
  if (t->values != NULL || ml_filter_many(q->f->cols[t->col].type))
    return false;
  for (size_t i = 0; i < q->term_count; i++)
    if (q->terms[i].col == t->col && q->terms[i].values == NULL) {
      if (!ml_range_meet(&q->terms[i].range, &t->range))
        q->nothing = true;
      return true;
    }
  return false;
}

/* Ids of others have an index of their own, of whole values. */
static bool by_object(const search *q, const ml_fnode *n) {
  ml_columnk kind = q->f->cols[n->col].kind;

  if (!ml_column_object(kind) || (n->op != ML_FOP_EQ && n->op != ML_FOP_IN))
    return false;
  for (size_t i = 0; i < n->count; i++)
    if (is_cut(&n->values[i]) ||             /* or of all that have none: */
        (kind == ML_COL_ENTITY && ml_str_eq(n->values[i].s, q->f->entity)))
      return false;
  return true;
}

static ml_rc add_terms(search *q, const ml_fnode *n) {
  const ml_search_field *x;
  term t = {0};
  ml_rc rc = ML_OK;

  if (n->kind == ML_FN_AND) {
    for (const ml_fnode *k = n->first; k != NULL && rc == ML_OK; k = k->next)
      rc = add_terms(q, k);
    return rc;
  }
  if (n->kind == ML_FN_OR || n->op == ML_FOP_NE || n->op == ML_FOP_NOT_IN)
    return ML_OK;
  x = index_of(q, &q->f->cols[n->col]);
  if (x == NULL && !by_object(q, n))
    return ML_OK;
  t.col = n->col;
  if (x != NULL)
    t.field = x->no;
  else
    t.object = q->f->cols[n->col].kind;
  t.node = n;
  if (n->op == ML_FOP_IN ? !set_values(q, n, &t) : !range_of(q, n, &t.range))
    return ML_NOMEM;
  if (!merged(q, &t))
    q->terms[q->term_count++] = t;
  return ML_OK;
}

/* ---- walks over a term ---- */

static size_t pieces(const term *t) {
  return t->values != NULL ? t->count : 1;
}

static ml_range piece(const term *t, size_t i) {
  return t->values != NULL ? ml_range_one(t->values[i]) : t->range;
}

/* One value or range of a term, newest first; behind a number, or all. */
static void begin_walk(search *q, ml_walk *w, const term *t, size_t i,
                       int64_t after_n) {
  ml_range range = piece(t, i);
  ml_skey same = range.lo;

  if (t->object != ML_COL_FIELD)
    ml_walk_begin_object(w, q->r, t->object, same, after_n);
  else
    ml_walk_begin(w, q->r, t->field, range, true,
                  after_n != INT64_MAX ? &same : NULL, after_n);
}

/* Entries of a term, as far as they are few. */
static ml_rc count_term(search *q, term *t) {
  ml_walk *w = ml_arena_alloc(q->a, sizeof *w);
  ml_rc rc = w != NULL ? ML_OK : ML_NOMEM;

  for (size_t i = 0; rc == ML_OK && i < pieces(t); i++) {
    const ml_entry *e = NULL;

    if (t->entries > ML_SEARCH_FEW)
      break;
    begin_walk(q, w, t, i, INT64_MAX);
    do {
      rc = ml_walk_next(w, &e);
      t->entries += e != NULL;
    } while (rc == ML_OK && e != NULL && t->entries <= ML_SEARCH_FEW);
    ml_walk_end(w);
  }
  return rc;
}

static bool is_one_value(const term *t) {
  return t->values != NULL ? t->count <= MERGE_MAX
                           : ml_skey_cmp(&t->range.lo, &t->range.hi) == 0;
}

/* The term with the fewest entries; equal: one that is in order by number. */
static const term *fewest(const search *q, bool equal) {
  const term *best = NULL;

  for (size_t i = 0; i < q->term_count; i++) {
    const term *t = &q->terms[i];

    if (equal && !is_one_value(t))
      continue;
    if (best == NULL || t->entries < best->entries)
      best = t;
  }
  return best;
}

static ml_rc choose(search *q) {
  const ml_search_field *x = NULL;
  const term *few, *equal;
  ml_rc rc = ML_OK;

  if (q->f->order >= 0)
    x = index_of(q, &q->f->cols[q->f->order]);
  for (size_t i = 0; i < q->term_count && rc == ML_OK; i++)
    rc = count_term(q, &q->terms[i]);
  if (rc != ML_OK)
    return rc;
  few = fewest(q, false);
  if (few != NULL && few->entries > ML_SEARCH_FEW)
    few = NULL;
  equal = fewest(q, true);
  q->plan = PLAN_EVERY;
  q->gather = q->f->order >= 0;
  if (q->f->order < 0 && equal != NULL && (few == NULL || few == equal)) {
    q->plan = PLAN_EQUAL;
    q->drive = equal;
  } else if (few != NULL && (x == NULL || few->col != (size_t)q->f->order)) {
    q->plan = PLAN_FEW;
    q->drive = few;
    q->gather = true;
  } else if (x != NULL) {
    q->plan = PLAN_ORDERED;
    q->gather = false;
    for (size_t i = 0; i < q->term_count; i++)
      if (q->terms[i].col == (size_t)q->f->order && q->terms[i].values == NULL)
        q->drive = &q->terms[i];
  } else if (q->term_count > 0 && q->f->order >= 0) {
    q->plan = PLAN_FEW;          /* more than few: gathered as far as it may */
    q->drive = fewest(q, false);
  }
  return ML_OK;
}

/* ---- telling the plan ---- */

static void put_name(ml_buf *b, const search *q, size_t col) {
  ml_buf_puts(b, "'");
  ml_buf_put(b, q->f->cols[col].name.p, q->f->cols[col].name.n);
  ml_buf_puts(b, "'");
}

static bool has_term(const search *q, size_t col) {
  for (size_t i = 0; i < q->term_count; i++)
    if (q->terms[i].col == col)
      return true;
  return false;
}

/* Columns of the filter and the order that have no index, or not yet. */
static void put_missing(ml_buf *b, const search *q) {
  for (size_t i = 0; i < q->f->col_count; i++) {
    bool filling = false;

    if (index_of(q, &q->f->cols[i]) != NULL || has_term(q, i))
      continue;
    for (size_t k = 0; k < q->field_count; k++) {
      ml_column c;

      ml_index_column(q->fields[k].field, q->fields[k].type, &c);
      filling = filling || (q->fields[k].workflow == q->s->workflow &&
                            !q->fields[k].gone && c.kind == q->f->cols[i].kind &&
                            ml_str_eq(c.id, q->f->cols[i].id));
    }
    ml_buf_puts(b, "; ");
    put_name(b, q, i);
    ml_buf_puts(b, filling ? " is still being indexed"
                   : ml_column_object(q->f->cols[i].kind)
                       ? " is indexed for = and in alone" : " is not indexed");
  }
}

static ml_rc tell_plan(search *q) {
  ml_buf b = {0};
  char *text;

  if (q->nothing) {
    ml_buf_puts(&b, "two comparisons contradict each other: nothing is looked "
                "at");
  } else if (q->plan == PLAN_ORDERED) {
    ml_buf_puts(&b, "walks the index of ");
    put_name(&b, q, (size_t)q->f->order);
    ml_buf_puts(&b, q->f->down ? " downward" : " upward");
    if (q->drive != NULL)
      ml_buf_puts(&b, ", between the bounds the filter gives");
    ml_buf_puts(&b, q->f->root != NULL
                        ? ", and judges each process by the whole filter" : "");
  } else if (q->plan == PLAN_EQUAL) {
    ml_buf_puts(&b, "walks the index entries of ");
    ml_filter_put(&b, q->f, q->drive->node);
    ml_buf_puts(&b, ", newest first, and judges each process by the whole "
                "filter");
  } else if (q->plan == PLAN_FEW) {
    ml_buf_puts(&b, "takes the ");
    if (q->drive->entries > ML_SEARCH_FEW)
      ml_buf_printf(&b, "more than %d", ML_SEARCH_FEW);
    else
      ml_buf_printf(&b, "%zu", q->drive->entries);
    ml_buf_puts(&b, " index entries of ");
    ml_filter_put(&b, q->f, q->drive->node);
    ml_buf_puts(&b, ", judges each process by the whole filter and sorts");
  } else {
    ml_buf_printf(&b, "no index serves: walks the %sprocesses of the workflow, "
                  "newest first%s, at most %d %s", q->open_only ? "open " : "",
                  q->gather ? ", and sorts what matches" : "",
                  ML_SEARCH_LOOK_MAX, q->gather ? "in all" : "a page");
  }
  if (!q->nothing)
    put_missing(&b, q);
  text = b.bad ? NULL : ml_arena_dup(q->a, b.p, b.len);
  q->out->plan = (ml_str){text, b.len};
  q->out->indexed = q->plan != PLAN_EVERY;
  ml_buf_free(&b);
  return text != NULL ? ML_OK : ML_NOMEM;
}

/* ---- candidates ---- */

static ml_rc begin_walks(search *q) {
  bool ordered = q->plan == PLAN_ORDERED;
  const ml_search_field *x = ordered ? index_of(q, &q->f->cols[q->f->order])
                                     : NULL;
  ml_rc rc = ML_OK;

  q->walk_count = ordered ? 1 : pieces(q->drive);
  q->walks = ml_arena_alloc(q->a, q->walk_count * sizeof *q->walks);
  q->heads = ml_arena_zero(q->a, q->walk_count * sizeof *q->heads);
  if (q->walks == NULL || q->heads == NULL) {
    q->walk_count = 0;
    return ML_NOMEM;
  }
  for (size_t i = 0; i < q->walk_count; i++) {
    bool from = q->s->from && !q->gather;

    if (ordered)
      ml_walk_begin(&q->walks[i], q->r, x->no,
                    q->drive != NULL ? q->drive->range : ml_range_all(),
                    q->f->down, from ? &q->s->after : NULL, q->s->after_n);
    else
      begin_walk(q, &q->walks[i], q->drive, i,
                 from ? q->s->after_n : INT64_MAX);
  }
  for (size_t i = 0; i < q->walk_count && rc == ML_OK; i++)
    rc = ml_walk_next(&q->walks[i], &q->heads[i]);
  return rc;
}

/* The greatest number of all walks, each once. */
static ml_rc next_equal(search *q, int64_t *n) {
  ml_rc rc = ML_OK;

  *n = 0;
  while (rc == ML_OK && *n == 0) {
    size_t best = q->walk_count;

    for (size_t i = 0; i < q->walk_count; i++)
      if (q->heads[i] != NULL &&
          (best == q->walk_count || q->heads[i]->n > q->heads[best]->n))
        best = i;
    if (best == q->walk_count)
      return ML_OK;
    if (q->heads[best]->n != q->last_n)
      *n = q->last_n = q->heads[best]->n;
    rc = ml_walk_next(&q->walks[best], &q->heads[best]);
  }
  return rc;
}

/* One walk behind the other. */
static ml_rc next_entry(search *q, int64_t *n) {
  for (size_t i = 0; i < q->walk_count; i++)
    if (q->heads[i] != NULL) {
      *n = q->heads[i]->n;
      return ml_walk_next(&q->walks[i], &q->heads[i]);
    }
  *n = 0;
  return ML_OK;
}

static ml_rc fill_every(search *q) {
  ml_bind b;
  int code = SQLITE_DONE;
  ml_rc rc = ml_read_begin(q->r, q->open_only ? SQL_SEARCH_OPEN_OF
                                              : SQL_SEARCH_ALL, &b);

  if (rc != ML_OK)
    return rc;
  if (q->open_only)
    ml_sql_i64(&b, q->s->workflow);
  ml_sql_i64(&b, q->every_from);
  ml_sql_i64(&b, ML_WALK_CHUNK);
  rc = ml_sqlite_rc(b.rc);
  q->every_count = q->every_next = 0;
  while (rc == ML_OK && q->every_count < ML_WALK_CHUNK &&
         (code = sqlite3_step(b.st)) == SQLITE_ROW)
    q->every[q->every_count++] = sqlite3_column_int64(b.st, 0);
  if (rc == ML_OK && code != SQLITE_ROW && code != SQLITE_DONE)
    rc = ml_sqlite_rc(sqlite3_extended_errcode(q->r->c->db));
  sqlite3_reset(b.st);
  q->every_from = q->every_count > 0 ? q->every[q->every_count - 1] : 0;
  return rc;
}

static ml_rc next_every(search *q, int64_t *n) {
  ml_rc rc = ML_OK;

  *n = 0;
  if (q->every_next == q->every_count && q->every_from > 0)
    rc = fill_every(q);
  if (rc == ML_OK && q->every_next < q->every_count)
    *n = q->every[q->every_next++];
  return rc;
}

/* The next candidate; 0 at the end. */
static ml_rc next_of(search *q, int64_t *n) {
  if (q->plan == PLAN_EVERY)
    return next_every(q, n);
  return q->plan == PLAN_EQUAL ? next_equal(q, n) : next_entry(q, n);
}

/* ---- judging ---- */

/* Does the row match?  Then q->values[] are its own, in q->row or borrowed from
** the statement: *st is to be reset by the caller. */
static ml_rc judge(search *q, int64_t n, bool *fits, found *at,
                   sqlite3_stmt **st) {
  uint32_t workflow;
  bool deleted;
  ml_facts f;
  ml_bind b;
  int code;
  ml_rc rc = ml_read_begin(q->r, q->object ? SQL_SEARCH_ROW_OBJECT
                                           : SQL_INDEX_ROW, &b);

  *fits = false;
  *st = b.st;
  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&b, n);
  code = b.rc == SQLITE_OK ? sqlite3_step(b.st) : b.rc;
  if (code == SQLITE_DONE)
    return ML_OK;
  if (code != SQLITE_ROW)
    return ml_sqlite_rc(sqlite3_extended_errcode(q->r->c->db));
  ml_index_facts(b.st, 0, &workflow, &deleted, &f);
  if (q->object)
    ml_index_object(b.st, &f);
  if (f.entity.p == NULL)
    f.entity = q->f->entity;
  if (deleted || (q->s->workflow != 0 && workflow != q->s->workflow))
    return ML_OK;
  ml_arena_free(&q->row);
  rc = ml_facts_get(&q->row, &f, q->f->cols, q->f->col_count, q->values);
  if (rc != ML_OK)
    return rc;
  *fits = ml_filter_match(q->f, q->values);
  if (*fits && q->s->team.p != NULL) {
    rc = ml_read_team_is(q->r, n, q->s->team);
    *fits = rc == ML_OK;
    if (rc != ML_OK && rc != ML_NOT_FOUND)
      return rc;
  }
  *at = (found){ML_SKEY_NONE, n};
  if (q->f->order >= 0)
    at->key = ml_skey_cut(q->values[q->f->order].p[0]);
  return ML_OK;
}

static ml_rc keep_key(ml_arena *a, ml_skey *k) {
  if (k->cls == ML_SKEY_TEXT || k->cls == ML_SKEY_DECIMAL) {
    k->s.p = ml_arena_dup(a, k->s.p, k->s.n);
    if (k->s.p == NULL)
      return ML_NOMEM;
  }
  return ML_OK;
}

static ml_rc add(search *q, const found *at) {
  found *more = ml_read_grow(q->a, q->list, q->count, &q->cap, sizeof *more);

  if (more == NULL)
    return ML_NOMEM;
  q->list = more;
  q->list[q->count] = *at;
  return keep_key(q->a, &q->list[q->count++].key);
}

static int by_key(const found *x, const found *y, bool down) {
  int c = ml_skey_cmp(&x->key, &y->key);

  if (c == 0)
    c = x->n < y->n ? -1 : x->n > y->n;
  return down ? -c : c;
}

static int up(const void *a, const void *b) { return by_key(a, b, false); }
static int down(const void *a, const void *b) { return by_key(a, b, true); }

/* ---- pages ---- */

static ml_rc end_page(search *q, const found *at) {
  q->out->more = true;
  q->out->next = at->key;
  q->out->next_n = at->n;
  return keep_key(q->a, &q->out->next);
}

/* Candidates come in order: stop when the page is full. */
static ml_rc stream(search *q) {
  size_t skipped = 0;
  sqlite3_stmt *st = NULL;
  bool ended = false;
  ml_rc rc = ML_OK;

  while (rc == ML_OK && !ended) {
    found at;
    bool fits;
    int64_t n;

    rc = next_of(q, &n);
    if (rc != ML_OK || n == 0)
      break;
    q->out->looked++;
    rc = judge(q, n, &fits, &at, &st);
    if (rc == ML_OK && fits && skipped < q->s->skip) {
      skipped++;
    } else if (rc == ML_OK && fits && q->count == q->s->limit) {
      rc = end_page(q, &q->list[q->count - 1]);
      ended = true;
    } else if (rc == ML_OK && fits) {
      rc = add(q, &at);
    }
    if (rc == ML_OK && !ended && q->out->looked >= ML_SEARCH_LOOK_MAX) {
      at.n = n;
      rc = end_page(q, &at);
      ended = true;
    }
    sqlite3_reset(st);
  }
  return rc;
}

/* Candidates come in any order: all that match, then sorted. */
static ml_rc gather(search *q) {
  found from = {q->s->after, q->s->after_n};
  size_t to = 0, first = 0;
  sqlite3_stmt *st = NULL;
  ml_rc rc = ML_OK;

  for (;;) {
    found at;
    bool fits;
    int64_t n;

    rc = next_of(q, &n);
    if (rc != ML_OK || n == 0)
      break;
    if (++q->out->looked > ML_SEARCH_LOOK_MAX)
      return ml_err_set(q->e, ML_LIMIT, "order", "no index serves this order, "
                        "and more than %d processes would have to be sorted; "
                        "narrow the filter, or give the field search = true",
                        ML_SEARCH_LOOK_MAX);
    rc = judge(q, n, &fits, &at, &st);
    if (rc == ML_OK && fits &&
        (!q->s->from || by_key(&at, &from, q->f->down) > 0))
      rc = add(q, &at);
    sqlite3_reset(st);
    if (rc != ML_OK)
      break;
  }
  if (rc != ML_OK || q->count == 0)
    return rc;
  qsort(q->list, q->count, sizeof *q->list, q->f->down ? down : up);
  for (size_t i = 0; i < q->count; i++)        /* many choices: seen twice */
    if (to == 0 || q->list[to - 1].n != q->list[i].n)
      q->list[to++] = q->list[i];
  first = q->s->skip < to ? q->s->skip : to;
  q->count = to - first < q->s->limit ? to - first : q->s->limit;
  q->list += first;
  return q->count < to - first && q->count > 0
             ? end_page(q, &q->list[q->count - 1]) : ML_OK;
}

static ml_rc read_rows(search *q) {
  ml_rc rc = ML_OK;

  q->out->rows = ml_arena_alloc(q->a, (q->count + 1) * sizeof *q->out->rows);
  if (q->out->rows == NULL)
    return ML_NOMEM;
  for (size_t i = 0; i < q->count && rc == ML_OK; i++)
    rc = ml_read_process(q->r, q->a, q->list[i].n, &q->out->rows[i]);
  q->out->count = q->count;
  return rc;
}

/* Status OPEN, asked for alone or by `and`. */
static bool wants_open(const ml_filter *f, const ml_fnode *n) {
  if (n == NULL || n->kind == ML_FN_OR)
    return false;
  if (n->kind == ML_FN_TEST)
    return f->cols[n->col].kind == ML_COL_STATUS && n->op == ML_FOP_EQ &&
           ml_str_is(n->values[0].s, "OPEN");
  for (const ml_fnode *k = n->first; k != NULL; k = k->next)
    if (wants_open(f, k))
      return true;
  return false;
}

static ml_rc run(search *q) {
  ml_rc rc = ml_read_search_fields(q->r, q->a, &q->fields, &q->field_count);

  for (size_t i = 0; i < q->f->col_count; i++)
    q->object = q->object || ml_column_object(q->f->cols[i].kind);
  if (rc == ML_OK && q->f->root != NULL)
    rc = add_terms(q, q->f->root);
  if (rc == ML_OK)
    rc = choose(q);
  q->open_only = q->s->workflow != 0 && wants_open(q->f, q->f->root);
  q->every_from = q->s->from && !q->gather ? q->s->after_n : INT64_MAX;
  if (rc == ML_OK)
    rc = tell_plan(q);
  if (rc == ML_OK && !q->nothing && q->s->limit > 0) {
    if (q->plan != PLAN_EVERY)
      rc = begin_walks(q);
    if (rc == ML_OK)
      rc = q->gather ? gather(q) : stream(q);
  }
  return rc == ML_OK ? read_rows(q) : rc;
}

ml_rc ml_read_search(ml_read *r, ml_arena *a, const ml_search *s,
                     ml_searched *out, ml_err *e) {
  search *q = ml_arena_zero(a, sizeof *q);
  ml_rc rc;

  memset(out, 0, sizeof *out);
  if (q == NULL)
    return ML_NOMEM;
  if (s->skip > ML_SEARCH_SKIP_MAX)
    return ml_err_set(e, ML_LIMIT, "skip", "at most %d may be skipped; go on by "
                      "the cursor", ML_SEARCH_SKIP_MAX);
  *q = (search){.r = r, .a = a, .s = s, .f = s->filter, .out = out, .e = e};
  q->values = ml_arena_alloc(a, (q->f->col_count + 1) * sizeof *q->values);
  rc = q->values != NULL ? run(q) : ML_NOMEM;
  for (size_t i = 0; i < q->walk_count; i++)
    ml_walk_end(&q->walks[i]);
  ml_arena_free(&q->row);
  return rc;
}
