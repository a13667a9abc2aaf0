/* torture_op.c - operations of a test while something may happen to them. */
#include <string.h>

#include "cmd/test_op.h"
#include "cmd/torture_world.h"

/* What goes through ml_world_put() comes twice there, after what it was made
** from was looked up; these are asked as a whole. */
static bool is_whole(ml_str name) {
  return ml_str_is(name, "post") || ml_str_is(name, "emit") ||
         ml_str_is(name, "hear");
}

static void begin_answer(ml_op *o, ml_buf *to) {
  ml_buf_reset(to);
  ml_jw_init(o->out, to);
  ml_jw_obj(o->out);
  ml_jw_key(o->out, "ok");
}

/* The same message again; what it is answered is nobody's. */
static ml_rc once_more(ml_op *o, ml_op_fn *fn) {
  ml_jw *out = o->out, other;
  ml_buf b = {0};
  ml_rc rc;

  o->out = &other;
  begin_answer(o, &b);
  o->w->torture->repeated = true;
  rc = fn(o);
  o->out = out;
  ml_buf_free(&b);
  return rc;
}

static ml_rc serve(ml_op *o, ml_str name, ml_op_fn *fn) {
  ml_torture *x = o->w->torture;
  uint64_t posts = o->w->posts;
  ml_rc rc = fn(o);

  if (rc == ML_UNKNOWN && x->again) {
    x->again = false;
    o->w->posts = posts;
    memset(&o->e, 0, sizeof o->e);
    begin_answer(o, o->answer);
    rc = fn(o);
  }
  if (rc == ML_OK && is_whole(name) && ml_torture_now(x, ML_FAULT_TWICE)) {
    o->w->posts = posts;
    rc = once_more(o, fn);
  }
  return rc;
}

ml_rc ml_op_tortured(ml_op *o, ml_str name, ml_op_fn *fn) {
  ml_err leap = {0};
  ml_rc rc;

  if (ml_str_is(name, "fault"))
    return fn(o);
  ml_torture_op(o->w, name);
  rc = ml_torture_leap(o->w, true, &o->e);
  if (rc == ML_OK)
    rc = serve(o, name, fn);
  if (ml_torture_leap(o->w, false, &leap) != ML_OK && rc == ML_OK) {
    rc = leap.rc;
    o->e = leap;
  }
  ml_torture_op_end(o->w);
  return rc;
}

/* w:fault{ at = "commit", n = 7, kind = "crash-before" }: before anything else */
ml_rc ml_op_fault(ml_op *o) {
  ml_fault f;
  ml_rc rc;

  if (o->w->ops > 1)
    return ml_err_set(&o->e, ML_INVALID, "", "w:fault comes before anything else "
                      "is asked of the world, and once");
  rc = ml_fault_read(ml_op_arg(o, 0), &f, &o->e);
  if (rc == ML_OK)
    rc = ml_world_torture(o->w, &f, &o->e);
  if (rc == ML_OK)
    ml_jw_null(o->out);
  return rc;
}
