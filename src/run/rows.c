/*
** rows.c - what a change of a process leaves to be written: its load.
**
** Made when the engine has answered, out of what it made (rows_of_made): records
** of history, rows of tasks, comments, messages.  commit.c puts it into the next
** batch.
*/
#include <string.h>

#include "run/inside.h"

void *list_room(void *list, size_t count, size_t *cap, size_t size) {
  size_t bigger = *cap > 0 ? *cap * 2 : 16;
  void *p;

  if (count < *cap)
    return list;
  p = ml_mem_realloc(list, bigger * size);
  if (p != NULL)
    *cap = bigger;
  return p;
}

ml_str arena_str(ml_arena *a, ml_str s, bool *starved) {
  ml_str copy = ML_NOSTR;

  if (s.p == NULL)
    return copy;
  copy.p = ml_arena_dup(a, s.p, s.n);
  if (copy.p == NULL)
    *starved = true;
  else
    copy.n = s.n;
  return copy;
}

load *load_of(proc *pr) {
  if (pr->load == NULL) {
    pr->load = ml_mem_zero(sizeof *pr->load);
    if (pr->load != NULL)
      pr->load->answers_end = &pr->load->answers;
  }
  return pr->load;
}

/* Its inputs have been answered or moved. */
void load_free(load *l) {
  if (l == NULL)
    return;
  ml_mem_free(l->history);
  ml_mem_free(l->journal);
  ml_mem_free(l->drops);
  ml_mem_free(l->tasks);
  ml_mem_free(l->mails);
  ml_mem_free(l->mores);
  ml_mem_free(l->records);
  ml_mem_free(l->mail_drops);
  ml_mem_free(l->comments);
  ml_mem_free(l->posts);
  ml_mem_free(l->shares);
  ml_mem_free(l->reworded);
  ml_mem_free(l->effects);
  ml_mem_free(l->keys);
  ml_mem_free(l->replays);
  ml_arena_free(&l->arena);
  ml_mem_free(l);
}

/* ---- rows ---- */

static ml_str record_name(const ml_flow *f, const ml_record *rec) {
  if (rec->def < 0)
    return ML_NOSTR;
  switch (rec->told) {
    case ML_TOLD_PHASE: return f->phases[rec->def].name;
    case ML_TOLD_BRANCH: case ML_TOLD_JOINED: return f->branches[rec->def].name;
    default:
      return rec->def < f->activity_count ? f->activities[rec->def].label
                                          : ML_NOSTR;
  }
}

static bool add_history(proc *pr, load *l, const ml_record *rec, uint64_t seq,
                        int64_t now_ms) {
  ml_row_history *h = list_room(l->history, l->history_count, &l->history_cap,
                                sizeof *h);

  if (h == NULL)
    return false;
  l->history = h;
  h += l->history_count++;
  *h = (ml_row_history){pr->n, seq, now_ms, rec->told, rec->no,
                        record_name(pr->f, rec),       /* the flow's: stays */
                        arena_str(&l->arena, rec->who, &l->starved),
                        arena_str(&l->arena, rec->text, &l->starved),
                        arena_str(&l->arena, rec->data, &l->starved)};
  return true;
}

static ml_row_task *add_task(load *l) {
  ml_row_task *t = list_room(l->tasks, l->task_count, &l->task_cap, sizeof *t);

  if (t == NULL)
    return NULL;
  l->tasks = t;
  memset(&t[l->task_count], 0, sizeof *t);
  return &t[l->task_count++];
}

/* Label and title of a task: its activity's, or what the script asked. */
static void name_task(const proc *pr, ml_row_task *t, int32_t def) {
  if (def >= 0) {
    t->label = pr->f->activities[def].label;
    t->title = pr->f->activities[def].title;
  }
}

static bool open_task_row(ml_run *r, proc *pr, load *l, uint32_t no) {
  const ml_task *k = ml_process_task(pr->p, no);
  const ml_act *a = k != NULL ? ml_process_act(pr->p, k->act) : NULL;
  ml_row_task *t;

  if (k == NULL)
    return true;
  t = add_task(l);
  if (t == NULL)
    return false;
  t->n = pr->n;
  t->no = no;
  t->act = k->act;
  t->lane = k->lane >= 0 ? ml_run_lane_no(r, pr->f->name,
                                          pr->f->lanes[k->lane].id) : 0;
  t->status = ML_TASK_OPEN;
  t->created_ms = k->created_ms;
  t->due_ms = k->due_ms;
  t->assignee = arena_str(&l->arena, k->assignee, &l->starved);
  name_task(pr, t, a != NULL ? a->def : -1);
  if (k->act == 0)
    t->label = arena_str(&l->arena, k->form, &l->starved);
  return true;
}

static int32_t def_of_record(const ml_made *m, uint32_t no) {
  for (size_t i = 0; i < m->record_count; i++)
    if (m->records[i].no == no && m->records[i].told == ML_TOLD_DONE)
      return m->records[i].def;
  return -1;
}

static bool ended_task_row(ml_run *r, proc *pr, load *l, const ml_made *m,
                           size_t i, int64_t now_ms) {
  const struct ml_task_end *e = &m->ended[i];
  const ml_act *a = ml_process_act(pr->p, e->act);
  ml_row_task *t = add_task(l);

  if (t == NULL)
    return false;
  t->n = pr->n;
  t->no = e->no;
  t->act = e->act;
  t->lane = e->lane >= 0 ? ml_run_lane_no(r, pr->f->name,
                                          pr->f->lanes[e->lane].id) : 0;
  t->status = e->status;
  t->created_ms = e->created_ms;
  t->due_ms = e->due_ms;
  t->ended_ms = e->at_ms > 0 ? e->at_ms : now_ms;
  t->assignee = arena_str(&l->arena, e->who, &l->starved);
  t->outcome = arena_str(&l->arena, e->outcome, &l->starved);
  t->failed = e->failed;
  name_task(pr, t, a != NULL ? (int32_t)a->def : def_of_record(m, e->no));
  if (e->act == 0)
    t->label = arena_str(&l->arena, e->label, &l->starved);
  return true;
}

/* A comment of a script: the record's data is its visibility. */
static bool comment_row(proc *pr, load *l, const ml_record *rec,
                        int64_t now_ms) {
  ml_row_comment *c = list_room(l->comments, l->comment_count, &l->comment_cap,
                                sizeof *c);

  if (c == NULL)
    return false;
  l->comments = c;
  c += l->comment_count++;
  *c = (ml_row_comment){pr->n, (uint32_t)(pr->p->seq), now_ms,
                        arena_str(&l->arena, rec->who, &l->starved),
                        arena_str(&l->arena, rec->text, &l->starved),
                        arena_str(&l->arena, rec->data.p != NULL
                                                 ? rec->data : ML_STR("private"),
                                  &l->starved), 0, false, 0, 0};
  if (pr->taking != NULL && pr->taking->partner != 0) {
    c->partner = pr->taking->partner;
    c->far = pr->taking->far;
    c->at_ms = pr->taking->said_ms;
  }
  return true;
}

/* A comment that is there gets another text, or none. */
static bool reworded_row(load *l, const ml_record *rec, int64_t now_ms) {
  struct reworded *w = list_room(l->reworded, l->reworded_count,
                                 &l->reworded_cap, sizeof *w);

  if (w == NULL)
    return false;
  l->reworded = w;
  w[l->reworded_count++] = (struct reworded){
      rec->no, rec->told == ML_TOLD_REWORDED
                   ? arena_str(&l->arena, rec->text, &l->starved) : ML_NOSTR,
      now_ms};
  return true;
}

static bool is_told_outside(ml_str visibility) {
  return ml_str_is(visibility, "shared") || ml_str_is(visibility, "client");
}

bool load_post(load *l, const ml_row_post *row) {
  ml_row_post *p = list_room(l->posts, l->post_count, &l->post_cap, sizeof *p);

  if (p == NULL) {
    l->starved = true;
    return false;
  }
  l->posts = p;
  p += l->post_count++;
  *p = *row;
  p->queue = arena_str(&l->arena, row->queue, &l->starved);
  p->key = arena_str(&l->arena, row->key, &l->starved);
  p->body = arena_str(&l->arena, row->body, &l->starved);
  return !l->starved;
}

/* What else is known of a task that is no activity's. */
static bool more_row(proc *pr, load *l, const ml_made *m) {
  ml_row_task_more *x = list_room(l->mores, l->more_count, &l->more_cap,
                                  sizeof *x);

  if (x == NULL)
    return false;
  l->mores = x;
  x += l->more_count++;
  *x = (ml_row_task_more){pr->n, m->more_no,
                          arena_str(&l->arena, m->more, &l->starved)};
  return true;
}

bool load_record(load *l, const ml_row_record *r) {
  ml_row_record *x = list_room(l->records, l->record_count, &l->record_cap,
                               sizeof *x);

  if (x == NULL)
    return false;
  l->records = x;
  x += l->record_count++;
  *x = *r;
  x->id = arena_str(&l->arena, r->id, &l->starved);
  x->entity = arena_str(&l->arena, r->entity, &l->starved);
  x->team = arena_str(&l->arena, r->team, &l->starved);
  x->created_by = arena_str(&l->arena, r->created_by, &l->starved);
  x->data = arena_str(&l->arena, r->data, &l->starved);
  x->derived = arena_str(&l->arena, r->derived, &l->starved);
  return true;
}

ml_rc rows_of_made(ml_run *r, proc *pr, const ml_made *m, int64_t now_ms) {
  load *l = load_of(pr);
  uint64_t seq = pr->p->seq - m->record_count;
  bool ok = l != NULL;

  for (size_t i = 0; i < m->record_count && ok; i++) {
    const ml_record *rec = &m->records[i];

    seq++;
    if (rec->told == ML_TOLD_COMMENT) {
      ml_record bare = *rec;

      ok = comment_row(pr, l, rec, now_ms);
      if (ok)
        l->comments[l->comment_count - 1].no = (uint32_t)seq;
      bare.data = ML_NOSTR;
      if (!is_told_outside(rec->data))
        bare.text = ML_STR("(private)");
      ok = ok && add_history(pr, l, &bare, seq, now_ms);
      continue;
    }
    if (rec->told == ML_TOLD_REWORDED || rec->told == ML_TOLD_UNSAID) {
      ml_record bare = *rec;

      ok = reworded_row(l, rec, now_ms);
      bare.data = ML_NOSTR;
      if (!is_told_outside(rec->data))
        bare.text = ML_STR("(private)");
      ok = ok && add_history(pr, l, &bare, seq, now_ms);
      continue;
    }
    ok = add_history(pr, l, rec, seq, now_ms);
  }
  for (size_t i = 0; i < m->ended_count && ok; i++)
    ok = ended_task_row(r, pr, l, m, i, now_ms);
  for (size_t i = 0; i < m->task_count && ok; i++)
    ok = open_task_row(r, pr, l, m->tasks[i]);
  if (ok && pr->share_count > 0)
    partner_tell(r, pr, l, m, now_ms);
  if (m->more_no != 0)
    ok = ok && more_row(pr, l, m);
  return ok ? ML_OK : ML_NOMEM;
}
