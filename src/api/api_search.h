/* api_search.h - processes by a filter and an order, for every route that lists
** them so. */
#ifndef ML_API_SEARCH_H
#define ML_API_SEARCH_H

#include "api/api_process.h"
#include "store/search.h"

typedef struct ml_finding {
  ml_search want;
  ml_filter filter;
  ml_searched out;
  ml_seen *seen;              /* of out.rows */
} ml_finding;

/* A filter for workflow `wf`: of a text, or of JSON.  ML_INVALID, ML_LIMIT:
** c->err. */
ml_rc ml_finding_make(ml_call *c, const ml_workflow *wf, ml_str where,
                      const ml_json *json, ml_str order, ml_finding *f);
/* On the reader: c->state is the ml_finding. */
ml_rc ml_finding_read(ml_call *c, ml_read *r);

/* GET /v1/processes with where, order, skip or explain. */
bool ml_search_asked(const ml_call *c);
void ml_search_list(ml_call *c);

#endif
