/*
** api_render.h - processes, activities and tasks as the JSON that everybody
** sees: the routes, and the test harness that shows a process the same way.
*/
#ifndef ML_API_RENDER_H
#define ML_API_RENDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/mem.h"
#include "model/flow.h"
#include "model/process.h"
#include "store/store.h"

/* An activity that is over and no more in the process: out of history. */
typedef struct ml_api_past {
  uint32_t no;
  ml_str label;
  ml_acts status;
  bool aside;
  ml_str outcome, message;
} ml_api_past;

/* What a process does not know about itself. */
typedef struct ml_api_view {
  int64_t now_ms;
  ml_str version;                /* of its bundle; none: not known */
  ml_str parent;                 /* parent's id; none: by p->parent_act */
  bool held;                     /* its bundle is in quarantine */
  bool sealed;                   /* show sealed values */
  bool all;                      /* past activities, and those to come as New */
  const ml_api_past *past;
  size_t past_count;
} ml_api_view;

/* The object PROCESS. */
void ml_api_put_process(ml_jw *w, const ml_process *p, const ml_flow *f,
                        const ml_api_view *v);
/* {short id: value}, sealed ones "[sealed]" unless `sealed`. */
void ml_api_put_data(ml_jw *w, const ml_process *p, const ml_flow *f,
                     bool sealed);

/* Gather ended activities out of history rows, oldest first; rows may come in
** several calls.  *list grows in the arena.  ML_NOMEM. */
typedef struct ml_api_pasts {
  ml_api_past *all;
  size_t count, cap;
} ml_api_pasts;
ml_rc ml_api_past_add(ml_api_pasts *list, ml_arena *a,
                      const ml_row_history *rows, size_t count);

/* A task from wherever it is known. */
typedef struct ml_api_task {
  uint8_t process[16];
  uint32_t no;
  ml_str workflow, subject, label;
  ml_str title;                  /* JSON, a plain text, or none */
  ml_str lane_workflow, lane;    /* none: no lane */
  ml_tasks status;
  ml_str assignee, outcome;
  int64_t created_ms, due_ms, ended_ms;
  int32_t node;                  /* -1: none */
  ml_str type;                   /* "FINANCE_APPROVAL"; or none */
  bool failed;                   /* its outcome is a Failure */
} ml_api_task;

/* From a live process.  Texts borrowed. */
void ml_api_task_of(const ml_process *p, const ml_flow *f, const ml_task *t,
                    ml_api_task *out);
/* From its row and its process's; `f` and `lane` may be NULL. */
void ml_api_task_of_row(const ml_row_task *t, const ml_row_process *p,
                        ml_str workflow, const ml_flow *f,
                        const ml_row_lane *lane, ml_api_task *out);
/* The members of the object TASK, between ml_jw_obj and ml_jw_end. */
void ml_api_put_task(ml_jw *w, const ml_api_task *t, int64_t now_ms);
/* The members "form" and "outcomes" of a task that is open. */
void ml_api_put_form(ml_jw *w, const ml_process *p, const ml_flow *f,
                     const ml_task *t, bool sealed);

/* ---- small ones ---- */

void ml_api_put_time(ml_jw *w, const char *key, int64_t ms);   /* 0: null */
void ml_api_put_text(ml_jw *w, const char *key, ml_str s);     /* none, "": null */
void ml_api_put_label(ml_jw *w, const char *key, ml_str json); /* none: null */
void ml_api_put_id(ml_jw *w, const char *key, const uint8_t id[16],
                   uint32_t no);

/* The object PROCESS of a row whose bundle is not known or not readable:
** columns only. */
void ml_api_put_row(ml_jw *w, const ml_row_process *row, ml_str workflow,
                    const ml_api_view *v, const char *why);

/* One field of a form, with its value. */
void ml_api_put_form_field(ml_jw *w, const ml_process *p, const ml_flow *f,
                           const ml_form_field *ff, bool sealed);

/* api_asked.c: of a task that a script asked for (ctx:ask), by its own JSON. */
void ml_api_put_asked_fields(ml_jw *w, const ml_process *p, const ml_flow *f,
                             ml_str form, bool sealed);
void ml_api_put_asked_outcomes(ml_jw *w, ml_str form);
/* "link": its `link`, {task} being the task's id; null without one. */
void ml_api_put_asked_link(ml_jw *w, const ml_process *p, const ml_task *t);

#endif
