/*
** bulk.c - bulkRequest.json: up to 20 writing calls, all or nothing.
**
** The parts run one after the other in the request's transaction, so later
** ones see earlier ones.  When one fails the answer holds its failure at its
** place, {} at all others, and no code of its own.
*/
#include "api.h"

#define PARTS_MAX 20

typedef struct Part {
  const ks_route *route;
  ml_str space;
  const ml_json *payload;
} Part;

static void read_part(ks_call *c, const ml_json *o, uint32_t i, Part *p) {
  ml_str at = ks_fmt(c->a, "requests[%u]", i), name;
  ml_str method = ks_param_text(c, o, "method",
                                ks_fmt(c->a, "%s.method", at.p), true);
  ml_str api = ks_param_text(c, o, "api", ks_fmt(c->a, "%s.api", at.p), true);

  p->route = NULL;
  p->payload = ks_param(o, "payload");
  if (method.p == NULL || api.p == NULL)
    return;
  if (ks_route_path(api, &name, &p->space))
    p->route = ks_route_of(method, name);
  if (p->route == NULL || !p->route->in_bulk)
    ks_problem_add(c, ks_fmt(c->a, "%s.api", at.p), KS_M_WORD,
                   ML_STR("POST PUT record(s), DELETE records, PUT status(es), "
                          "PUT assignees"));
  if (p->payload != NULL && p->payload->type != ML_JOBJ)
    ks_fail_at(c, "CB_IJ01");
}

/* Run one part with a call of its own. */
static void run_part(ks_call *c, const Part *p, ks_call *part) {
  static const ml_json nothing = {.type = ML_JOBJ};

  ks_call_init(part, c->sim, c->a);
  part->caller = c->caller;
  part->english = c->english;
  part->space = p->space;
  part->in_bulk = true;
  part->param = p->payload != NULL ? p->payload : &nothing;
  p->route->fn(part);
  if (part->changed)
    c->changed = true;
  c->app = part->app != NULL ? part->app : c->app;
}

static void put_failed(ks_call *c, ks_call *part, uint32_t count, uint32_t at) {
  uint32_t i;

  ml_buf_reset(&c->out);
  ml_jw_init(&c->w, &c->out);
  ml_jw_obj(&c->w);
  ml_jw_key(&c->w, "results");
  ml_jw_arr(&c->w);
  for (i = 0; i < count; i++) {
    if (i == at) {
      ks_put_failure(part, &c->w);
    } else {
      ml_jw_obj(&c->w);
      ml_jw_end(&c->w);
    }
  }
  ml_jw_end(&c->w);
  ml_jw_end(&c->w);
  c->failed = c->bare_body = true;
  c->status = part->status;
}

void ks_post_bulk(ks_call *c) {
  const ml_json *list = ks_param_list(c, c->param, "requests", true);
  Part parts[PARTS_MAX];
  uint32_t i;

  if (list != NULL && list->count > PARTS_MAX)
    ks_problem_add(c, ML_STR("requests"), KS_M_20_PARTS, ML_STR(""));
  for (i = 0; list != NULL && i < list->count && i < PARTS_MAX; i++)
    read_part(c, &list->arr[i], i, &parts[i]);
  if (!ks_call_sound(c))
    return;
  ml_jw_obj(&c->w);
  ml_jw_key(&c->w, "results");
  ml_jw_arr(&c->w);
  for (i = 0; i < list->count; i++) {
    ks_call part;
    bool failed;

    run_part(c, &parts[i], &part);
    failed = part.failed;
    if (failed)
      put_failed(c, &part, list->count, i);
    else
      ml_jw_raw(&c->w, (ml_str){part.out.p, part.out.len});
    ks_call_done(&part);
    if (failed)
      return;
  }
  ml_jw_end(&c->w);
  ml_jw_end(&c->w);
}
