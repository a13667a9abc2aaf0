/* flow.c - from the tree of a definition to a workflow: names, fields, lanes,
** settings, states.  Triggers: flow_start.c; phases: flow_phase.c. */
#include "model/flow.h"

#include <string.h>

#include "base/text.h"
#include "model/field.h"
#include "model/flow_part.h"

/* ---- finding ---- */

int ml_flow_field(const ml_flow *f, ml_str id) {
  for (int i = 0; i < f->field_count; i++)
    if (ml_str_eq(f->fields[i].id, id))
      return i;
  for (int i = 0; i < f->field_count; i++)
    if (ml_str_eq(f->fields[i].short_id, id))
      return i;
  return -1;
}

int ml_flow_lane(const ml_flow *f, ml_str id) {
  for (int i = 0; i < f->lane_count; i++)
    if (ml_str_eq(f->lanes[i].id, id))
      return i;
  return -1;
}

int ml_flow_setting(const ml_flow *f, ml_str id) {
  for (int i = 0; i < f->setting_count; i++)
    if (ml_str_eq(f->settings[i].id, id))
      return i;
  return -1;
}

int ml_flow_state(const ml_flow *f, ml_str id) {
  for (int i = 0; i < f->state_count; i++)
    if (ml_str_eq(f->states[i].id, id))
      return i;
  return -1;
}

int ml_flow_trigger(const ml_flow *f, ml_str name) {
  for (int i = 0; i < f->trigger_count; i++)
    if (ml_str_eq(f->triggers[i].name, name))
      return i;
  return -1;
}

const ml_outcome *ml_flow_outcome(const ml_activity *a, ml_str id) {
  for (int i = 0; i < a->outcome_count; i++)
    if (ml_str_eq(a->outcomes[i].id, id))
      return &a->outcomes[i];
  return NULL;
}

void ml_flow_free(ml_flow *f) {
  if (f == NULL)
    return;
  ml_arena_free(&f->arena);
  ml_mem_free(f);
}

/* ---- parts ---- */

static void parse_lanes(ml_fpass *p, const ml_json *o, ml_str at) {
  static const char *const known[] = {"id", "title", "at", NULL};
  ml_fwho w = ml_fp_who(NULL, at, "the workflow", ML_NOSTR);
  const ml_json *v = ml_fp_list(p, &w, o, "lanes", ML_FLOW_LANES_MAX);

  p->f->lanes = v != NULL ? ml_fp_room(p, v->count, sizeof(ml_lane)) : NULL;
  for (uint32_t i = 0; p->f->lanes != NULL && i < v->count; i++) {
    const ml_json *item = &v->arr[i];
    ml_lane *lane = &p->f->lanes[p->f->lane_count];

    if (!ml_fp_is_table(p, item, at, "a lane"))
      continue;
    w = ml_fp_who(item, at, "lane", ml_json_str(item, "id"));
    ml_fp_members(p, &w, item, known);
    lane->id = ml_fp_name(p, &w, item, "id");
    lane->title = ml_fp_label(p, &w, item, "title");
    if (lane->id.n > 0 && ml_flow_lane(p->f, lane->id) >= 0)
      ml_fp_fault(p, &w, "a lane of this name exists already");
    else
      p->f->lane_count++;
  }
}

static bool type_fits(ml_ftype t, bool setting) {
  if (setting)
    return t <= ML_F_DURATION && t != ML_F_SELECT && t != ML_F_MULTI;
  return t != ML_F_SECRET && t != ML_F_DURATION;
}

/* A type's word; fields and settings each have some that the other has not. */
static bool parse_type(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                       bool setting, ml_ftype *type) {
  const ml_json *v = ml_json_get(o, "type");
  ml_buf list = {0};
  bool ok = v != NULL && v->type == ML_JSTR && ml_ftype_of(v->s, type);

  if (ok && type_fits(*type, setting))
    return true;
  for (int i = 0; i < ML_F_COUNT; i++)
    if (type_fits((ml_ftype)i, setting))
      ml_buf_printf(&list, "%s%s", list.len > 0 ? ", " : "",
                    ml_ftype_name((ml_ftype)i));
  if (v == NULL)
    ml_fp_fault(p, w, "its type is missing; types are %s", list.p);
  else if (v->type == ML_JSTR)
    ml_fp_fault(p, w, "'%s' is no type of a %s; types are %s",
                ml_fp_show(v->s).s, setting ? "setting" : "field", list.p);
  else
    ml_fp_fault(p, w, "its type must be a text, not %s", ml_fp_type(v));
  if (list.bad)
    p->nomem = true;
  ml_buf_free(&list);
  *type = ML_F_STRING;
  return false;
}

static void parse_setting(ml_fpass *p, const ml_json *o, ml_str at) {
  static const char *const known[] = {"id", "type", "required", "default",
                                      "at", NULL};
  ml_setting *s = &p->f->settings[p->f->setting_count];
  ml_fwho w = ml_fp_who(o, at, "setting", ml_json_str(o, "id"));
  const ml_json *dflt = ml_json_get(o, "default");
  ml_buf b = {0};
  ml_err e = {0};
  bool typed;

  ml_fp_members(p, &w, o, known);
  s->id = ml_fp_name(p, &w, o, "id");
  typed = parse_type(p, &w, o, true, &s->type);
  s->required = ml_fp_bool(p, &w, o, "required");
  if (dflt != NULL && typed && s->type == ML_F_SECRET)
    ml_fp_fault(p, &w, "a secret may have no default: it would stand in the "
                "source; set it with moonlane setting");
  else if (dflt != NULL && typed) {
    ml_rc rc = ml_setting_check(s, dflt, "", &b, &e);

    if (rc == ML_NOMEM || b.bad)
      p->nomem = true;
    else if (rc != ML_OK)
      ml_fp_fault(p, &w, "its default does not fit: %s", e.text);
    else if (b.len > 0)
      s->dflt = ml_fp_keep(p, (ml_str){b.p, b.len});
  }
  ml_buf_free(&b);
  if (s->id.n > 0 && ml_flow_setting(p->f, s->id) >= 0)
    ml_fp_fault(p, &w, "a setting of this name exists already");
  else
    p->f->setting_count++;
}

static void parse_settings(ml_fpass *p, const ml_json *o, ml_str at) {
  ml_fwho w = ml_fp_who(NULL, at, "the workflow", ML_NOSTR);
  const ml_json *v = ml_fp_list(p, &w, o, "settings", ML_FLOW_SETTINGS_MAX);

  p->f->settings =
    v != NULL ? ml_fp_room(p, v->count, sizeof(ml_setting)) : NULL;
  for (uint32_t i = 0; p->f->settings != NULL && i < v->count; i++)
    if (ml_fp_is_table(p, &v->arr[i], at, "a setting"))
      parse_setting(p, &v->arr[i], at);
}

/* ---- fields ---- */

static void parse_choices(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                          ml_field *field) {
  static const char *const known[] = {"id", "label", NULL};
  const ml_json *v = ml_fp_list(p, w, o, "of", ML_FLOW_CHOICES_MAX);
  bool chooses = ml_field_chooses(field->type);

  if (ml_json_get(o, "of") == NULL || (v != NULL && v->count == 0)) {
    if (chooses)
      ml_fp_fault(p, w, "a field of type %s needs its choices: "
                  "of = { \"a\", { \"b\", en = ... } }",
                  ml_ftype_name(field->type));
    return;
  }
  if (!chooses)
    ml_fp_fault(p, w, "only fields of type select, multi and the Enums "
                "have choices ('of')");
  field->of = v != NULL ? ml_fp_room(p, v->count, sizeof *field->of) : NULL;
  for (uint32_t i = 0; field->of != NULL && i < v->count; i++) {
    ml_choice *c = &field->of[field->of_count];

    if (v->arr[i].type != ML_JOBJ || ml_json_get(&v->arr[i], "$not_data")) {
      ml_fp_fault(p, w, "choice %u must be a text or a table, not %s", i + 1,
                  ml_fp_type(&v->arr[i]));
      continue;
    }
    ml_fp_members(p, w, &v->arr[i], known);
    c->id = ml_json_str(&v->arr[i], "id");
    c->label = ml_fp_label(p, w, &v->arr[i], "label");
    if (!ml_text_is_name(c->id)) {
      ml_fp_fault(p, w, "choice %u has no id: a text of 1 to 200 bytes", i + 1);
      continue;
    }
    c->id = ml_fp_keep(p, c->id);
    for (uint32_t k = 0; k < field->of_count; k++)
      if (ml_str_eq(field->of[k].id, c->id)) {
        ml_fp_fault(p, w, "choice '%s' stands twice", ml_fp_show(c->id).s);
        break;
      }
    field->of_count++;
  }
}

static bool is_text_type(ml_ftype t) {
  return t == ML_F_STRING || t == ML_F_TEXT || t == ML_F_EMAIL || t == ML_F_URL
         || t == ML_F_PHONE;
}

/* A field's name stands in forms ("f!") and in due = "f": it must not look
** like either. */
static void check_field_name(ml_fpass *p, const ml_fwho *w, ml_str id) {
  if (id.n > 0 && id.p[0] >= '0' && id.p[0] <= '9')
    ml_fp_fault(p, w, "the name of a field may not begin with a digit");
  if (id.n > 0 && id.p[id.n - 1] == '!')
    ml_fp_fault(p, w, "the name of a field may not end with '!'");
}

/* A derived field: what only a written one may be told. */
static void check_derived(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                          const ml_field *field) {
  if (field->derived && (field->required || field->sealed
                         || ml_json_get(o, "initial") != NULL))
    ml_fp_fault(p, w, "a derived field is computed: it may not be required, "
                "sealed or have an initial value");
}

static void parse_initial(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                          ml_field *field) {
  const ml_json *v = ml_json_get(o, "initial");
  ml_buf b = {0};
  ml_err e = {0};
  ml_rc rc;

  if (v == NULL)
    return;
  rc = ml_field_check(field, v, "", &b, &e);
  if (rc == ML_NOMEM || b.bad)
    p->nomem = true;
  else if (rc != ML_OK)
    ml_fp_fault(p, w, "its initial value does not fit: %s", e.text);
  else if (b.len > 0)
    field->initial = ml_fp_keep(p, (ml_str){b.p, b.len});
  ml_buf_free(&b);
}

static void check_field_unique(ml_fpass *p, const ml_fwho *w,
                               const ml_field *field) {
  for (int i = 0; i < p->f->field_count; i++) {
    const ml_field *other = &p->f->fields[i];

    if (ml_str_eq(other->id, field->id))
      ml_fp_fault(p, w, "a field of this name exists already");
    else if (ml_str_eq(other->short_id, field->short_id)
             || ml_str_eq(other->short_id, field->id)
             || ml_str_eq(other->id, field->short_id))
      ml_fp_fault(p, w, "its short id is taken by field '%s'",
                  ml_fp_show(other->id).s);
    if (field->no >= 0 && other->no == field->no)
      ml_fp_fault(p, w, "number %d is taken by field '%s'", (int)field->no,
                  ml_fp_show(other->id).s);
  }
}

static void parse_field(ml_fpass *p, const ml_json *o, ml_str at) {
  static const char *const known[] = {"id", "short", "type", "no", "required",
                                      "sealed", "search", "label", "of",
                                      "initial", "max", "chars", "derive",
                                      "at", NULL};
  ml_field *field = &p->f->fields[p->f->field_count];
  ml_fwho w = ml_fp_who(o, at, "field", ml_json_str(o, "id"));
  uint64_t most = ml_bound_rows[ML_BOUND_RESULT].most;
  int64_t n;
  bool typed;

  ml_fp_members(p, &w, o, known);
  field->id = ml_fp_name(p, &w, o, "id");
  check_field_name(p, &w, field->id);
  field->short_id = field->id;
  if (ml_json_get(o, "short") != NULL) {
    field->short_id = ml_fp_name(p, &w, o, "short");
    check_field_name(p, &w, field->short_id);
  }
  typed = parse_type(p, &w, o, false, &field->type);
  field->no = ml_fp_int(p, &w, o, "no", 0, 1000000, &n) ? (int32_t)n : -1;
  field->required = ml_fp_bool(p, &w, o, "required");
  field->sealed = ml_fp_bool(p, &w, o, "sealed");
  field->search = ml_fp_bool(p, &w, o, "search");
  field->derived = ml_fp_function(p, &w, o, "derive");
  check_derived(p, &w, o, field);
  p->f->derives = p->f->derives || field->derived;
  field->label = ml_fp_label(p, &w, o, "label");
  if (ml_fp_int(p, &w, o, "max", 1, (int64_t)most, &n))
    field->max = (uint32_t)n;
  if (ml_fp_int(p, &w, o, "chars", 1, (int64_t)most, &n))
    field->chars = (uint32_t)n;
  if (typed) {
    if (field->chars > 0 && !is_text_type(field->type))
      ml_fp_fault(p, &w, "'chars' is for texts, not for %s",
                  ml_ftype_name(field->type));
    if (field->max > 0 && !is_text_type(field->type))
      ml_fp_fault(p, &w, "'max' (bytes) is for texts, not for %s",
                  ml_ftype_name(field->type));
    if (field->sealed && !is_text_type(field->type))
      ml_fp_fault(p, &w, "only texts (string, text, email, url, phone) may be "
                  "sealed, not %s", ml_ftype_name(field->type));
    parse_choices(p, &w, o, field);
    parse_initial(p, &w, o, field);
  }
  if (field->sealed && field->search)
    ml_fp_fault(p, &w, "a sealed field may not be searched for");
  if (field->id.n > 0) {
    check_field_unique(p, &w, field);
    p->f->field_count++;
  }
}

static void parse_fields(ml_fpass *p, const ml_json *o, ml_str at) {
  ml_fwho w = ml_fp_who(NULL, at, "the workflow", ML_NOSTR);
  const ml_json *v = ml_fp_list(p, &w, o, "fields", ML_FLOW_FIELDS_MAX);

  p->f->fields = v != NULL ? ml_fp_room(p, v->count, sizeof(ml_field)) : NULL;
  for (uint32_t i = 0; p->f->fields != NULL && i < v->count; i++)
    if (ml_fp_is_table(p, &v->arr[i], at, "a field")) {
      memset(&p->f->fields[p->f->field_count], 0, sizeof(ml_field));
      parse_field(p, &v->arr[i], at);
    }
}

/* ---- states ---- */

/* A list of texts at `key`; NULL for none. */
static ml_str *parse_texts(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                           const char *key, size_t max, uint16_t *count) {
  const ml_json *v = ml_fp_list(p, w, o, key, max);
  ml_str *all = v != NULL ? ml_fp_room(p, v->count, sizeof *all) : NULL;

  *count = 0;
  for (uint32_t i = 0; all != NULL && i < v->count; i++)
    if (ml_text_is_name(v->arr[i].type == ML_JSTR ? v->arr[i].s : ML_NOSTR))
      all[(*count)++] = ml_fp_keep(p, v->arr[i].s);
    else
      ml_fp_fault(p, w, "item %u of '%s' must be a text of 1 to 200 bytes",
                  i + 1, key);
  return all;
}

static void parse_state_list(ml_fpass *p, const ml_fwho *w,
                             const ml_json *list) {
  static const char *const known[] = {"id", "label", "description", "color",
                                      "tasks", NULL};

  p->f->states = ml_fp_room(p, list->count, sizeof(ml_state));
  for (uint32_t i = 0; p->f->states != NULL && i < list->count; i++) {
    const ml_json *item = &list->arr[i];
    ml_state *s = &p->f->states[p->f->state_count];

    if (!ml_fp_is_table(p, item, w->at, "a state"))
      continue;
    ml_fp_members(p, w, item, known);
    s->id = ml_fp_name(p, w, item, "id");
    s->label = ml_fp_label(p, w, item, "label");
    s->description = ml_fp_label(p, w, item, "description");
    ml_fp_str(p, w, item, "color", &s->color);
    s->tasks = parse_texts(p, w, item, "tasks", ML_FLOW_STATE_TASKS_MAX,
                           &s->task_count);
    if (s->id.n == 0)
      continue;
    if (ml_flow_state(p->f, s->id) >= 0)
      ml_fp_fault(p, w, "'%s' stands twice", ml_fp_show(s->id).s);
    else
      p->f->state_count++;
  }
}

/* The index of a state that something names, or -1 and told. */
static int named_state(ml_fpass *p, const ml_fwho *w, const char *where,
                       const ml_json *v) {
  int i = v != NULL && v->type == ML_JSTR ? ml_flow_state(p->f, v->s) : -1;

  if (i < 0)
    ml_fp_fault(p, w, "'%s' names '%s', which is none of the states", where,
                v == NULL             ? ""
                : v->type == ML_JSTR ? ml_fp_show(v->s).s
                                     : ml_fp_type(v));
  return i;
}

static void parse_moves(ml_fpass *p, const ml_fwho *w, const ml_json *o) {
  const ml_json *v = ml_fp_list(p, w, o, "moves", ML_FLOW_MOVES_MAX);

  p->f->moves =
    v != NULL ? ml_fp_room(p, v->count, sizeof *p->f->moves) : NULL;
  for (uint32_t i = 0; p->f->moves != NULL && i < v->count; i++) {
    const ml_json *m = &v->arr[i];
    int from, to;

    if (m->type != ML_JARR || m->count != 2) {
      ml_fp_fault(p, w, "'moves' must list pairs { \"from\", \"to\" }");
      continue;
    }
    from = named_state(p, w, "moves", &m->arr[0]);
    to = named_state(p, w, "moves", &m->arr[1]);
    if (from < 0 || to < 0)
      continue;
    p->f->moves[p->f->move_count][0] = (uint16_t)from;
    p->f->moves[p->f->move_count++][1] = (uint16_t)to;
  }
}

static void parse_states(ml_fpass *p, const ml_json *o, ml_str at) {
  static const char *const known[] = {"list", "start", "completed", "moves",
                                      "at", NULL};
  const ml_json *v = ml_json_get(o, "states"), *list;
  ml_fwho w = ml_fp_who(v, at, "states", ML_NOSTR);

  p->f->start_state = p->f->completed_state = -1;
  if (v == NULL)
    return;
  if (!ml_fp_is_table(p, v, at, "states"))
    return;
  ml_fp_members(p, &w, v, known);
  list = ml_fp_list(p, &w, v, "list", ML_FLOW_STATES_MAX);
  if (list == NULL || list->count == 0) {
    ml_fp_fault(p, &w, "name at least one: states = { \"new\", \"won\" }");
    return;
  }
  parse_state_list(p, &w, list);
  if (ml_json_get(v, "start") != NULL)
    p->f->start_state = named_state(p, &w, "start", ml_json_get(v, "start"));
  if (ml_json_get(v, "completed") != NULL)
    p->f->completed_state = named_state(p, &w, "completed",
                                        ml_json_get(v, "completed"));
  parse_moves(p, &w, v);
}

/* ---- the object: what it is about, what names it ---- */

static int32_t parse_primary(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                             const char *key) {
  ml_str s;

  return ml_fp_str(p, w, o, key, &s) ? ml_fp_field(p, w, key, s) : -1;
}

static bool may_be_key(ml_ftype t) {
  return t == ML_F_STRING || t == ML_F_INTEGER || t == ML_F_EMAIL
         || t == ML_F_STRING_ID || t == ML_F_INTEGER_ID
         || t == ML_F_PHONE || t == ML_F_DECIMAL;
}

static void parse_object(ml_fpass *p, const ml_json *o, ml_str at) {
  ml_fwho w = ml_fp_who(NULL, at, "the workflow", ML_NOSTR);
  const ml_field *key;

  if (ml_json_get(o, "entity") != NULL)
    p->f->entity = ml_fp_name(p, &w, o, "entity");
  p->f->primary_identifier = parse_primary(p, &w, o, "primary_identifier");
  p->f->primary_key = parse_primary(p, &w, o, "primary_key");
  p->f->roles = parse_texts(p, &w, o, "roles", ML_FLOW_ROLES_MAX,
                            &p->f->role_count);
  if (p->f->primary_key < 0)
    return;
  key = &p->f->fields[p->f->primary_key];
  if (!may_be_key(key->type) || key->sealed || key->derived)
    ml_fp_fault(p, &w, "'primary_key' names '%s'; it must be a written field "
                "of type string, integer, stringId, integerId, decimal, email or "
                "phone, not sealed",
                ml_fp_show(key->id).s);
}

/* ---- hosts ---- */

/* A name or address, with a port or without; no scheme, no path. */
static bool is_host(ml_str s) {
  if (s.n == 0 || s.n > 255 || s.p[0] == '.' || s.p[0] == '-')
    return false;
  for (size_t i = 0; i < s.n; i++) {
    char c = s.p[i];

    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
          || (c >= '0' && c <= '9') || (c != '\0' && strchr(".-:[]", c) != NULL)))
      return false;
  }
  return true;
}

static void parse_hosts(ml_fpass *p, const ml_json *o, ml_str at) {
  ml_fwho w = ml_fp_who(NULL, at, "hosts", ML_NOSTR);
  const ml_json *v = ml_fp_list(p, &w, o, "hosts", ML_FLOW_HOSTS_MAX);

  p->f->hosts = v != NULL ? ml_fp_room(p, v->count, sizeof(ml_str)) : NULL;
  for (uint32_t i = 0; p->f->hosts != NULL && i < v->count; i++)
    if (v->arr[i].type != ML_JSTR)
      ml_fp_fault(p, &w, "item %u must be a text, not %s", i + 1,
                  ml_fp_type(&v->arr[i]));
    else if (!is_host(v->arr[i].s))
      ml_fp_fault(p, &w, "'%s' is not a host such as 'api.example.com' or "
                  "'api.example.com:8443'", ml_fp_show(v->arr[i].s).s);
    else
      p->f->hosts[p->f->host_count++] = ml_fp_keep(p, v->arr[i].s);
}

/* ---- the whole ---- */

static void parse_flow(ml_fpass *p, const ml_json *o, uint16_t index) {
  static const char *const known[] = {"name", "at", "title", "lanes",
                                      "settings", "fields", "states", "hosts", "calls",
                                      "limits",
                                      "start", "phases", "entity", "roles",
                                      "primary_key", "primary_identifier",
                                      "rules", "notify", "reset",
                                      "new_first", NULL};
  ml_fwho w = ml_fp_who(o, ML_STR("workflow.lua"), "workflow",
                        ml_json_str(o, "name"));
  ml_str at = w.at;
  int64_t calls;

  ml_fp_members(p, &w, o, known);
  p->f->index = index;
  p->f->name = ml_fp_name(p, &w, o, "name");
  p->f->title = ml_fp_label(p, &w, o, "title");
  p->f->new_first = ml_fp_bool(p, &w, o, "new_first");
  parse_lanes(p, o, at);
  parse_settings(p, o, at);
  parse_fields(p, o, at);
  parse_states(p, o, at);
  parse_object(p, o, at);
  parse_hosts(p, o, at);
  if (ml_fp_int(p, &w, o, "calls", 1, ML_FLOW_CALLS_MAX, &calls))
    p->f->calls = (uint32_t)calls;
  ml_fp_limits(p, o, at);
  ml_fp_notify(p, o, at);
  ml_fp_reset(p, o, at);
  ml_fp_triggers(p, o, at);
  ml_fp_phases(p, o, at);
  if (p->nomem)
    return;
  ml_fp_nexts(p);
  ml_fp_check(p);
}

/* The envelope: api number and list of workflows, or NULL and told. */
static const ml_json *open_tree(ml_fpass *p, const ml_json *tree) {
  static const char *const known[] = {"api", "workflows", "rules",
                                      "transactions", NULL};
  ml_fwho w = ml_fp_who(NULL, ML_STR("workflow.lua"), "the definition",
                        ML_NOSTR);
  const ml_json *api = ml_json_get(tree, "api"), *list;

  if (tree == NULL || tree->type != ML_JOBJ) {
    ml_fp_fault(p, &w, "must give workflows made by ml.workflow");
    return NULL;
  }
  ml_fp_members(p, &w, tree, known);
  if (api == NULL || api->type != ML_JINT || api->i != ML_API_NUMBER) {
    ml_fp_fault(p, &w, "is written for interface number %s; this moonlane "
                "speaks %d",
                api != NULL && api->type == ML_JINT ? "another" : "none",
                ML_API_NUMBER);
    return NULL;
  }
  list = ml_fp_list(p, &w, tree, "workflows", ML_FLOW_WORKFLOWS_MAX);
  if (list == NULL || list->count == 0) {
    ml_fp_fault(p, &w, "must return a workflow, or a list of some");
    return NULL;
  }
  return list;
}

static void parse_one(ml_fpass *p, ml_flow **all, size_t i,
                      const ml_json *o) {
  if (!ml_fp_is_table(p, o, ML_STR("workflow.lua"), "a workflow"))
    return;
  all[i] = p->f = ml_mem_zero(sizeof *p->f);
  if (p->f == NULL) {
    p->nomem = true;
    return;
  }
  parse_flow(p, o, (uint16_t)i);
  ml_arena_free(&p->work);
  for (size_t k = 0; k < i && p->f->name.n > 0; k++)
    if (all[k] != NULL && ml_str_eq(all[k]->name, p->f->name)) {
      ml_fwho w = ml_fp_who(o, ML_STR("workflow.lua"), "workflow",
                            p->f->name);

      ml_fp_fault(p, &w, "a workflow of this name exists already in this "
                  "folder");
      break;
    }
}

ml_rc ml_flow_parse(const char *folder, const ml_json *tree,
                    ml_flow_fault_fn *fault, void *arg, ml_flow ***flows,
                    size_t *count) {
  ml_fpass p = {.folder = folder, .fault = fault, .arg = arg};
  const ml_json *list = open_tree(&p, tree);
  ml_flow **all;

  *flows = NULL;
  *count = 0;
  if (list == NULL)
    return ML_INVALID;
  all = ml_mem_zero(list->count * sizeof(ml_flow *));
  if (all == NULL)
    return ML_NOMEM;
  for (uint32_t i = 0; i < list->count && !p.nomem; i++)
    parse_one(&p, all, i, &list->arr[i]);
  if (!p.nomem && p.faults == 0) {
    *flows = all;
    *count = list->count;
    return ML_OK;
  }
  for (uint32_t i = 0; i < list->count; i++)
    ml_flow_free(all[i]);
  ml_mem_free(all);
  return p.nomem ? ML_NOMEM : ML_INVALID;
}
