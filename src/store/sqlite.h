/*
** sqlite.h - what the files of this folder share; nobody else includes it
** (but tests/test_store_plan.c, which looks at every statement).
**
** Who touches what: the writer's connection belongs to the writer thread, the
** reader's to the reader thread, the rest of ml_store to the owner's thread or
** to whoever holds `mu`, as it is marked.  Inline, all three are one thread and
** the two connections are one.
*/
#ifndef ML_STORE_SQLITE_H
#define ML_STORE_SQLITE_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

#include "store/store.h"

enum {
  ML_STORE_ROW_MAX = (16 << 20) + (64 << 10),  /* bytes of a row or text */
  ML_STORE_LOG_MAX = 16 << 20,         /* WAL: a checkpoint is due */
  ML_STORE_LOG_ALARM = 4,              /* times log_max: a warning */
  ML_STORE_LOG_SOFT = 4,               /* log_max / this: when nobody waits */
  ML_STORE_GROUP_UNITS = 500,          /* most units in one commit, ... */
  ML_STORE_GROUP_BYTES = 4 << 20,      /* ... and bytes gathered (one batch
                                          may be larger) */
  ML_STORE_PACK_MAX = 64 << 10,        /* bytes of a packed history row */
  ML_STORE_REPLAY_FORGET = 16,         /* replay rows forgotten by a new one */
  ML_STORE_READ_MS = 5000,             /* one read job */
  ML_STORE_SCAN_MAX = 20000,           /* rows looked at for one page */
  ML_STORE_LANES_MAX = 64              /* lanes in one ml_read_tasks */
};

/* ---- statements (sqlite_sql.c) ---- */

typedef enum ml_sql {
  SQL_BEGIN, SQL_COMMIT, SQL_ROLLBACK, SQL_BEGIN_READ,
  SQL_SAVE, SQL_SAVE_RELEASE, SQL_SAVE_ROLLBACK,
  SQL_PAGE_COUNT,
  SQL_BOOT, SQL_BOOT_BEFORE, SQL_LAST_N, SQL_LAST_TX,
  /* writing */
  SQL_PROCESS_INSERT, SQL_PROCESS_UPDATE,
  SQL_PROCESS_UPDATE_DUE, SQL_PROCESS_UPDATE_ALL,
  SQL_TASK_PUT, SQL_HISTORY_PUT, SQL_JOURNAL_PUT, SQL_JOURNAL_DROP,
  SQL_COMMENT_PUT, SQL_MAIL_PUT, SQL_MAIL_DROP, SQL_KEY_PUT, SQL_KEYS_EXPIRE,
  SQL_BUNDLE_PUT, SQL_WORKFLOW_PUT, SQL_TRIGGER_PUT, SQL_OCCURRENCE_PUT,
  SQL_LANE_PUT, SQL_MEMBER_PUT, SQL_MEMBER_DROP, SQL_USER_PUT, SQL_TOKEN_PUT,
  SQL_TOKEN_DROP, SQL_SETTING_PUT, SQL_SETTING_DROP,
  SQL_TX_INSERT, SQL_TX_STATE,
  SQL_OBJECT_PUT, SQL_OBJECT_DROP,
  SQL_RECORD_PUT, SQL_RECORD_UPDATE, SQL_TASK_MORE_PUT,
  /* reading one process */
  SQL_PROCESS_GET, SQL_JOURNAL_ALL, SQL_JOURNAL_ACT, SQL_HISTORY_FROM,
  SQL_HISTORY_AFTER, SQL_COMMENTS, SQL_COMMENT_LAST, SQL_MAIL, SQL_KEY_GET,
  SQL_TASKS_OF, SQL_TASK_GET, SQL_RECORD_GET, SQL_TEAM_IS,
  SQL_TASK_MORE_GET,
  SQL_OBJECT_GET,
  /* finding */
  SQL_DUE, SQL_DUE_AT, SQL_LEASES, SQL_LEASES_AT, SQL_NEXT_DUE,
  SQL_NEXT_LEASE, SQL_UPDATED,
  SQL_FIND_TEAM, SQL_FIND_OBJECT_ENTITY, SQL_FIND_OBJECT_RECORD,
  SQL_FIND_OBJECT_BELONGS, SQL_FIND_OBJECT_BOOKING,
  SQL_FIND_ALL, SQL_FIND_PARENT, SQL_FIND_RUN, SQL_FIND_ASSIGNED,
  SQL_FIND_STATE, SQL_FIND_OPEN_OF, SQL_FIND_OPEN,
  SQL_TASKS_ALL, SQL_TASKS_OPEN, SQL_TASKS_OFFERED, SQL_TASKS_OFFERED_ANY,
  SQL_TASKS_ALLOCATED,
  SQL_COUNT_OPEN, SQL_COUNT_TASKS, SQL_COUNT_INCIDENTS,
  /* transactions */
  SQL_TX_GET, SQL_TX_ALL, SQL_TX_TENANT, SQL_TX_TYPE, SQL_TX_OPEN,
  SQL_TX_ACTIVE, SQL_TX_ONCE, SQL_TX_OF,
  /* small tables */
  SQL_BUNDLES, SQL_BUNDLE_GET, SQL_WORKFLOWS, SQL_TRIGGERS, SQL_OCCURRENCE_GET,
  SQL_LANES, SQL_MEMBERS, SQL_USERS, SQL_TOKENS, SQL_SETTINGS_ALL,
  SQL_SETTINGS_OF,
  /* outbox (sqlite_outbox.c) */
  SQL_POST_PUT, SQL_POST_DROP, SQL_POST_AGAIN, SQL_POST_ASIDE, SQL_POST_RESEND,
  SQL_POST_BEHIND, SQL_POST_HEAD, SQL_POST_DUE, SQL_POST_FAR, SQL_POST_NEXT,
  SQL_POST_GET,
  SQL_POSTS, SQL_POSTS_ASIDE, SQL_POST_COUNT, SQL_POST_COUNT_ASIDE,
  SQL_POST_OLDEST,
  /* taken values */
  SQL_UNIQUE_PUT, SQL_UNIQUE_DROP, SQL_UNIQUE_GET,
  /* requests that were taken */
  SQL_REPLAY_PUT, SQL_REPLAY_FORGET, SQL_REPLAY_GET,
  /* search fields, their entries, walks along them */
  SQL_SEARCH_FIELDS, SQL_SEARCH_FIELD_PUT, SQL_SEARCH_FIELD_DROP,
  SQL_SEARCH_GONE, SQL_SEARCH_DONE, SQL_SEARCH_EMPTY, SQL_SEARCH_PUT,
  SQL_KEY_FIELDS, SQL_KEY_FIELD_GET, SQL_KEY_FIELD_PUT, SQL_KEY_FIELD_DROP,
  SQL_KEY_GONE, SQL_KEY_DONE, SQL_KEY_EMPTY, SQL_KEY_FILL, SQL_CLASH_PUT,
  SQL_CLASH_DROP, SQL_CLASH_NEXT, SQL_CLASH_EMPTY, SQL_CLASHES,
  SQL_SEARCH_DROP, SQL_INDEX_ROW, SQL_INDEX_FILL, SQL_SEARCH_ROW_OBJECT,
  SQL_SEARCH_ENTITY, SQL_SEARCH_RECORD, SQL_SEARCH_BELONGS, SQL_SEARCH_BOOKING,
  SQL_SEARCH_EQ_UP, SQL_SEARCH_EQ_DOWN, SQL_SEARCH_UP, SQL_SEARCH_DOWN,
  SQL_SEARCH_ALL, SQL_SEARCH_OPEN_OF,
  /* partners (sqlite_partner.c) */
  SQL_COMMENT_EDIT, SQL_COMMENT_FAR, SQL_PARTNER_PUT, SQL_PARTNER_TOLD,
  SQL_SHARE_PUT, SQL_CONTACT_PUT, SQL_PARTNERS, SQL_PARTNER_TOLDS, SQL_SHARES,
  SQL_SHARE_FAR,
  SQL_CONTACT_EMAIL, SQL_CONTACT_PHONE, SQL_CONTACT_LAST, SQL_POST_OF,
  /* jobs */
  SQL_JOB_PUT, SQL_JOB_DONE, SQL_JOB_CANCEL, SQL_ENTRIES_CANCEL, SQL_JOB_GET, SQL_JOB_OPEN, SQL_ENTRY_PUT,
  SQL_ENTRY_END, SQL_ENTRIES, SQL_ENTRIES_OF, SQL_ENTRY_COUNT,
  SQL_WEBHOOK_PUT, SQL_WEBHOOKS,
  /* the age, and what is old (sqlite_age.c) */
  SQL_AGE_GET, SQL_AGE_PUT, SQL_KEYS_OLD, SQL_OCCURRENCES, SQL_OCCURRENCE_DROP,
  /* bundles in quarantine */
  SQL_QUARANTINE_PUT, SQL_QUARANTINE_DROP, SQL_QUARANTINES,
  /* looking for broken ones (sqlite_audit.c) */
  SQL_AUDIT, SQL_AUDIT_OPEN, SQL_AUDIT_FAILURES, SQL_AUDIT_ERRORS,
  SQL_AUDIT_NEXT, SQL_AUDIT_MEND, SQL_PROBE,
  SQL_COUNT
} ml_sql;

typedef struct ml_sql_text {
  const char *text;
  const char *scan;   /* why it may walk a whole table or index; NULL: it
                         must not (tests/test_store_plan.c) */
} ml_sql_text;

extern const ml_sql_text ml_sql_texts[SQL_COUNT];

/* A connection and its statements, each prepared when first used and kept. */
typedef struct ml_link {
  sqlite3 *db;
  sqlite3_stmt *st[SQL_COUNT];
  struct ml_index *index;       /* the writer's: sqlite_index.c */
} ml_link;

/* NULL: *rc says why. */
sqlite3_stmt *ml_link_stmt(ml_link *c, ml_sql id, ml_rc *rc);
/* A statement without parameters and rows: step, reset.  SQLite's code. */
int ml_link_run(ml_link *c, ml_sql id);
void ml_link_close(ml_link *c);

/* What an SQLite code means for whoever asked.  For a COMMIT, see commit() in
** sqlite_write.c: there the same code may mean "unknown". */
ml_rc ml_sqlite_rc(int code);

/* Parameters and columns in order, from the first; look at the end. */
typedef struct ml_bind {
  sqlite3_stmt *st;
  int i;              /* last one bound */
  int rc;             /* first SQLite error */
} ml_bind;
void ml_sql_i64(ml_bind *b, int64_t v);
void ml_sql_opt(ml_bind *b, int64_t v);             /* 0: NULL */
void ml_sql_str(ml_bind *b, ml_str s);             /* none: NULL; borrowed */
void ml_sql_blob(ml_bind *b, const void *p, size_t n);
void ml_sql_real(ml_bind *b, double v);

typedef struct ml_cols {
  sqlite3_stmt *st;
  ml_arena *a;        /* where texts are copied to */
  int i;              /* next one */
  bool nomem;
  bool bad;           /* a value that is no such value: ML_CORRUPT */
} ml_cols;
int64_t ml_col_i64(ml_cols *c);                      /* NULL: 0 */
uint32_t ml_col_u32(ml_cols *c, uint32_t max);
ml_str ml_col_str(ml_cols *c);                       /* NULL: none */
void ml_col_bytes(ml_cols *c, void *out, size_t n);  /* exactly n, or bad */

/* ---- schema (migrate.c) ---- */

typedef struct ml_migration {
  const char *sql;    /* from the version before to this one */
} ml_migration;

extern const char ml_schema_transaction[];   /* schema_transaction.c */
extern const ml_migration ml_migrations[];           /* [0] makes version 1 */
extern const uint32_t ml_migration_count;

/* The text of each step after the first, by its concept (schema_*.c). */
extern const char ml_schema_outbox[];
extern const char ml_schema_unique[];
extern const char ml_schema_replay[];
extern const char ml_schema_quarantine[];
extern const char ml_schema_task_failed[];
extern const char ml_schema_search[];
extern const char ml_schema_partner[];
extern const char ml_schema_bulk[];
extern const char ml_schema_object[];
extern const char ml_schema_webhook[];
extern const char ml_schema_age[];
extern const char ml_schema_key[];
extern const char ml_schema_job_cancel[];
extern const char ml_schema_idem[];
extern const char ml_schema_history[];

/*
** Bring `db` from its user_version to `count`, each step in a transaction of
** its own.  With path and something to migrate, FILE.before-N is made first
** through the same VFS.
*/
ml_rc ml_migrate(sqlite3 *db, const char *path, const char *vfs,
                 const ml_migration *list, uint32_t count, ml_err *e);
/* ML_REFUSED when it is newer than `count`, or not a store of ours.  Looks
** only.  *version: 0 when the file is empty. */
ml_rc ml_migrate_check(sqlite3 *db, uint32_t count, uint32_t *version,
                       ml_err *e);

/* ---- batches (sqlite_batch.c gathers, sqlite_apply.c writes) ---- */

/* Something on its way: to a store thread, then back to the owner. */
typedef struct ml_job {
  struct ml_job *next;
  bool is_read;
  bool is_backup;          /* backup.c */
} ml_job;

typedef struct ml_jobs {
  ml_job *head, *tail;
} ml_jobs;

void ml_jobs_put(ml_jobs *q, ml_job *j);
ml_job *ml_jobs_take(ml_jobs *q);                    /* NULL: empty */

typedef enum ml_op {
  OP_PROCESS = 1, OP_TASK, OP_HISTORY, OP_JOURNAL, OP_JOURNAL_DROP,
  OP_COMMENT, OP_MAIL, OP_MAIL_DROP, OP_KEY, OP_KEYS_EXPIRE, OP_BUNDLE,
  OP_WORKFLOW, OP_TRIGGER, OP_OCCURRENCE, OP_LANE, OP_MEMBER, OP_USER,
  OP_TOKEN, OP_TOKEN_DROP, OP_SETTING, OP_POST, OP_POST_END, OP_UNIQUE,
  OP_UNIQUE_DROP, OP_REPLAY, OP_SEARCH_SET, OP_SEARCH_FILL, OP_COMMENT_EDIT,
  OP_PARTNER, OP_PARTNER_TOLD, OP_SHARE, OP_CONTACT, OP_JOB, OP_JOB_DONE,
  OP_ENTRY, OP_ENTRY_END, OP_TX, OP_TX_STATE, OP_OBJECT, OP_RECORD,
  OP_TASK_MORE, OP_WEBHOOK, OP_QUARANTINE, OP_MEND, OP_PROBE,
  OP_OCCURRENCE_DROP, OP_KEY_SET, OP_KEY_FILL, OP_KEY_TAKE, OP_JOB_CANCEL,
  OP_COUNT
} ml_op;

typedef struct ml_unit {
  size_t start;       /* in ops */
  ml_rc rc;
} ml_unit;

struct ml_batch {
  ml_job job;         /* first: a batch is a job */
  ml_buf ops;         /* unit after unit: kind, packed row, kind, ... */
  ml_unit *units;
  size_t unit_count, unit_cap;
  ml_buf pack;        /* history records not yet in ops: */
  int64_t pack_n;     /* process; 0: none */
  uint64_t pack_seq, pack_next;
  int64_t pack_at;    /* moment of the last one */
  int64_t last_n;     /* highest process put */
  uint64_t rows;
  size_t posts;       /* rows put into the outbox */
  bool bad;
  ml_batch_fn *done;
  void *arg;
  ml_rc rc;
};

/* End an open pack of history, so that ops is complete. */
void ml_batch_seal(ml_batch *b);
/* Write the next row of *ops.  ML_STALE, ML_EXISTS, ML_INVALID and ML_LIMIT
** concern its unit alone; all else the whole transaction. */
ml_rc ml_apply_row(ml_link *c, ml_unpack *ops);

/*
** The number of a row of history: its process, up to 2^39, and in the last 24
** bits its first record, up to ML_STORE_HISTORY_MAX.
*/
#define ML_HISTORY_N_MAX ((INT64_C(1) << 39) - 1)
static inline int64_t ml_history_number(int64_t n, uint64_t seq) {
  return n * (ML_STORE_HISTORY_MAX + 1) + (int64_t)seq;
}

/* Version of a packed history row: its first byte. */
#define ML_PACK_VERSION 1

/* ---- the store ---- */

typedef struct ml_store_counts {
  atomic_uint_fast64_t commits, syncs, rows, batches, units, checkpoints,
      checkpoint_busy, log_bytes, db_bytes, reads;
} ml_store_counts;

#define ML_LOG_HEADER 32    /* bytes of the log before its first frame */

/* The writer's view of the log (its thread only). */
typedef struct ml_walog {
  char header[ML_LOG_HEADER];   /* after the last commit */
  bool known;             /* it could be read */
  uint64_t frames;        /* in the log */
  uint64_t copied;        /* of them, in the database file too */
  uint64_t tried;         /* frames when a checkpoint was last tried */
  bool shut;              /* the gate is */
  bool blocked;           /* RESTART failed: a reader of another program */
  bool hooked;            /* the last COMMIT wrote something */
  bool alarm;             /* "log-large" was told */
  bool failing;           /* "checkpoint-failed" was told */
} ml_walog;

struct ml_store {
  /* set by open */
  char *path;
  bool memory, threaded, read_only;
  ml_clock *clock;
  void (*notify)(void *arg);
  void *notify_arg;
  uint64_t log_max;
  int64_t page_size;
  int lock_fd;            /* -1: none */
  int64_t boot, boot_before_ms;
  bool aged;              /* the age goes on from: */
  int64_t age_base, age_from;      /* what it was then; the clock then */
  ml_link writer, reader; /* reader.db is NULL when they are one */
  ml_store_counts counts;
  /* the owner's */
  int64_t last_n, last_transaction;
  size_t batches_out, reads_out;   /* handed over, not yet reaped */
  bool reading;           /* inline: inside a job */
  bool backup;            /* one is under way */
  atomic_bool backup_stop;
  /* the writer's */
  ml_walog log;
  int64_t age_saved, age_saving;   /* the row's; what a commit will make it */
  atomic_int dead;        /* an ml_rc; a flush failed: answer this for ever.
                             The owner looks too: ml_store_state() */
  /* under mu */
  pthread_mutex_t mu;
  pthread_cond_t to_write, to_read, to_owner;
  bool mu_made;
  ml_jobs writes, reads, done;
  bool stopping;
  bool gate;              /* no new read job until the log has been reset */
  bool in_read;           /* the reader has a snapshot */
  pthread_t write_thread, read_thread;
  bool write_on, read_on;
};

/* The connection that reads use. */
ml_link *ml_store_reader(ml_store *s);

/* sqlite_write.c */
void ml_writer_init(ml_store *s);                    /* hooks; before use */
ml_rc ml_writer_renew(ml_store *s);                  /* first write of all */
void ml_writer_look(ml_store *s);                    /* after a commit that
                                                        no group made */
void ml_writer_run(ml_store *s, ml_batch *b);        /* inline */
void *ml_writer_main(void *store);
void ml_writer_leave(ml_store *s);                   /* last checkpoint */
/* sqlite_age.c */
ml_rc ml_age_open(ml_store *s);
ml_rc ml_age_save(ml_store *s);                      /* into a transaction, */
void ml_age_saved(ml_store *s);                      /* which is on disk */
/* sqlite_read.c */
void *ml_reader_main(void *store);
void ml_read_done(ml_store *s, ml_job *job);         /* reaped: tell, free */
/* sqlite_jobs.c: hand finished jobs back to the owner (any thread). */
void ml_store_finished(ml_store *s, ml_jobs *jobs);
/* sqlite_open.c: a thread that takes no signal.  0, or an errno. */
int ml_store_thread(pthread_t *t, void *(*fn)(void *), void *arg);
/* backup.c */
void ml_backup_reaped(ml_store *s, ml_job *job);

struct ml_read {
  ml_store *s;
  ml_link *c;
  ml_rc rc;               /* not ML_OK: no snapshot could be had */
  int64_t until_ms;       /* monotonic */
};

/* Ready to step a statement of a reader: bound by the caller through *b. */
ml_rc ml_read_begin(ml_read *r, ml_sql id, ml_bind *b);
/* Every row through `fn` into a list of `size`-byte elements in the arena,
** then reset.  fn reads its columns in order; limit 0: all. */
typedef void ml_row_fn(ml_cols *c, void *row);
void ml_get_comment(ml_cols *c, void *row);          /* COMMENT_COLUMNS */
ml_rc ml_read_list(ml_read *r, ml_arena *a, ml_bind *b, size_t size,
                   size_t limit, ml_row_fn *fn, void *out, size_t *count);
/* The one row; ML_NOT_FOUND.  */
ml_rc ml_read_one(ml_read *r, ml_arena *a, ml_bind *b, ml_row_fn *fn,
                  void *row);
/* Room for one more element; NULL: out of memory. */
void *ml_read_grow(ml_arena *a, void *list, size_t count, size_t *cap,
                   size_t size);

#endif
