/*
** sqlite_walk.c - a range as a row of pieces, each one statement: the rest of
** the value at which it stands, then what lies strictly between that and the
** end, then the end itself when it belongs to the range.  One comparison of
** pairs would walk over the whole value each time.
*/
#include <math.h>
#include <string.h>

#include "store/sqlite_walk.h"

/* ---- ranges ---- */

/* In front of all texts, of all decimals. */
static const ml_skey no_text = {.cls = ML_SKEY_TEXT, .s = {"", 0}};
static const ml_skey no_decimal = {.cls = ML_SKEY_DECIMAL, .s = {"", 0}};

static ml_skey lowest(void) {
  return (ml_skey){.cls = ML_SKEY_REAL, .d = -INFINITY};
}

ml_range ml_range_all(void) {
  return (ml_range){lowest(), ML_SKEY_NONE, false, true};
}

ml_range ml_range_class(ml_skeyc cls) {
  if (cls == ML_SKEY_TEXT)
    return (ml_range){no_text, no_decimal, false, false};
  if (cls == ML_SKEY_DECIMAL)
    return (ml_range){no_decimal, ML_SKEY_NONE, false, false};
  return (ml_range){lowest(), no_text, false, false};
}

ml_range ml_range_one(ml_skey v) {
  return (ml_range){v, v, true, true};
}

bool ml_range_meet(ml_range *a, const ml_range *b) {
  int lo = ml_skey_cmp(&b->lo, &a->lo), hi = ml_skey_cmp(&b->hi, &a->hi), c;

  if (lo > 0 || (lo == 0 && !b->lo_in)) {
    a->lo = b->lo;
    a->lo_in = b->lo_in;
  }
  if (hi < 0 || (hi == 0 && !b->hi_in)) {
    a->hi = b->hi;
    a->hi_in = b->hi_in;
  }
  c = ml_skey_cmp(&a->lo, &a->hi);
  return c < 0 || (c == 0 && a->lo_in && a->hi_in);
}

/* ---- walking ---- */

static void stand(ml_walk *w, ml_skey v, int64_t n) {
  w->at = v;
  w->at_n = n;
  if (v.cls == ML_SKEY_TEXT || v.cls == ML_SKEY_DECIMAL) {
    size_t len = v.s.n < sizeof w->keep ? v.s.n : sizeof w->keep;

    memmove(w->keep, v.s.p, len);
    w->at.s = (ml_str){w->keep, len};
  }
}

static int64_t before_all(const ml_walk *w) {
  return w->down ? INT64_MAX : 0;
}

void ml_walk_begin(ml_walk *w, ml_read *r, uint32_t field, ml_range range,
                   bool down, const ml_skey *after, int64_t after_n) {
  ml_skey first = down ? range.hi : range.lo;
  bool in = down ? range.hi_in : range.lo_in;
  int c;

  *w = (ml_walk){.r = r, .field = field, .down = down, .range = range};
  stand(w, first, before_all(w));
  w->stage = in ? ML_WALK_SAME : ML_WALK_BETWEEN;
  if (after == NULL)
    return;
  c = ml_skey_cmp(after, &first);
  if (down ? c > 0 : c < 0)
    return;                      /* in front of the range */
  if (c == 0 && !in)
    return;
  stand(w, *after, after_n);
  w->stage = ML_WALK_SAME;
  c = ml_skey_cmp(after, down ? &range.lo : &range.hi);
  if (c != 0 && (c < 0) == down)
    w->stage = ML_WALK_END;      /* behind it */
}

void ml_walk_begin_object(ml_walk *w, ml_read *r, ml_columnk column, ml_skey v,
                          int64_t after_n) {
  *w = (ml_walk){.r = r, .object = column, .down = true,
                 .range = ml_range_one(v), .stage = ML_WALK_SAME};
  stand(w, v, after_n);
}

/* The rows of a statement that is bound but for its limit. */
static ml_rc take_chunk(ml_walk *w, ml_bind *b) {
  int code = SQLITE_DONE;
  ml_rc rc;

  ml_sql_i64(b, ML_WALK_CHUNK);
  rc = ml_sqlite_rc(b->rc);
  ml_arena_free(&w->mem);
  w->count = w->next = 0;
  while (rc == ML_OK && w->count < ML_WALK_CHUNK &&
         (code = sqlite3_step(b->st)) == SQLITE_ROW) {
    ml_entry *e = &w->entries[w->count++];

    ml_col_skey(b->st, 0, &e->value);
    e->n = sqlite3_column_int64(b->st, 1);
    if (e->value.cls == ML_SKEY_TEXT || e->value.cls == ML_SKEY_DECIMAL) {
      e->value.s.p = ml_arena_dup(&w->mem, e->value.s.p, e->value.s.n);
      if (e->value.s.p == NULL)
        rc = ML_NOMEM;
    }
  }
  if (rc == ML_OK && code != SQLITE_ROW && code != SQLITE_DONE)
    rc = ml_sqlite_rc(sqlite3_extended_errcode(w->r->c->db));
  sqlite3_reset(b->st);
  return rc;
}

static ml_sql same_statement(const ml_walk *w) {
  switch (w->object) {
  case ML_COL_ENTITY: return SQL_SEARCH_ENTITY;
  case ML_COL_RECORD: return SQL_SEARCH_RECORD;
  case ML_COL_BELONGS_TO: return SQL_SEARCH_BELONGS;
  case ML_COL_BOOKING: return SQL_SEARCH_BOOKING;
  default: return w->down ? SQL_SEARCH_EQ_DOWN : SQL_SEARCH_EQ_UP;
  }
}

static ml_rc take_same(ml_walk *w) {
  const ml_skey *end = w->down ? &w->range.lo : &w->range.hi;
  ml_bind b;
  ml_rc rc = ml_read_begin(w->r, same_statement(w), &b);

  if (rc != ML_OK)
    return rc;
  if (w->object == ML_COL_FIELD)
    ml_sql_i64(&b, w->field);
  ml_sql_skey(&b, &w->at);
  ml_sql_i64(&b, w->at_n);
  rc = take_chunk(w, &b);
  if (rc == ML_OK && w->count == ML_WALK_CHUNK)
    w->at_n = w->entries[w->count - 1].n;
  else
    w->stage = ml_skey_cmp(&w->at, end) == 0 ? ML_WALK_END : ML_WALK_BETWEEN;
  return rc;
}

static ml_rc take_between(ml_walk *w) {
  const ml_skey *end = w->down ? &w->range.lo : &w->range.hi;
  bool in = w->down ? w->range.lo_in : w->range.hi_in;
  ml_bind b;
  ml_rc rc = ml_read_begin(w->r, w->down ? SQL_SEARCH_DOWN : SQL_SEARCH_UP, &b);

  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&b, w->field);
  ml_sql_skey(&b, w->down ? end : &w->at);
  ml_sql_skey(&b, w->down ? &w->at : end);
  rc = take_chunk(w, &b);
  if (rc == ML_OK && w->count == ML_WALK_CHUNK) {
    stand(w, w->entries[w->count - 1].value, w->entries[w->count - 1].n);
    w->stage = ML_WALK_SAME;
  } else if (in) {
    stand(w, *end, before_all(w));
    w->stage = ML_WALK_SAME;
  } else {
    w->stage = ML_WALK_END;
  }
  return rc;
}

ml_rc ml_walk_next(ml_walk *w, const ml_entry **out) {
  ml_rc rc = ML_OK;

  while (rc == ML_OK && w->next == w->count && w->stage != ML_WALK_END)
    rc = w->stage == ML_WALK_SAME ? take_same(w) : take_between(w);
  *out = rc == ML_OK && w->next < w->count ? &w->entries[w->next++] : NULL;
  return rc;
}

void ml_walk_end(ml_walk *w) {
  ml_arena_free(&w->mem);
}
