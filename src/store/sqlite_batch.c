/*
** sqlite_batch.c - gathering rows on the owner's thread.
**
** A batch is one buffer of packed rows, each with its kind in front; units are
** offsets into it.  No SQLite here: the writer decodes (sqlite_apply.c).  The
** order of the fields of a row is the same in both files.
**
** History records that follow each other are packed into one row:
**   version, then for each record: ms since the one before, told, no, name,
**   who, text, data
** The first one's number is the row's key; the others count on from it.
*/
#include <assert.h>

#include "store/sqlite_row.h"

ml_batch *ml_batch_new(ml_store *s) {
  (void)s;
  return ml_mem_zero(sizeof(ml_batch));
}

void ml_batch_free(ml_batch *b) {
  if (b == NULL)
    return;
  ml_buf_free(&b->ops);
  ml_buf_free(&b->pack);
  ml_mem_free(b->units);
  ml_mem_free(b);
}

bool ml_batch_bad(const ml_batch *b) {
  return b == NULL || b->bad || b->ops.bad || b->pack.bad;
}

size_t ml_batch_size(const ml_batch *b) {
  return b != NULL ? b->ops.len + b->pack.len : 0;
}

size_t ml_batch_units(const ml_batch *b) {
  return b != NULL ? b->unit_count : 0;
}

size_t ml_batch_unit(ml_batch *b) {
  if (ml_batch_bad(b))
    return 0;
  ml_batch_seal(b);
  if (b->unit_count == b->unit_cap) {
    size_t cap = b->unit_cap > 0 ? b->unit_cap * 2 : 4;
    ml_unit *units = ml_mem_realloc(b->units, cap * sizeof *units);

    if (units == NULL) {
      b->bad = true;
      return 0;
    }
    b->units = units;
    b->unit_cap = cap;
  }
  b->units[b->unit_count] = (ml_unit){b->ops.len, ML_OK};
  return b->unit_count++;
}

ml_rc ml_batch_unit_rc(const ml_batch *b, size_t unit) {
  if (b == NULL)
    return ML_NOMEM;
  if (b->rc != ML_OK || unit >= b->unit_count)
    return b->rc;
  return b->units[unit].rc;
}

ml_buf *ml_batch_begin(ml_batch *b, ml_op op) {
  if (b == NULL)
    return NULL;
  ml_batch_seal(b);
  if (b->unit_count == 0)
    ml_batch_unit(b);
  if (ml_batch_bad(b))
    return NULL;
  b->rows++;
  ml_buf_putc(&b->ops, (char)op);
  return &b->ops;
}

static void put_bytes(ml_buf *o, const uint8_t *p, size_t n) {
  ml_buf_put(o, p, n);
}

void ml_batch_process(ml_batch *b, const ml_row_process *r) {
  ml_buf *o = ml_batch_begin(b, OP_PROCESS);

  if (o == NULL)
    return;
  assert(r->n > 0 && r->seq_was <= r->seq);
  if (r->n > b->last_n)
    b->last_n = r->n;
  ml_pack_u64(o, r->seq_was);
  ml_pack_u64(o, r->indexed);
  ml_pack_i64(o, r->n);
  ml_pack_u64(o, r->workflow);
  put_bytes(o, r->id, sizeof r->id);
  ml_pack_u64(o, r->bundle);
  ml_pack_u64(o, r->flow_index);
  ml_pack_u64(o, r->seq);
  ml_pack_i64(o, r->updated_ms);
  ml_pack_i64(o, r->completed_ms);
  ml_pack_i64(o, r->cancelled_ms);
  ml_pack_i64(o, r->next_action_ms);
  ml_pack_i64(o, r->first_assigned_ms);
  ml_pack_i64(o, r->last_assigned_ms);
  ml_pack_str(o, r->first_assigned_to);
  ml_pack_str(o, r->subject);
  ml_pack_str(o, r->rest);
  ml_pack_str(o, r->data);
  ml_pack_i64(o, r->due);
  ml_pack_u64(o, r->status);
  ml_pack_u64(o, r->run);
  ml_pack_bool(o, r->deleted);
  ml_pack_str(o, r->state);
  ml_pack_str(o, r->assigned_to);
  ml_pack_u64(o, r->workflow);
  ml_pack_i64(o, r->created_ms);
  ml_pack_str(o, r->created_by);
  ml_pack_i64(o, r->parent_n);
  ml_pack_i64(o, r->n);
}

void ml_batch_task(ml_batch *b, const ml_row_task *r) {
  ml_buf *o = ml_batch_begin(b, OP_TASK);

  if (o == NULL)
    return;
  ml_pack_i64(o, r->n);
  ml_pack_u64(o, r->no);
  ml_pack_u64(o, r->act);
  ml_pack_u64(o, r->lane);
  ml_pack_u64(o, r->status);
  ml_pack_i64(o, r->created_ms);
  ml_pack_i64(o, r->due_ms);
  ml_pack_i64(o, r->ended_ms);
  ml_pack_str(o, r->assignee);
  ml_pack_str(o, r->label);
  ml_pack_str(o, r->title);
  ml_pack_str(o, r->outcome);
  ml_pack_bool(o, r->failed);
}

/* ---- history ---- */

void ml_batch_seal(ml_batch *b) {
  if (b->pack_n == 0)
    return;
  if (!b->pack.bad) {
    ml_buf_putc(&b->ops, OP_HISTORY);
    ml_pack_i64(&b->ops, b->pack_n);
    ml_pack_u64(&b->ops, b->pack_seq);
    ml_pack_str(&b->ops, (ml_str){b->pack.p, b->pack.len});
    ml_buf_reset(&b->pack);
  }
  b->pack_n = 0;
}

static bool goes_on(const ml_batch *b, const ml_row_history *r) {
  return b->pack_n == r->n && b->pack_next == r->seq &&
         b->pack.len < ML_STORE_PACK_MAX;
}

void ml_batch_history(ml_batch *b, const ml_row_history *r) {
  ml_buf *o;

  if (ml_batch_bad(b))
    return;
  assert(r->n > 0 && r->seq > 0);
  if (!goes_on(b, r)) {
    ml_batch_seal(b);
    if (b->unit_count == 0)
      ml_batch_unit(b);
    if (ml_batch_bad(b))
      return;
    b->rows++;
    b->pack_n = r->n;
    b->pack_seq = r->seq;
    b->pack_at = 0;
    ml_buf_putc(&b->pack, ML_PACK_VERSION);
  }
  o = &b->pack;
  ml_pack_i64(o, r->at_ms - b->pack_at);
  ml_pack_u64(o, r->told);
  ml_pack_u64(o, r->no);
  ml_pack_str(o, r->name);
  ml_pack_str(o, r->who);
  ml_pack_str(o, r->text);
  ml_pack_str(o, r->data);
  b->pack_at = r->at_ms;
  b->pack_next = r->seq + 1;
}

/* ---- the other rows of a process ---- */

void ml_batch_journal(ml_batch *b, const ml_row_journal *r) {
  ml_buf *o = ml_batch_begin(b, OP_JOURNAL);

  if (o == NULL)
    return;
  ml_pack_i64(o, r->n);
  ml_pack_u64(o, r->act);
  ml_pack_str(o, r->call);
  ml_pack_u64(o, r->kind);
  ml_pack_u64(o, r->attempt);
  ml_pack_u64(o, r->place);
  put_bytes(o, r->hash, sizeof r->hash);
  ml_pack_i64(o, r->at_ms);
  ml_pack_str(o, r->answer);
}

void ml_batch_journal_drop(ml_batch *b, int64_t n, uint32_t act, ml_str call) {
  ml_buf *o = ml_batch_begin(b, OP_JOURNAL_DROP);

  if (o == NULL)
    return;
  ml_pack_i64(o, n);
  ml_pack_u64(o, act);
  ml_pack_str(o, call);
}

void ml_batch_comment(ml_batch *b, const ml_row_comment *r) {
  ml_buf *o = ml_batch_begin(b, OP_COMMENT);

  if (o == NULL)
    return;
  ml_pack_i64(o, r->n);
  ml_pack_u64(o, r->no);
  ml_pack_i64(o, r->at_ms);
  ml_pack_str(o, r->who);
  ml_pack_str(o, r->text);
  ml_pack_str(o, r->visibility);
  ml_pack_u64(o, r->partner);
  ml_pack_u64(o, r->far);
}

void ml_batch_mail(ml_batch *b, const ml_row_mail *r) {
  ml_buf *o = ml_batch_begin(b, OP_MAIL);

  if (o == NULL)
    return;
  ml_pack_i64(o, r->n);
  ml_pack_u64(o, r->no);
  ml_pack_i64(o, r->at_ms);
  ml_pack_str(o, r->name);
  ml_pack_str(o, r->data);
}

void ml_batch_mail_drop(ml_batch *b, int64_t n, uint32_t no) {
  ml_buf *o = ml_batch_begin(b, OP_MAIL_DROP);

  if (o == NULL)
    return;
  ml_pack_i64(o, n);
  ml_pack_u64(o, no);
}

void ml_batch_key(ml_batch *b, const ml_row_key *r) {
  ml_buf *o = ml_batch_begin(b, OP_KEY);

  if (o == NULL)
    return;
  put_bytes(o, r->key, sizeof r->key);
  put_bytes(o, r->body, sizeof r->body);
  ml_pack_i64(o, r->age_ms);
  ml_pack_i64(o, r->status);
  ml_pack_str(o, r->answer);
}

/* ---- small tables ---- */

void ml_batch_bundle(ml_batch *b, const ml_row_bundle *r) {
  ml_buf *o = ml_batch_begin(b, OP_BUNDLE);

  if (o == NULL)
    return;
  ml_pack_u64(o, r->no);
  put_bytes(o, r->hash, sizeof r->hash);
  ml_pack_str(o, r->folder);
  ml_pack_i64(o, r->at_ms);
  ml_pack_str(o, r->tree);
  ml_pack_str(o, r->sources);
}

void ml_batch_workflow(ml_batch *b, const ml_row_workflow *r) {
  ml_buf *o = ml_batch_begin(b, OP_WORKFLOW);

  if (o == NULL)
    return;
  ml_pack_u64(o, r->no);
  ml_pack_str(o, r->name);
  ml_pack_u64(o, r->bundle);
  ml_pack_u64(o, r->flow_index);
}

void ml_batch_trigger(ml_batch *b, const ml_row_trigger *r) {
  ml_buf *o = ml_batch_begin(b, OP_TRIGGER);

  if (o == NULL)
    return;
  ml_pack_str(o, r->workflow);
  ml_pack_str(o, r->name);
  ml_pack_str(o, r->state);
  ml_pack_i64(o, r->due_ms);
  ml_pack_i64(o, r->removed_ms);
}

void ml_batch_occurrence(ml_batch *b, ml_str workflow, ml_str trigger,
                         ml_str identity, int64_t age_ms, int64_t n) {
  ml_buf *o = ml_batch_begin(b, OP_OCCURRENCE);

  if (o == NULL)
    return;
  ml_pack_str(o, workflow);
  ml_pack_str(o, trigger);
  ml_pack_str(o, identity);
  ml_pack_i64(o, age_ms);
  ml_pack_i64(o, n);
}

void ml_batch_lane(ml_batch *b, const ml_row_lane *r) {
  ml_buf *o = ml_batch_begin(b, OP_LANE);

  if (o == NULL)
    return;
  ml_pack_u64(o, r->no);
  ml_pack_str(o, r->workflow);
  ml_pack_str(o, r->lane);
}

void ml_batch_member(ml_batch *b, const ml_row_member *r, bool in) {
  ml_buf *o = ml_batch_begin(b, OP_MEMBER);

  if (o == NULL)
    return;
  ml_pack_bool(o, in);
  ml_pack_u64(o, r->lane);
  ml_pack_str(o, r->user);
}

void ml_batch_user(ml_batch *b, const ml_row_user *r) {
  ml_buf *o = ml_batch_begin(b, OP_USER);

  if (o == NULL)
    return;
  ml_pack_str(o, r->id);
  ml_pack_str(o, r->name);
  ml_pack_str(o, r->email);
  ml_pack_bool(o, r->active);
  ml_pack_str(o, r->team);
}

void ml_batch_token(ml_batch *b, const ml_row_token *r) {
  ml_buf *o = ml_batch_begin(b, OP_TOKEN);

  if (o == NULL)
    return;
  ml_pack_str(o, r->id);
  put_bytes(o, r->hash, sizeof r->hash);
  ml_pack_str(o, r->user);
  ml_pack_str(o, r->scopes);
  ml_pack_i64(o, r->created_ms);
  ml_pack_i64(o, r->expires_ms);
  ml_pack_str(o, r->team);
}

void ml_batch_token_drop(ml_batch *b, ml_str id) {
  ml_buf *o = ml_batch_begin(b, OP_TOKEN_DROP);

  if (o != NULL)
    ml_pack_str(o, id);
}

void ml_batch_setting(ml_batch *b, const ml_row_setting *r) {
  ml_buf *o = ml_batch_begin(b, OP_SETTING);

  if (o == NULL)
    return;
  ml_pack_str(o, r->workflow);
  ml_pack_str(o, r->key);
  ml_pack_str(o, r->value);
  ml_pack_bool(o, r->secret);
}
