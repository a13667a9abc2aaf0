/*
** api.h - the API calls, and how one is run.
*/
#ifndef KS_API_H
#define KS_API_H

#include "query.h"
#include "sim.h"

typedef void ks_handler(ks_call *c);

typedef struct ks_route {
  const char *method, *name;      /* "GET", "record.json" */
  ks_handler *fn;
  bool in_bulk;                   /* may be a part of a bulkRequest */
  bool raw;                       /* the body is no JSON: file upload */
} ks_route;

/* "/k/v1/X" or "/k/guest/S/v1/X": X and S.  False: neither. */
bool ks_route_path(ml_str path, ml_str *name, ml_str *space);
const ks_route *ks_route_of(ml_str method, ml_str name);   /* or NULL */

/* Who is it?  False: the call has failed.  (auth.c) */
bool ks_auth(ks_call *c, const ml_request *q);

/* {CODE: {"type","value"}, ...}; of `fields` (a list of codes) only those. */
void ks_put_record(ks_call *c, ml_jw *w, const ks_app *app, const ks_record *r,
                   const ml_json *fields);
void ks_put_person(ml_jw *w, ks_person p);
void ks_put_comment(ks_call *c, ml_jw *w, const ks_comment *comment);
void ks_put_int(ml_jw *w, const char *key, int64_t n);     /* as a text */

/* The records of a query, in its order.  total: all matches, or -1 when not
** asked for. */
typedef struct ks_found {
  const ks_record **list;
  size_t count;
  int64_t total;
} ks_found;
void ks_find(ks_call *c, const ks_app *app, const ks_query *q, bool all,
             bool total, ks_found *out);

/* A single record made, changed, deleted: by REST, and at the screen. */
void ks_record_add(ks_call *c, ks_app *app, const ml_json *record);
void ks_record_delete(ks_call *c, ks_app *app, int64_t id);

ks_handler ks_get_record, ks_post_record, ks_put_record_call;
ks_handler ks_get_records, ks_post_records, ks_put_records, ks_delete_records;
ks_handler ks_post_cursor, ks_get_cursor, ks_delete_cursor;
ks_handler ks_post_bulk;
ks_handler ks_post_comment, ks_get_comments, ks_delete_comment;
ks_handler ks_put_status, ks_put_statuses, ks_put_assignees;
ks_handler ks_get_form, ks_get_app, ks_get_app_status;
ks_handler ks_post_file, ks_get_file;

void ks_cursors_done(ks_sim *sim);           /* forget all cursors */

#endif
