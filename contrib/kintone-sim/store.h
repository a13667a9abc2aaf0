/*
** store.h - the simulator's SQLite file.
**
** All writing happens between ks_store_begin() and ks_store_commit() or
** _rollback(): one request, one transaction.  synchronous=NORMAL on a
** write-ahead log: what was committed survives a kill of the simulator.
** A failing disk ends the program with a sentence (util.h).
*/
#ifndef KS_STORE_H
#define KS_STORE_H

#include "call.h"

/* A record: its columns, and its fields in stored form (value.h). */
typedef struct ks_record {
  int64_t id, revision;
  int64_t created_ms, updated_ms;
  ks_person creator, modifier;
  const ml_json **value;      /* by ks_field.index; NULL for system fields */
} ks_record;

typedef struct ks_comment {
  int64_t id, created_ms;
  ml_str text;
  ks_person creator;
  ml_str mentions;            /* a JSON list */
} ks_comment;

/* One request under /k/.  `effect`: it changed the ledger. */
typedef struct ks_log {
  int64_t n, at_ms, app, record, revision;
  ml_str method, path, query, body, answer;
  int status;                 /* 0: the connection was cut */
  bool effect;
} ks_log;

typedef struct ks_notice {    /* a webhook notification */
  int64_t n, at_ms, app, record;
  ml_str type, url, body, state, why;   /* state: pending sent failed dropped */
  int status;
} ks_notice;

typedef struct ks_store ks_store;

ks_store *ks_store_open(const char *path);
void ks_store_close(ks_store *s);                /* NULL allowed */

void ks_store_begin(ks_store *s);
void ks_store_commit(ks_store *s);
void ks_store_rollback(ks_store *s);

/* ---- apps: their app.json ---- */
typedef void ks_app_fn(void *arg, int64_t id, ml_str def);
void ks_store_apps(ks_store *s, ks_app_fn *fn, void *arg);
void ks_store_save_app(ks_store *s, int64_t id, ml_str def);
int64_t ks_store_next_app(ks_store *s);
/* Forget all records and comments of an app; ids start again at 1. */
void ks_store_empty_app(ks_store *s, int64_t id);

/* ---- records ---- */
bool ks_store_get(ks_store *s, const ks_app *app, int64_t id, ml_arena *a,
                  ks_record *out);
/* Gives r->id, a number never used before in the app, and stores it. */
void ks_store_add(ks_store *s, const ks_app *app, ks_record *r);
void ks_store_update(ks_store *s, const ks_app *app, const ks_record *r);
void ks_store_delete(ks_store *s, const ks_app *app, int64_t id);
int64_t ks_store_next_row(ks_store *s, const ks_app *app);   /* of a table */

/* The record that holds `v` in the unique field f, or 0. */
int64_t ks_store_holder(ks_store *s, const ks_app *app, const ks_field *f,
                        const ml_json *v);

/* Each record, newest first or oldest first, until fn says false.  What is
** read lives in `a` (freed by the caller; fn may keep it). */
typedef bool ks_record_fn(void *arg, const ks_record *r);
void ks_store_each(ks_store *s, const ks_app *app, bool oldest_first,
                   int64_t after, ml_arena *a, ks_record_fn *fn, void *arg);

/* ---- comments ---- */
int64_t ks_store_add_comment(ks_store *s, const ks_app *app, int64_t record,
                             const ks_comment *c);        /* its number */
bool ks_store_get_comment(ks_store *s, const ks_app *app, int64_t record,
                          int64_t id, ml_arena *a, ks_comment *out);
void ks_store_delete_comment(ks_store *s, const ks_app *app, int64_t record,
                             int64_t id);
int64_t ks_store_count_comments(ks_store *s, const ks_app *app,
                                int64_t record);
/* At most `limit` of them into list; how many. */
size_t ks_store_comments(ks_store *s, const ks_app *app, int64_t record,
                         bool oldest_first, int64_t offset, size_t limit,
                         ml_arena *a, ks_comment *list);

/* ---- uploaded files ---- */
void ks_store_add_file(ks_store *s, ml_str key, ml_str name, ml_str type,
                       ml_str bytes);
/* Copied into `a`; false: no such key. */
bool ks_store_get_file(ks_store *s, ml_str key, ml_arena *a, ml_str *name,
                       ml_str *type, ml_str *bytes);

/* ---- what happened ---- */
void ks_store_add_log(ks_store *s, const ks_log *l);
typedef void ks_log_fn(void *arg, const ks_log *l);
void ks_store_logs(ks_store *s, int64_t after, int64_t limit, ks_log_fn *fn,
                   void *arg);
int64_t ks_store_add_notice(ks_store *s, const ks_notice *n);
void ks_store_end_notice(ks_store *s, int64_t n, const char *state,
                         int status, ml_str why);
void ks_store_end_pending(ks_store *s);     /* at start: they were lost */
int64_t ks_store_notices_since(ks_store *s, int64_t since_ms);  /* not dropped */
typedef void ks_notice_fn(void *arg, const ks_notice *n);
void ks_store_notices(ks_store *s, int64_t after, int64_t limit,
                      ks_notice_fn *fn, void *arg);
void ks_store_forget(ks_store *s);    /* log and notices */

/* A setting kept over restarts; none when never set. */
ml_str ks_store_setting(ks_store *s, const char *name, ml_arena *a);
void ks_store_set(ks_store *s, const char *name, ml_str value);

#endif
