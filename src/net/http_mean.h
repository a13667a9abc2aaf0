/*
** http_mean.h - what a request's target and fields mean to its framing.
**
** For http_parse.c alone, which finds where texts begin and end and asks here
** what they say.  NULL: fine; else a sentence, and p->status when it is not
** 400.  What they mean is written into *p.
*/
#ifndef ML_NET_HTTP_MEAN_H
#define ML_NET_HTTP_MEAN_H

#include "net/http_parse.h"

/* End the text begun at p->mark: a NUL behind it, and the next one begins. */
ml_http_span ml_http_item_end(ml_http_parse *p);

/* p->target_at is complete: where are path, query and perhaps a host? */
const char *ml_http_mean_target(ml_http_parse *p);
const char *ml_http_mean_field(ml_http_parse *p, ml_http_span name,
                               ml_http_span value);
const char *ml_http_mean_trailer(const ml_http_parse *p, ml_http_span name);
/* All fields are there: do they fit together? */
const char *ml_http_mean_head(ml_http_parse *p);

#endif
