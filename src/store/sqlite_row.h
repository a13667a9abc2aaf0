/*
** sqlite_row.h - for the files that write rows: from a batch's buffer into a
** statement, field by field, on the writer's thread.
**
** A file with a table of its own has three parts that must agree on the order
** of the fields: what gathers (ml_batch_begin, then ml_pack_*), what applies
** (row_begin, a call a field, row_step) and what reads (ml_col_*).
*/
#ifndef ML_STORE_SQLITE_ROW_H
#define ML_STORE_SQLITE_ROW_H

#include "store/sqlite.h"

/* A statement with what it is fed from. */
typedef struct ml_feed {
  ml_link *c;
  ml_unpack *in;
  ml_bind b;
} ml_feed;

ml_rc row_begin(ml_feed *r, ml_sql id);
/* Step the statement and make it ready again; the first error counts. */
ml_rc row_step(ml_feed *r);
/* n raw bytes of the buffer; NULL: it is too short. */
const char *row_take(ml_unpack *in, size_t n);

/* Fields that go from the buffer into the statement as they are. */
static inline void row_num(ml_feed *r) {
  ml_sql_i64(&r->b, (int64_t)ml_unpack_u64(r->in));
}
static inline void row_opt_num(ml_feed *r) {
  ml_sql_opt(&r->b, (int64_t)ml_unpack_u64(r->in));
}
static inline void row_ms(ml_feed *r) {
  ml_sql_i64(&r->b, ml_unpack_i64(r->in));
}
static inline void row_opt(ml_feed *r) {
  ml_sql_opt(&r->b, ml_unpack_i64(r->in));
}
static inline void row_text(ml_feed *r) {
  ml_sql_str(&r->b, ml_unpack_str(r->in));
}
static inline void row_blob(ml_feed *r) {
  ml_str s = ml_unpack_str(r->in);

  ml_sql_blob(&r->b, s.p, s.n);
}
static inline void row_bytes(ml_feed *r, size_t n) {
  ml_sql_blob(&r->b, row_take(r->in, n), n);
}

/* Where the next row's fields go; NULL when nothing can be put any more.
** Rows put before the first unit make one.  (sqlite_batch.c) */
ml_buf *ml_batch_begin(ml_batch *b, ml_op op);

/* What applies a row of each table that has a file of its own; the list of all
** is in sqlite_apply.c. */
ml_rc ml_apply_post(ml_feed *r);
ml_rc ml_apply_post_end(ml_feed *r);
ml_rc ml_apply_transaction(ml_feed *r);
ml_rc ml_apply_transaction_state(ml_feed *r);
ml_rc ml_apply_unique(ml_feed *r);
ml_rc ml_apply_unique_drop(ml_feed *r);
ml_rc ml_apply_replay(ml_feed *r);
ml_rc ml_apply_quarantine(ml_feed *r);
ml_rc ml_apply_keys_expire(ml_feed *r);
ml_rc ml_apply_occurrence_drop(ml_feed *r);
ml_rc ml_apply_search_set(ml_feed *r);
ml_rc ml_apply_search_fill(ml_feed *r);
ml_rc ml_apply_comment_edit(ml_feed *r);
ml_rc ml_apply_partner(ml_feed *r);
ml_rc ml_apply_partner_told(ml_feed *r);
ml_rc ml_apply_share(ml_feed *r);
ml_rc ml_apply_contact(ml_feed *r);
ml_rc ml_apply_job(ml_feed *r);
ml_rc ml_apply_job_done(ml_feed *r);
ml_rc ml_apply_job_cancel(ml_feed *r);
ml_rc ml_apply_entry(ml_feed *r);
ml_rc ml_apply_entry_end(ml_feed *r);
ml_rc ml_apply_object(ml_feed *r);
ml_rc ml_apply_record(ml_feed *r);
ml_rc ml_apply_task_more(ml_feed *r);
ml_rc ml_apply_webhook(ml_feed *r);
ml_rc ml_apply_mend(ml_feed *r);
ml_rc ml_apply_probe(ml_feed *r);
ml_rc ml_apply_key_set(ml_feed *r);
ml_rc ml_apply_key_fill(ml_feed *r);
ml_rc ml_apply_key_take(ml_feed *r);

/* (sqlite_keys.c)  n's value changes: it is no clash any more.  A value was given
** up: the first that wanted it takes it. */
ml_rc ml_key_settle(ml_feed *r, uint32_t workflow, ml_str field, int64_t n);
ml_rc ml_key_pass_on(ml_feed *r, uint32_t workflow, ml_str field,
                     ml_str value);

#endif
