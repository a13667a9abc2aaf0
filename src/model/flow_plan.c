/*
** flow_plan.c - the schedules of a workflow: when, and what they start with.
**
** A stored workflow (p->fault is NULL) was checked when it came: a zone that
** this machine does not know must not keep the others' processes from going
** on, so then the plan has no zone and never comes, which src/run tells.
*/
#include "model/field.h"
#include "model/flow_part.h"

static void read_clock(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                       const char *way, ml_plan *plan) {
  ml_str text, zone = ML_STR("UTC");
  ml_err e = {0};
  ml_rc rc;

  if (!ml_fp_str(p, w, o, way, &text))
    return;
  if (ml_plan_read(plan, text, &e) != ML_OK && p->fault != NULL)
    ml_fp_fault(p, w, "'%s': %s", way, e.text);
  if (ml_json_get(o, "zone") != NULL && !ml_fp_str(p, w, o, "zone", &zone))
    return;
  rc = ml_zone_open(&p->f->arena, zone, &plan->zone, &e);
  if (rc == ML_NOMEM)
    p->nomem = true;
  else if (rc != ML_OK && p->fault != NULL)
    ml_fp_fault(p, w, "%s", e.text);
}

/* One way of saying when. */
static void read_plan(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                      ml_trigger *t) {
  static const char *const ways[] = {"every", "daily", "weekly", "monthly"};
  int n = 0, way = 0;

  for (int i = 0; i < 4; i++)
    if (ml_json_get(o, ways[i]) != NULL) {
      n++;
      way = i;
    }
  if (n != 1) {
    ml_fp_fault(p, w, "a schedule has one of every, daily, weekly, monthly; "
                "this one has %d", n);
    return;
  }
  t->plan->kind = (ml_every)way;
  t->plan->period_ms = t->every_ms;
  if (way > 0)
    read_clock(p, w, o, ways[way], t->plan);
  else if (p->fault != NULL && t->every_setting.p != NULL)
    ml_fp_fault(p, w, "a schedule's 'every' must be a duration such as "
                "\"15m\"; only a poll's may be a setting");
  else if (p->fault != NULL && ml_json_get(o, "zone") != NULL)
    ml_fp_fault(p, w, "'every' counts time that goes by and takes no 'zone'; "
                "daily, weekly and monthly do");
}

/* Each value fits its field now, or the mistake would come at night. */
static void check_value(ml_fpass *p, const ml_fwho *w, ml_str name,
                        const ml_json *v) {
  int i = ml_fp_field(p, w, "data", name);
  ml_buf b = {0};
  ml_err e = {0};
  ml_rc rc;

  if (i < 0)
    return;
  if (p->f->fields[i].derived) {
    ml_fp_fault(p, w, "field '%s' is computed, 'data' cannot set it",
                ml_fp_show(name).s);
    return;
  }
  rc = ml_field_check(&p->f->fields[i], v, "", &b, &e);
  if (rc == ML_NOMEM || b.bad)
    p->nomem = true;
  else if (rc != ML_OK)
    ml_fp_fault(p, w, "'data' does not fit field '%s': %s", ml_fp_show(name).s,
                e.text);
  ml_buf_free(&b);
}

static void read_data(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                      ml_trigger *t) {
  const ml_json *data = ml_json_get(o, "data");

  t->data = ML_STR("{}");
  if (data == NULL || (data->type == ML_JARR && data->count == 0))
    return;                                 /* an empty table is both */
  if (data->type != ML_JOBJ) {
    if (p->fault != NULL)
      ml_fp_fault(p, w, "'data' must be a table of fields, not %s",
                  ml_fp_type(data));
    return;
  }
  for (uint32_t i = 0; i < data->count && p->fault != NULL; i++)
    check_value(p, w, data->obj[i].key, &data->obj[i].value);
  t->data = ml_fp_print(p, data);
}

void ml_fp_schedule(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                    ml_trigger *t) {
  ml_str missed = ml_json_str(o, "missed");

  t->plan = ml_fp_room(p, 1, sizeof *t->plan);
  if (t->plan == NULL)
    return;
  read_plan(p, w, o, t);
  read_data(p, w, o, t);
  t->skip = ml_str_is(missed, "skip");
  if (ml_json_get(o, "missed") != NULL && !t->skip
      && !ml_str_is(missed, "once"))
    ml_fp_fault(p, w, "'missed' may be \"once\" or \"skip\"");
}
