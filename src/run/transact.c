/*
** transact.c - a transaction comes in: its rules are asked, then it is written
** with the process it starts, or alone.
**
** Rules that are expressions are evaluated here; those that are functions go
** to a worker, as many in one question as stand together in a file.
*/
#include "run/transact.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "run/inside.h"

enum { STEPS = 50000000,         /* of expressions, for one transaction */
       TURN_STEPS = 1000000 };   /* in one turn of the loop, and in one of them */

typedef struct asking {          /* one transaction under way */
  struct asking *next, **at;     /* of all of the run */
  ml_run *r;
  ml_transact *t;
  rulebook *book;
  size_t file;                   /* where it stands: file of the book, */
  uint32_t rule;                 /* rule of its set */
  uint32_t upto;                 /* of the question under way, exclusive */
  ml_row_transaction row;
  ml_str seen;                   /* the transaction as rules see it: JSON */
  ml_json *tx;                   /* the same, read */
  ml_rule_pass pass;
  uint64_t turn;                 /* steps left in this turn of the loop */
  ml_loop_timer *timer;          /* goes on in the next one; NULL: not needed */
  const ml_match *match;         /* the one that decided; NULL: none */
  ml_str data;                   /* what its `data` gave: JSON; or none */
  ml_row_key key;
  int64_t other;                 /* of an earlier one that enabled it */
  ml_rc rc;
  /* rule test */
  ml_rule_try_fn *tried;
  ml_buf lines;
  ml_jw w;
} asking;

ml_transact *ml_transact_new(void) {
  return ml_mem_zero(sizeof(ml_transact));
}

void ml_transact_free(ml_transact *t) {
  if (t == NULL)
    return;
  ml_arena_free(&t->arena);
  ml_mem_free(t);
}

int transaction_state_of(const ml_process *p) {
  if (p->status == ML_COMPLETED)
    return ML_TX_COMPLETED;
  if (p->status == ML_CANCELLED || p->run == ML_RUN_FAILURE)
    return ML_TX_FAILURE;
  return p->run == ML_RUN_ERROR ? ML_TX_ERROR : ML_TX_RUNNING;
}

/* ---- its end ---- */

static void asking_free(asking *x) {
  *x->at = x->next;
  if (x->next != NULL)
    x->next->at = x->at;
  ml_transact_free(x->t);
  rulebook_drop(x->book);
  ml_buf_free(&x->lines);
  ml_loop_timer_free(x->timer);
  ml_mem_free(x);
}

static void end(asking *x, ml_rc rc, const ml_err *e, bool replayed) {
  ml_run *r = x->r;

  x->t->done(x->t->arg, rc, e, x->row.id, replayed);
  asking_free(x);
  busy_end(r);
}

void transacts_free(ml_run *r) {
  while (r->asking != NULL)
    asking_free(r->asking);
}

static void end_with(asking *x, ml_rc rc, const char *text) {
  ml_err e = {0};

  ml_err_set(&e, rc, "", "%s", text);
  end(x, rc, &e, false);
}

static ml_str kept_id(asking *x) {
  char *id = ml_arena_alloc(&x->t->arena, ML_ID_MAX);

  if (id == NULL)
    return ML_NOSTR;
  ml_id_text(id, x->row.id, 0);
  return ml_str_of(id);
}

/* ---- written alone ---- */

static void read_key(void *arg, ml_read *rd) {
  asking *x = arg;

  x->rc = ml_read_key(rd, &x->t->arena, x->t->key, &x->key);
}

/* What is kept under a key is the id of the transaction it made. */
static void found_key(void *arg) {
  asking *x = arg;
  uint32_t no;

  if (x->rc != ML_OK)
    end_with(x, x->rc, "the earlier request under this key could not be read");
  else if (memcmp(x->key.body, x->t->body_hash, sizeof x->key.body) != 0)
    end_with(x, ML_INVALID, "this key was used before with another request");
  else if (!ml_id_of(x->key.answer, x->row.id, &no))
    end_with(x, ML_CORRUPT, "what is kept under this key cannot be read");
  else
    end(x, ML_OK, NULL, true);
}

static void fill_alone(void *arg, ml_batch *b) {
  asking *x = arg;

  ml_batch_transaction(b, &x->row);
  if (x->t->has_key)
    ml_batch_key(b, &x->key);
}

static void written(void *arg, ml_rc rc, const ml_err *e) {
  asking *x = arg;

  if (rc == ML_EXISTS && x->t->has_key) {
    if (ml_run_read(x->r, read_key, found_key, x) != ML_OK)
      end_with(x, ML_NOMEM, "memory is short");
    return;
  }
  end(x, rc, e, false);
}

static void write_alone(asking *x, ml_txs state, const char *message) {
  x->row.state = state;
  x->row.ended_ms = now_wall(x->r);
  if (message != NULL) {
    ml_str m = ml_str_of(message);

    x->row.message.p = ml_arena_dup(&x->t->arena, m.p, m.n);
    x->row.message.n = m.n;
  }
  x->key = (ml_row_key){.age_ms = ml_run_age(x->r), .status = 201};
  memcpy(x->key.key, x->t->key, sizeof x->key.key);
  memcpy(x->key.body, x->t->body_hash, sizeof x->key.body);
  x->key.answer = kept_id(x);
  if (x->key.answer.p == NULL || (message != NULL && x->row.message.p == NULL)) {
    end_with(x, ML_NOMEM, "memory is short");
    return;
  }
  write_quietly(x->r, fill_alone, written, x);
}

/* ---- the lines of a rule test ---- */

static void say(asking *x, const ml_match *m, const char *said, ml_str why) {
  if (x->tried == NULL)
    return;
  ml_jw_obj(&x->w);
  ml_jw_kstr(&x->w, "at", m->at);
  ml_jw_kstr(&x->w, "type", m->type);
  ml_jw_kstr(&x->w, "to", m->to);
  if (m->rule != NULL) {
    ml_buf b = {0};

    ml_rule_print(&b, m->rule);
    ml_jw_kstr(&x->w, "rule", b.bad ? ML_NOSTR : (ml_str){b.p, b.len});
    ml_buf_free(&b);
  }
  ml_jw_kstrz(&x->w, "said", said);
  if (why.p != NULL)
    ml_jw_kstr(&x->w, "why", why);
  ml_jw_end(&x->w);
}

/* ---- what was decided ---- */

/* The line of "file:line", 0 when there is none. */
static int64_t line_of(ml_str at) {
  const char *colon = at.n > 0 ? memrchr(at.p, ':', at.n) : NULL;
  int64_t line = 0;

  if (colon != NULL)
    ml_text_int((ml_str){colon + 1, (size_t)(ml_str_end(at) - colon - 1)},
                &line);
  return line;
}

static bool in_rules_file(ml_str at) {
  static const char own[] = "rules.lua:";

  return at.n > sizeof own - 1 && memcmp(at.p, own, sizeof own - 1) == 0;
}

/* Of the rules of the question under way, the one in whose lines it raised. */
static const ml_match *raiser(const asking *x, const ml_ruleset *s, ml_str at) {
  const ml_match *found = &s->all[x->rule];
  int64_t line = line_of(at);

  for (uint32_t i = x->rule; in_rules_file(at) && i < x->upto; i++)
    if (ml_str_eq(s->all[i].type, x->row.type) && line_of(s->all[i].at) <= line)
      found = &s->all[i];
  return found;
}

/* at: where a worker says it raised, as the bundle's files are called; none:
** where the rule stands. */
static void raised(asking *x, const ml_match *m, ml_str at, ml_str why) {
  char text[1200], where[400];
  const char *colon = memrchr(m->at.p, ':', m->at.n);
  int file = (int)(colon != NULL ? colon - m->at.p : (ptrdiff_t)m->at.n);

  if (at.p == NULL || at.n == 0)
    snprintf(where, sizeof where, "%.*s", (int)m->at.n, m->at.p);
  else if (in_rules_file(at))
    snprintf(where, sizeof where, "%.*s:%lld", file, m->at.p,
             (long long)line_of(at));
  else
    snprintf(where, sizeof where, "%s/%.*s",
             x->book->files[x->file]->folder.p, (int)at.n, at.p);
  snprintf(text, sizeof text, "%s: %.*s", where,
           (int)(why.n > 600 ? 600 : why.n), why.p != NULL ? why.p : "");
  x->row.rule = m->at;
  if (x->tried == NULL) {
    write_alone(x, ML_TX_ERROR, text);
    return;
  }
  say(x, m, "error", ml_str_of(text));
  x->match = m;
  ml_jw_end(&x->w);
  x->tried(x->t->arg, x->lines.bad ? ML_NOMEM : ML_OK, NULL,
           (ml_str){x->lines.p, x->lines.len});
  end(x, ML_OK, NULL, false);
}

static void put_default(asking *x, const ml_flow *f, ml_buf *b) {
  int whole = ml_flow_field(f, ML_STR("transaction"));
  int tenant = ml_flow_field(f, ML_STR("tenant"));
  ml_jw w;

  ml_jw_init(&w, b);
  ml_jw_obj(&w);
  if (whole >= 0 && f->fields[whole].type == ML_F_JSON) {
    ml_jw_key(&w, "transaction");
    ml_jw_raw(&w, x->seen);
  }
  if (tenant >= 0 && x->row.tenant.p != NULL)
    ml_jw_kstr(&w, "tenant", x->row.tenant);
  ml_jw_end(&w);
}

static int render_id(void *arg, const ml_process *p, const ml_flow *f,
                     const ml_made *made, ml_buf *out) {
  asking *x = arg;
  char id[ML_ID_MAX];

  (void)p;
  (void)f;
  (void)made;
  ml_id_text(id, x->row.id, 0);
  ml_buf_puts(out, id);
  return 201;
}

static void started(void *arg, ml_rc rc, const ml_err *e, int status,
                    const ml_buf *out, bool replayed) {
  asking *x = arg;
  char text[1400];
  uint32_t no;

  (void)status;
  if (rc == ML_OK && replayed) {
    if (!ml_id_of((ml_str){out->p, out->len}, x->row.id, &no))
      end_with(x, ML_CORRUPT, "what is kept under this key cannot be read");
    else
      end(x, ML_OK, NULL, true);
  } else if (rc == ML_OK) {
    end(x, ML_OK, NULL, false);
  } else if ((rc == ML_INVALID && !replayed &&
              strcmp(e->at, "/Idempotency-Key") != 0) ||
             rc == ML_CONFLICT || rc == ML_NOT_FOUND) {
    snprintf(text, sizeof text, "workflow '%.*s' could not be started: %s%s%s",
             (int)x->match->to.n, x->match->to.p, e->at,
             e->at[0] != '\0' ? ": " : "", e->text);
    write_alone(x, ML_TX_ERROR, text);
  } else {
    end(x, rc, e, false);
  }
}

static void start(asking *x) {
  const ml_workflow *wf = ml_run_workflow(x->r, x->match->to);
  ml_input *in = ml_input_new();
  ml_buf b = {0};
  ml_json *data = NULL;
  ml_str json = x->data;
  bool starved = false;

  if (json.p == NULL && wf != NULL && wf->flow != NULL) {
    put_default(x, wf->flow, &b);
    json = (ml_str){b.p, b.len};
  }
  if (in == NULL || b.bad)
    goto nomem;
  if (json.p != NULL && ml_json_parse(&in->arena, json.p, json.n, NULL, &data,
                                      NULL) != ML_OK)
    goto nomem;
  ml_buf_free(&b);
  in->workflow = arena_str(&in->arena, x->match->to, &starved);
  in->ev.kind = ML_EV_STARTED;
  in->ev.data = data;
  in->ev.actor.who = arena_str(&in->arena, x->t->who, &starved);
  in->parent_n = x->t->parent_n;
  in->trigger = ML_STR("transaction");      /* no form binds it */
  in->transaction = &x->row;
  in->has_key = x->t->has_key;
  memcpy(in->key, x->t->key, sizeof in->key);
  memcpy(in->body_hash, x->t->body_hash, sizeof in->body_hash);
  in->render = render_id;
  in->done = started;
  in->arg = x;
  if (starved)
    goto nomem;
  ml_run_put(x->r, in);
  return;
nomem:
  ml_buf_free(&b);
  ml_input_free(in);
  end_with(x, ML_NOMEM, "memory is short");
}

static void read_once(void *arg, ml_read *rd) {
  asking *x = arg;
  ml_row_transaction before;

  x->rc = ml_read_transaction_once(rd, x->row.tenant, x->row.type, x->row.once,
                                   &x->other);
  if (x->rc == ML_OK)
    x->rc = ml_read_transaction(rd, &x->t->arena, x->other, &before);
  if (x->rc == ML_OK) {
    x->seen.p = ml_arena_alloc(&x->t->arena, ML_ID_MAX);
    if (x->seen.p != NULL)
      ml_id_text((char *)x->seen.p, before.id, 0);
    else
      x->rc = ML_NOMEM;
  }
}

static void once_read(void *arg) {
  asking *x = arg;
  char text[200];

  if (x->rc == ML_NOT_FOUND) {
    start(x);
  } else if (x->rc != ML_OK) {
    end_with(x, x->rc, "the transactions of this tenant could not be read");
  } else {
    snprintf(text, sizeof text, "enabled already by transaction %s: no workflow "
             "was started", x->seen.p);
    write_alone(x, ML_TX_COMPLETED, text);
  }
}

static void matched(asking *x, const ml_match *m, ml_str data) {
  x->match = m;
  x->data = data;
  x->row.rule = m->at;
  if (x->tried != NULL) {
    say(x, m, "true", ML_NOSTR);
    ml_jw_end(&x->w);
    x->tried(x->t->arg, x->lines.bad ? ML_NOMEM : ML_OK, NULL,
             (ml_str){x->lines.p, x->lines.len});
    end(x, ML_OK, NULL, false);
  } else if (x->row.once.p != NULL && x->row.tenant.p != NULL) {
    if (ml_run_read(x->r, read_once, once_read, x) != ML_OK)
      end_with(x, ML_NOMEM, "memory is short");
  } else {
    start(x);
  }
}

static void none_matched(asking *x) {
  if (x->tried == NULL) {
    write_alone(x, ML_TX_COMPLETED, NULL);
    return;
  }
  ml_jw_end(&x->w);
  x->tried(x->t->arg, x->lines.bad ? ML_NOMEM : ML_OK, NULL,
           (ml_str){x->lines.p, x->lines.len});
  end(x, ML_OK, NULL, false);
}

/* ---- asking ---- */

static void go_on(asking *x);

static void answered(void *arg, ml_rc rc, const ml_answer *a) {
  asking *x = arg;
  const ml_ruleset *s = x->book->files[x->file]->rules;
  const ml_json *data;
  ml_json *v = NULL;
  ml_buf b = {0};
  uint32_t i = x->rule;

  if (rc == ML_AGAIN || rc == ML_NOMEM) {
    end_with(x, rc, rc == ML_AGAIN ? "the engine is stopping" : "memory is short");
    return;
  }
  if (rc != ML_OK || a->end != ML_END_RETURNED ||
      ml_json_parse(&x->t->arena, a->text.p, a->text.n, NULL, &v, NULL) !=
          ML_OK) {
    ml_str why = a->text.p != NULL && a->text.n > 0 ? a->text
                                                    : ML_STR("it was stopped");

    if (rc == ML_OK && a->end == ML_END_WANT)
      why = ML_STR("a rule waits for nothing");
    raised(x, raiser(x, s, a->at), a->at, why);
    return;
  }
  if (v->type != ML_JOBJ) {                 /* null: none of these */
    for (; i < x->upto; i++)
      if (ml_str_eq(s->all[i].type, x->row.type) && s->all[i].rule == NULL)
        say(x, &s->all[i], "false", ML_NOSTR);
    x->rule = x->upto;
    go_on(x);
    return;
  }
  while (i < x->upto && s->all[i].place != ml_json_int(v, "rule", -1)) {
    if (ml_str_eq(s->all[i].type, x->row.type) && s->all[i].rule == NULL)
      say(x, &s->all[i], "false", ML_NOSTR);
    i++;
  }
  if (i == x->upto) {
    end_with(x, ML_CORRUPT, "a worker answered for a rule that it was not asked");
    return;
  }
  data = s->all[i].data ? ml_json_get(v, "data") : NULL;
  if (data == NULL) {
    matched(x, &s->all[i], ML_NOSTR);
    return;
  }
  ml_json_print(&b, data);
  x->data.p = b.bad ? NULL : ml_arena_dup(&x->t->arena, b.p, b.len);
  x->data.n = b.len;
  ml_buf_free(&b);
  if (x->data.p == NULL)
    end_with(x, ML_NOMEM, "memory is short");
  else
    matched(x, &s->all[i], x->data);
}

/* Ask a worker the functions from x->rule on, up to the next expression. */
static void ask(asking *x) {
  const bundle *b = x->book->files[x->file];
  const ml_ruleset *s = b->rules;
  ml_ask q = {.kind = ML_ASK_RULE, .key = ML_STR("rule")};
  ml_buf payload = {0};
  ml_err e = {0};
  ml_jw w;
  ml_rc rc = quarantine_check(b, &e);

  if (rc != ML_OK) {
    end(x, rc, &e, false);
    return;
  }
  for (x->upto = x->rule + 1; x->upto < s->count; x->upto++)
    if (s->all[x->upto].rule != NULL &&
        ml_str_eq(s->all[x->upto].type, x->row.type))
      break;
  ml_jw_init(&w, &payload);
  ml_jw_obj(&w);
  ml_jw_kstr(&w, "type", x->row.type);
  ml_jw_kint(&w, "from", s->all[x->rule].place);
  ml_jw_kint(&w, "upto", s->all[x->upto - 1].place);
  ml_jw_key(&w, "payload");
  ml_jw_raw(&w, x->seen);
  ml_jw_end(&w);
  memcpy(q.bundle, b->hash, sizeof q.bundle);
  q.owner = owner_of(x->r, b->folder);
  q.payload = (ml_str){payload.p, payload.len};
  q.now_ms = now_wall(x->r);
  rc = payload.bad ? ML_NOMEM
                   : x->r->conf.script->ask(x->r->conf.script, &q, answered, x);
  ml_buf_free(&payload);
  if (rc != ML_OK)
    end_with(x, rc, "the rules could not be asked");
}

/* One expression may use a turn's steps, of what the transaction has left. */
static ml_rc evaluate(asking *x, const ml_match *m, bool *yes, ml_err *e) {
  uint64_t left = x->pass.steps;
  uint64_t mine = left < TURN_STEPS ? left : TURN_STEPS, used;
  ml_rc rc;

  x->pass.steps = mine;
  rc = ml_rule_eval_within(m->rule, x->tx, &x->pass, yes, e);
  used = mine - x->pass.steps;
  x->pass.steps = left - used;
  x->turn = used < x->turn ? x->turn - used : 0;
  return rc;
}

/* An expression; true: the transaction is decided. */
static bool look(asking *x, const ml_match *m) {
  ml_err e = {0};
  bool yes = false;
  char why[800];
  ml_rc rc = evaluate(x, m, &yes, &e);

  if (rc == ML_OK && !yes) {
    say(x, m, "false", ML_NOSTR);
    return false;
  }
  if (rc == ML_OK) {
    matched(x, m, ML_NOSTR);
  } else if (rc == ML_NOMEM) {
    end_with(x, rc, "memory is short");
  } else {
    snprintf(why, sizeof why, "in this rule, %s: %.560s", e.at, e.text);
    raised(x, m, ML_NOSTR, ml_str_of(why));
  }
  return true;
}

static void next_turn(void *asking);

/* Dear rules let others have the loop in between. */
static bool lets_others(asking *x) {
  if (x->turn > 0)
    return false;
  if (x->timer == NULL)
    x->timer = ml_loop_timer_new(x->r->conf.loop, next_turn, x);
  if (x->timer == NULL)
    return false;                /* then all at once */
  ml_loop_timer_set(x->timer, 0);
  return true;
}

static void go_on(asking *x) {
  for (; x->file < x->book->count; x->file++, x->rule = 0) {
    const ml_ruleset *s = x->book->files[x->file]->rules;

    for (; x->rule < s->count; x->rule++) {
      const ml_match *m = &s->all[x->rule];

      if (!ml_str_eq(m->type, x->row.type))
        continue;
      if (m->rule == NULL) {
        ask(x);
        return;
      }
      if (lets_others(x) || look(x, m))
        return;
    }
  }
  none_matched(x);
}

static void next_turn(void *arg) {
  asking *x = arg;

  x->turn = TURN_STEPS;
  go_on(x);
}

/* ---- what comes in ---- */

static void put_missing(ml_jw *w, const ml_json *payload, const asking *x) {
  char id[ML_ID_MAX];

  ml_id_text(id, x->row.id, 0);
  if (ml_json_get(payload, "id") == NULL)
    ml_jw_kstrz(w, "id", id);
  if (ml_json_get(payload, "type") == NULL) {
    ml_jw_key(w, "type");
    ml_jw_obj(w);
    ml_jw_kstr(w, "name", x->row.type);
    ml_jw_end(w);
  }
  if (ml_json_get(payload, "state") == NULL) {
    ml_jw_key(w, "state");
    ml_jw_obj(w);
    ml_jw_kstrz(w, "name", ml_txs_name(ML_TX_RUNNING));
    ml_jw_end(w);
  }
  if (ml_json_get(payload, "startDate") == NULL)
    ml_jw_kint(w, "startDate", x->row.created_ms);
  if (ml_json_get(payload, "endDate") == NULL) {
    ml_jw_key(w, "endDate");
    ml_jw_null(w);
  }
  if (ml_json_get(payload, "workflowId") == NULL) {
    ml_jw_key(w, "workflowId");
    ml_jw_null(w);
  }
  if (ml_json_get(payload, "tenant") == NULL && x->row.tenant.p != NULL) {
    ml_jw_key(w, "tenant");
    ml_jw_obj(w);
    ml_jw_kstr(w, "id", x->row.tenant);
    ml_jw_end(w);
  }
}

/* The transaction as rules see it, into x->seen and x->tx. */
static ml_rc make_seen(asking *x) {
  const ml_json *payload = x->t->payload;
  ml_buf b = {0};
  ml_jw w;
  ml_rc rc = ML_NOMEM;

  ml_jw_init(&w, &b);
  ml_jw_obj(&w);
  for (uint32_t i = 0; payload != NULL && i < payload->count; i++) {
    ml_jw_keyn(&w, payload->obj[i].key);
    ml_jw_json(&w, &payload->obj[i].value);
  }
  put_missing(&w, payload, x);
  ml_jw_end(&w);
  if (!b.bad)
    x->seen.p = ml_arena_dup(&x->t->arena, b.p, b.len);
  x->seen.n = b.len;
  if (x->seen.p != NULL)
    rc = ml_json_parse(&x->t->arena, x->seen.p, x->seen.n, NULL, &x->tx, NULL);
  ml_buf_free(&b);
  return rc;
}

static ml_rc payload_text(asking *x, ml_err *e) {
  ml_buf b = {0};
  ml_rc rc = ML_OK;

  if (x->t->payload != NULL)
    ml_json_print(&b, x->t->payload);
  else
    ml_buf_puts(&b, "{}");
  if (!b.bad && b.len > ML_TRANSACTION_BYTES)
    rc = ml_err_set(e, ML_LIMIT, "/data", "the data of a transaction may have "
                    "%d bytes, not more", ML_TRANSACTION_BYTES);
  x->row.payload.p = b.bad ? NULL : ml_arena_dup(&x->t->arena, b.p, b.len);
  x->row.payload.n = b.len;
  ml_buf_free(&b);
  if (rc == ML_OK && x->row.payload.p == NULL)
    rc = ml_err_set(e, ML_NOMEM, "", "memory is short");
  return rc;
}

/* The service that is enabled once; none when it names none. */
static ml_str once_of(const ml_json *payload) {
  const ml_json *service = ml_json_get(ml_json_get(payload, "serviceInstance"),
                                       "service");

  if (service == NULL)
    service = ml_json_get(payload, "service");
  if (service != NULL && service->type == ML_JSTR)
    return service->s;
  return ml_json_str(service, "id");
}

static ml_rc check(asking *x, ml_err *e) {
  ml_transact *t = x->t;
  ml_run *r = x->r;
  char shown[100];

  if (r->stopped || r->draining)
    return ml_err_set(e, ML_AGAIN, "", "the engine is stopping");
  if (r->book == NULL)
    return ml_err_set(e, ML_AGAIN, "", "the rules are not in force: see what "
                      "the engine said when it loaded them");
  x->row.type = ml_ruleset_bare(t->type);
  if (!rulebook_has_type(r->book, x->row.type)) {
    ml_text_excerpt(shown, sizeof shown, t->type.p != NULL ? t->type
                                                           : ML_STR(""));
    return ml_err_set(e, ML_INVALID, "/type", "'%s' is no type of transactions: "
                      "tenantStateChange, tenantAccountTypeConversion, "
                      "subscriptionActivation, paymentInfoChange, "
                      "cloudServiceActivation, or one that a file of rules or "
                      "a workflow registers with ml.transaction", shown);
  }
  if (t->payload != NULL && t->payload->type != ML_JOBJ)
    return ml_err_set(e, ML_INVALID, "/data", "the data of a transaction is an "
                      "object, not %s", ml_json_type_name(t->payload->type));
  x->row.tenant = t->tenant;
  if (x->row.tenant.p == NULL)
    x->row.tenant = ml_json_str(ml_json_get(t->payload, "tenant"), "id");
  if (x->row.tenant.p != NULL && !ml_text_is_name(x->row.tenant))
    return ml_err_set(e, ML_INVALID, "/tenant", "a tenant is printable text of 1 "
                      "to 200 bytes");
  return payload_text(x, e);
}

static void take(ml_run *r, ml_transact *t, ml_rule_try_fn *tried) {
  asking *x = ml_mem_zero(sizeof *x);
  ml_err e = {0};
  static const uint8_t none[16];

  if (x == NULL) {
    ml_err_set(&e, ML_NOMEM, "", "memory is short");
    t->done(t->arg, ML_NOMEM, &e, none, false);
    ml_transact_free(t);
    return;
  }
  r->busy++;
  x->next = r->asking;
  x->at = &r->asking;
  if (x->next != NULL)
    x->next->at = &x->next;
  r->asking = x;
  x->r = r;
  x->t = t;
  x->tried = tried;
  x->pass.steps = STEPS;
  x->turn = TURN_STEPS;
  x->row.created_ms = now_wall(r);
  x->row.who = t->who;
  if (check(x, &e) != ML_OK) {
    end(x, e.rc, &e, false);
    return;
  }
  x->row.n = r->next_transaction++;
  ml_process_make_id(x->row.id, x->row.created_ms, x->row.n,
                     ml_rand_u64(r->conf.rand));
  if (ml_str_is(x->row.type, "cloudServiceActivation"))
    x->row.once = once_of(t->payload);
  if (make_seen(x) != ML_OK) {
    end_with(x, ML_NOMEM, "memory is short");
    return;
  }
  x->book = rulebook_hold(r->book);
  ml_jw_init(&x->w, &x->lines);
  ml_jw_arr(&x->w);
  go_on(x);
}

void ml_run_transact(ml_run *r, ml_transact *t) {
  take(r, t, NULL);
}

void ml_run_rule_try(ml_run *r, ml_transact *t, ml_rule_try_fn *fn) {
  take(r, t, fn);
}
