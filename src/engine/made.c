/* made.c - what a step made: records for history, effects, changed tasks. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "engine/inside.h"

void ml_made_reset(ml_made *m) {
  ml_arena_free(&m->arena);
  m->record_count = m->effect_count = m->task_count = m->ended_count = 0;
  m->task_no = m->more_no = 0;
}

void ml_made_free(ml_made *m) {
  ml_arena_free(&m->arena);
  ml_mem_free(m->records);
  ml_mem_free(m->effects);
  ml_mem_free(m->tasks);
  ml_mem_free(m->ended);
  memset(m, 0, sizeof *m);
}

/* The list with room for one more, or NULL (it is as it was). */
static void *room(void *list, size_t count, size_t *cap, size_t size) {
  size_t bigger = *cap > 0 ? *cap * 2 : 8;
  void *p;

  if (count < *cap)
    return list;
  p = ml_mem_realloc(list, bigger * size);
  if (p != NULL)
    *cap = bigger;
  return p;
}

ml_str keep(step *s, ml_str text) {
  bool ok = true;
  ml_str copy = ml_process_text(s->p, text, &ok);

  if (!ok)
    s->starved = true;
  return copy;
}

ml_str keepf(step *s, const char *fmt, ...) {
  va_list ap;
  char text[1024];

  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  return keep(s, ml_str_of(text));
}

/* A copy that lives as long as what was made. */
static ml_str made_text(step *s, ml_str text) {
  ml_str copy = ML_NOSTR;

  if (text.p == NULL)
    return copy;
  copy.p = ml_arena_dup(&s->out->arena, text.p, text.n);
  copy.n = copy.p != NULL ? text.n : 0;
  if (copy.p == NULL)
    s->starved = true;
  return copy;
}

/* Whose doing is it?  What follows from a person's act is the engine's. */
static bool by_actor(const step *s, ml_told told) {
  switch (told) {
    case ML_TOLD_STARTED: case ML_TOLD_CLAIMED: case ML_TOLD_RELEASED:
    case ML_TOLD_DONE: case ML_TOLD_DATA: case ML_TOLD_SUBJECT:
    case ML_TOLD_STATE: case ML_TOLD_ASSIGNED: case ML_TOLD_COMMENT:
    case ML_TOLD_SIGNAL: case ML_TOLD_RETRIED: case ML_TOLD_SKIPPED:
    case ML_TOLD_RESET: case ML_TOLD_CANCELLED: case ML_TOLD_TERMINATED:
    case ML_TOLD_REOPENED: case ML_TOLD_DELETED: case ML_TOLD_RESTORED:
    case ML_TOLD_OBJECT:
      return true;
    case ML_TOLD_ALLOCATED:
      return s->ev->kind == ML_EV_REASSIGNED;
    default:
      return false;
  }
}

ml_record *tell(step *s, ml_told told, uint32_t no, int32_t def, ml_str text) {
  static ml_record nowhere;
  ml_record *list = room(s->out->records, s->out->record_count,
                         &s->out->record_cap, sizeof *list);

  if (list == NULL) {
    s->starved = true;
    memset(&nowhere, 0, sizeof nowhere);
    return &nowhere;
  }
  s->out->records = list;
  list += s->out->record_count++;
  *list = (ml_record){told, no, def,
                      by_actor(s, told) ? made_text(s, s->ev->actor.who)
                                        : ML_NOSTR,
                      made_text(s, text), ML_NOSTR};
  s->p->seq++;
  return list;
}

ml_effect *effect(step *s, ml_effect_kind kind, uint32_t no) {
  static ml_effect nowhere;
  ml_effect *list = room(s->out->effects, s->out->effect_count,
                         &s->out->effect_cap, sizeof *list);

  if (list == NULL) {
    s->starved = true;
    memset(&nowhere, 0, sizeof nowhere);
    return &nowhere;
  }
  s->out->effects = list;
  list += s->out->effect_count++;
  memset(list, 0, sizeof *list);
  list->kind = kind;
  list->no = no;
  return list;
}

void task_changed(step *s, uint32_t no) {
  uint32_t *list;

  for (size_t i = 0; i < s->out->task_count; i++)
    if (s->out->tasks[i] == no)
      return;
  list = room(s->out->tasks, s->out->task_count, &s->out->task_cap,
              sizeof *list);
  if (list == NULL) {
    s->starved = true;
    return;
  }
  s->out->tasks = list;
  list[s->out->task_count++] = no;
}

/* The task is over: its row is told how, and the process forgets it. */
void task_end(step *s, ml_task *t, ml_tasks status, ml_str who,
              ml_str outcome) {
  struct ml_task_end *list = room(s->out->ended, s->out->ended_count,
                                  &s->out->ended_cap, sizeof *list);

  if (list == NULL) {
    s->starved = true;
    return;
  }
  s->out->ended = list;
  list += s->out->ended_count++;
  *list = (struct ml_task_end){t->no, status, made_text(s, who),
                               made_text(s, outcome), t->act, t->lane,
                               t->created_ms, t->due_ms,
                               t->act == 0 ? made_text(s, t->form) : ML_NOSTR,
                               0, false};
  ml_process_drop_task(s->p, t->no);
}
