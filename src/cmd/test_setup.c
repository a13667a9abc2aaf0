/* test_setup.c - operations that make a test's world: settings, people, fakes. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cmd/files.h"
#include "cmd/test_op.h"

enum { FIXTURE_MAX = 1 << 20 };

static ml_rc set_one(ml_op *o, ml_str key, const ml_json *value, bool *found) {
  ml_run *r = o->w->run;

  for (size_t i = 0; i < ml_run_workflow_count(r); i++) {
    const ml_workflow *wf = ml_run_workflow_at(r, i);
    ml_came *c;
    ml_rc rc;

    if (!ml_op_in_force(wf) || ml_flow_setting(wf->flow, key) < 0)
      continue;
    *found = true;
    c = ml_world_came(o->w);
    if (c == NULL)
      return ml_op_starved(o);
    ml_run_set_setting(r, wf->name, key, value, ml_world_done, c);
    rc = ml_world_wait(o->w, c, &o->e);
    if (rc != ML_OK)
      return rc;
  }
  return ML_OK;
}

/* w:settings{ kintone_url = "https://k.example", ... } */
ml_rc ml_op_settings(ml_op *o) {
  const ml_json *t;
  ml_rc rc = ml_op_table(o, 0, "w:settings", &t);

  for (uint32_t i = 0; rc == ML_OK && t != NULL && i < t->count; i++) {
    bool found = false;

    rc = set_one(o, t->obj[i].key, &t->obj[i].value, &found);
    if (rc == ML_OK && !found)
      rc = ml_err_set(&o->e, ML_INVALID, "", "no workflow here has a setting "
                      "'%.*s'", (int)t->obj[i].key.n, t->obj[i].key.p);
  }
  if (rc == ML_OK)
    ml_jw_null(o->out);
  return rc;
}

typedef struct joining {
  ml_came came;                  /* first: ml_world_done() takes it */
  uint32_t lane;
  const ml_json *people;
} joining;

static void fill_people(void *arg, ml_batch *b) {
  const joining *j = arg;

  for (uint32_t i = 0; i < j->people->count; i++) {
    char *email = ml_arena_printf(j->came.w != NULL ? &j->came.w->arena : NULL,
                                  "%.*s@people.example",
                                  (int)j->people->arr[i].s.n,
                                  j->people->arr[i].s.p);
    ml_row_user user = {j->people->arr[i].s, j->people->arr[i].s,
                        email != NULL ? ml_str_of(email) : ML_NOSTR, true,
                        ML_NOSTR};
    ml_row_member member = {j->lane, j->people->arr[i].s};

    ml_batch_user(b, &user);
    ml_batch_member(b, &member, true);
  }
}

static ml_rc join_lane(ml_op *o, uint32_t lane, const ml_json *people) {
  joining *j = ml_arena_zero(o->a, sizeof *j);

  if (j == NULL)
    return ml_op_starved(o);
  j->came.w = o->w;
  j->lane = lane;
  j->people = people;
  ml_run_write(o->w->run, fill_people, ml_world_done, j);
  return ml_world_wait(o->w, &j->came, &o->e);
}

static ml_rc people_of(ml_op *o, ml_str lane, const ml_json *people) {
  ml_run *r = o->w->run;
  bool found = false, names = people->type == ML_JARR;
  ml_rc rc = ML_OK;

  for (uint32_t i = 0; names && i < people->count; i++)
    names = people->arr[i].type == ML_JSTR && ml_text_is_name(people->arr[i].s);
  if (!names && !(people->type == ML_JOBJ && people->count == 0))
    return ml_err_set(&o->e, ML_INVALID, "", "the people of lane '%.*s' must be "
                      "a list of names", (int)lane.n, lane.p);
  for (size_t i = 0; rc == ML_OK && i < ml_run_workflow_count(r); i++) {
    const ml_workflow *wf = ml_run_workflow_at(r, i);
    uint32_t no = ml_op_in_force(wf) ? ml_run_lane_no(r, wf->name, lane) : 0;

    if (no == 0)
      continue;
    found = true;
    if (people->count > 0)
      rc = join_lane(o, no, people);
  }
  if (rc == ML_OK && !found)
    rc = ml_err_set(&o->e, ML_INVALID, "", "no workflow here has a lane '%.*s'",
                    (int)lane.n, lane.p);
  return rc;
}

/* w:people{ licensing = { "aiko" }, ... } */
ml_rc ml_op_people(ml_op *o) {
  const ml_json *t;
  ml_rc rc = ml_op_table(o, 0, "w:people", &t);

  for (uint32_t i = 0; rc == ML_OK && t != NULL && i < t->count; i++)
    rc = people_of(o, t->obj[i].key, &t->obj[i].value);
  if (rc == ML_OK)
    ml_jw_null(o->out);
  return rc;
}

/* w:http("GET", "/path", { ... }): see test_http.h */
ml_rc ml_op_http(ml_op *o) {
  const ml_json *opts;
  ml_str method, path;
  ml_rc rc = ml_op_text(o, 0, "the method", &method);

  if (rc == ML_OK)
    rc = ml_op_text(o, 1, "the path", &path);
  if (rc == ML_OK)
    rc = ml_op_table(o, 2, "what w:http answers", &opts);
  if (rc == ML_OK)
    rc = ml_fake_expect(o->w->fake, method, path, opts, &o->e);
  if (rc == ML_OK)
    ml_jw_null(o->out);
  return rc;
}

/* w:calls("PUT", "/path"): what was sent; both may be left out */
ml_rc ml_op_calls(ml_op *o) {
  const ml_json *method = ml_op_arg(o, 0), *path = ml_op_arg(o, 1);

  ml_fake_calls(o->w->fake,
                method != NULL && method->type == ML_JSTR ? method->s : ML_NOSTR,
                path != NULL && path->type == ML_JSTR ? path->s : ML_NOSTR,
                o->out);
  return ML_OK;
}

/* w:fixture "record.json": a file of fixtures/, JSON read */
ml_rc ml_op_fixture(ml_op *o) {
  char path[1000];
  ml_buf b = {0};
  ml_json *v = NULL;
  ml_str name;
  ml_rc rc = ml_op_text(o, 0, "the fixture's name", &name);

  if (rc != ML_OK)
    return rc;
  if (name.n == 0 || name.n > 200 || memchr(name.p, '/', name.n) != NULL ||
      memchr(name.p, 0, name.n) != NULL || name.p[0] == '.')
    return ml_err_set(&o->e, ML_INVALID, "", "a fixture is a file's name in "
                      "fixtures/");
  snprintf(path, sizeof path, "%s/fixtures/%.*s", o->w->dir, (int)name.n,
           name.p);
  rc = ml_file_read(path, FIXTURE_MAX, &b, &o->e);
  if (rc == ML_OK && name.n > 5 &&
      memcmp(name.p + name.n - 5, ".json", 5) == 0) {
    ml_err why = {0};

    rc = ml_json_parse(o->a, b.p, b.len, NULL, &v, &why);
    if (rc != ML_OK)
      ml_err_set(&o->e, rc, "", "fixtures/%.*s, %s: %s", (int)name.n, name.p,
                 why.at, why.text);
    else
      ml_jw_json(o->out, v);
  } else if (rc == ML_OK && !ml_text_utf8((ml_str){b.p, b.len})) {
    rc = ml_err_set(&o->e, ML_INVALID, "", "fixtures/%.*s is not UTF-8",
                    (int)name.n, name.p);
  } else if (rc == ML_OK) {
    ml_jw_str(o->out, (ml_str){b.p != NULL ? b.p : "", b.len});
  }
  ml_buf_free(&b);
  return rc;
}

typedef struct faults {
  ml_buf text;
} faults;

static void take_fault(void *arg, const char *at, const char *text) {
  faults *f = arg;

  ml_buf_printf(&f->text, "%s%s: %s", f->text.len > 0 ? "\n" : "", at, text);
}

/* w:load "other": the folder beside, in force too */
ml_rc ml_op_load(ml_op *o) {
  char path[1000];
  faults f = {{0}};
  ml_str name;
  ml_rc rc = ml_op_text(o, 0, "the folder's name", &name);

  if (rc != ML_OK)
    return rc;
  if (!ml_text_is_filename(name))
    return ml_err_set(&o->e, ML_INVALID, "", "a folder beside this one is wanted");
  snprintf(path, sizeof path, "%s/../%.*s", o->w->dir, (int)name.n, name.p);
  rc = ml_world_load(o->w, path, take_fault, &f, &o->e);
  if (rc == ML_OK)
    ml_jw_null(o->out);
  else if (f.text.len > 0)
    ml_err_set(&o->e, rc, "", "%s", f.text.p);
  ml_buf_free(&f.text);
  return rc;
}
