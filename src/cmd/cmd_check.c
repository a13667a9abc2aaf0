/*
** cmd_check.c - moonlane check: a folder judged whole, in memory.
**
** Lanes are filled outside the folder (SEMANTICS.md 14): a lane that has tasks
** and no active member in the store is warned of.  The store is the one that the
** other commands would take; where there is none, nobody asked for one, and
** nothing is said.
*/
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cmd/bounds.h"
#include "cmd/engine.h"
#include "cmd/out.h"
#include "cmd/verbs.h"

const ml_opt ml_opts_check[] = {
  {"db", "FILE", "the store with the members of lanes (moonlane.db, if there "
   "is one)", 0},
  {"insecure-scripts", NULL, "go on where the kernel has no jail", 0},
  {NULL, NULL, NULL, 0}};

typedef struct checking {
  ml_form form;
  ml_buf out;
  ml_jw w;
  size_t faults;
  const char *db;                /* or NULL */
  bool must;                     /* it was named: it is to be there */
  ml_bounds limits;              /* the operator's, as configured */
  ml_engine_wait wait;
} checking;

static void say(checking *c, const char *at, const char *text, bool warning) {
  if (c->form != ML_FORM_TABLE) {
    ml_jw_obj(&c->w);
    ml_jw_kstrz(&c->w, "at", at);
    ml_jw_kstrz(&c->w, "text", text);
    if (warning)
      ml_jw_kbool(&c->w, "warning", true);
    ml_jw_end(&c->w);
    return;
  }
  if (warning)
    ml_buf_puts(&c->out, "warning: ");
  ml_out_clean(&c->out, ml_str_of(at));
  ml_buf_puts(&c->out, ": ");
  ml_out_clean(&c->out, ml_str_of(text));
  ml_buf_putc(&c->out, '\n');
}

static void fault(void *arg, const char *at, const char *text) {
  checking *c = arg;

  c->faults++;
  say(c, at, text, false);
}

/* A limit that the operator's is lower than. */
static void lowered(void *arg, const char *at, const char *text) {
  say(arg, at, text, true);
}

/* ---- lanes ---- */

typedef struct people {
  ml_arena arena;
  ml_row_lane *lanes;     size_t lane_count;
  ml_row_member *members; size_t member_count;
  ml_row_user *users;     size_t user_count;
  ml_rc rc;
} people;

static void read_people(void *arg, ml_read *r) {
  people *p = arg;

  p->rc = ml_read_lanes(r, &p->arena, &p->lanes, &p->lane_count);
  if (p->rc == ML_OK)
    p->rc = ml_read_members(r, &p->arena, &p->members, &p->member_count);
  if (p->rc == ML_OK)
    p->rc = ml_read_users(r, &p->arena, &p->users, &p->user_count);
}

static ml_rc people_of(people *p, const char *db, ml_err *e) {
  ml_store_conf conf = {.path = db, .read_only = true};
  ml_store *s = NULL;
  ml_rc rc = ml_store_open(&conf, &s, e);

  if (rc == ML_OK)
    rc = ml_store_read(s, read_people, NULL, p);
  if (rc == ML_OK) {
    ml_store_wait(s);
    rc = p->rc;
  }
  if (rc != ML_OK && e->text[0] == '\0')
    ml_err_set(e, rc, db, "the members cannot be read (%s)", ml_rc_name(rc));
  ml_store_close(s);
  return rc;
}

static bool is_active(const people *p, ml_str user) {
  for (size_t i = 0; i < p->user_count; i++)
    if (ml_str_eq(p->users[i].id, user))
      return p->users[i].active;
  return false;
}

static bool has_members(const people *p, ml_str workflow, ml_str lane) {
  for (size_t i = 0; i < p->lane_count; i++) {
    if (!ml_str_eq(p->lanes[i].workflow, workflow)
        || !ml_str_eq(p->lanes[i].lane, lane))
      continue;
    for (size_t k = 0; k < p->member_count; k++)
      if (p->members[k].lane == p->lanes[i].no
          && is_active(p, p->members[k].user))
        return true;
  }
  return false;
}

static bool has_tasks(const ml_flow *f, uint16_t lane) {
  for (uint16_t i = 0; i < f->activity_count; i++)
    if (f->activities[i].kind == ML_AK_TASK && f->activities[i].lane == lane)
      return true;
  return false;
}

static void warn_of_lanes(checking *c, const people *p, const ml_flow *f) {
  for (uint16_t i = 0; i < f->lane_count; i++) {
    char at[240], text[480];
    ml_str id = f->lanes[i].id;

    if (!has_tasks(f, i) || has_members(p, f->name, id))
      continue;
    snprintf(at, sizeof at, "%.*s/%.*s", (int)f->name.n, f->name.p, (int)id.n,
             id.p);
    snprintf(text, sizeof text, "nobody is in this lane: its tasks will be "
             "incidents (moonlane user add ID --lane '%.300s')", at);
    say(c, at, text, true);
  }
}

static void checked(void *arg, ml_rc rc, const ml_err *e) {
  checking *c = arg;

  ml_engine_done(&c->wait, rc, e);
}

/* The folder is good: its lanes beside the members of the store. */
static ml_rc check_lanes(checking *c, ml_engine *g, const char *folder_,
                         ml_err *e) {
  people p = {0};
  ml_rc rc = people_of(&p, c->db, e);

  if (rc != ML_OK && !c->must) {             /* not of this folder */
    say(c, c->db, e->text, true);
    *e = (ml_err){0};
    ml_arena_free(&p.arena);
    return ML_OK;
  }
  if (rc == ML_OK) {
    ml_run_hold_polls(g->run, true);         /* nothing is to be started */
    ml_run_hold_schedules(g->run, true);
    memset(&c->wait, 0, sizeof c->wait);
    ml_run_load(g->run, folder_, fault, checked, c);
    ml_engine_until(g, &c->wait);
    rc = c->wait.rc;
    *e = c->wait.e;
  }
  for (size_t i = 0; rc == ML_OK && i < ml_run_workflow_count(g->run); i++)
    if (ml_run_workflow_at(g->run, i)->flow != NULL) {
      warn_of_lanes(c, &p, ml_run_workflow_at(g->run, i)->flow);
      ml_limits_lowered(g->run, ml_run_workflow_at(g->run, i)->flow, lowered, c);
    }
  ml_arena_free(&p.arena);
  return rc;
}

static ml_rc check(checking *c, const char *folder, bool insecure, ml_err *e) {
  ml_engine_conf conf = {.db = ":memory:", .workers = 1, .insecure = insecure,
                         .limits = c->limits};
  ml_engine g;
  ml_rc rc = ml_engine_open(&g, &conf, e);

  if (rc != ML_OK)
    return rc;
  ml_run_begin(g.run, checked, c);
  ml_engine_until(&g, &c->wait);
  if (c->wait.rc == ML_OK) {
    memset(&c->wait, 0, sizeof c->wait);
    ml_run_check(g.run, folder, fault, checked, c);
    ml_engine_until(&g, &c->wait);
  }
  rc = c->wait.rc;
  *e = c->wait.e;
  if (rc == ML_OK && c->db != NULL)
    rc = check_lanes(c, &g, folder, e);
  ml_engine_close(&g, NULL, NULL);
  return rc;
}

/* Mistakes go to standard error as sentences; as JSON they are the answer. */
static int report(checking *c, ml_rc rc, const ml_err *e) {
  int code = rc == ML_OK && c->faults == 0 ? ML_EXIT_FINE : ML_EXIT_FALSE;

  if (c->form != ML_FORM_TABLE) {
    ml_jw_end(&c->w);
    ml_buf_putc(&c->out, '\n');
    if (ml_out_send(&c->out) != ML_EXIT_FINE)
      return ML_EXIT_FALSE;
  } else if (c->out.bad) {
    code = ml_out_fail(ML_EXIT_FALSE, "out of memory");
  } else {
    fwrite(c->out.p != NULL ? c->out.p : "", 1, c->out.len, stderr);
  }
  if (rc != ML_OK && c->faults == 0)
    code = ml_out_error(rc == ML_INVALID ? ML_EXIT_FALSE : ml_out_code(rc), e);
  return code;
}

/* The store that serve would open; none when it is not there and was not named
** on the command line. */
static void find_store(checking *c, const ml_args *a) {
  c->db = ml_args_given(a, "db");
  c->must = c->db != NULL;
  if (c->must)
    return;
  c->db = ml_args_get(a, "db");
  if (c->db == NULL)
    c->db = "moonlane.db";
  if (access(c->db, F_OK) != 0)
    c->db = NULL;
}

int ml_cmd_check(const ml_args *a) {
  const char *folder = ml_args_word(a, 0), *form = ml_args_get(a, "output");
  checking c = {.form = ML_FORM_TABLE};
  ml_err e = {0};
  ml_rc rc;
  int code;

  if (form != NULL && ml_out_form(a, &c.form, &e) != ML_OK)
    return ml_out_error(ML_EXIT_USAGE, &e);
  if (ml_bounds_args(a, &c.limits, &e) != ML_OK)
    return ml_out_error(ML_EXIT_USAGE, &e);
  if (folder == NULL)
    folder = ml_args_get(a, "folder");
  if (folder == NULL)
    folder = "workflows";
  find_store(&c, a);
  ml_jw_init(&c.w, &c.out);
  if (c.form != ML_FORM_TABLE)
    ml_jw_arr(&c.w);
  ml_log_to(2, ML_WARN);
  rc = check(&c, folder, ml_args_flag(a, "insecure-scripts"), &e);
  code = report(&c, rc, &e);
  ml_buf_free(&c.out);
  return code;
}
