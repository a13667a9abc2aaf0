/* fault.c - the list of failures that wait for their requests. */
#include "fault.h"

#include "base/text.h"

struct ks_faults {
  ks_fault *first;
};

void ks_fault_init(ks_sim *sim) {
  sim->faults = ml_mem_zero(sizeof *sim->faults);
  if (sim->faults == NULL)
    ks_die("out of memory");
}

static void fault_free(ks_fault *f) {
  ml_arena_free(&f->arena);
  ml_mem_free(f);
}

void ks_fault_clear(ks_sim *sim) {
  ks_fault *f;

  while ((f = sim->faults->first) != NULL) {
    sim->faults->first = f->next;
    fault_free(f);
  }
}

void ks_fault_done(ks_sim *sim) {
  if (sim->faults == NULL)
    return;
  ks_fault_clear(sim);
  ml_mem_free(sim->faults);
  sim->faults = NULL;
}

/* ---- reading ---- */

static const struct { const char *name; ks_damage damage; } damages[] = {
  {"cut", KS_CUT}, {"half_header", KS_HALF_HEADER},
  {"short_body", KS_SHORT_BODY}, {"garbage", KS_GARBAGE}};
#define DAMAGES (sizeof damages / sizeof *damages)

static ml_rc known_members(const ml_json *o, ml_err *e) {
  static const char *const names[] = {"status", "code", "body", "type", "count",
    "method", "path", "app", "when", "cut", "half_header", "short_body",
    "garbage", "delay_ms", "hold"};
  uint32_t i;
  size_t k;

  for (i = 0; i < o->count; i++) {
    for (k = 0; k < sizeof names / sizeof *names; k++)
      if (ml_str_is(o->obj[i].key, names[k]))
        break;
    if (k == sizeof names / sizeof *names)
      return ml_err_set(e, ML_INVALID, o->obj[i].key.p, "a failure has no member "
                        "of this name; README.md lists them");
  }
  return ML_OK;
}

static ml_rc read_when(ks_fault *f, const ml_json *o, ml_err *e) {
  ml_str when = ml_json_str(o, "when");

  /* what only waits, waits with a finished answer; what breaks, breaks the
     request before it did anything, unless told otherwise */
  f->after = f->damage == KS_WHOLE && f->status == 0;
  if (when.p != NULL)
    f->after = ml_str_is(when, "after");
  if (when.p != NULL && !f->after && !ml_str_is(when, "before"))
    return ml_err_set(e, ML_INVALID, "/when", "'%s' is not before or after",
                      when.p);
  return ML_OK;
}

static ml_str text_or_json(ml_arena *a, const ml_json *v) {
  ml_buf b = {0};

  if (v == NULL || v->type == ML_JNULL)
    return ML_NOSTR;
  if (v->type == ML_JSTR)
    return ks_dup(a, v->s);
  ml_json_print(&b, v);
  return ks_taken(a, &b);
}

static ml_rc read_fault(ks_fault *f, const ml_json *o, ml_err *e) {
  const ml_json *app = ml_json_get(o, "app");
  ml_rc rc = known_members(o, e);
  size_t i;

  if (rc != ML_OK)
    return rc;
  f->method = ks_dup(&f->arena, ml_json_str(o, "method"));
  f->path = ks_dup(&f->arena, ml_json_str(o, "path"));
  f->code = ks_dup(&f->arena, ml_json_str(o, "code"));
  f->type = ks_dup(&f->arena, ml_json_str(o, "type"));
  f->body = text_or_json(&f->arena, ml_json_get(o, "body"));
  f->count = ml_json_int(o, "count", 1);
  f->status = (int)ml_json_int(o, "status", 0);
  f->delay_ms = ml_json_int(o, "delay_ms", 0);
  f->hold = ml_json_bool(o, "hold", false);
  if (app != NULL && app->type == ML_JINT)
    f->app = app->i;
  else if (app != NULL && (app->type != ML_JSTR ||
                           !ml_text_int(app->s, &f->app)))
    return ml_err_set(e, ML_INVALID, "/app", "app is the number of an app");
  for (i = 0; i < DAMAGES; i++)
    if (ml_json_bool(o, damages[i].name, false))
      f->damage = damages[i].damage;
  if (f->status == 0 && f->code.p != NULL)
    f->status = 400;
  if (f->status == 0 && f->body.p != NULL)
    f->status = 200;
  if (f->status != 0 && (f->status < 200 || f->status > 599))
    return ml_err_set(e, ML_INVALID, "/status", "a status is 200 to 599");
  if (f->count < 1 || f->delay_ms < 0 || f->delay_ms > 3600000)
    return ml_err_set(e, ML_INVALID, "", "count is 1 or more, delay_ms 0 to an "
                      "hour");
  if (f->status == 0 && f->damage == KS_WHOLE && f->delay_ms == 0 && !f->hold)
    return ml_err_set(e, ML_INVALID, "", "this does no harm: it needs a status, "
                      "code, body, cut, half_header, short_body, garbage, "
                      "delay_ms or hold");
  return read_when(f, o, e);
}

ml_rc ks_fault_add(ks_sim *sim, const ml_json *o, ml_err *e) {
  ks_fault *f, **at = &sim->faults->first;
  ml_rc rc;

  if (o == NULL || o->type != ML_JOBJ)
    return ml_err_set(e, ML_INVALID, "", "a failure is an object");
  f = ml_mem_zero(sizeof *f);
  if (f == NULL)
    ks_die("out of memory");
  rc = read_fault(f, o, e);
  if (rc != ML_OK) {
    fault_free(f);
    return rc;
  }
  while (*at != NULL)
    at = &(*at)->next;
  *at = f;
  return ML_OK;
}

/* ---- using ---- */

static bool fits(const ks_fault *f, ml_str method, ml_str path, int64_t app) {
  return (f->method.p == NULL || ml_str_eq(f->method, method)) &&
         (f->path.p == NULL || ml_str_eq(f->path, path)) &&
         (f->app == 0 || f->app == app);
}

bool ks_fault_take(ks_sim *sim, ml_str method, ml_str path, int64_t app,
                   ml_arena *a, ks_fault *out) {
  ks_fault **at = &sim->faults->first, *f;

  while (*at != NULL && !fits(*at, method, path, app))
    at = &(*at)->next;
  f = *at;
  if (f == NULL)
    return false;
  *out = *f;
  out->method = ks_dup(a, f->method);
  out->path = ks_dup(a, f->path);
  out->code = ks_dup(a, f->code);
  out->body = ks_dup(a, f->body);
  out->type = ks_dup(a, f->type);
  if (--f->count == 0) {
    *at = f->next;
    fault_free(f);
  }
  return true;
}

void ks_fault_put(const ks_sim *sim, ml_jw *w) {
  const ks_fault *f;
  size_t i;

  ml_jw_arr(w);
  for (f = sim->faults->first; f != NULL; f = f->next) {
    ml_jw_obj(w);
    ml_jw_kstr(w, "method", f->method);
    ml_jw_kstr(w, "path", f->path);
    ml_jw_kint(w, "count", f->count);
    ml_jw_kstrz(w, "when", f->after ? "after" : "before");
    ml_jw_kint(w, "status", f->status);
    ml_jw_kstr(w, "code", f->code);
    for (i = 0; i < DAMAGES; i++)
      if (damages[i].damage == f->damage)
        ml_jw_kbool(w, damages[i].name, true);
    ml_jw_kint(w, "delay_ms", f->delay_ms);
    ml_jw_kbool(w, "hold", f->hold);
    ml_jw_end(w);
  }
  ml_jw_end(w);
}
