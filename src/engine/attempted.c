/*
** attempted.c - a slice of a script ended: what it made, wants, became.
**
** The answer comes from a worker that may be an enemy: everything in it is
** checked here against the definition, and a mistake is the script's Error,
** never the engine's.
*/
#include <stdio.h>
#include <string.h>

#include "base/plant.h"
#include "base/text.h"
#include "engine/inside.h"

/* The activity this event is for, if it still waits for that slice. */
static ml_rc find(step *s, ml_wait wait, ml_act **a) {
  *a = ml_process_act(s->p, s->ev->no);
  if (*a == NULL || (*a)->aside || (*a)->slice != s->ev->slice ||
      (*a)->wait != wait)
    return ML_STALE;
  return ML_OK;
}

static void keep_entries(step *s, const ml_act *a, const ml_answer *r) {
  for (size_t i = 0; i < r->entry_count; i++) {
    ml_effect *ef = effect(s, ML_DO_JOURNAL, a->no);

    ef->call = r->entries[i].call;
    ef->call_kind = r->entries[i].kind;
    memcpy(ef->hash, r->entries[i].hash, sizeof ef->hash);
    ef->text = r->entries[i].answer;
  }
}

/* Each line of the attempt's log once, however often it is replayed. */
static void keep_logs(step *s, ml_act *a, const ml_answer *r) {
  for (size_t i = 0; i < r->log_count; i++)
    if (r->logs[i].seq > a->logged) {
      a->logged = r->logs[i].seq;
      tell(s, ML_TOLD_LOG, a->no, a->def, r->logs[i].text);
    }
}

/* ---- what a script held back until its end ---- */

typedef struct held {
  drafts d;
  ml_arena arena;
  const ml_json *data;
} held;

/* May these fields be emptied although required? */
static bool cleared(const ml_json *list, ml_str id) {
  for (size_t i = 0; list != NULL && i < list->count; i++) {
    const ml_json *v = ml_json_at(list, i);

    if (v->type == ML_JSTR && ml_str_eq(v->s, id))
      return true;
  }
  return false;
}

static ml_rc check_cleared(step *s, held *h, const ml_answer *r, ml_err *e) {
  ml_json *list = NULL;

  if (r->cleared.p != NULL && r->cleared.n > 0) {
    ml_rc rc = ml_json_parse(&h->arena, r->cleared.p, r->cleared.n, NULL, &list,
                             e);

    if (rc != ML_OK)
      return rc;
  }
  for (size_t i = 0; i < h->d.count; i++) {
    const ml_field *f = &s->f->fields[h->d.list[i].field];

    if (f->required && h->d.list[i].value.p == NULL &&
        s->p->data[h->d.list[i].field].p != NULL && !cleared(list, f->id))
      return ml_err_set(e, ML_INVALID, "",
                        "required field '%.*s' was emptied; use "
                        "ctx.data:clear(\"%.*s\") if that is meant",
                        (int)f->id.n, f->id.p, (int)f->id.n, f->id.p);
  }
  return ML_OK;
}

static ml_rc check_held(step *s, held *h, const ml_answer *r, ml_err *e) {
  ml_json *data = NULL;
  ml_rc rc = ML_OK;

  memset(h, 0, sizeof *h);
  if (r->data.p != NULL && r->data.n > 0)
    rc = ml_json_parse(&h->arena, r->data.p, r->data.n, NULL, &data, e);
  if (rc == ML_OK)
    rc = drafts_check(s, &h->d, data, "", NULL, e);
  if (rc == ML_OK)
    rc = check_cleared(s, h, r, e);
  if (rc == ML_OK && r->state.p != NULL)
    rc = state_check(s, r->state, "", e);
  return rc;
}

static void held_free(held *h) {
  drafts_free(&h->d);
  ml_arena_free(&h->arena);
}

/* Write what was held; gives the fields' JSON for the ending record. */
static ml_str apply_held(step *s, const held *h, const ml_answer *r) {
  ml_str shown = drafts_show(s, &h->d);

  drafts_apply(s, &h->d);
  if (r->subject.p != NULL) {
    s->p->subject = keep(s, r->subject);
    tell(s, ML_TOLD_SUBJECT, 0, -1, r->subject);
  }
  if (r->state.p != NULL) {
    s->p->state = keep(s, r->state);
    tell(s, ML_TOLD_STATE, 0, -1, r->state);
  }
  if (r->assign.p != NULL)
    assign(s, r->assign);
  for (size_t i = 0; i < r->comment_count; i++) {
    ml_record *rec = tell(s, ML_TOLD_COMMENT, 0, -1, r->comments[i].text);

    rec->data = r->comments[i].visibility;
  }
  return shown;
}

/* ---- ends ---- */

static ml_str first_chars(ml_str t) {
  return t.n > 800 ? (ml_str){t.p, 800} : t;
}

/* Mistakes of the answer itself are the script's Error. */
static void broke(step *s, ml_act *a, const ml_err *e) {
  ml_str why = keepf(s, "%s%s%s", e->at, e->at[0] != '\0' ? ": " : "", e->text);

  act_break(s, a, why, ML_NOSTR);
}

static void end_returned(step *s, ml_act *a, const ml_answer *r) {
  const ml_activity *def = act_def(s, a);
  ml_str outcome = r->text.p != NULL && r->text.n > 0 ? r->text
                                                      : ML_STR("done");
  ml_str data;
  ml_err e = {0};
  held h;

  if (ml_flow_outcome(def, outcome) == NULL) {
    act_break(s, a, keepf(s, "returned the outcome '%.*s', which it does not "
                          "declare", (int)first_chars(outcome).n, outcome.p),
              r->at.p != NULL ? keep(s, r->at) : ML_NOSTR);
    return;
  }
  if (check_held(s, &h, r, &e) != ML_OK) {
    if (e.rc == ML_NOMEM || e.rc == ML_OK)
      s->starved = true;
    broke(s, a, &e);
    held_free(&h);
    return;
  }
  data = apply_held(s, &h, r);
  held_free(&h);
  if (def->has_is_complete) {
    ml_record *rec = tell(s, ML_TOLD_DATA, a->no, a->def, ML_NOSTR);

    rec->data = data;
    a->asking = true;
    a->outcome = keep(s, outcome);
    act_ask(s, a);
    return;
  }
  act_succeed(s, a, outcome, data);
}

/* is_complete answered: true or false. */
static void end_asked(step *s, ml_act *a, const ml_answer *r) {
  const ml_activity *def = act_def(s, a);

  if (ml_str_is(r->text, "true"))
    act_succeed(s, a, a->outcome, ML_NOSTR);
  else if (ml_str_is(r->text, "false"))
    act_rest(s, a, ML_WAIT_ASK,
             s->now->wall_ms + (def->ask_ms > 0 ? def->ask_ms : 300000));
  else
    act_break(s, a, keep(s, ML_STR("is_complete must return true or false")),
              keep(s, r->at));
}

static void end_failed(step *s, ml_act *a, const ml_answer *r) {
  ml_err e = {0};
  held h;

  if (check_held(s, &h, r, &e) != ML_OK) {
    broke(s, a, &e);
  } else {
    ml_str data = apply_held(s, &h, r);

    if (data.p != NULL) {
      ml_record *rec = tell(s, ML_TOLD_DATA, a->no, a->def, ML_NOSTR);

      rec->data = data;
    }
    act_fail(s, a, keep(s, first_chars(r->text)));
  }
  held_free(&h);
}

/* ---- wants ---- */

/* The same call asked by an earlier attempt must be the same request. */
static bool asked_before(const ml_act *a, const ml_answer *r, bool *same) {
  for (uint32_t i = 0; i < a->asked_count; i++)
    if (ml_str_eq(a->asked[i].call, r->want_call)) {
      *same = memcmp(a->asked[i].hash, r->want_hash, 16) == 0;
      return true;
    }
  return false;
}

static bool remember_asked(step *s, ml_act *a, const ml_answer *r) {
  ml_asked *list = ml_mem_realloc(a->asked,
                                  (a->asked_count + 1) * sizeof *list);

  if (list == NULL) {
    s->starved = true;
    return false;
  }
  a->asked = list;
  list[a->asked_count].call = keep(s, r->want_call);
  memcpy(list[a->asked_count].hash, r->want_hash, 16);
  a->asked_count++;
  return true;
}

static void want_http(step *s, ml_act *a, const ml_answer *r) {
  ml_effect *ef;

  a->wait = ML_WAIT_CALL;
  a->due_ms = 0;
  ef = effect(s, ML_DO_CALL, a->no);
  ef->slice = a->slice;
  ef->call = a->call;
  ef->call_kind = r->want_kind;
  ef->text = r->want;
  tell(s, ML_TOLD_CALLED, a->no, a->def, r->want_call);
}

static void want_await(step *s, ml_act *a, const ml_json *w) {
  ml_str name = ml_json_str(w, "signal");
  int64_t within = ml_json_int(w, "within_ms", 0);

  a->call_arg = keep(s, name);
  act_rest(s, a, ML_WAIT_SIGNAL, within > 0 ? s->now->wall_ms + within : 0);
}

/* Another process, or a transaction, is to be started: kept until it surely
** is. */
static void want_start(step *s, ml_act *a, const ml_answer *r,
                       const ml_json *w) {
  char id[ML_ID_MAX];
  ml_outgoing *o = ml_process_add_out(s->p);
  bool emit = r->want_kind == ML_CALL_EMIT;
  ml_buf b = {0};

  if (o == NULL) {
    s->starved = true;
    return;
  }
  o->no = s->p->next_no++;
  o->kind = emit ? ML_OUT_EMIT : ML_OUT_START;
  o->act = a->no;
  o->name = keep(s, ml_json_str(w, emit ? "type" : "workflow"));
  ml_id_text(id, s->p->id, a->no);
  o->key = keepf(s, "%s.%.*s", id, (int)r->want_call.n, r->want_call.p);
  if (emit)
    ml_json_print(&b, w);
  else if (ml_json_get(w, "data") != NULL)
    ml_json_print(&b, ml_json_get(w, "data"));
  else
    ml_buf_puts(&b, "{}");
  o->payload = b.bad ? ML_NOSTR : keep(s, (ml_str){b.p, b.len});
  s->starved = s->starved || b.bad;
  ml_buf_free(&b);
  act_rest(s, a, ML_WAIT_PROCESS, 0);
  effect(s, ML_DO_SEND, o->no);
}

static void want_ask(step *s, ml_act *a, const ml_json *w) {
  const ml_json *task = ml_json_get(w, "task");
  int64_t within = ml_json_int(w, "within_ms", 0);
  ml_buf b = {0};

  ml_json_print(&b, task);
  if (b.bad)
    s->starved = true;
  else if (!task_asked_again(s, a, (ml_str){b.p, b.len}))
    task_open(s, a, (ml_str){b.p, b.len});
  ml_buf_free(&b);
  act_rest(s, a, ML_WAIT_TASK, within > 0 ? s->now->wall_ms + within : 0);
}

static const char *want_fault(step *s, const ml_act *a, const ml_answer *r,
                              const ml_json *w) {
  bool some;

  switch (r->want_kind) {
    case ML_CALL_GET: case ML_CALL_HEAD:
      return NULL;
    case ML_CALL_POST: case ML_CALL_PUT: case ML_CALL_PATCH:
    case ML_CALL_DELETE:
      return a->asking ? "is_complete may only read (GET, HEAD)" : NULL;
    case ML_CALL_SLEEP:
      return ml_json_int(w, "ms", -1) >= 0 ? NULL : "a sleep needs a duration";
    case ML_CALL_AWAIT:
      return ml_json_str(w, "signal").n > 0 ? NULL : "await needs a signal's name";
    case ML_CALL_ASK:
      if (ml_json_get(w, "task") == NULL)
        return "ask needs a task";
      if (task_edits(s, ml_json_get(w, "task"), &some) == NULL)
        return "the task that was asked lets edit what is no field";
      if (!task_fails_fit(s, ml_json_get(w, "task")))
        return "an outcome of the task that was asked fails for a field that the "
               "task does not let edit";
      return ml_flow_lane(s->f, ml_json_str(ml_json_get(w, "task"), "lane")) >= 0
                 ? NULL : "ask needs the lane of its task";
    case ML_CALL_CALL: case ML_CALL_START:
      return ml_json_str(w, "workflow").n > 0 ? NULL
                                              : "a workflow's name is missing";
    case ML_CALL_EMIT:
      return ml_json_str(w, "type").n > 0 ? NULL
                                          : "the type of a transaction is missing";
    default:
      return "an unknown kind of call was asked";
  }
}

static void end_want(step *s, ml_act *a, const ml_answer *r) {
  ml_arena arena = {0};
  ml_json *w = NULL;
  ml_err e = {0};
  bool same = true;
  const char *fault = NULL;

  if (ml_json_parse(&arena, r->want.p, r->want.n, NULL, &w, &e) != ML_OK)
    fault = "the request of a call is not JSON";
  if (fault == NULL)
    fault = want_fault(s, a, r, w);
  if (fault == NULL && a->asking && r->want_kind > ML_CALL_HEAD)
    fault = "is_complete may only read (GET, HEAD)";
  if (fault != NULL) {
    act_break(s, a, keep(s, ml_str_of(fault)), keep(s, r->at));
  } else if (!asked_before(a, r, &same) && !remember_asked(s, a, r)) {
    /* starved */
  } else if (!same && ml_callk_kept(r->want_kind)) {
    act_break(s, a, keepf(s, "journal-mismatch: '%.*s' was asked before with "
                          "another request; nothing was sent",
                          (int)r->want_call.n, r->want_call.p), keep(s, r->at));
  } else {
    for (uint32_t i = 0; !same && i < a->asked_count; i++)
      if (ml_str_eq(a->asked[i].call, r->want_call))
        memcpy(a->asked[i].hash, r->want_hash, 16);
    a->call = keep(s, r->want_call);
    a->call_kind = r->want_kind;
    if (ml_callk_http(r->want_kind)) {
      want_http(s, a, r);
    } else if (r->want_kind == ML_CALL_SLEEP) {
      act_rest(s, a, ML_WAIT_SLEEP,
               s->now->wall_ms + ml_json_int(w, "ms", 0));
    } else if (r->want_kind == ML_CALL_AWAIT) {
      want_await(s, a, w);
    } else if (r->want_kind == ML_CALL_ASK) {
      want_ask(s, a, w);
    } else {
      want_start(s, a, r, w);
    }
  }
  ml_arena_free(&arena);
}

static void end_stopped(step *s, ml_act *a, const ml_answer *r,
                        const char *what) {
  act_break(s, a, keepf(s, "%s%s%.*s", what, r->text.n > 0 ? ": " : "",
                        (int)first_chars(r->text).n,
                        r->text.p != NULL ? r->text.p : ""),
            keep(s, r->at));
}

ml_rc on_attempted(step *s) {
  const ml_answer *r = s->ev->answer;
  ml_act *a;
  ml_rc rc = find(s, ML_WAIT_SCRIPT, &a);

  if (rc != ML_OK)
    return rc;
  keep_entries(s, a, r);
  keep_logs(s, a, r);
  switch (r->end) {
    case ML_END_RETURNED:
      if (a->asking)
        end_asked(s, a, r);
      else
        end_returned(s, a, r);
      break;
    case ML_END_WANT: end_want(s, a, r); break;
    case ML_END_FAILED: end_failed(s, a, r); break;
    case ML_END_RETRY:
      act_not_yet(s, a, keep(s, first_chars(r->text)), r->after_ms);
      break;
    case ML_END_BROKE: case ML_END_MISMATCH:
      act_break(s, a, keep(s, first_chars(r->text)), keep(s, r->at));
      break;
    case ML_END_CPU: end_stopped(s, a, r, "cpu-limit"); break;
    case ML_END_MEMORY: end_stopped(s, a, r, "memory-limit"); break;
    default: end_stopped(s, a, r, "time-limit"); break;
  }
  run_update(s);
  return ML_OK;
}

ml_rc on_died(step *s) {
  ml_act *a;

  if (find(s, ML_WAIT_SCRIPT, &a) != ML_OK && find(s, ML_WAIT_CALL, &a) != ML_OK)
    return ML_STALE;
  act_break(s, a, keep(s, first_chars(s->ev->text)), keep(s, s->ev->at));
  run_update(s);
  return ML_OK;
}

/* Is this the answer that the activity's open call waits for? */
static bool awaited(const step *s, const ml_act *a) {
  if (a == NULL || a->aside || a->call.p == NULL)
    return false;
  if (s->ev->slice == 0)
    return a->wait == ML_WAIT_PROCESS && ml_str_eq(a->call, s->ev->outcome);
  return (a->slice == s->ev->slice || ML_PLANTED(late_answer)) &&
         (a->wait == ML_WAIT_CALL || a->mail != 0);
}

ml_rc on_answered(step *s) {
  ml_act *a = ml_process_act(s->p, s->ev->no);

  if (!awaited(s, a))
    return ML_STALE;
  if (a->mail != 0) {
    ml_effect *ef = effect(s, ML_DO_DROP_MAIL, a->no);

    ef->mail = a->mail;
    ml_process_drop_mail(s->p, a->mail);
    a->mail = 0;
    tell(s, ML_TOLD_AWAITED, a->no, a->def, a->call_arg);
  } else if (ml_callk_http(a->call_kind)) {
    tell(s, ML_TOLD_ANSWERED, a->no, a->def, s->ev->text);
    if (ML_PLANTED(result_twice))
      tell(s, ML_TOLD_ANSWERED, a->no, a->def, s->ev->text);
  }
  act_answer(s, a, s->ev->raw.p != NULL ? s->ev->raw : ML_STR("null"));
  run_update(s);
  return ML_OK;
}

ml_rc on_lost(step *s) {
  ml_act *a;
  ml_rc rc = find(s, ML_WAIT_CALL, &a);

  if (rc != ML_OK)
    return rc;
  act_not_yet(s, a, keep(s, first_chars(s->ev->text)), s->ev->after_ms);
  run_update(s);
  return ML_OK;
}
