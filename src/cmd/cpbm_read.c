/*
** cpbm_read.c - one XML file into the draft of a set, by expat.
**
** Every element, attribute and text of the file passes here and is judged by
** where it stands; what several elements or files must agree on is
** cpbm_check.c.  A mistake is told and reading goes on, so that one run tells
** all; only what makes the rest meaningless stops it: XML that is not
** well-formed, a DOCTYPE, an encoding, a wrong root, a bound.
*/
#include <expat.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "cmd/args.h"
#include "cmd/cpbm_inside.h"

typedef enum place {
  P_TOP, P_MAP, P_MATCH, P_RULE, P_WORKFLOWS, P_WORKFLOW, P_BUCKET, P_ACTIVITY,
  P_BEANS, P_BEAN, P_PROPERTY, P_NONE
} place;

enum { LEVELS = 6, ATTRIBUTES = 2, FIRST_PIECE = 64 << 10 };

/* From this byte of the rule's text on, the file's line. */
typedef struct piece {
  uint32_t at, line;
} piece;

typedef struct reader {
  draft *d;
  cpbm_kind kind;
  const ml_cpbm_file *f;
  XML_Parser x;
  bool stopped;
  uint32_t depth, skip;          /* skip: depth of the element not read, or 0 */
  place at[LEVELS];              /* the elements read that are open */
  uint32_t level;
  bool text_told;                /* of the text here */
  uint32_t rules_here;           /* Rule elements of the open Match */
  uint32_t rule_line;
  ml_buf rule;
  bool rule_long;
  piece *pieces;
  uint32_t piece_count, piece_cap;
} reader;

static uint32_t line_of(reader *r) {
  return (uint32_t)XML_GetCurrentLineNumber(r->x);
}

static void stop(reader *r) {
  if (!r->stopped)
    XML_StopParser(r->x, XML_FALSE);
  r->stopped = true;
}

/* ---- attributes ---- */

typedef struct values {
  ml_str v[ATTRIBUTES];          /* trimmed, borrowed; none: missing */
} values;

static bool blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static ml_str trim(ml_str s) {
  while (s.n > 0 && blank(s.p[0])) {
    s.p++;
    s.n--;
  }
  while (s.n > 0 && blank(s.p[s.n - 1]))
    s.n--;
  return s;
}

static const char *local(const char *name) {
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
    const char *name = local(atts[0]);
    size_t i = 0;

    if (is_namespace(atts[0]))
      continue;
    while (i < ATTRIBUTES && (names[i] == NULL || strcmp(names[i], name) != 0))
      i++;
    if (i == ATTRIBUTES) {
      if (!is_foreign(r, name))
        cpbm_tell(r->d, r->f, line_of(r), true, "%s has an unknown attribute "
                  "'%s'; it is not read", element,
                  cpbm_shown(ml_str_of(name)).s);
    } else if (out.v[i].p != NULL) {
      cpbm_tell(r->d, r->f, line_of(r), false, "%s has two attributes '%s'",
                element, name);
    } else {
      out.v[i] = trim(ml_str_of(atts[1]));
    }
  }
  return out;
}

/* An attribute that must be there and be a name; kept. */
static ml_str name_of(reader *r, const char *element, const char *attribute,
                      ml_str v) {
  draft *d = r->d;
  uint32_t line = line_of(r);

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

static bool sizes_fit(reader *r, const char *element, const XML_Char **atts) {
  for (; *atts != NULL; atts += 2)
    if (strlen(atts[1]) > r->d->limits.attribute_bytes) {
      cpbm_tell(r->d, r->f, line_of(r), false, "the attribute '%s' of %s is "
                "longer than %u bytes (max-attribute)",
                cpbm_shown(ml_str_of(local(atts[0]))).s,
                cpbm_shown(ml_str_of(element)).s,
                (unsigned)r->d->limits.attribute_bytes);
      return false;
    }
  return true;
}

/* ---- the map ---- */

static void check_type(reader *r, ml_str bare) {
  cpbm_word w = cpbm_shown(bare);
  const char *near;

  if (bare.n == 0 || r->d->src->any_word
      || cpbm_known(bare, ml_cpbm_types, r->d->src->types))
    return;
  near = ml_args_nearest(w.s, ml_cpbm_types);
  cpbm_tell(r->d, r->f, line_of(r), false, "there is no type of transaction "
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
    cpbm_tell(d, r->f, line_of(r), false, "there are more than %u matches "
              "(max-matches)", (unsigned)d->limits.matches);
    stop(r);
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
  rule->line = line_of(r);
  rule->spelling = name_of(r, "Match", "type", v.v[0]);
  rule->type = ml_cpbm_bare_type(rule->spelling);
  check_type(r, rule->type);
  d->targets[c->rule_count++] = name_of(r, "Match", "workflow", v.v[1]);
  r->rules_here = 0;
}

static void begin_rule(reader *r, const XML_Char **atts) {
  static const char *const names[ATTRIBUTES] = {NULL, NULL};

  take(r, "Rule", atts, names);
  r->rules_here++;
  r->rule_line = line_of(r);
  r->rule_long = false;
  r->piece_count = 0;
  ml_buf_reset(&r->rule);
  if (r->rules_here == 2)
    cpbm_tell(r->d, r->f, line_of(r), false, "this Match has a second Rule; it "
              "holds exactly one");
}

static void rule_text(reader *r, const char *s, size_t n) {
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
  list[r->piece_count++] = (piece){(uint32_t)r->rule.len, line_of(r)};
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
  if (trim(text).n == 0) {
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
  rule->text = cpbm_keep(d, trim(text));
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
    cpbm_tell(d, r->f, line_of(r), false, "there are more than %u workflows "
              "(max-workflows)", (unsigned)d->limits.workflows);
    stop(r);
    return;
  }
  list = cpbm_room(d, c->workflows, c->workflow_count, &d->workflow_cap,
                   sizeof *list);
  if (list == NULL)
    return;
  c->workflows = list;
  list += c->workflow_count++;
  memset(list, 0, sizeof *list);
  list->line = line_of(r);
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
    cpbm_tell(r->d, r->f, line_of(r), false, "%s has no attribute 'order'",
              element);
  else if (!read_order(v, &order))
    cpbm_tell(r->d, r->f, line_of(r), false, "the order '%s' of %s is no integer "
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
    cpbm_tell(d, r->f, line_of(r), true, "Phase is read as Bucket");
  list = cpbm_room(d, c->buckets, c->bucket_count, &d->bucket_cap,
                   sizeof *list);
  if (list == NULL)
    return;
  c->buckets = list;
  list += c->bucket_count++;
  memset(list, 0, sizeof *list);
  list->line = line_of(r);
  list->order = order_of(r, element, v.v[0]);
  if (v.v[1].n > 0)
    list->name = name_of(r, element, "name", v.v[1]);
  else if (v.v[1].p != NULL)
    cpbm_tell(d, r->f, line_of(r), true, "the name of this %s is empty, as if "
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
  list->line = line_of(r);
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
                       .line = line_of(r), .first = d->setting_count};
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
    const char *a = local(atts[0]);

    if (strcmp(a, names[0]) == 0)
      name = trim(ml_str_of(atts[1]));
    else if (strcmp(a, names[1]) == 0)
      value = trim(ml_str_of(atts[1]));
    else if (strcmp(a, "ref") == 0)
      wired = true;
  }
  if (name.p == NULL || name.n == 0) {
    cpbm_tell(d, r->f, line_of(r), false, "property has no name");
    return;
  }
  if (value.p == NULL && wired)
    return;
  if (value.p == NULL || wired) {
    cpbm_tell(d, r->f, line_of(r), !cpbm_known(name, own, NULL), "the property "
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
    {cpbm_keep(d, name), cpbm_keep(d, value)}, line_of(r)};
  d->beans[d->bean_count - 1].count++;
}

/* ---- elements ---- */

static const struct { place in; const char *name; place to; } grammar[] = {
  {P_MAP, "Match", P_MATCH}, {P_MATCH, "Rule", P_RULE},
  {P_WORKFLOWS, "Workflow", P_WORKFLOW}, {P_WORKFLOW, "Bucket", P_BUCKET},
  {P_WORKFLOW, "Phase", P_BUCKET}, {P_BUCKET, "Activity", P_ACTIVITY},
  {P_BEANS, "bean", P_BEAN}, {P_BEAN, "property", P_PROPERTY}};

static const struct { const char *name; place at; } roots[] = {
  [CPBM_MAP] = {"TransactionWorkflowMap", P_MAP},
  [CPBM_WORKFLOWS] = {"Workflows", P_WORKFLOWS},
  [CPBM_BEANS] = {"beans", P_BEANS}};

static place place_of(const reader *r, const char *name) {
  if (r->at[r->level] == P_TOP)
    return strcmp(name, roots[r->kind].name) == 0 ? roots[r->kind].at : P_NONE;
  for (size_t i = 0; i < sizeof grammar / sizeof *grammar; i++)
    if (grammar[i].in == r->at[r->level] && strcmp(grammar[i].name, name) == 0)
      return grammar[i].to;
  return P_NONE;
}

static void begin_element(reader *r, place p, const char *name,
                          const XML_Char **atts) {
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
    take(r, roots[r->kind].name, atts, names);
    break;
  }
}

static void not_read(reader *r, const char *name) {
  cpbm_word w = cpbm_shown(ml_str_of(name));
  bool in_rule = r->at[r->level] == P_RULE;

  if (r->at[r->level] == P_TOP) {
    cpbm_tell(r->d, r->f, line_of(r), false, "the root element is '%s'; %s is "
              "wanted here", w.s, roots[r->kind].name);
    stop(r);
    return;
  }
  if (in_rule)
    cpbm_tell(r->d, r->f, line_of(r), false, "there is an element '%s' inside a "
              "Rule; a rule is text", w.s);
  else
    cpbm_tell(r->d, r->f, line_of(r), true, "the element '%s' is not known here; "
              "it is skipped with what it holds", w.s);
  r->skip = r->depth;
}

static void on_start(void *arg, const XML_Char *qname, const XML_Char **atts) {
  reader *r = arg;
  const char *name = local(qname);
  place p;

  if (r->stopped || r->d->nomem)
    return stop(r);
  r->depth++;
  r->text_told = false;
  if (r->depth > r->d->limits.depth) {
    cpbm_tell(r->d, r->f, line_of(r), false, "elements stand inside each other "
              "more than %u deep (max-depth)", (unsigned)r->d->limits.depth);
    return stop(r);
  }
  if (!sizes_fit(r, name, atts))
    return stop(r);
  if (r->skip > 0)
    return;
  p = place_of(r, name);
  if (p == P_NONE)
    return not_read(r, name);
  r->at[++r->level] = p;
  begin_element(r, p, name, atts);
}

static void on_end(void *arg, const XML_Char *name) {
  reader *r = arg;

  (void)name;
  if (r->stopped || r->d->nomem)
    return stop(r);
  r->text_told = false;
  if (r->skip > 0) {
    if (r->depth == r->skip)
      r->skip = 0;
    r->depth--;
    return;
  }
  r->depth--;
  switch (r->at[r->level--]) {
  case P_RULE:
    return end_rule(r);
  case P_MATCH:
    return end_match(r);
  case P_BUCKET:
    return end_bucket(r);
  case P_WORKFLOW:
    return end_workflow(r);
  default:
    return;
  }
}

static void on_text(void *arg, const XML_Char *s, int len) {
  reader *r = arg;
  place p = r->at[r->level];
  ml_str text = {s, (size_t)len};

  if (r->stopped || r->d->nomem || r->skip > 0)
    return;
  if (p == P_RULE)
    return rule_text(r, s, (size_t)len);
  if (r->text_told || trim(text).n == 0)
    return;
  r->text_told = true;
  if (p == P_MATCH)
    cpbm_tell(r->d, r->f, line_of(r), false, "there is text in this Match outside "
              "its Rule: '%s'", cpbm_shown(trim(text)).s);
  else
    cpbm_tell(r->d, r->f, line_of(r), true, "the text '%s' is not read here",
              cpbm_shown(trim(text)).s);
}

/* ---- the file ---- */

static void on_doctype(void *arg, const XML_Char *name, const XML_Char *system,
                       const XML_Char *public, int internal) {
  reader *r = arg;

  (void)name; (void)system; (void)public; (void)internal;
  cpbm_tell(r->d, r->f, line_of(r), false, "a DOCTYPE is not allowed: no entities "
            "are declared here, and nothing is loaded from elsewhere");
  stop(r);
}

static void on_declaration(void *arg, const XML_Char *version,
                           const XML_Char *encoding, int standalone) {
  reader *r = arg;

  (void)version; (void)standalone;
  if (encoding == NULL || strcasecmp(encoding, "UTF-8") == 0
      || strcasecmp(encoding, "UTF-16") == 0)
    return;
  cpbm_tell(r->d, r->f, line_of(r), false, "the encoding '%s' is not read; UTF-8 "
            "and UTF-16 with a byte order mark are",
            cpbm_shown(ml_str_of(encoding)).s);
  stop(r);
}

/* expat guesses UTF-16 from its first characters; we want the mark. */
static bool encoding_fits(reader *r) {
  const unsigned char *b = (const unsigned char *)r->f->bytes.p;
  size_t n = r->f->bytes.n;
  bool marked = n >= 2 && ((b[0] == 0xFF && b[1] == 0xFE)
                           || (b[0] == 0xFE && b[1] == 0xFF));
  bool wide = n >= 4 && ((b[0] == 0xFF && b[1] == 0xFE && b[2] == 0 && b[3] == 0)
                         || (b[0] == 0 && b[1] == 0));

  if (!wide && (marked || n < 2 || (b[0] != 0 && b[1] != 0)))
    return true;
  cpbm_tell(r->d, r->f, 1, false, wide ? "the encoding UTF-32 is not read; UTF-8 "
            "and UTF-16 with a byte order mark are" : "there are NUL bytes; if "
            "this is UTF-16, it must begin with a byte order mark");
  return false;
}

/* The first piece by itself: expat copies what it is given, and what is refused
** early should cost little.  The rest at once: fed in pieces, one long token
** would be scanned again and again. */
static bool feed(reader *r) {
  size_t n = r->f->bytes.n, first = n < FIRST_PIECE ? n : FIRST_PIECE;
  enum XML_Status s = XML_Parse(r->x, r->f->bytes.p, (int)first, first == n);

  if (s == XML_STATUS_OK && first < n)
    s = XML_Parse(r->x, r->f->bytes.p + first, (int)(n - first), 1);
  if (XML_GetErrorCode(r->x) == XML_ERROR_NO_MEMORY)
    r->d->nomem = true;
  if (r->stopped || r->d->nomem)
    return false;
  if (s == XML_STATUS_OK)
    return true;
  cpbm_tell(r->d, r->f, line_of(r), false, "the XML is not well-formed: %s",
            XML_ErrorString(XML_GetErrorCode(r->x)));
  return false;
}

static bool parse(reader *r) {
  static const XML_Memory_Handling_Suite memory = {
    ml_mem_alloc, ml_mem_realloc, ml_mem_free};
  bool ok;

  r->x = XML_ParserCreate_MM(NULL, &memory, NULL);
  if (r->x == NULL) {
    r->d->nomem = true;
    return false;
  }
  XML_SetUserData(r->x, r);
  XML_SetElementHandler(r->x, on_start, on_end);
  XML_SetCharacterDataHandler(r->x, on_text);
  XML_SetStartDoctypeDeclHandler(r->x, on_doctype);
  XML_SetXmlDeclHandler(r->x, on_declaration);
  ok = feed(r);
  XML_ParserFree(r->x);
  return ok;
}

void cpbm_read(draft *d, cpbm_kind kind, const ml_cpbm_file *f) {
  reader r = {.d = d, .kind = kind, .f = f};
  bool ok = false;

  r.at[0] = P_TOP;
  if (d->nomem)
    return;
  if (f->bytes.n > d->limits.file_bytes)
    cpbm_tell(d, f, 1, false, "the file is longer than %u bytes (max-file)",
              (unsigned)d->limits.file_bytes);
  else if (f->bytes.n == 0)
    cpbm_tell(d, f, 1, false, "the file is empty; it wants a root element %s",
              roots[kind].name);
  else if (encoding_fits(&r))
    ok = parse(&r);
  if (kind == CPBM_MAP)
    d->map_read = ok;
  else if (kind == CPBM_WORKFLOWS)
    d->workflows_read = ok;
  else
    d->beans_read = ok;
  ml_buf_free(&r.rule);
  ml_mem_free(r.pieces);
}
