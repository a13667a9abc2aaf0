/*
** process_pack.c - the bytes a process is stored as, and back.
**
** Unpack checks every index against the flow: a row may be damaged, and what
** comes out of here the engine relies upon.
*/
#include <string.h>

#include "base/json.h"
#include "model/process.h"

/* What belongs to a process's ids stands before the version of the rest, and
** only when there are some. */
enum { PACK_VERSION = 1, PACK_OBJECT = 2, LIST_MAX = 100000 };

bool ml_object_any(const ml_object *o) {
  return o->team.p != NULL || o->entity.p != NULL || o->record.p != NULL ||
         o->belongs_to.p != NULL || o->booking.p != NULL;
}

void ml_object_key(ml_buf *out, ml_str team, ml_str value) {
  if (team.p != NULL) {
    ml_buf_put(out, team.p, team.n);
    ml_buf_putc(out, '\n');       /* in no team's name, in no JSON */
  }
  ml_buf_put(out, value.p, value.n);
}

static void pack_object(const ml_object *o, ml_buf *b) {
  if (!ml_object_any(o))
    return;
  ml_pack_u64(b, PACK_OBJECT);
  ml_pack_str(b, o->team);
  ml_pack_str(b, o->entity);
  ml_pack_str(b, o->record);
  ml_pack_str(b, o->belongs_to);
  ml_pack_str(b, o->booking);
}

/* Up to and with the version of the rest; false: it is no such record. */
static bool unpack_object(ml_unpack *r, ml_object *o) {
  uint32_t v = ml_unpack_u32(r, PACK_OBJECT);

  *o = (ml_object){0};
  if (v == PACK_OBJECT) {
    o->team = ml_unpack_str(r);
    o->entity = ml_unpack_str(r);
    o->record = ml_unpack_str(r);
    o->belongs_to = ml_unpack_str(r);
    o->booking = ml_unpack_str(r);
    v = ml_unpack_u32(r, PACK_VERSION);
  }
  return !r->bad && v == PACK_VERSION;
}

void ml_process_peek(ml_str packed, ml_object *out) {
  ml_unpack r = ml_unpack_of(packed.p, packed.n);

  if (!unpack_object(&r, out))
    *out = (ml_object){0};
}

/* What only some processes have comes last, each with its number in front; a
** process without any pays no byte.  Numbers are never used again. */
enum { EXTRA_TRANSACTION = 1 };

static void pack_strands(const ml_process *p, const ml_flow *f, ml_buf *b) {
  ml_pack_u64(b, p->strand_count);
  for (uint32_t i = 0; i < p->strand_count; i++) {
    const ml_strand *s = &p->strands[i];

    ml_pack_u64(b, s->no);
    ml_pack_u64(b, s->parent);
    ml_pack_u64(b, s->list);
    ml_pack_u64(b, s->phase);
    ml_pack_u64(b, (s->ended ? 1u : 0u) | (s->judging ? 2u : 0u) |
                       (s->stuck ? 4u : 0u));
    ml_pack_u64(b, s->slice);
    for (uint16_t k = 0; k < f->lists[s->list].phase_count; k++)
      ml_pack_u64(b, s->entered[k]);
  }
}

static bool unpack_strands(ml_process *p, const ml_flow *f, ml_unpack *r) {
  uint32_t n = ml_unpack_u32(r, LIST_MAX);

  for (uint32_t i = 0; i < n && !r->bad; i++) {
    uint32_t no = ml_unpack_u32(r, UINT32_MAX);
    uint32_t parent = ml_unpack_u32(r, UINT32_MAX);
    uint32_t list = ml_unpack_u32(r, UINT16_MAX);
    uint32_t phase = ml_unpack_u32(r, UINT16_MAX), flags;
    ml_strand *s;

    if (r->bad || list >= f->list_count || phase < f->lists[list].first_phase ||
        phase >= (uint32_t)f->lists[list].first_phase +
                     f->lists[list].phase_count) {
      r->bad = true;
      break;
    }
    s = ml_process_add_strand(p, f, (uint16_t)list);
    if (s == NULL)
      return false;
    s->no = no;
    s->parent = parent;
    s->phase = (uint16_t)phase;
    flags = ml_unpack_u32(r, 7);
    s->ended = (flags & 1) != 0;
    s->judging = (flags & 2) != 0;
    s->stuck = (flags & 4) != 0;
    s->slice = ml_unpack_u32(r, UINT32_MAX);
    for (uint16_t k = 0; k < f->lists[list].phase_count; k++)
      s->entered[k] = (uint16_t)ml_unpack_u32(r, UINT16_MAX);
  }
  return true;
}

static void pack_act(const ml_act *a, ml_buf *b) {
  ml_pack_u64(b, a->no);
  ml_pack_u64(b, a->strand);
  ml_pack_u64(b, a->def);
  ml_pack_u64(b, a->status);
  ml_pack_u64(b, a->wait);
  ml_pack_u64(b, (a->aside ? 1u : 0u) | (a->asking ? 2u : 0u));
  ml_pack_u64(b, a->attempt);
  ml_pack_u64(b, a->retries);
  ml_pack_u64(b, a->slice);
  ml_pack_u64(b, a->logged);
  ml_pack_u64(b, a->mail);
  ml_pack_i64(b, a->began_ms);
  ml_pack_i64(b, a->due_ms);
  ml_pack_i64(b, a->limit_ms);
  ml_pack_i64(b, a->give_up_ms);
  ml_pack_str(b, a->call);
  ml_pack_u64(b, a->call_kind);
  ml_pack_str(b, a->call_arg);
  ml_pack_str(b, a->outcome);
  ml_pack_str(b, a->message);
  ml_pack_str(b, a->at);
  ml_pack_u64(b, a->asked_count);
  for (uint32_t i = 0; i < a->asked_count; i++) {
    ml_pack_str(b, a->asked[i].call);
    ml_buf_put(b, a->asked[i].hash, sizeof a->asked[i].hash);
  }
}

static bool unpack_asked(ml_process *p, ml_act *a, ml_unpack *r) {
  uint32_t n = ml_unpack_u32(r, LIST_MAX);
  bool ok = true;

  if (r->bad || n == 0)
    return true;
  if (n > (size_t)(r->end - r->p) / sizeof a->asked->hash) {
    r->bad = true;
    return true;
  }
  a->asked = ml_mem_zero(sizeof *a->asked * n);
  if (a->asked == NULL)
    return false;
  for (uint32_t i = 0; i < n && ok && !r->bad; i++) {
    a->asked[i].call = ml_process_text(p, ml_unpack_str(r), &ok);
    if (r->bad || (size_t)(r->end - r->p) < sizeof a->asked[i].hash) {
      r->bad = true;
      break;
    }
    memcpy(a->asked[i].hash, r->p, sizeof a->asked[i].hash);
    r->p += sizeof a->asked[i].hash;
    a->asked_count++;
  }
  return ok;
}

static bool unpack_act(ml_process *p, const ml_flow *f, ml_unpack *r) {
  ml_act *a = ml_process_add_act(p);
  uint32_t flags;
  bool ok = true;

  if (a == NULL)
    return false;
  a->no = ml_unpack_u32(r, UINT32_MAX);
  a->strand = ml_unpack_u32(r, UINT32_MAX);
  a->def = (uint16_t)ml_unpack_u32(r, UINT16_MAX);
  if (a->def >= f->activity_count)
    r->bad = true;
  a->status = (ml_acts)ml_unpack_u32(r, ML_ACT_COUNT - 1);
  a->wait = (ml_wait)ml_unpack_u32(r, ML_WAIT_COUNT - 1);
  flags = ml_unpack_u32(r, 3);
  a->aside = (flags & 1) != 0;
  a->asking = (flags & 2) != 0;
  a->attempt = ml_unpack_u32(r, UINT32_MAX);
  a->retries = ml_unpack_u32(r, UINT32_MAX);
  a->slice = ml_unpack_u32(r, UINT32_MAX);
  a->logged = ml_unpack_u32(r, UINT32_MAX);
  a->mail = ml_unpack_u32(r, UINT32_MAX);
  a->began_ms = ml_unpack_i64(r);
  a->due_ms = ml_unpack_i64(r);
  a->limit_ms = ml_unpack_i64(r);
  a->give_up_ms = ml_unpack_i64(r);
  a->call = ml_process_text(p, ml_unpack_str(r), &ok);
  a->call_kind = (ml_callk)ml_unpack_u32(r, ML_CALL_COUNT - 1);
  a->call_arg = ml_process_text(p, ml_unpack_str(r), &ok);
  a->outcome = ml_process_text(p, ml_unpack_str(r), &ok);
  a->message = ml_process_text(p, ml_unpack_str(r), &ok);
  a->at = ml_process_text(p, ml_unpack_str(r), &ok);
  return ok && unpack_asked(p, a, r);
}

static void pack_task(const ml_task *t, ml_buf *b) {
  ml_pack_u64(b, t->no);
  ml_pack_u64(b, t->act);
  ml_pack_i64(b, t->lane);
  ml_pack_str(b, t->assignee);
  ml_pack_i64(b, t->created_ms);
  ml_pack_i64(b, t->due_ms);
  ml_pack_i64(b, t->remind_ms);
  ml_pack_i64(b, t->escalate_ms);
  ml_pack_bool(b, t->overdue);
  ml_pack_str(b, t->form);
}

/* A lane index of this flow, or -1. */
static int16_t unpack_lane(const ml_flow *f, ml_unpack *r) {
  int64_t v = ml_unpack_i64(r);

  if (v < -1 || v >= f->lane_count) {
    r->bad = true;
    return -1;
  }
  return (int16_t)v;
}

static bool unpack_task(ml_process *p, const ml_flow *f, ml_unpack *r) {
  ml_task *t = ml_process_add_task(p);
  bool ok = true;

  if (t == NULL)
    return false;
  t->no = ml_unpack_u32(r, UINT32_MAX);
  t->act = ml_unpack_u32(r, UINT32_MAX);
  t->lane = unpack_lane(f, r);
  t->assignee = ml_process_text(p, ml_unpack_str(r), &ok);
  t->created_ms = ml_unpack_i64(r);
  t->due_ms = ml_unpack_i64(r);
  t->remind_ms = ml_unpack_i64(r);
  t->escalate_ms = ml_unpack_i64(r);
  t->overdue = ml_unpack_bool(r);
  t->form = ml_process_text(p, ml_unpack_str(r), &ok);
  return ok;
}

static void pack_out(const ml_outgoing *o, ml_buf *b) {
  ml_pack_u64(b, o->no);
  ml_pack_u64(b, o->kind);
  ml_pack_u64(b, o->act);
  ml_pack_u64(b, o->tries);
  ml_pack_i64(b, o->due_ms);
  ml_pack_str(b, o->name);
  ml_pack_str(b, o->key);
  ml_pack_str(b, o->payload);
}

static bool unpack_out(ml_process *p, ml_unpack *r) {
  ml_outgoing *o = ml_process_add_out(p);
  bool ok = true;

  if (o == NULL)
    return false;
  o->no = ml_unpack_u32(r, UINT32_MAX);
  o->kind = (ml_outk)ml_unpack_u32(r, ML_OUT_COUNT - 1);
  o->act = ml_unpack_u32(r, UINT32_MAX);
  o->tries = ml_unpack_u32(r, UINT32_MAX);
  o->due_ms = ml_unpack_i64(r);
  o->name = ml_process_text(p, ml_unpack_str(r), &ok);
  o->key = ml_process_text(p, ml_unpack_str(r), &ok);
  o->payload = ml_process_text(p, ml_unpack_str(r), &ok);
  return ok;
}

void ml_process_pack(const ml_process *p, const ml_flow *f, ml_buf *b) {
  pack_object(&p->object, b);
  ml_pack_u64(b, PACK_VERSION);
  ml_pack_u64(b, p->next_no);
  ml_pack_str(b, p->settings);
  ml_pack_str(b, p->message);
  ml_pack_str(b, p->parent_act);
  ml_pack_str(b, p->parent_call);
  pack_strands(p, f, b);
  ml_pack_u64(b, p->act_count);
  for (uint32_t i = 0; i < p->act_count; i++)
    pack_act(&p->acts[i], b);
  ml_pack_u64(b, p->task_count);
  for (uint32_t i = 0; i < p->task_count; i++)
    pack_task(&p->tasks[i], b);
  ml_pack_u64(b, p->people_count);
  for (uint32_t i = 0; i < p->people_count; i++) {
    ml_pack_i64(b, p->people[i].lane);
    ml_pack_str(b, p->people[i].person);
  }
  ml_pack_u64(b, p->out_count);
  for (uint32_t i = 0; i < p->out_count; i++)
    pack_out(&p->outs[i], b);
  ml_pack_u64(b, p->mail_count);
  for (uint32_t i = 0; i < p->mail_count; i++) {
    ml_pack_u64(b, p->mails[i].no);
    ml_pack_str(b, p->mails[i].name);
  }
  if (p->transaction_n != 0) {
    ml_pack_u64(b, EXTRA_TRANSACTION);
    ml_pack_i64(b, p->transaction_n);
  }
}

static void unpack_extras(ml_process *p, ml_unpack *r) {
  uint32_t last = 0;

  while (!r->bad && r->p < r->end) {
    uint32_t extra = ml_unpack_u32(r, EXTRA_TRANSACTION);

    if (extra <= last) {                    /* each once, in their order */
      r->bad = true;
    } else if (extra == EXTRA_TRANSACTION) {
      p->transaction_n = ml_unpack_i64(r);
      r->bad = r->bad || p->transaction_n <= 0;
    }
    last = extra;
  }
}

/* The lists behind the fixed part; false: out of memory. */
static bool unpack_lists(ml_process *p, const ml_flow *f, ml_unpack *r) {
  bool ok = unpack_strands(p, f, r);
  uint32_t n;

  n = ml_unpack_u32(r, LIST_MAX);
  for (uint32_t i = 0; i < n && ok && !r->bad; i++)
    ok = unpack_act(p, f, r);
  n = ml_unpack_u32(r, LIST_MAX);
  for (uint32_t i = 0; i < n && ok && !r->bad; i++)
    ok = unpack_task(p, f, r);
  n = ml_unpack_u32(r, LIST_MAX);
  for (uint32_t i = 0; i < n && ok && !r->bad; i++) {
    int16_t lane = unpack_lane(f, r);

    ok = ml_process_add_person(p, lane, ml_unpack_str(r));
  }
  n = ml_unpack_u32(r, LIST_MAX);
  for (uint32_t i = 0; i < n && ok && !r->bad; i++)
    ok = unpack_out(p, r);
  n = ml_unpack_u32(r, LIST_MAX);
  for (uint32_t i = 0; i < n && ok && !r->bad; i++) {
    ml_mail *m = ml_process_add_mail(p);

    if (m == NULL)
      return false;
    m->no = ml_unpack_u32(r, UINT32_MAX);
    m->name = ml_process_text(p, ml_unpack_str(r), &ok);
  }
  return ok;
}

ml_rc ml_process_unpack(ml_process *p, const ml_flow *f, ml_str packed) {
  ml_unpack r = ml_unpack_of(packed.p, packed.n);
  ml_object o;
  bool ok = true;

  if (!unpack_object(&r, &o))
    return ML_CORRUPT;
  p->object.team = ml_process_text(p, o.team, &ok);
  p->object.entity = ml_process_text(p, o.entity, &ok);
  p->object.record = ml_process_text(p, o.record, &ok);
  p->object.belongs_to = ml_process_text(p, o.belongs_to, &ok);
  p->object.booking = ml_process_text(p, o.booking, &ok);
  p->next_no = ml_unpack_u32(&r, UINT32_MAX);
  p->settings = ml_process_text(p, ml_unpack_str(&r), &ok);
  p->message = ml_process_text(p, ml_unpack_str(&r), &ok);
  p->parent_act = ml_process_text(p, ml_unpack_str(&r), &ok);
  p->parent_call = ml_process_text(p, ml_unpack_str(&r), &ok);
  if (!ok || !unpack_lists(p, f, &r))
    return ML_NOMEM;
  unpack_extras(p, &r);
  return ml_unpack_end(&r) ? ML_OK : ML_CORRUPT;
}

void ml_process_pack_data(const ml_process *p, const ml_flow *f, ml_buf *out) {
  bool first = true;

  ml_buf_putc(out, '{');
  for (uint16_t i = 0; i < p->field_count; i++) {
    if (p->data[i].p == NULL)
      continue;
    if (!first)
      ml_buf_putc(out, ',');
    first = false;
    ml_json_put_str(out, f->fields[i].id);
    ml_buf_putc(out, ':');
    ml_buf_put(out, p->data[i].p, p->data[i].n);
  }
  ml_buf_putc(out, '}');
}

/* Bytes of one value, from where the reader stands behind its key. */
static ml_str raw_value(ml_jread *r, ml_str json) {
  size_t from = ml_jread_offset(r), to;
  int depth = 0;

  do {
    switch (ml_jread_next(r)) {
      case ML_JT_ERROR: case ML_JT_END:
        return ML_NOSTR;
      case ML_JT_ARR: case ML_JT_OBJ:
        depth++;
        break;
      case ML_JT_ARR_END: case ML_JT_OBJ_END:
        depth--;
        break;
      default:
        break;
    }
  } while (depth > 0);
  to = ml_jread_offset(r);
  while (from < to && (json.p[from] == ':' || json.p[from] == ' '))
    from++;
  return (ml_str){json.p + from, to - from};
}

ml_rc ml_process_unpack_data(ml_process *p, const ml_flow *f, ml_str json) {
  ml_jread r;
  ml_rc rc = ML_CORRUPT;
  ml_jtok t;
  bool ok = true;

  ml_jread_init(&r, json.p, json.n, NULL);
  if (ml_jread_next(&r) != ML_JT_OBJ)
    goto end;
  while ((t = ml_jread_next(&r)) == ML_JT_KEY) {
    int i = ml_flow_field(f, r.str);
    ml_str v = raw_value(&r, json);

    if (i < 0 || v.p == NULL)
      goto end;
    p->data[i] = ml_process_text(p, v, &ok);
  }
  if (t == ML_JT_OBJ_END && ml_jread_next(&r) == ML_JT_END)
    rc = ok ? ML_OK : ML_NOMEM;
end:
  if (r.nomem)
    rc = ML_NOMEM;
  ml_jread_done(&r);
  return rc;
}
