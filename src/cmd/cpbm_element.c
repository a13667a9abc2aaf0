/*
** cpbm_element.c - what the elements of CloudPortal's files hold: their
** attributes, the text of a rule, and what each leaves in the draft.
*/
#include <string.h>

#include "base/text.h"
#include "cmd/args.h"
#include "cmd/cpbm_reader.h"

enum { ATTRIBUTES = 2 };

/* ---- attributes ---- */

typedef struct values {
  ml_str v[ATTRIBUTES];          /* trimmed, borrowed; none: missing */
} values;

static bool blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

ml_str cpbm_trim(ml_str s) {
  while (s.n > 0 && blank(s.p[0])) {
    s.p++;
    s.n--;
  }
  while (s.n > 0 && blank(s.p[s.n - 1]))
    s.n--;
  return s;
}

const char *cpbm_local(const char *name) {
  const char *colon = strrchr(name, ':');

  return colon != NULL ? colon + 1 : name;
}

static bool is_namespace(const char *name) {
  return strcmp(name, "xmlns") == 0 || strncmp(name, "xmlns:", 6) == 0;
}

/* Where schemas are to be found, and what wires beans: nothing of ours. */
static bool is_foreign(const reader *r, const char *name) {
  static const char *const spring[] = {
    "class", "scope", "abstract", "lazy-init", "init-method", "destroy-method",
    "autowire", "depends-on", "singleton", "name", "factory-method", NULL};

  if (strcmp(name, "schemaLocation") == 0)
    return true;
  return r->kind == CPBM_BEANS && r->at[r->level] == P_BEAN
         && cpbm_known(ml_str_of(name), spring, NULL);
}

/* Take those that `names` (ATTRIBUTES of them, NULL: fewer) lists. */
static values take(reader *r, const char *element, const XML_Char **atts,
                   const char *const *names) {
  values out = {{{NULL, 0}}};

  for (; *atts != NULL; atts += 2) {
    const char *name = cpbm_local(atts[0]);
    size_t i = 0;

    if (is_namespace(atts[0]))
      continue;
    while (i < ATTRIBUTES && (names[i] == NULL || strcmp(names[i], name) != 0))
      i++;
    if (i == ATTRIBUTES) {
      if (!is_foreign(r, name))
        cpbm_tell(r->d, r->f, cpbm_line(r), true, "%s has an unknown attribute "
                  "'%s'; it is not read", element,
                  cpbm_shown(ml_str_of(name)).s);
    } else if (out.v[i].p != NULL) {
      cpbm_tell(r->d, r->f, cpbm_line(r), false, "%s has two attributes '%s'",
                element, name);
    } else {
      out.v[i] = cpbm_trim(ml_str_of(atts[1]));
    }
  }
  return out;
}

/* An attribute that must be there and be a name; kept. */
static ml_str name_of(reader *r, const char *element, const char *attribute,
                      ml_str v) {
  draft *d = r->d;
  uint32_t line = cpbm_line(r);

  if (v.p == NULL)
    cpbm_tell(d, r->f, line, false, "%s has no attribute '%s'", element,
              attribute);
  else if (v.n == 0)
    cpbm_tell(d, r->f, line, false, "the attribute '%s' of %s is empty",
              attribute, element);
  else if (!ml_text_printable(v))
    cpbm_tell(d, r->f, line, false, "the attribute '%s' of %s, '%s', holds "
              "control characters or marks that turn text around", attribute,
              element, cpbm_shown(v).s);
  else if (v.n > 200)
    cpbm_tell(d, r->f, line, true, "the attribute '%s' of %s is longer than 200 "
              "bytes: it cannot become a name in a folder of workflows",
              attribute, element);
  return cpbm_keep(d, v.p != NULL ? v : ML_STR(""));
}

/* ---- the map ---- */

static void check_type(reader *r, ml_str bare) {
  cpbm_word w = cpbm_shown(bare);
  const char *near;

  if (bare.n == 0 || r->d->src->any_word
      || cpbm_known(bare, ml_transaction_types, r->d->src->types))
    return;
  near = ml_args_nearest(w.s, ml_transaction_types);
  cpbm_tell(r->d, r->f, cpbm_line(r), false, "there is no type of transaction "
            "'%s'%s%s%s; known are tenantStateChange, "
            "tenantAccountTypeConversion, subscriptionActivation, "
            "paymentInfoChange, cloudServiceActivation and those registered "
            "(--type)", w.s, near != NULL ? " (is it '" : "",
            near != NULL ? near : "", near != NULL ? "'?)" : "");
}

static void begin_match(reader *r, const XML_Char **atts) {
  static const char *const names[ATTRIBUTES] = {"type", "workflow"};
  values v = take(r, "Match", atts, names);
  draft *d = r->d;
  ml_cpbm *c = d->c;
  ml_cpbm_rule *rule, *list;
  ml_str *targets;

  if (c->rule_count >= d->limits.matches) {
    cpbm_tell(d, r->f, cpbm_line(r), false, "there are more than %u matches "
              "(max-matches)", (unsigned)d->limits.matches);
    cpbm_stop(r);
    return;
  }
  list = cpbm_room(d, c->rules, c->rule_count, &d->rule_cap, sizeof *list);
  if (list == NULL)
    return;
  c->rules = list;
  targets = cpbm_room(d, d->targets, c->rule_count, &d->target_cap,
                      sizeof *targets);
  if (targets == NULL)
    return;
  d->targets = targets;
  rule = &c->rules[c->rule_count];
  memset(rule, 0, sizeof *rule);
  rule->line = cpbm_line(r);
  rule->spelling = name_of(r, "Match", "type", v.v[0]);
  rule->type = ml_ruleset_bare(rule->spelling);
  check_type(r, rule->type);
  d->targets[c->rule_count++] = name_of(r, "Match", "workflow", v.v[1]);
  r->rules_here = 0;
}

static void begin_rule(reader *r, const XML_Char **atts) {
  static const char *const names[ATTRIBUTES] = {NULL, NULL};

  take(r, "Rule", atts, names);
  r->rules_here++;
  r->rule_line = cpbm_line(r);
  r->rule_long = false;
  r->piece_count = 0;
  ml_buf_reset(&r->rule);
  if (r->rules_here == 2)
    cpbm_tell(r->d, r->f, cpbm_line(r), false, "this Match has a second Rule; it "
              "holds exactly one");
}

void cpbm_rule_text(reader *r, const char *s, size_t n) {
  piece *list;

  if (r->rule_long)
    return;
  if (r->rule.len + n > r->d->limits.rule_bytes) {
    r->rule_long = true;
    cpbm_tell(r->d, r->f, r->rule_line, false, "this Rule is longer than %u bytes "
              "(max-rule)", (unsigned)r->d->limits.rule_bytes);
    return;
  }
  list = cpbm_room(r->d, r->pieces, r->piece_count, &r->piece_cap,
                   sizeof *list);
  if (list == NULL)
    return;
  r->pieces = list;
  list[r->piece_count++] = (piece){(uint32_t)r->rule.len, cpbm_line(r)};
  ml_buf_put(&r->rule, s, n);
}

/* The file's line of a byte of the rule: expat hands over line ends by
** themselves, so a piece is of one line. */
static uint32_t rule_line(const reader *r, size_t at) {
  uint32_t line = r->rule_line;

  for (uint32_t i = 0; i < r->piece_count && r->pieces[i].at <= at; i++)
    line = r->pieces[i].line;
  return line;
}

static void end_rule(reader *r) {
  draft *d = r->d;
  ml_cpbm_rule *rule = &d->c->rules[d->c->rule_count - 1];
  ml_rule_limits limits = {d->limits.rule_bytes, d->limits.rule_depth};
  ml_str text = {r->rule.p != NULL ? r->rule.p : "", r->rule.len};
  ml_err e = {0};
  size_t at = 0;
  ml_rc rc;

  if (r->rule.bad)
    d->nomem = true;
  if (r->rule_long || r->rules_here > 1 || d->nomem)
    return;
  if (cpbm_trim(text).n == 0) {
    cpbm_tell(d, r->f, r->rule_line, false, "this Rule is empty; it wants an "
              "expression in braces");
    return;
  }
  rc = ml_rule_compile_within(text, &limits, &rule->rule, &at, &e);
  if (rc == ML_NOMEM)
    d->nomem = true;
  else if (rc != ML_OK)
    cpbm_tell(d, r->f, rule_line(r, at), false, "in this Rule, %s: %s", e.at,
              e.text);
  rule->text = cpbm_keep(d, cpbm_trim(text));
}

static void end_match(reader *r) {
  if (r->rules_here == 0)
    cpbm_tell(r->d, r->f, r->d->c->rules[r->d->c->rule_count - 1].line, false,
              "this Match has no Rule");
}

/* ---- the workflows ---- */

static void begin_workflow(reader *r, const XML_Char **atts) {
  static const char *const names[ATTRIBUTES] = {"name", NULL};
  values v = take(r, "Workflow", atts, names);
  draft *d = r->d;
  ml_cpbm *c = d->c;
  ml_cpbm_workflow *list;

  if (c->workflow_count >= d->limits.workflows) {
    cpbm_tell(d, r->f, cpbm_line(r), false, "there are more than %u workflows "
              "(max-workflows)", (unsigned)d->limits.workflows);
    cpbm_stop(r);
    return;
  }
  list = cpbm_room(d, c->workflows, c->workflow_count, &d->workflow_cap,
                   sizeof *list);
  if (list == NULL)
    return;
  c->workflows = list;
  list += c->workflow_count++;
  memset(list, 0, sizeof *list);
  list->line = cpbm_line(r);
  list->name = name_of(r, "Workflow", "name", v.v[0]);
}

/* [+-] digits, within 32 bits. */
static bool read_order(ml_str s, int32_t *out) {
  bool minus = s.n > 0 && s.p[0] == '-';
  size_t i = s.n > 0 && (minus || s.p[0] == '+');
  int64_t v = 0;

  if (i >= s.n)
    return false;
  for (; i < s.n; i++) {
    if (s.p[i] < '0' || s.p[i] > '9')
      return false;
    v = v * 10 + (s.p[i] - '0');
    if (v > INT64_C(2147483648))
      return false;
  }
  v = minus ? -v : v;
  *out = (int32_t)v;
  return v <= INT32_MAX;
}

static int32_t order_of(reader *r, const char *element, ml_str v) {
  int32_t order = 0;

  if (v.p == NULL)
    cpbm_tell(r->d, r->f, cpbm_line(r), false, "%s has no attribute 'order'",
              element);
  else if (!read_order(v, &order))
    cpbm_tell(r->d, r->f, cpbm_line(r), false, "the order '%s' of %s is no integer "
              "from -2147483648 to 2147483647", cpbm_shown(v).s, element);
  return order;
}

static void begin_bucket(reader *r, const char *element,
                         const XML_Char **atts) {
  static const char *const names[ATTRIBUTES] = {"order", "name"};
  values v = take(r, element, atts, names);
  draft *d = r->d;
  ml_cpbm *c = d->c;
  ml_cpbm_bucket *list;

  if (strcmp(element, "Phase") == 0)
    cpbm_tell(d, r->f, cpbm_line(r), true, "Phase is read as Bucket");
  list = cpbm_room(d, c->buckets, c->bucket_count, &d->bucket_cap,
                   sizeof *list);
  if (list == NULL)
    return;
  c->buckets = list;
  list += c->bucket_count++;
  memset(list, 0, sizeof *list);
  list->line = cpbm_line(r);
  list->order = order_of(r, element, v.v[0]);
  if (v.v[1].n > 0)
    list->name = name_of(r, element, "name", v.v[1]);
  else if (v.v[1].p != NULL)
    cpbm_tell(d, r->f, cpbm_line(r), true, "the name of this %s is empty, as if "
              "there were none", element);
  c->workflows[c->workflow_count - 1].bucket_count++;
}

static void begin_activity(reader *r, const XML_Char **atts) {
  static const char *const names[ATTRIBUTES] = {"name", "ref"};
  values v = take(r, "Activity", atts, names);
  draft *d = r->d;
  ml_cpbm *c = d->c;
  ml_cpbm_activity *list = cpbm_room(d, c->activities, c->activity_count,
                                     &d->activity_cap, sizeof *list);

  if (list == NULL)
    return;
  c->activities = list;
  list += c->activity_count++;
  memset(list, 0, sizeof *list);
  list->line = cpbm_line(r);
  list->name = name_of(r, "Activity", "name", v.v[0]);
  list->ref = name_of(r, "Activity", "ref", v.v[1]);
  c->buckets[c->bucket_count - 1].activity_count++;
}

static void end_bucket(reader *r) {
  const ml_cpbm_bucket *k = &r->d->c->buckets[r->d->c->bucket_count - 1];

  if (k->activity_count == 0)
    cpbm_tell(r->d, r->f, k->line, true, "this Bucket has no Activity: it is "
              "passed at once");
}

static void end_workflow(reader *r) {
  const ml_cpbm_workflow *w = &r->d->c->workflows[r->d->c->workflow_count - 1];

  if (w->bucket_count == 0)
    cpbm_tell(r->d, r->f, w->line, false, "the workflow '%s' has no Bucket",
              cpbm_shown(w->name).s);
}

/* ---- the beans ---- */

static void begin_bean(reader *r, const XML_Char **atts) {
  static const char *const names[ATTRIBUTES] = {"id", "parent"};
  values v = take(r, "bean", atts, names);
  draft *d = r->d;
  draft_bean *list = cpbm_room(d, d->beans, d->bean_count, &d->bean_cap,
                               sizeof *list);

  if (list == NULL)
    return;
  d->beans = list;
  list += d->bean_count++;
  *list = (draft_bean){.id = cpbm_keep(d, v.v[0]),
                       .parent = cpbm_keep(d, v.v[1]),
                       .line = cpbm_line(r), .first = d->setting_count};
}

/* A property with a value; one with a ref wires objects and is none of ours,
** which take() would call unknown. */
static void begin_property(reader *r, const XML_Char **atts) {
  static const char *const names[ATTRIBUTES] = {"name", "value"};
  static const char *const own[] = {
    "failureThresholdInHours", "noOfRetries", "timeBetweenRetriesInHours",
    "taskType", "actorRole", "toEmails", NULL};
  draft *d = r->d;
  draft_setting *list;
  ml_str name = ML_NOSTR, value = ML_NOSTR;
  bool wired = false;

  for (; *atts != NULL; atts += 2) {
    const char *a = cpbm_local(atts[0]);

    if (strcmp(a, names[0]) == 0)
      name = cpbm_trim(ml_str_of(atts[1]));
    else if (strcmp(a, names[1]) == 0)
      value = cpbm_trim(ml_str_of(atts[1]));
    else if (strcmp(a, "ref") == 0)
      wired = true;
  }
  if (name.p == NULL || name.n == 0) {
    cpbm_tell(d, r->f, cpbm_line(r), false, "property has no name");
    return;
  }
  if (value.p == NULL && wired)
    return;
  if (value.p == NULL || wired) {
    cpbm_tell(d, r->f, cpbm_line(r), !cpbm_known(name, own, NULL), "the property "
              "'%s' has %s", cpbm_shown(name).s, wired
              ? "both a value and a ref" : "no attribute 'value'; it is not read");
    return;
  }
  list = cpbm_room(d, d->settings, d->setting_count, &d->setting_cap,
                   sizeof *list);
  if (list == NULL)
    return;
  d->settings = list;
  list[d->setting_count++] = (draft_setting){
    {cpbm_keep(d, name), cpbm_keep(d, value)}, cpbm_line(r)};
  d->beans[d->bean_count - 1].count++;
}

/* ---- all of them ---- */

void cpbm_begin(reader *r, place p, const char *name, const XML_Char **atts) {
  static const char *const names[ATTRIBUTES] = {NULL, NULL};

  switch (p) {
  case P_MATCH:
    begin_match(r, atts);
    break;
  case P_RULE:
    begin_rule(r, atts);
    break;
  case P_WORKFLOW:
    begin_workflow(r, atts);
    break;
  case P_BUCKET:
    begin_bucket(r, name, atts);
    break;
  case P_ACTIVITY:
    begin_activity(r, atts);
    break;
  case P_BEAN:
    begin_bean(r, atts);
    break;
  case P_PROPERTY:
    begin_property(r, atts);
    break;
  default:
    take(r, name, atts, names);  /* a root */
    break;
  }
}

void cpbm_end(reader *r, place p) {
  switch (p) {
  case P_RULE:
    end_rule(r);
    break;
  case P_MATCH:
    end_match(r);
    break;
  case P_BUCKET:
    end_bucket(r);
    break;
  case P_WORKFLOW:
    end_workflow(r);
    break;
  default:
    break;
  }
}
