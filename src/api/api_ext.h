/*
** api_ext.h - the published external form: /v1/ext, where a process is spoken
** of by short ids and every answer is { "_data", "_meta", "_errors" }.
**
** A procedure is a workflow in force, its shortId the workflow's name.  Field
** names are those of the workflow in force, also for a process that began on an
** older version: fields are one by their id, so renaming a short id loses
** nothing.
*/
#ifndef ML_API_EXT_H
#define ML_API_EXT_H

#include "api/api_call.h"
#include "api/api_process.h"
#include "model/flow.h"
#include "model/process.h"

/* What a process does not know about itself. */
typedef struct ml_ext_view {
  const ml_flow *names;          /* in force: its short ids; NULL: its own */
  ml_str parent;                 /* id of the parent; or none */
  ml_str parent_workflow;        /* the parent's workflow; or none */
} ml_ext_view;

/* The 24 published members, as an object: null when unset, moments as integer
** milliseconds, sealed values as "[sealed]". */
void ml_ext_put_process(ml_jw *w, const ml_process *p, const ml_flow *f,
                        const ml_ext_view *v);
/* A process as a reader saw it (ml_process_read fills parent and
** parent_workflow); columns alone when its definition cannot be read. */
void ml_ext_put_seen(ml_call *c, const ml_seen *s);

/* The id of a procedure: a UUID made of the workflow's name. */
void ml_ext_procedure_id(char out[ML_ID_MAX], ml_str workflow);

/* The workflow in force that {procedure} of the path names.  NULL: 404 sent. */
const ml_workflow *ml_ext_procedure(ml_call *c);

/*
** The members of a create or update as an event (shape ExtUpdate): data with
** its keys as field ids of `names`, state, status, nextActionAt, assignedTo,
** belongsTo, entity, primaryBooking, record, isDeleted.  Texts are borrowed from
** `body`, what is made lies in `a`.  ML_INVALID: e->at is a JSON pointer.
** Parents are looked at by who can read (ml_ext_parent).
*/
ml_rc ml_ext_event(const ml_call *c, ml_arena *a, const ml_flow *names,
                   const ml_json *body, ml_event *ev, ml_err *e);

/* A record to be written in the commit of the process that is about it, out of
** {"entity", "data"}; `entity` when it names none. */
ml_rc ml_ext_record(ml_call *c, const ml_json *body, ml_str entity,
                    ml_row_record *out, ml_err *e);

/* {"_data": ... then the value is written, then ml_ext_meta() or at once
** ml_ext_end(): "_meta" and "_errors", and the answer is sent. */
void ml_ext_begin(ml_call *c);
void ml_ext_meta(ml_call *c);     /* "_meta": { ... write members, then */
void ml_ext_end(ml_call *c, int status);

#endif
