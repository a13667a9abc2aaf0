/*
** script.c - slices of scripts: what an activity is asked, what came back.
**
** A slice gets everything it rests on and may run ahead of the disk, for it
** touches nothing outside.  Its snapshot (data and what the process was) is
** taken when the attempt begins; the first time the attempt has to be
** resumed later it becomes the journal's entry "data.1".
*/
#include <stdio.h>
#include <string.h>

#include "run/inside.h"

typedef struct slice {
  owed owed;
  ml_run *r;
  int64_t n;
  uint32_t no, slice;
  ml_buf text;                   /* the snapshot: {"process":..,"data":..} */
  bool first;                    /* the journal does not hold it yet */
  uint64_t seq;                  /* of the process when it was asked */
  size_t count;                  /* what may have been run behind it */
  ml_follower behind[ML_LINKS_MAX];
} slice;

static void slice_free(slice *s) {
  owed_drop(&s->owed);
  ml_buf_free(&s->text);
  ml_mem_free(s);
}

static void slice_forget(owed *o) {
  slice_free((slice *)o);
}

/* ctx.process: what a script may know of where it runs; but for its activity,
** which the question names. */
static void put_process(ml_jw *w, const proc *pr) {
  char id[ML_ID_MAX];

  ml_id_text(id, pr->p->id, 0);
  ml_jw_obj(w);
  ml_jw_kstrz(w, "id", id);
  ml_jw_kstr(w, "workflow", pr->f->name);
  ml_jw_kstr(w, "version", ml_str_of(pr->b->version));
  ml_jw_kstr(w, "subject", pr->p->subject);
  ml_jw_kstr(w, "state", pr->p->state);
  ml_jw_kstr(w, "assigned_to", pr->p->assigned_to);
  ml_jw_kstr(w, "created_by", pr->p->created_by);
  ml_jw_kint(w, "created_ms", pr->p->created_ms);
  ml_jw_kint(w, "number", pr->p->n);
  ml_jw_end(w);
}

static ml_str snapshot_data(const ml_json *snap, ml_buf *b) {
  ml_buf_reset(b);
  ml_json_print(b, ml_json_get(snap, "data"));
  return b->bad ? ML_NOSTR : (ml_str){b->p, b->len};
}

static ml_str snapshot_process(const ml_json *snap, ml_buf *b) {
  ml_buf_reset(b);
  ml_json_print(b, ml_json_get(snap, "process"));
  return b->bad ? ML_NOSTR : (ml_str){b->p, b->len};
}

static const entry *recorded_snapshot(const proc *pr, uint32_t act) {
  for (size_t i = 0; i < pr->journal_count; i++)
    if (pr->journal[i].act == act && pr->journal[i].e.kind == ML_CALL_DATA)
      return &pr->journal[i];
  return NULL;
}

static ml_rc ask(ml_run *r, proc *pr, slice *s, const ml_ask *q,
                 ml_answer_fn *fn) {
  ml_rc rc = r->conf.script->ask(r->conf.script, q, fn, s);

  if (rc == ML_OK) {
    r->stats.slices++;
    pr->asked++;
  }
  return rc;
}

/* Its answer has come.  One of a process that was dropped and read again in
** between may count for another: that only ends a hold early. */
static void unask(proc *pr) {
  if (pr != NULL && pr->asked > 0)
    pr->asked--;
}

/* The script could not be asked at all: say so on the activity.  `why` is for
** ML_CONFLICT. */
static void cannot_ask(ml_run *r, int64_t n, uint32_t no, uint32_t slice_no,
                       ml_rc rc, const char *why) {
  proc *pr = proc_find(r, n);
  ml_event ev = {.kind = ML_EV_DIED, .no = no, .slice = slice_no};

  if (pr == NULL || pr->p == NULL)
    return;
  ev.text = rc == ML_CONFLICT ? ml_str_of(why)
                : rc == ML_LIMIT
                ? ML_STR("what the script needs is larger than a frame to a "
                         "worker")
                : rc == ML_REFUSED
                ? ML_STR("the history of this process has reached its end: it "
                         "may be completed, skipped or cancelled")
                : rc == ML_NOT_FOUND ? ML_STR("its bundle is not known here")
                                     : ML_STR("memory is short");
  proc_event(r, pr, &ev);
}

/* {"process":..,"data":..} into *text; where each lies to the others. */
static void put_snapshot(const proc *pr, ml_buf *text, ml_str *process,
                         ml_str *data) {
  static const char behind[] = ",\"data\":";
  size_t p, d;
  ml_jw w;

  ml_buf_room(text, 1000);
  ml_buf_puts(text, "{\"process\":");
  p = text->len;
  ml_jw_init(&w, text);
  put_process(&w, pr);
  ml_buf_puts(text, behind);
  d = text->len;
  ml_process_pack_data(pr->p, pr->f, text);
  ml_buf_putc(text, '}');
  if (text->bad)
    return;
  *process = (ml_str){text->p + p, d - p - (sizeof behind - 1)};
  *data = (ml_str){text->p + d, text->len - d - 1};
}

/* The first time an attempt will have to be replayed, its snapshot is kept. */
static ml_rc keep_snapshot(ml_run *r, proc *pr, uint32_t no,
                           const ml_buf *text) {
  ml_entry e = {ML_STR("data.1"), ML_CALL_DATA, {0}, {text->p, text->len}};

  return proc_add_entry(r, pr, no, &e, true);
}

/* ---- what was run ahead ---- */

/* The slice that is being dispatched is the one that was run already. */
bool script_was_ahead(ml_run *r, const proc *pr, const ml_effect *ef) {
  ahead *h = r->ahead;
  const ml_act *a = ml_process_act(pr->p, ef->no);

  if (h == NULL || h->n != pr->n || !h->exact || h->at >= h->count ||
      h->behind[h->at].no != ef->no || h->behind[h->at].def != a->def ||
      a->attempt != 1 || !ml_str_is(ef->mode, "run"))
    return false;
  h->slice = ef->slice;
  h->met = true;
  return true;
}

/* Were the fields written as the script gave them?  A value that the engine
** brought into another form would have been seen by the next one. */
void script_compare(ml_run *r, const ml_made *m, const ml_answer *a) {
  bool same = false;

  if (r->ahead == NULL)
    return;
  for (size_t i = 0; i < m->record_count && !same; i++)
    same = m->records[i].told == ML_TOLD_SUCCEEDED &&
           ml_str_eq(m->records[i].data, a->data);
  r->ahead->exact = same;
}

/* An answer for slice `no`, whose snapshot is *text.  false: dropped. */
static bool take_answer(ml_run *r, proc *pr, uint32_t no, uint32_t slice_no,
                        const ml_answer *a, const ml_buf *text) {
  const ml_act *act = ml_process_act(pr->p, no);
  ml_event ev = {.kind = ML_EV_ATTEMPTED, .no = no, .slice = slice_no,
                 .answer = a};

  if (a->end == ML_END_WANT && text != NULL && act != NULL &&
      act->slice == slice_no && keep_snapshot(r, pr, no, text) != ML_OK) {
    proc_drop(r, pr, ML_NOMEM);
    return false;
  }
  proc_event(r, pr, &ev);
  return true;
}

/*
** The answers of the links, each an event of its own like any other, as long
** as the engine asks for just that slice.  What it asked instead, or what they
** leave out, has been dispatched in the usual way.
*/
static void take_links(ml_run *r, ahead *h, const ml_answer *a) {
  while (h->met) {
    proc *pr = proc_find(r, h->n);
    uint32_t no = h->behind[h->at].no;
    const ml_answer *link = &a->links[h->at++];
    ml_buf text = {0};
    ml_str none;

    h->met = false;
    if (link->end == ML_END_WANT)
      put_snapshot(pr, &text, &none, &none);
    if (text.bad)
      proc_drop(r, pr, ML_NOMEM);
    else
      take_answer(r, pr, no, h->slice, link, &text);
    ml_buf_free(&text);
  }
}

static void died(ml_run *r, proc *pr, const slice *s, ml_rc rc,
                 const ml_answer *a) {
  ml_event ev = {.kind = ML_EV_DIED, .no = s->no, .slice = s->slice};

  ev.text = rc == ML_LIMIT ? a->text : ML_STR("memory is short");
  ev.at = a->at;
  if (rc == ML_LIMIT)
    quarantine_note(r, pr->b, pr->n);
  proc_event(r, pr, &ev);
}

static void ran(void *arg, ml_rc rc, const ml_answer *a) {
  slice *s = arg;
  ml_run *r = s->r;
  proc *pr = proc_find(r, s->n);

  unask(pr);
  if (rc == ML_AGAIN || pr == NULL || pr->p == NULL) {
    slice_free(s);
    return;
  }
  if (rc != ML_OK) {
    died(r, pr, s, rc, a);
  } else {
    ahead h = {.n = s->n, .behind = s->behind};

    if (pr->p->seq == s->seq)
      h.count = a->link_count < s->count ? a->link_count : s->count;
    r->ahead = &h;
    if (take_answer(r, pr, s->no, s->slice, a, s->first ? &s->text : NULL))
      take_links(r, &h, a);
    r->ahead = NULL;
  }
  pr = proc_find(r, s->n);
  if (pr != NULL)
    proc_rest(r, pr);
  slice_free(s);
}

/*
** A journal is replayed whole each time: it has an end.  One that grew under
** a higher limit than today's ends here too, told as what it is: *why.
*/
static bool too_long(const ml_run *r, const ml_act *a, const ml_flow *f,
                     const ml_ask *q, char why[240]) {
  const ml_bounds *own = f->activities[a->def].limits;
  size_t bytes = 0;
  ml_bound b;

  for (size_t i = 0; i < q->journal_count; i++)
    bytes += q->journal[i].answer.n;
  if (q->journal_count > limits_of(r, own, ML_BOUND_ENTRIES))
    b = ML_BOUND_ENTRIES;
  else if (bytes > limits_of(r, own, ML_BOUND_JOURNAL))
    b = ML_BOUND_JOURNAL;
  else
    return false;
  snprintf(why, 240, "its journal holds %zu calls with %zu bytes: more than it may "
           "(%s)", q->journal_count, bytes,
           ml_bound_told(own, &r->conf.limits, b));
  return true;
}

/* The journal of one activity, as the worker wants it. */
static ml_entry *journal_of(const proc *pr, uint32_t act, ml_arena *a,
                            size_t *count) {
  ml_entry *list = ml_arena_alloc(a, sizeof *list * (pr->journal_count + 1));
  size_t n = 0;

  for (size_t i = 0; list != NULL && i < pr->journal_count; i++)
    if (pr->journal[i].act == act && pr->journal[i].e.kind != ML_CALL_DATA)
      list[n++] = pr->journal[i].e;
  *count = n;
  return list;
}

static ml_rc fill_snapshot(proc *pr, slice *s, const ml_act *a, ml_ask *q,
                           ml_arena *arena, ml_buf *data, ml_buf *process) {
  const entry *old = a != NULL ? recorded_snapshot(pr, a->no) : NULL;
  ml_json *snap = NULL;

  if (old == NULL) {
    s->first = true;
    put_snapshot(pr, &s->text, &q->process, &q->data);
    return s->text.bad ? ML_NOMEM : ML_OK;
  }
  if (ml_json_parse(arena, old->e.answer.p, old->e.answer.n, NULL, &snap,
                    NULL) != ML_OK)
    return ML_CORRUPT;
  q->data = snapshot_data(snap, data);
  q->process = snapshot_process(snap, process);
  return q->data.p == NULL || q->process.p == NULL ? ML_NOMEM : ML_OK;
}

/* How many of them have the limits of the first. */
static size_t under_one(const ml_flow *f, const ml_act *a,
                        const ml_follower *behind, size_t count) {
  const ml_bounds *limits = f->activities[a->def].limits;
  size_t n = 0;

  while (n < count && f->activities[behind[n].def].limits == limits)
    n++;
  return n;
}

/* The links: what comes behind it if all goes well.  Only the first attempt
** of an activity can be followed so: later ones are for what waited. */
static bool put_links(proc *pr, const ml_act *a, slice *s, ml_ask *q,
                      ml_arena *arena) {
  ml_behind *list;

  s->seq = pr->p->seq;
  if (a->attempt != 1 || q->journal_count > 0 || !ml_str_is(q->mode, "run"))
    return true;
  s->count = ml_follow(pr->f, pr->p, a, s->behind, ML_LINKS_MAX);
  s->count = under_one(pr->f, a, s->behind, s->count);
  if (s->count == 0)
    return true;
  list = ml_arena_zero(arena, s->count * sizeof *list);
  for (size_t i = 0; list != NULL && i < s->count; i++) {
    const ml_activity *def = &pr->f->activities[s->behind[i].def];
    char key[ML_ID_MAX];

    ml_id_text(key, pr->p->id, s->behind[i].no);
    list[i].path = def->path;
    list[i].activity = def->label;
    list[i].key.n = strlen(key);
    list[i].key.p = ml_arena_dup(arena, key, list[i].key.n);
    if (list[i].key.p == NULL)
      return false;
  }
  q->links = list;
  q->link_count = list != NULL ? s->count : 0;
  return list != NULL;
}

void script_run(ml_run *r, proc *pr, const ml_effect *ef) {
  const ml_act *a = ml_process_act(pr->p, ef->no);
  slice *s;
  ml_ask q = {.kind = ML_ASK_ATTEMPT};
  ml_bounds limits;
  ml_buf data = {0}, process = {0};
  ml_arena arena = {0};
  char key[ML_ID_MAX], why[240] = "";
  ml_rc rc = ML_NOMEM;

  if (pr->b->quarantined_ms != 0)
    return;                                 /* when it is lifted, from its row */
  s = ml_mem_zero(sizeof *s);
  if (proc_is_long(r, pr))
    rc = ML_REFUSED;
  if (s == NULL || rc == ML_REFUSED)
    goto fail;
  owed_add(r, &s->owed, slice_forget);
  s->r = r;
  s->n = pr->n;
  s->no = ef->no;
  s->slice = ef->slice;
  memcpy(q.bundle, pr->b->hash, sizeof q.bundle);
  q.owner = owner_of(r, pr->b->folder);
  q.id = (uint64_t)pr->n;
  q.flow = pr->f->index;
  q.path = pr->f->activities[a->def].path;
  q.mode = ef->mode;
  ml_id_text(key, pr->p->id, ef->no);
  q.key = ml_str_of(key);
  q.settings = pr->p->settings.p != NULL ? pr->p->settings : ML_STR("{}");
  q.now_ms = now_wall(r);
  q.attempt = a->attempt;
  q.activity = pr->f->activities[a->def].label;
  limits_ask(r, pr->f->activities[a->def].limits, &limits, &q);
  /* is_complete has an empty journal each time, but what it read in this very
  ** asking stays until it has answered */
  q.journal = journal_of(pr, ef->no, &arena, &q.journal_count);
  if (q.journal == NULL ||
      (!r->conf.step_commits && !put_links(pr, a, s, &q, &arena)))
    goto fail;
  rc = too_long(r, a, pr->f, &q, why)
           ? ML_CONFLICT
           : fill_snapshot(pr, s, a, &q, &arena, &data, &process);
  if (rc == ML_OK)
    rc = ask(r, pr, s, &q, ran);
  if (rc == ML_OK)
    s = NULL;                               /* the answer's now */
fail:
  if (s != NULL)
    slice_free(s);
  ml_buf_free(&data);
  ml_buf_free(&process);
  ml_arena_free(&arena);
  if (rc != ML_OK)
    cannot_ask(r, pr->n, ef->no, ef->slice, rc, why);
}

/* ---- conditions ---- */

static void judge_failed(ml_run *r, proc *pr, const slice *s, ml_str text,
                         ml_str at) {
  ml_event ev = {.kind = ML_EV_MISJUDGED, .no = s->no, .slice = s->slice};

  ev.text = text.p != NULL ? text : ML_STR("it could not be evaluated");
  ev.at = at;
  proc_event(r, pr, &ev);
}

/* The list of booleans as an array; false when it is anything else. */
static bool read_truths(ml_arena *a, ml_str json, bool **out, size_t *count) {
  ml_json *list = NULL;

  if (ml_json_parse(a, json.p, json.n, NULL, &list, NULL) != ML_OK ||
      list->type != ML_JARR)
    return false;
  *out = ml_arena_zero(a, list->count + 1u);
  if (*out == NULL)
    return false;
  for (uint32_t i = 0; i < list->count; i++) {
    if (ml_json_at(list, i)->type != ML_JBOOL)
      return false;
    (*out)[i] = ml_json_at(list, i)->b;
  }
  *count = list->count;
  return true;
}

static void judged(void *arg, ml_rc rc, const ml_answer *a) {
  slice *s = arg;
  ml_run *r = s->r;
  proc *pr = proc_find(r, s->n);
  ml_arena arena = {0};
  bool *truths = NULL;
  size_t count = 0;

  unask(pr);
  if (rc == ML_AGAIN || pr == NULL || pr->p == NULL) {
    slice_free(s);
    return;
  }
  if (rc == ML_LIMIT)
    quarantine_note(r, pr->b, pr->n);
  if (rc != ML_OK || a->end != ML_END_RETURNED) {
    judge_failed(r, pr, s, a->text, a->at);
  } else if (!read_truths(&arena, a->text, &truths, &count)) {
    judge_failed(r, pr, s, ML_STR("`when` must give true or false"), ML_NOSTR);
  } else {
    ml_event ev = {.kind = ML_EV_JUDGED, .no = s->no, .slice = s->slice,
                   .truths = truths, .truth_count = count};

    if (proc_event(r, pr, &ev) == ML_INVALID)
      judge_failed(r, pr, s, ML_STR("its conditions do not fit its bundle"),
                   ML_NOSTR);
  }
  pr = proc_find(r, s->n);
  if (pr != NULL)
    proc_rest(r, pr);
  ml_arena_free(&arena);
  slice_free(s);
}

void script_judge(ml_run *r, proc *pr, const ml_effect *ef) {
  slice *s;
  ml_ask q = {.kind = ML_ASK_JUDGE};
  ml_bounds limits;
  ml_buf data = {0}, process = {0};
  ml_arena arena = {0};
  char key[ML_ID_MAX];
  ml_rc rc = ML_NOMEM;

  if (pr->b->quarantined_ms != 0)
    return;
  s = ml_mem_zero(sizeof *s);
  if (s == NULL) {
    proc_drop(r, pr, ML_NOMEM);             /* its lease ends: asked again */
    return;
  }
  owed_add(r, &s->owed, slice_forget);
  s->r = r;
  s->n = pr->n;
  s->no = ef->no;
  s->slice = ef->slice;
  memcpy(q.bundle, pr->b->hash, sizeof q.bundle);
  q.owner = owner_of(r, pr->b->folder);
  q.id = (uint64_t)pr->n;
  q.flow = pr->f->index;
  q.path = ef->text;
  limits_ask(r, pr->f->limits, &limits, &q);
  ml_id_text(key, pr->p->id, ef->no);
  q.key = ml_str_of(key);
  q.settings = pr->p->settings.p != NULL ? pr->p->settings : ML_STR("{}");
  q.now_ms = now_wall(r);
  rc = fill_snapshot(pr, s, NULL, &q, &arena, &data, &process);
  if (rc == ML_OK)
    rc = ask(r, pr, s, &q, judged);
  if (rc != ML_OK) {
    judge_failed(r, pr, s, ML_STR("it could not be asked"), ML_NOSTR);
    slice_free(s);
  }
  ml_buf_free(&data);
  ml_buf_free(&process);
  ml_arena_free(&arena);
}
