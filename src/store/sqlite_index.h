/*
** sqlite_index.h - the index of search fields, inside the store: keeping it
** (sqlite_index.c) and what searching shares with that.
*/
#ifndef ML_STORE_SQLITE_INDEX_H
#define ML_STORE_SQLITE_INDEX_H

#include "store/search.h"
#include "store/sqlite_row.h"

/* The writer's copy of search_field; read again after what may change it. */
typedef struct ml_index ml_index;
void ml_index_forget(ml_link *c);
void ml_index_free(ml_index *x);               /* NULL allowed */

/* Around the write of a process's row: what its entries were, and then only
** those that changed. */
typedef struct ml_index_turn {
  bool wanted;                   /* its workflow has fields to search */
  uint32_t workflow;
  int64_t n;
  size_t count;
  ml_skeys *was;                 /* of each field, count 0: no entry */
} ml_index_turn;
ml_rc ml_index_before(ml_link *c, ml_index_turn *t, uint32_t workflow,
                      int64_t n, bool fresh);
ml_rc ml_index_after(ml_link *c, const ml_index_turn *t);

/* Columns of SQL_INDEX_ROW and SQL_INDEX_FILL, from `i` on. */
#define INDEX_COLUMNS \
  "workflow, deleted, status, run, state, assigned_to, subject, created_by," \
  " first_assigned_to, created_ms, updated_ms, completed_ms, cancelled_ms," \
  " next_action_ms, first_assigned_ms, last_assigned_ms, data"
/* The ids of others, from its row of `object`; without one: none. */
#define INDEX_OBJECT_COLUMNS "entity, record, belongs_to, booking"
/* As facts; texts are the row's own, until its statement moves. */
void ml_index_facts(sqlite3_stmt *st, int i, uint32_t *workflow, bool *deleted,
                    ml_facts *f);
void ml_index_object(sqlite3_stmt *st, ml_facts *f);     /* behind those */
void ml_sql_skey(ml_bind *b, const ml_skey *k);
void ml_col_skey(sqlite3_stmt *st, int i, ml_skey *k);   /* borrowed */
/* The column a field of the registry is. */
void ml_index_column(ml_str field, ml_ftype type, ml_column *out);
void ml_index_get_field(ml_cols *c, void *row);          /* an ml_search_field */

#endif
