/* flow_phase.c - lists of phases, what stands in them, one activity each. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "model/flow_part.h"

/* ---- sizes, before anything is made ---- */

typedef struct tally {
  size_t lists, phases, branches, activities;
  bool deep;
} tally;

static bool is_branch(const ml_json *entry) {
  return ml_str_is(ml_json_str(entry, "kind"), "branch");
}

static uint32_t list_count(const ml_json *v) {
  return v != NULL && v->type == ML_JARR ? v->count : 0;
}

static void count_list(const ml_json *list, int depth, tally *t) {
  t->lists++;
  for (uint32_t i = 0; i < list_count(list); i++) {
    const ml_json *entries = ml_json_get(&list->arr[i], "entries");

    t->phases++;
    for (uint32_t k = 0; k < list_count(entries); k++) {
      if (!is_branch(&entries->arr[k])) {
        t->activities++;
        continue;
      }
      t->branches++;
      if (depth >= ML_FLOW_NESTING_MAX)
        t->deep = true;
      else
        count_list(ml_json_get(&entries->arr[k], "phases"), depth + 1, t);
    }
  }
}

static void within(ml_fpass *p, const ml_fwho *w, size_t n, size_t max,
                   const char *what) {
  if (n > max)
    ml_fp_fault(p, w, "has %zu %s, at most %zu are allowed", n, what, max);
}

/* Each rule with an activity is a list of one phase. */
static void count_hooks(const ml_json *rules, tally *t) {
  for (uint32_t i = 0; i < list_count(rules); i++)
    if (ml_json_get(&rules->arr[i], "entry") != NULL) {
      t->lists++;
      t->phases++;
      t->activities++;
    }
}

/* False: too many of something; told. */
static bool make_room(ml_fpass *p, const ml_fwho *w, const ml_json *list,
                      const ml_json *rules) {
  tally t = {0};
  unsigned before = p->faults;

  count_list(list, 0, &t);
  count_hooks(rules, &t);
  within(p, w, t.phases, ML_FLOW_PHASES_MAX, "phases");
  within(p, w, t.activities, ML_FLOW_ACTIVITIES_MAX, "activities");
  within(p, w, t.branches, ML_FLOW_BRANCHES_MAX, "branches");
  if (t.deep)
    ml_fp_fault(p, w, "branches stand in branches more than %d deep",
                ML_FLOW_NESTING_MAX);
  if (p->faults != before)
    return false;
  p->f->lists = ml_fp_room(p, t.lists, sizeof(ml_list));
  p->f->phases = ml_fp_room(p, t.phases, sizeof(ml_phase));
  p->f->branches = ml_fp_room(p, t.branches, sizeof(ml_branch));
  p->f->activities = ml_fp_room(p, t.activities, sizeof(ml_activity));
  p->phase_at = ml_arena_zero(&p->work, (t.phases + 1) * sizeof(ml_str));
  p->phase_src = ml_arena_zero(&p->work, (t.phases + 1) * sizeof(ml_json *));
  p->act_at = ml_arena_zero(&p->work, (t.activities + 1) * sizeof(ml_str));
  p->list_bad = ml_arena_zero(&p->work, t.lists);
  if (p->list_bad == NULL)
    p->nomem = true;
  if (p->phase_at == NULL || p->phase_src == NULL || p->act_at == NULL)
    p->nomem = true;
  return !p->nomem;
}

static ml_str path_of(ml_fpass *p, ml_str base, size_t i) {
  char *s = base.p != NULL
              ? ml_arena_printf(&p->f->arena, "%s.%zu", base.p, i + 1)
              : ml_arena_printf(&p->f->arena, "%zu", i + 1);

  if (s == NULL)
    p->nomem = true;
  return ml_str_of(s);
}

/* ---- members of an activity ---- */

/* The two ends of "5s..10m", or one duration for both. */
static bool parse_wait(ml_str s, ml_retry *r, ml_err *e) {
  const char *dots = NULL;

  for (size_t i = 0; i + 1 < s.n && dots == NULL; i++)
    if (s.p[i] == '.' && s.p[i + 1] == '.')
      dots = s.p + i;
  if (dots == NULL) {
    bool ok = ml_text_duration(s, &r->min_ms, e) == ML_OK;

    r->max_ms = r->min_ms;
    return ok;
  }
  return ml_text_duration((ml_str){s.p, (size_t)(dots - s.p)}, &r->min_ms, e)
           == ML_OK
         && ml_text_duration((ml_str){dots + 2,
                                      (size_t)(s.p + s.n - dots - 2)},
                             &r->max_ms, e)
              == ML_OK;
}

/* { "setting": name, "unit": "1h" }: the setting's index + 1; 0: told.  Without
** unit_ms (how often) there is no unit. */
static uint16_t parse_by_setting(ml_fpass *p, const ml_fwho *w,
                                 const char *key, const ml_json *v,
                                 int64_t *unit_ms) {
  ml_str unit = ml_json_str(v, "unit");
  ml_ftype want = unit.p != NULL || unit_ms == NULL ? ML_F_INTEGER
                                                    : ML_F_DURATION;
  int i = ml_fp_setting(p, w, key, ml_json_str(v, "setting"));
  ml_err e = {0};

  if (i < 0)
    return 0;
  if (unit_ms != NULL)
    *unit_ms = 1;
  if (unit.p != NULL && unit_ms != NULL
      && (ml_text_duration(unit, unit_ms, &e) != ML_OK || *unit_ms <= 0)) {
    ml_fp_fault(p, w, "'%s': the unit of a setting must be a duration such as "
                "\"1h\"", key);
    return 0;
  }
  if (p->f->settings[i].type != want) {
    ml_fp_fault(p, w, "'%s' takes its value from setting '%s', which is of type "
                "%s; it needs %s", key, ml_fp_show(p->f->settings[i].id).s,
                ml_ftype_name(p->f->settings[i].type), ml_ftype_name(want));
    return 0;
  }
  return (uint16_t)(i + 1);
}

static bool is_setting(const ml_json *v) {
  return ml_json_str(v, "setting").p != NULL;
}

/* Any of the two may be a setting: the other one is as ever. */
static void parse_retry_by(ml_fpass *p, const ml_fwho *w, const ml_json *n,
                           const ml_json *wait, ml_retry *r) {
  ml_err e = {0};

  if (is_setting(n))
    r->n_setting = parse_by_setting(p, w, "retry", n, NULL);
  else if (n->type == ML_JINT && n->i >= 0 && n->i <= ML_FLOW_RETRIES_MAX)
    r->n = (uint32_t)n->i;
  else
    ml_fp_fault(p, w, "'retry' says how often first: 0 to %d, or a setting",
                ML_FLOW_RETRIES_MAX);
  if (is_setting(wait))
    r->wait_setting = parse_by_setting(p, w, "retry", wait, &r->wait_unit_ms);
  else if (wait->type != ML_JSTR || !parse_wait(wait->s, r, &e)
           || r->max_ms < r->min_ms || r->max_ms <= 0)
    ml_fp_fault(p, w, "'retry' says how long to wait behind: \"24h\", "
                "\"5s..10m\", or a setting");
  r->given = true;
}

static void parse_give_up(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                          ml_activity *a) {
  const ml_json *v = ml_json_get(o, "give_up");

  if (is_setting(v))
    a->give_up_setting = parse_by_setting(p, w, "give_up", v,
                                          &a->give_up_unit_ms);
  else
    ml_fp_duration(p, w, o, "give_up", &a->give_up_ms);
}

static void parse_retry(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                        ml_retry *r) {
  const ml_json *v = ml_json_get(o, "retry");
  const ml_json *n = ml_json_at(v, 0), *wait = ml_json_at(v, 1);
  ml_err e = {0};

  if (v == NULL)
    return;
  if (v->type == ML_JARR && v->count == 2 && (is_setting(n) || is_setting(wait))) {
    parse_retry_by(p, w, n, wait, r);
    return;
  }
  if (v->type != ML_JARR || v->count != 2 || n->type != ML_JINT
      || wait->type != ML_JSTR) {
    ml_fp_fault(p, w, "'retry' must be { how often, \"wait\" } such as "
                "{ 8, \"5s..10m\" } or { 3, \"24h\" }");
    return;
  }
  if (n->i < 0 || n->i > ML_FLOW_RETRIES_MAX) {
    ml_fp_fault(p, w, "'retry' says %lld times, it may be 0 to %d",
                (long long)n->i, ML_FLOW_RETRIES_MAX);
    return;
  }
  if (!parse_wait(wait->s, r, &e)) {
    ml_fp_fault(p, w, "'retry': %s", e.text);
    return;
  }
  if (r->max_ms < r->min_ms || r->max_ms <= 0) {
    ml_fp_fault(p, w, "'retry' waits '%s': the shorter one stands first, and "
                "neither may be nothing", ml_fp_show(wait->s).s);
    return;
  }
  r->n = (uint32_t)n->i;
  r->given = true;
}

/* A text that begins with a digit is a duration, else a field that holds a
** moment. */
static ml_due parse_due(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                        const char *key) {
  ml_due d = {.field = -1};
  ml_str s;

  if (!ml_fp_str(p, w, o, key, &s))
    return d;
  if (s.n > 0 && s.p[0] >= '0' && s.p[0] <= '9') {
    d.given = ml_fp_duration(p, w, o, key, &d.ms);
    return d;
  }
  d.field = ml_fp_field(p, w, key, s);
  if (d.field < 0)
    return d;
  d.given = true;
  if (p->f->fields[d.field].type != ML_F_DATETIME
      && p->f->fields[d.field].type != ML_F_DATE)
    ml_fp_fault(p, w, "'%s' names field '%s' of type %s; it must be a "
                "datetime or a date, or a duration such as \"3 days\"", key,
                ml_fp_show(s).s, ml_ftype_name(p->f->fields[d.field].type));
  return d;
}

static int16_t parse_lane(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                          const char *key) {
  ml_str s;

  return ml_fp_str(p, w, o, key, &s) ? (int16_t)ml_fp_lane(p, w, key, s) : -1;
}

/* ---- outcomes ---- */

/* `need` of one outcome: fields its form lets edit. */
static void parse_need(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                       const ml_activity *a, ml_outcome *out) {
  if (ml_json_get(o, "need") == NULL)
    return;
  out->has_need = true;
  out->need = ml_fp_fields(p, w, o, "need", &out->need_count);
  for (uint16_t i = 0; i < out->need_count; i++) {
    uint16_t k = 0;

    while (k < a->form_count
           && (a->form[k].field != out->need[i] || !a->form[k].edit))
      k++;
    if (k == a->form_count)
      ml_fp_fault(p, w, "outcome '%s' needs '%s', which this task does not let "
                  "edit", ml_fp_show(out->id).s,
                  ml_fp_show(p->f->fields[out->need[i]].id).s);
  }
}

static void parse_fails(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                        ml_outcome *out) {
  ml_str s;
  int field;

  if (!ml_fp_str(p, w, o, "fails", &s))
    return;
  out->fails = true;
  field = ml_fp_field(p, w, "fails", s);
  if (field < 0)
    return;
  out->why = (uint16_t)field;
  if (p->f->fields[field].type != ML_F_TEXT
      && p->f->fields[field].type != ML_F_STRING)
    ml_fp_fault(p, w, "'fails' names field '%s' of type %s; the reason must be "
                "a string or a text", ml_fp_show(s).s,
                ml_ftype_name(p->f->fields[field].type));
}

static void parse_outcome(ml_fpass *p, const ml_fwho *w, const ml_json *v,
                          ml_activity *a) {
  static const char *const of_task[] = {"id", "label", "need", "fails", NULL};
  static const char *const of_other[] = {"id", "label", NULL};
  ml_outcome *out = &a->outcomes[a->outcome_count];
  ml_str id = v->type == ML_JSTR ? v->s : ml_json_str(v, "id");

  memset(out, 0, sizeof *out);
  if (!ml_text_is_name(id)) {
    ml_fp_fault(p, w, "'outcomes' must list texts of 1 to 200 bytes, or "
                "{ \"text\", en = ... }");
    return;
  }
  out->id = ml_fp_keep(p, id);
  if (v->type == ML_JOBJ) {
    ml_fp_members(p, w, v, a->kind == ML_AK_TASK ? of_task : of_other);
    out->label = ml_fp_label(p, w, v, "label");
    if (a->kind == ML_AK_TASK)
      parse_need(p, w, v, a, out);
    if (a->kind == ML_AK_TASK)
      parse_fails(p, w, v, out);
  }
  for (uint16_t i = 0; i < a->outcome_count; i++)
    if (ml_str_eq(a->outcomes[i].id, id)) {
      if (i > 0 || a->kind == ML_AK_TASK)
        ml_fp_fault(p, w, "outcome '%s' stands twice", ml_fp_show(id).s);
      else
        a->outcomes[0] = *out;    /* 'done', spelled out */
      return;
    }
  if (ml_str_is(id, "kind"))
    ml_fp_fault(p, w, "an outcome may not be called 'kind'");
  a->outcome_count++;
}

/* A task has what it lists, or 'done'; the others have 'done' and what they
** list. */
static void parse_outcomes(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                           ml_activity *a) {
  const ml_json *v = ml_fp_list(p, w, o, "outcomes", ML_FLOW_OUTCOMES_MAX);
  uint32_t n = v != NULL ? v->count : 0;

  a->outcomes = ml_fp_room(p, n + 1, sizeof *a->outcomes);
  if (a->outcomes == NULL)
    return;
  if (a->kind != ML_AK_TASK || n == 0)
    a->outcomes[a->outcome_count++].id = ML_STR("done");
  for (uint32_t i = 0; i < n; i++)
    parse_outcome(p, w, &v->arr[i], a);
}

/* ---- kinds of entries ---- */

static void parse_auto(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                       ml_activity *a) {
  static const char *const known[] = {
    "kind", "label", "title", "type", "node", "lane", "run", "is_complete", "undo",
    "retry", "timeout", "give_up", "ask", "due", "remind", "escalate",
    "outcomes", "writes", "limits", "at", NULL};

  ml_fp_members(p, w, o, known);
  if (!ml_fp_function(p, w, o, "run") && ml_json_get(o, "run") == NULL)
    ml_fp_fault(p, w, "'run' is missing, the function that does its work");
  a->has_is_complete = ml_fp_function(p, w, o, "is_complete");
  a->has_undo = ml_fp_function(p, w, o, "undo");
  a->due = parse_due(p, w, o, "due");
  a->remind = parse_due(p, w, o, "remind");
  a->escalate = parse_due(p, w, o, "escalate");
  a->limits = ml_fp_own_limits(p, o, w);
  a->ask_ms = 5 * 60 * 1000;
  if (ml_fp_duration(p, w, o, "ask", &a->ask_ms) && !a->has_is_complete)
    ml_fp_fault(p, w, "'ask' says how often 'is_complete' is asked, and there "
                "is none");
}

static void parse_task(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                       ml_activity *a) {
  static const char *const known[] = {
    "kind", "label", "title", "type", "node", "lane", "show", "edit", "outcomes",
    "due", "remind", "escalate", "anew", "exclude", "give_up", "at", NULL};

  ml_fp_members(p, w, o, known);
  if (ml_json_get(o, "lane") == NULL)
    ml_fp_fault(p, w, "its lane is missing: who does it?");
  a->form = ml_fp_room(p, p->f->field_count, sizeof *a->form);
  ml_fp_form(p, w, o, "show", false, a->form, &a->form_count);
  ml_fp_form(p, w, o, "edit", true, a->form, &a->form_count);
  a->due = parse_due(p, w, o, "due");
  a->remind = parse_due(p, w, o, "remind");
  a->escalate = parse_due(p, w, o, "escalate");
  a->anew = ml_fp_bool(p, w, o, "anew");
  a->exclude = parse_lane(p, w, o, "exclude");
  if (a->exclude >= 0 && a->exclude == a->lane)
    ml_fp_fault(p, w, "'exclude' names its own lane: nobody could take it");
}

static void parse_receive(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                          ml_activity *a) {
  static const char *const known[] = {"kind", "label", "title", "node", "lane",
                                      "signal", "edit", "outcomes", "timeout",
                                      "give_up", "at", NULL};

  ml_fp_members(p, w, o, known);
  a->form = ml_fp_room(p, p->f->field_count, sizeof *a->form);
  ml_fp_form(p, w, o, "edit", true, a->form, &a->form_count);
  a->signal = a->label;
  if (ml_json_get(o, "signal") != NULL)
    a->signal = ml_fp_name(p, w, o, "signal");
}

/* "timeout" of one attempt: a duration, or the field that holds its end. */
static void parse_timeout(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                          ml_activity *a) {
  ml_due d = parse_due(p, w, o, "timeout");

  a->timeout_due = (ml_due){.field = -1};
  if (d.given && d.field >= 0)
    a->timeout_due = d;
  else if (d.given)
    a->timeout_ms = d.ms;
}

static void check_unique_activity(ml_fpass *p, const ml_fwho *w,
                                  const ml_activity *a) {
  for (const ml_activity *b = p->f->activities; b < a; b++) {
    if (a->label.n > 0 && ml_str_eq(a->label, b->label))
      ml_fp_fault(p, w, "an activity of this label exists already");
    if (a->node >= 0 && a->node == b->node)
      ml_fp_fault(p, w, "node %d is taken by '%s'", (int)a->node,
                  ml_fp_show(b->label).s);
  }
}

static bool kind_of(const ml_json *o, ml_akind *kind, const char **word) {
  ml_str s = ml_json_str(o, "kind");

  *word = "activity";
  *kind = ML_AK_AUTO;
  if (ml_str_is(s, "task")) {
    *kind = ML_AK_TASK;
    *word = "task";
  } else if (ml_str_is(s, "receive")) {
    *kind = ML_AK_RECEIVE;
    *word = "receive step";
  } else {
    return ml_str_is(s, "activity");
  }
  return true;
}

/* Fills activities[index]. */
static void parse_activity(ml_fpass *p, const ml_json *o, uint16_t index,
                           uint16_t phase, ml_str path, ml_str at) {
  ml_activity *a = &p->f->activities[index];
  const char *word;
  bool known = kind_of(o, &a->kind, &word);
  ml_fwho w = ml_fp_who(o, at, word, ml_json_str(o, "label"));
  int64_t n;

  p->act_at[index] = w.at;
  a->phase = phase;
  a->path = path;
  a->node = a->lane = a->exclude = -1;
  a->due.field = a->remind.field = a->escalate.field = -1;
  a->timeout_due.field = -1;
  if (!known) {
    w = ml_fp_who(o, at, "an entry of a phase", ML_NOSTR);
    ml_fp_fault(p, &w, "must be made by ml.activity, ml.task, ml.receive or "
                "ml.branch%s",
                strcmp(ml_fp_type(o), "a function") == 0
                  ? "; this is a function: call it with its label"
                : strcmp(ml_fp_type(o), "nothing") == 0
                  ? "; this is nothing: is a name misspelt?" : "");
    return;
  }
  a->label = ml_fp_name(p, &w, o, "label");
  a->title = ml_fp_label(p, &w, o, "title");
  if (ml_json_get(o, "type") != NULL)
    a->type = ml_fp_name(p, &w, o, "type");
  if (ml_fp_int(p, &w, o, "node", 0, 1000000, &n))
    a->node = (int32_t)n;
  a->lane = parse_lane(p, &w, o, "lane");
  if (a->kind == ML_AK_AUTO)
    parse_auto(p, &w, o, a);
  else if (a->kind == ML_AK_TASK)
    parse_task(p, &w, o, a);
  else
    parse_receive(p, &w, o, a);
  parse_outcomes(p, &w, o, a);
  if (a->kind == ML_AK_AUTO) {
    parse_retry(p, &w, o, &a->retry);
    a->writes = ml_fp_fields(p, &w, o, "writes", &a->write_count);
  }
  if (a->kind != ML_AK_TASK)
    parse_timeout(p, &w, o, a);
  parse_give_up(p, &w, o, a);
  check_unique_activity(p, &w, a);
}

/* ---- lists ---- */

static void parse_list(ml_fpass *p, const ml_json *list, int32_t branch,
                       ml_str base, ml_str at);

static void parse_branch(ml_fpass *p, const ml_json *o, uint16_t index,
                         uint16_t phase, ml_str path, ml_str at) {
  static const char *const known[] = {"kind", "name", "at", "when", "title",
                                      "phases", NULL};
  ml_branch *b = &p->f->branches[index];
  const ml_phase *in = &p->f->phases[phase];
  ml_fwho w = ml_fp_who(o, at, "branch", ml_json_str(o, "name"));
  const ml_json *phases;

  ml_fp_members(p, &w, o, known);
  b->phase = phase;
  b->path = path;
  b->name = ml_fp_name(p, &w, o, "name");
  b->when = ml_fp_function(p, &w, o, "when");
  ml_fp_label(p, &w, o, "title");
  for (uint16_t i = in->first_branch; i < index; i++)
    if (b->name.n > 0 && ml_str_eq(p->f->branches[i].name, b->name))
      ml_fp_fault(p, &w, "a branch of this name exists already in phase '%s'",
                  ml_fp_show(in->name).s);
  phases = ml_fp_list(p, &w, o, "phases", ML_FLOW_PHASES_MAX);
  if (phases == NULL || phases->count == 0)
    ml_fp_fault(p, &w, "has no phases: phases = { { \"name\", ... } }");
  b->list = p->f->list_count;
  parse_list(p, phases, index, path, w.at);
}

/* The activities of a phase stand together, its branches too; the lists of
** those follow. */
static void parse_entries(ml_fpass *p, const ml_json *entries, uint16_t phase,
                          ml_str at) {
  ml_phase *ph = &p->f->phases[phase];
  uint16_t act, branch;

  ph->first_activity = act = p->f->activity_count;
  ph->first_branch = branch = p->f->branch_count;
  for (uint32_t i = 0; i < entries->count; i++)
    if (is_branch(&entries->arr[i]))
      ph->branch_count++;
    else
      ph->activity_count++;
  p->f->activity_count = (uint16_t)(p->f->activity_count + ph->activity_count);
  p->f->branch_count = (uint16_t)(p->f->branch_count + ph->branch_count);
  for (uint32_t i = 0; i < entries->count && !p->nomem; i++) {
    ml_str path = path_of(p, ph->path, i);

    if (is_branch(&entries->arr[i]))
      parse_branch(p, &entries->arr[i], branch++, phase, path, at);
    else
      parse_activity(p, &entries->arr[i], act++, phase, path, at);
  }
}

static void parse_phase(ml_fpass *p, const ml_json *o, uint16_t index,
                        uint16_t list, ml_str path, ml_str at) {
  static const char *const known[] = {"name", "at", "entries", "next", "max",
                                      "when", "title", NULL};
  ml_phase *ph = &p->f->phases[index];
  ml_fwho w = ml_fp_who(o, at, "phase", ml_json_str(o, "name"));
  const ml_json *entries;
  int64_t n;

  ph->list = list;
  ph->path = path;
  ph->decider = -1;
  p->phase_at[index] = w.at;
  p->phase_src[index] = o;
  if (o->type != ML_JOBJ || ml_json_get(o, "$not_data") != NULL) {
    ml_fp_fault(p, &w, "must be a table { \"name\", entries ... }, not %s",
                ml_fp_type(o));
    return;
  }
  ml_fp_members(p, &w, o, known);
  ph->name = ml_fp_name(p, &w, o, "name");
  ph->when = ml_fp_function(p, &w, o, "when");
  ml_fp_label(p, &w, o, "title");
  if (ml_fp_int(p, &w, o, "max", 1, ML_FLOW_ENTRIES_MAX, &n))
    ph->max = (uint32_t)n;
  for (uint16_t i = p->f->lists[list].first_phase; i < index; i++)
    if (ph->name.n > 0 && ml_str_eq(p->f->phases[i].name, ph->name))
      ml_fp_fault(p, &w, "a phase of this name exists already in this list");
  entries = ml_fp_list(p, &w, o, "entries", ML_FLOW_ACTIVITIES_MAX);
  if (entries == NULL || entries->count == 0)
    ml_fp_fault(p, &w, "has no entries: an activity, a task or a branch");
  else
    parse_entries(p, entries, index, w.at);
}

static void parse_list(ml_fpass *p, const ml_json *list, int32_t branch,
                       ml_str base, ml_str at) {
  uint16_t no = p->f->list_count++, first = p->f->phase_count;
  ml_list *l = &p->f->lists[no];

  l->branch = branch;
  l->first_phase = first;
  l->phase_count = (uint16_t)list_count(list);
  p->f->phase_count = (uint16_t)(first + l->phase_count);
  for (uint16_t i = 0; i < l->phase_count && !p->nomem; i++)
    parse_phase(p, &list->arr[i], (uint16_t)(first + i), no,
                path_of(p, base, i), at);
}

void ml_fp_phases(ml_fpass *p, const ml_json *workflow, ml_str at) {
  ml_fwho w = ml_fp_who(NULL, at, "workflow",
                        ml_json_str(workflow, "name"));
  const ml_json *list = ml_fp_list(p, &w, workflow, "phases",
                                   UINT32_MAX);

  if (list == NULL && ml_json_get(workflow, "phases") != NULL)
    return;                       /* told: no list */
  if ((list == NULL || list->count == 0) && p->f->state_count == 0) {
    ml_fp_fault(p, &w, "has no phases: phases = { { \"name\", ... } }; only "
                "one with states may be without");
    return;
  }
  if (!make_room(p, &w, list, ml_json_get(workflow, "rules")))
    return;
  parse_list(p, list, ML_LIST_OWN, ML_NOSTR, at);
  ml_fp_rules(p, workflow, at);
}

uint16_t ml_fp_hook(ml_fpass *p, const ml_json *rule, ml_str name, ml_str path,
                    ml_str at) {
  uint16_t no = p->f->list_count++, index = p->f->phase_count++;
  ml_list *l = &p->f->lists[no];
  ml_phase *ph = &p->f->phases[index];

  l->branch = ML_LIST_HOOK;
  l->first_phase = index;
  l->phase_count = 1;
  ph->name = name;
  ph->list = no;
  ph->path = path;
  ph->decider = -1;
  p->phase_at[index] = at;
  p->phase_src[index] = rule;
  ph->first_activity = p->f->activity_count++;
  ph->first_branch = p->f->branch_count;
  ph->activity_count = 1;
  parse_activity(p, ml_json_get(rule, "entry"), ph->first_activity, index, path,
                 at);
  return no;
}
