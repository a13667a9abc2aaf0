/* api_process.h - reading a process for an answer: shared by the routes that
** show processes and tasks. */
#ifndef ML_API_PROCESS_H
#define ML_API_PROCESS_H

#include "api/api_call.h"
#include "api/api_render.h"

/* A process as a reader saw it. */
typedef struct ml_seen {
  int64_t n;
  uint8_t id[16];
  bool all, sealed;           /* what to show */
  ml_row_process row;
  uint8_t parent[16];         /* zero: none */
  uint32_t parent_workflow;   /* the parent's; 0: none */
  ml_api_pasts past;
} ml_seen;

/* On the reader: s->n and s->id by their row (and the parent's id). */
ml_rc ml_process_read(ml_call *c, ml_read *r, ml_seen *s);
/* The same for its parent's id alone. */
ml_rc ml_process_read_parent(ml_call *c, ml_read *r, ml_seen *s);
/* The object PROCESS, columns alone when its definition cannot be read. */
void ml_process_put_seen(ml_call *c, const ml_seen *s);
ml_str ml_process_workflow_name(const ml_call *c, const ml_row_process *row);

/* A comment (api_history.c). */
void ml_comment_put(ml_jw *w, const ml_row_comment *m);

#endif
