/*
** leads - fills a store with leads, for measurements.
**
**   build/leads STORE NUMBER      into the store
**   build/leads --show NUMBER     the data of the same leads, a line each
**   build/leads --rows STORE      what is stored of leads, a line a row, without
**                                 what differs by when and by whom
**
** STORE is that of an engine that does not run, with the workflow `lead`
** (tests/bench/flows/lead) in force and at least one process of it, as it was
** started: that one is the pattern, of which each lead gets a copy with data,
** an id and a moment of its own.  Each is in every table and index as if the
** engine had started it (tests/t_leads compares them).  The same NUMBER gives
** the same leads.
**
** A million by the engine's own way would be a million transactions' worth of
** looking up; here rows are appended in the order of their numbers and the
** entries of indexes in the order of their values, all in one transaction that
** is flushed once.  Until it ends, a power cut may cost the store: use one that
** can be made again.
*/
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rand.h"
#include "base/text.h"
#include "model/process.h"
#include "store/search.h"
#include "store/sqlite.h"           /* how a record is packed */

enum { CHUNK = 250000, SPREAD_MS = 1000, DATA_MAX = 400 };

static void stop(const char *what, const char *why) {
  fprintf(stderr, "leads: %s%s%s\n", what, why != NULL ? ": " : "",
          why != NULL ? why : "");
  exit(1);
}

/* ---- what a lead is ---- */

typedef struct lead {
  int64_t n, made_ms;
  uint8_t id[16];
  char data[DATA_MAX];
} lead;

typedef struct maker {           /* of one lead after the other */
  ml_rand_seeded rand;
  int64_t n, made_ms;
} maker;

static void next_lead(maker *m, lead *l) {
  static const char *const sources[] = {"web-form", "fair", "call", "partner",
                                        "campaign"};
  static const char *const firsts[] = {"Cixin", "Aiko", "Ben", "Олена", "様"};
  static const char *const lasts[] = {"Liu", "Mori", "Stone", "Шевченко", "李"};
  ml_rand *r = &m->rand.base;
  const char *source = sources[ml_rand_between(r, 0, 4)];
  int score = (int)ml_rand_between(r, 0, 999);
  const char *first = firsts[ml_rand_between(r, 0, 4)];
  const char *last = lasts[ml_rand_between(r, 0, 4)];
  int phone = (int)ml_rand_between(r, 0, 999999999);

  m->made_ms += ml_rand_between(r, 0, SPREAD_MS);
  l->n = ++m->n;
  l->made_ms = m->made_ms;
  snprintf(l->data, sizeof l->data,
           "{\"lead_id\":\"LEAD-%lld\",\"source\":\"%s\",\"score\":%d,"
           "\"first_name\":\"%s\",\"last_name\":\"%s\",\"phone_num\":\"44%09d\"}",
           (long long)l->n, source, score, first, last, phone);
  ml_process_make_id(l->id, l->made_ms, l->n, ml_rand_u64(r));
}

/* ---- the pattern ---- */

typedef struct pattern {
  ml_arena arena;
  ml_row_process row;
  ml_row_history *history;
  ml_row_task *tasks;
  ml_search_field *fields;       /* that are kept of its workflow */
  ml_column *cols;               /* beside them */
  size_t history_count, task_count, field_count;
  ml_rc rc;
} pattern;

static ml_rc find_row(pattern *p, ml_read *r) {
  ml_find_process want = {.status = -1, .run = -1, .limit = 1};
  ml_row_workflow *list;
  ml_row_process *rows;
  size_t count;
  ml_rc rc = ml_read_workflows(r, &p->arena, &list, &count);

  for (size_t i = 0; rc == ML_OK && i < count; i++)
    if (ml_str_is(list[i].name, "lead"))
      want.workflow = list[i].no;
  if (rc == ML_OK && want.workflow == 0)
    return ML_NOT_FOUND;
  if (rc == ML_OK)
    rc = ml_read_processes(r, &p->arena, &want, &rows, &count);
  if (rc == ML_OK && count == 0)
    return ML_NOT_FOUND;
  if (rc == ML_OK)
    p->row = rows[0];
  return rc;
}

/* Those of its workflow, and what each looks at. */
static ml_rc find_fields(pattern *p, ml_read *r) {
  ml_search_field *all;
  size_t count;
  ml_rc rc = ml_read_search_fields(r, &p->arena, &all, &count);

  if (rc != ML_OK)
    return rc;
  p->cols = ml_arena_zero(&p->arena, (count + 1) * sizeof *p->cols);
  if (p->cols == NULL)
    return ML_NOMEM;
  p->fields = all;
  for (size_t i = 0; i < count; i++) {
    ml_search_field f = all[i];
    ml_column *c = &p->cols[p->field_count];

    if (f.workflow != p->row.workflow || f.gone)
      continue;
    *c = (ml_column){ML_COL_FIELD, f.type, f.field, f.field};
    if (f.field.p[0] == '$' &&
        !ml_column_of((ml_str){f.field.p + 1, f.field.n - 1}, c))
      return ML_CORRUPT;
    p->fields[p->field_count++] = f;
  }
  return ML_OK;
}

static void find(void *arg, ml_read *r) {
  pattern *p = arg;

  p->rc = find_row(p, r);
  if (p->rc == ML_OK)
    p->rc = ml_read_history(r, &p->arena, p->row.n, 0, 2, &p->history,
                            &p->history_count);
  if (p->rc == ML_OK)
    p->rc = ml_read_tasks_of(r, &p->arena, p->row.n, &p->tasks, &p->task_count);
  if (p->rc == ML_OK)
    p->rc = find_fields(p, r);
}

/* Also brings the store up to date, and gives its last number. */
static int64_t read_pattern(pattern *p, const char *path) {
  ml_store_conf conf = {.path = path};
  ml_store *s;
  ml_err e = {0};
  int64_t last;

  if (ml_store_open(&conf, &s, &e) != ML_OK)
    stop("the store cannot be opened", e.text);
  if (ml_store_read(s, find, NULL, p) != ML_OK)
    stop("memory is short", NULL);
  ml_store_wait(s);
  last = ml_store_last_n(s);
  ml_store_close(s);
  if (p->rc == ML_NOT_FOUND)
    stop("there is no process of a workflow 'lead'", NULL);
  if (p->rc != ML_OK)
    stop("the store cannot be read", ml_rc_name(p->rc));
  if (p->row.seq != 1 || p->history_count != 1 || p->task_count != 0)
    stop("the newest lead is no pattern: more has happened to it than its start",
         NULL);
  return last;
}

/* ---- rows ---- */

enum { PUT_PROCESS, PUT_HISTORY, PUT_OBJECT, PUT_TAKEN, PUT_ENTRY, PUTS };

static const char *const texts[PUTS] = {
  [PUT_PROCESS] =
    "INSERT INTO process (n, id, created_ms, updated_ms, data, workflow, status,"
    " run, deleted, parent_n, state, assigned_to, seq, due, lease, bundle,"
    " flow_index, completed_ms, cancelled_ms, next_action_ms, first_assigned_ms,"
    " last_assigned_ms, first_assigned_to, created_by, subject, rest)"
    " SELECT ?1, ?2, ?3, ?3, ?4, workflow, status, run, deleted, parent_n,"
    " state, assigned_to, seq, due, lease, bundle, flow_index, completed_ms,"
    " cancelled_ms, next_action_ms, first_assigned_ms, last_assigned_ms,"
    " first_assigned_to, created_by, subject, rest FROM process WHERE n = ?5",
  [PUT_HISTORY] = "INSERT INTO history (number, records) VALUES (?1 << 24 | 1, ?2)",
  [PUT_OBJECT] =
    "INSERT INTO object (n, team, entity, record, belongs_to, booking)"
    " SELECT ?1, team, entity, record, belongs_to, booking FROM object"
    " WHERE n = ?2",
  [PUT_TAKEN] =
    "INSERT INTO taken (workflow, field, value, n) VALUES (?1, ?2, ?3, ?4)",
  [PUT_ENTRY] = "INSERT INTO search (field, value, n) VALUES (?1, ?2, ?3)"};

typedef struct entry {
  ml_skey value;
  int64_t n;
} entry;

typedef struct entries {         /* of one index, of one chunk */
  entry *list;
  size_t count, cap;
} entries;

typedef struct fill {
  sqlite3 *db;
  sqlite3_stmt *put[PUTS];
  pattern *p;
  ml_str key;                    /* field of the primary key; none */
  ml_str object, team;           /* whether it has the ids of others; none */
  entries *fields, taken;        /* beside p->fields */
  ml_arena texts, turn;          /* of the chunk, of one lead */
  ml_buf pack;
} fill;

static void must(fill *f, int code) {
  if (code != SQLITE_OK && code != SQLITE_DONE)
    stop("the store cannot be written", sqlite3_errmsg(f->db));
}

static void run(fill *f, const char *sql) {
  must(f, sqlite3_exec(f->db, sql, NULL, NULL, NULL));
}

static void put(fill *f, int which) {
  must(f, sqlite3_step(f->put[which]));
  must(f, sqlite3_reset(f->put[which]));
}

static void *room(void *p) {
  if (p == NULL)
    stop("memory is short", NULL);
  return p;
}

/* A text that equals the one before is the same one. */
static void add(fill *f, entries *to, ml_skey value, int64_t n) {
  const entry *last = to->count > 0 ? &to->list[to->count - 1] : NULL;

  if (to->count == to->cap) {
    to->cap = to->cap > 0 ? to->cap * 2 : 4096;
    to->list = room(ml_mem_realloc(to->list, to->cap * sizeof *to->list));
    last = to->count > 0 ? &to->list[to->count - 1] : NULL;
  }
  if (value.s.p != NULL && last != NULL && ml_str_eq(value.s, last->value.s))
    value.s = last->value.s;
  else if (value.s.p != NULL)
    value.s.p = room(ml_arena_dup(&f->texts, value.s.p, value.s.n));
  to->list[to->count++] = (entry){value, n};
}

/* The record of its start, with what this one was started with. */
static void put_history(fill *f, const lead *l) {
  const ml_row_history *h = &f->p->history[0];

  ml_buf_reset(&f->pack);
  ml_buf_putc(&f->pack, ML_PACK_VERSION);
  ml_pack_i64(&f->pack, l->made_ms);
  ml_pack_u64(&f->pack, h->told);
  ml_pack_u64(&f->pack, h->no);
  ml_pack_str(&f->pack, h->name);
  ml_pack_str(&f->pack, h->who);
  ml_pack_str(&f->pack, h->text);
  ml_pack_str(&f->pack, ml_str_of(l->data));
  if (f->pack.bad)
    stop("memory is short", NULL);
  must(f, sqlite3_bind_int64(f->put[PUT_HISTORY], 1, l->n));
  must(f, sqlite3_bind_blob(f->put[PUT_HISTORY], 2, f->pack.p,
                            (int)f->pack.len, SQLITE_STATIC));
  put(f, PUT_HISTORY);
}

static void put_rows(fill *f, const lead *l) {
  sqlite3_stmt *st = f->put[PUT_PROCESS];

  must(f, sqlite3_bind_int64(st, 1, l->n));
  must(f, sqlite3_bind_blob(st, 2, l->id, sizeof l->id, SQLITE_STATIC));
  must(f, sqlite3_bind_int64(st, 3, l->made_ms));
  must(f, sqlite3_bind_text(st, 4, l->data, -1, SQLITE_STATIC));
  must(f, sqlite3_bind_int64(st, 5, f->p->row.n));
  put(f, PUT_PROCESS);
  put_history(f, l);
  if (f->object.p == NULL)
    return;
  must(f, sqlite3_bind_int64(f->put[PUT_OBJECT], 1, l->n));
  must(f, sqlite3_bind_int64(f->put[PUT_OBJECT], 2, f->p->row.n));
  put(f, PUT_OBJECT);
}

/* ---- entries ---- */

static void gather_key(fill *f, const lead *l) {
  const ml_json *value;
  ml_json *tree;
  ml_buf text = {0}, key = {0};

  if (f->key.p == NULL)
    return;
  if (ml_json_parse(&f->turn, l->data, strlen(l->data), NULL, &tree, NULL) !=
      ML_OK)
    stop("a lead cannot be read", l->data);
  value = ml_json_get(tree, f->key.p);
  if (value == NULL)
    stop("a lead has no primary key", f->key.p);
  ml_json_print(&text, value);
  ml_object_key(&key, f->team, (ml_str){text.p, text.len});
  if (text.bad || key.bad)
    stop("memory is short", NULL);
  add(f, &f->taken, (ml_skey){.cls = ML_SKEY_TEXT, .s = {key.p, key.len}}, l->n);
  ml_buf_free(&text);
  ml_buf_free(&key);
}

static void gather(fill *f, const lead *l) {
  const ml_row_process *row = &f->p->row;
  size_t count = f->p->field_count;
  ml_facts facts = {
    .status = row->status, .run = row->run, .state = row->state,
    .assigned_to = row->assigned_to, .subject = row->subject,
    .created_by = row->created_by, .first_assigned_to = row->first_assigned_to,
    .created_ms = l->made_ms, .updated_ms = l->made_ms,
    .completed_ms = row->completed_ms, .cancelled_ms = row->cancelled_ms,
    .next_action_ms = row->next_action_ms,
    .first_assigned_ms = row->first_assigned_ms,
    .last_assigned_ms = row->last_assigned_ms, .data = ml_str_of(l->data)};
  ml_skeys *values = room(ml_arena_zero(&f->turn, (count + 1) * sizeof *values));

  if (ml_facts_get(&f->turn, &facts, f->p->cols, count, values) != ML_OK)
    stop("a lead cannot be read", l->data);
  for (size_t i = 0; i < count; i++)
    for (size_t k = 0; k < values[i].count; k++)
      add(f, &f->fields[i], ml_skey_cut(values[i].p[k]), l->n);
}

static int in_order(const void *x, const void *y) {
  const entry *a = x, *b = y;
  int c = ml_skey_cmp(&a->value, &b->value);

  return c != 0 ? c : a->n < b->n ? -1 : a->n > b->n;
}

static void bind_value(fill *f, sqlite3_stmt *st, int i, const ml_skey *v) {
  switch (v->cls) {
  case ML_SKEY_INT: must(f, sqlite3_bind_int64(st, i, v->i)); break;
  case ML_SKEY_REAL: must(f, sqlite3_bind_double(st, i, v->d)); break;
  case ML_SKEY_TEXT:
    must(f, sqlite3_bind_text(st, i, v->s.p, (int)v->s.n, SQLITE_STATIC));
    break;
  case ML_SKEY_DECIMAL:
    must(f, sqlite3_bind_blob(st, i, v->s.p, (int)v->s.n, SQLITE_STATIC));
    break;
  default:
    must(f, sqlite3_bind_blob(st, i, "\xff", 1, SQLITE_STATIC));
    break;
  }
}

/* A chunk's entries, each index in its order. */
static void put_entries(fill *f) {
  sqlite3_stmt *st = f->put[PUT_ENTRY], *taken = f->put[PUT_TAKEN];

  for (size_t i = 0; i < f->p->field_count; i++) {
    entries *x = &f->fields[i];

    if (x->count > 0)
      qsort(x->list, x->count, sizeof *x->list, in_order);
    must(f, sqlite3_bind_int64(st, 1, f->p->fields[i].no));
    for (size_t k = 0; k < x->count; k++) {
      bind_value(f, st, 2, &x->list[k].value);
      must(f, sqlite3_bind_int64(st, 3, x->list[k].n));
      put(f, PUT_ENTRY);
    }
    x->count = 0;
  }
  if (f->taken.count > 0) {
    qsort(f->taken.list, f->taken.count, sizeof *f->taken.list, in_order);
    must(f, sqlite3_bind_int64(taken, 1, f->p->row.workflow));
    must(f, sqlite3_bind_text(taken, 2, f->key.p, (int)f->key.n,
                              SQLITE_STATIC));
  }
  for (size_t k = 0; k < f->taken.count; k++) {
    bind_value(f, taken, 3, &f->taken.list[k].value);
    must(f, sqlite3_bind_int64(taken, 4, f->taken.list[k].n));
    put(f, PUT_TAKEN);
  }
  f->taken.count = 0;
  ml_arena_free(&f->texts);
}

/* ---- the store ---- */

/* The text that one row gives for the pattern, in the arena; none. */
static ml_str ask(fill *f, const char *sql) {
  sqlite3_stmt *st;
  ml_str out = ML_NOSTR;
  int code;

  must(f, sqlite3_prepare_v2(f->db, sql, -1, &st, NULL));
  must(f, sqlite3_bind_int64(st, 1, f->p->row.n));
  code = sqlite3_step(st);
  if (code == SQLITE_ROW) {
    out.n = (size_t)sqlite3_column_bytes(st, 0);
    out.p = room(ml_arena_dup(&f->p->arena, sqlite3_column_blob(st, 0), out.n));
  } else {
    must(f, code);
  }
  must(f, sqlite3_finalize(st));
  return out;
}

static void begin(fill *f, const char *path) {
  if (sqlite3_open_v2(path, &f->db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
    stop("the store cannot be opened", path);
  run(f, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = OFF;"
         "PRAGMA cache_size = -262144; PRAGMA journal_mode = DELETE;"
         "BEGIN EXCLUSIVE");
  f->key = ask(f, "SELECT field FROM taken WHERE n = ?");
  f->object = ask(f, "SELECT '1' FROM object WHERE n = ?");
  f->team = ask(f, "SELECT team FROM object WHERE n = ? AND team IS NOT NULL");
  for (int i = 0; i < PUTS; i++)
    must(f, sqlite3_prepare_v2(f->db, texts[i], -1, &f->put[i], NULL));
  f->fields = room(ml_mem_zero((f->p->field_count + 1) * sizeof *f->fields));
}

/* The one flush: what the commit wrote, then the log's mode for the engine. */
static void end(fill *f, const char *path) {
  int fd;

  run(f, "COMMIT");
  fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0 || fsync(fd) != 0 || close(fd) != 0)
    stop("the store cannot be flushed", path);
  run(f, "PRAGMA synchronous = FULL; PRAGMA journal_mode = WAL");
  for (int i = 0; i < PUTS; i++)
    must(f, sqlite3_finalize(f->put[i]));
  must(f, sqlite3_close(f->db));
  for (size_t i = 0; i < f->p->field_count; i++)
    ml_mem_free(f->fields[i].list);
  ml_mem_free(f->fields);
  ml_mem_free(f->taken.list);
  ml_arena_free(&f->turn);
  ml_buf_free(&f->pack);
}

static void fill_store(const char *path, maker *m, int64_t count) {
  pattern p = {.rc = ML_OK};
  fill f = {.p = &p};
  lead l;

  m->n = read_pattern(&p, path);
  m->made_ms = p.row.created_ms;
  begin(&f, path);
  for (int64_t i = 1; i <= count; i++) {
    next_lead(m, &l);
    put_rows(&f, &l);
    gather(&f, &l);
    gather_key(&f, &l);
    ml_arena_free(&f.turn);
    if (i % CHUNK == 0 || i == count)
      put_entries(&f);
  }
  end(&f, path);
  ml_arena_free(&p.arena);
}

/* ---- showing ---- */

/* A line a row; leads go by their lead_id, moments by that of their row. */
static void show_rows(const char *path) {
  static const char sql[] =
    "SELECT 'process ' || (data ->> 'lead_id') || ' ' || quote(data) || ' ' ||"
    " quote(rest) || ' ' || status || ' ' || run || ' ' || quote(state) || ' ' ||"
    " quote(subject) || ' ' || quote(due) || ' ' || lease || ' ' || seq || ' ' ||"
    " (created_ms = updated_ms) || ' ' || quote(assigned_to) FROM process"
    " UNION ALL"
    " SELECT 'history ' || (p.data ->> 'lead_id') || ' ' || h.seq FROM history h"
    " JOIN process p ON p.n = h.n"
    " UNION ALL"
    " SELECT 'taken ' || (p.data ->> 'lead_id') || ' ' || t.field || ' ' || t.value"
    " FROM taken t JOIN process p ON p.n = t.n"
    " UNION ALL"
    " SELECT 'search ' || (p.data ->> 'lead_id') || ' ' || f.field || ' ' ||"
    " quote(CASE f.field WHEN '$createdAt' THEN s.value = p.created_ms"
    " WHEN '$updatedAt' THEN s.value = p.updated_ms ELSE s.value END)"
    " FROM search s JOIN search_field f ON f.no = s.field"
    " JOIN process p ON p.n = s.n ORDER BY 1";
  sqlite3_stmt *st = NULL;
  sqlite3 *db;
  int code;

  code = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL);
  if (code == SQLITE_OK)
    code = sqlite3_prepare_v2(db, sql, -1, &st, NULL);
  while (code == SQLITE_OK && (code = sqlite3_step(st)) == SQLITE_ROW) {
    puts((const char *)sqlite3_column_text(st, 0));
    code = SQLITE_OK;
  }
  if (code != SQLITE_DONE)
    stop("the store cannot be read", sqlite3_errmsg(db));
  sqlite3_finalize(st);
  sqlite3_close(db);
}

int main(int argc, char **argv) {
  bool show = argc == 3 && strcmp(argv[1], "--show") == 0;
  maker m = {.n = 1};            /* shown: as behind one that was there */
  int64_t count;
  lead l;

  if (argc == 3 && strcmp(argv[1], "--rows") == 0) {
    show_rows(argv[2]);
    return 0;
  }
  if (argc != 3 || !ml_text_int(ml_str_of(argv[2]), &count) || count < 1) {
    fprintf(stderr, "usage: leads STORE NUMBER\n"
                    "       leads --show NUMBER\n"
                    "       leads --rows STORE\n");
    return 2;
  }
  ml_rand_seed(&m.rand, (uint64_t)count);
  for (; show && count > 0; count--) {
    next_lead(&m, &l);
    puts(l.data);
  }
  if (!show)
    fill_store(argv[1], &m, count);
  return 0;
}
