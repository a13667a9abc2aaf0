/* api_people.c - members, and the lanes they are in; and who the caller is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_call.h"
#include "api/api_render.h"
#include "base/log.h"
#include "base/text.h"

enum { LANES_MAX = 1024, TEXT_MAX = 200 };

typedef struct person {
  ml_row_user row;            /* to be written; texts in the arena or body */
  ml_str id;
  bool set_lanes;
  uint32_t lanes[LANES_MAX];  /* to be in, exactly */
  size_t lane_count;
  uint32_t lane;              /* one membership */
  bool in;
} person;

/* ---- rendering ---- */

static void put_lane_name(ml_call *c, const ml_row_lane *l) {
  char *name = ml_arena_printf(&c->arena, "%.*s/%.*s", (int)l->workflow.n,
                               l->workflow.p, (int)l->lane.n, l->lane.p);

  if (name == NULL)
    c->out.bad = true;
  ml_jw_strz(&c->w, name);
}

static bool put_lanes(ml_call *c, ml_str user) {
  uint32_t *nos = ml_arena_zero(&c->arena, LANES_MAX * sizeof *nos);
  size_t n = nos != NULL ? ml_run_lane_nos_of(c->run, user, nos, LANES_MAX) : 0;

  ml_jw_key(&c->w, "lanes");
  ml_jw_arr(&c->w);
  for (size_t i = 0; i < n && i < LANES_MAX; i++) {
    const ml_row_lane *l = ml_run_lane(c->run, nos[i]);
    if (l != NULL)
      put_lane_name(c, l);
  }
  ml_jw_end(&c->w);
  if (nos == NULL)
    c->out.bad = true;
  return nos != NULL;
}

static void put_user(ml_call *c, const ml_row_user *u) {
  ml_jw_obj(&c->w);
  ml_jw_kstr(&c->w, "id", u->id);
  ml_api_put_text(&c->w, "name", u->name);
  ml_api_put_text(&c->w, "email", u->email);
  ml_api_put_text(&c->w, "team", u->team);
  ml_jw_kbool(&c->w, "active", u->active);
  put_lanes(c, u->id);
  ml_jw_end(&c->w);
}

/* ---- looking ---- */

static int by_id(const void *a, const void *b) {
  const ml_row_user *const *x = a, *const *y = b;
  size_t n = (*x)->id.n < (*y)->id.n ? (*x)->id.n : (*y)->id.n;
  int d = memcmp((*x)->id.p, (*y)->id.p, n);

  return d != 0 ? d : ((*x)->id.n > (*y)->id.n) - ((*x)->id.n < (*y)->id.n);
}

static bool behind(ml_str id, ml_str cursor) {
  ml_row_user a = {.id = id}, b = {.id = cursor};
  const ml_row_user *x = &a, *y = &b;

  return cursor.p == NULL || by_id(&x, &y) > 0;
}

/* A person of another team is as one that is not there. */
static bool sees(const ml_call *c, const ml_row_user *u) {
  return u != NULL && (c->who.team.p == NULL || ml_str_eq(c->who.team, u->team));
}

static void list_users(ml_call *c) {
  size_t n = ml_run_user_count(c->run), limit = ml_call_limit(c), shown = 0;
  const ml_row_user **all = ml_call_alloc(c, (n + 1) * sizeof *all);
  const ml_row_user *last = NULL;
  int64_t a, b;
  ml_str after;

  if (all == NULL || !ml_cursor_get(c, 'u', &a, &b, &after))
    return;
  for (size_t i = 0; i < n; i++)
    all[i] = ml_run_user_at(c->run, i);
  qsort(all, n, sizeof *all, by_id);
  ml_list_begin(c);
  for (size_t i = 0; i < n; i++) {
    if (!behind(all[i]->id, after) || !sees(c, all[i]))
      continue;
    if (shown++ == limit)
      break;
    last = all[i];
    put_user(c, last);
  }
  if (shown > limit)
    ml_cursor_put(c, 'u', 0, 0, last->id);
  else
    ml_list_last(c);
  ml_list_send(c);
}

static void no_such_user(ml_call *c) {
  ml_call_problem(c, 404, NULL, NULL, NULL, "there is no member '%.100s'",
                  c->part[0].p);
}

static void get_user(ml_call *c) {
  const ml_row_user *u = ml_run_user(c->run, c->part[0]);

  if (!sees(c, u)) {
    no_such_user(c);
    return;
  }
  put_user(c, u);
  ml_call_send(c, 200);
}

static void put_members(ml_call *c, uint32_t lane) {
  ml_jw_key(&c->w, "members");
  ml_jw_arr(&c->w);
  for (size_t i = 0; i < ml_run_user_count(c->run); i++) {
    const ml_row_user *u = ml_run_user_at(c->run, i);
    if (ml_run_member(c->run, lane, u->id) && sees(c, u))
      ml_jw_str(&c->w, u->id);
  }
  ml_jw_end(&c->w);
}

static void list_lanes(ml_call *c) {
  ml_list_begin(c);
  for (size_t i = 0; i < ml_run_workflow_count(c->run); i++) {
    const ml_workflow *wf = ml_run_workflow_at(c->run, i);
    for (uint16_t k = 0; wf->flow != NULL && k < wf->flow->lane_count; k++) {
      const ml_lane *l = &wf->flow->lanes[k];
      ml_row_lane name = {0, wf->name, l->id};

      ml_jw_obj(&c->w);
      ml_jw_key(&c->w, "lane");
      put_lane_name(c, &name);
      ml_jw_kstr(&c->w, "workflow", wf->name);
      ml_jw_kstr(&c->w, "id", l->id);
      ml_api_put_label(&c->w, "title", l->title);
      put_members(c, ml_run_lane_no(c->run, wf->name, l->id));
      ml_jw_end(&c->w);
    }
  }
  ml_list_last(c);
  ml_list_send(c);
}

static void me(ml_call *c) {
  ml_str scopes = c->who.scopes;

  ml_jw_obj(&c->w);
  ml_jw_kstr(&c->w, "who", c->who.name);
  ml_jw_key(&c->w, "user");
  if (c->who.user.p != NULL)
    put_user(c, ml_run_user(c->run, c->who.user));
  else
    ml_jw_null(&c->w);
  ml_jw_key(&c->w, "scopes");
  ml_jw_arr(&c->w);
  for (ml_str s = ml_shape_part(&scopes, ' '); s.p != NULL;
       s = ml_shape_part(&scopes, ' '))
    if (s.n > 0)
      ml_jw_str(&c->w, s);
  ml_jw_end(&c->w);
  ml_jw_end(&c->w);
  ml_call_send(c, 200);
}

/* ---- changing ---- */

static void audit(const ml_call *c, const char *what, ml_str about) {
  char shown[TEXT_MAX];

  ml_text_excerpt(shown, sizeof shown, about);
  ml_log(ML_INFO, what, "who", c->who.name.p, "user", shown, NULL);
}

static void fill_user(ml_call *c, ml_batch *b) {
  person *p = c->state;
  uint32_t now[LANES_MAX];
  size_t n = ml_run_lane_nos_of(c->run, p->id, now, LANES_MAX);

  ml_batch_user(b, &p->row);
  if (!p->set_lanes)
    return;
  for (size_t i = 0; i < n && i < LANES_MAX; i++) {
    ml_row_member m = {now[i], p->id};
    ml_batch_member(b, &m, false);
  }
  for (size_t i = 0; i < p->lane_count; i++) {
    ml_row_member m = {p->lanes[i], p->id};
    ml_batch_member(b, &m, true);
  }
}

static void user_written(ml_call *c) {
  const ml_row_user *u = ml_run_user(c->run, c->part[0]);

  if (c->rc != ML_OK || u == NULL) {
    ml_call_refuse(c, c->rc != ML_OK ? c->rc : ML_NOT_FOUND, &c->err);
    return;
  }
  audit(c, "user-changed", c->part[0]);
  put_user(c, u);
  ml_call_send(c, 200);
}

static void gone_204(ml_call *c) {
  if (c->rc != ML_OK) {
    ml_call_refuse(c, c->rc, &c->err);
    return;
  }
  audit(c, "user-changed", c->part[c->part[2].p != NULL ? 2 : 0]);
  ml_call_send(c, 204);
}

static bool lanes_of_body(ml_call *c, person *p) {
  const ml_json *list = ml_json_get(c->body, "lanes");

  p->set_lanes = list != NULL;
  for (uint32_t i = 0; list != NULL && i < list->count; i++) {
    ml_str name = list->arr[i].s, workflow = ml_shape_part(&name, '/');
    uint32_t no = ml_run_lane_no(c->run, workflow, name);
    char at[32];

    if (no != 0 && p->lane_count < LANES_MAX) {
      p->lanes[p->lane_count++] = no;
      continue;
    }
    snprintf(at, sizeof at, "/lanes/%u", i);
    ml_call_problem(c, 422, NULL, at, NULL, "there is no lane '%.200s'; "
                    "WORKFLOW/LANE is wanted", list->arr[i].s.p);
    return false;
  }
  return true;
}

static bool text_of_body(ml_call *c, const char *key, ml_str old, ml_str *out) {
  const ml_json *v = ml_json_get(c->body, key);
  char at[32];

  *out = old;
  if (v == NULL)
    return true;
  *out = v->type == ML_JSTR ? v->s : ML_STR("");
  if (out->n <= TEXT_MAX && ml_text_printable(*out))
    return true;
  snprintf(at, sizeof at, "/%s", key);
  ml_call_problem(c, 422, NULL, at, NULL,
                  "a printable text of at most %d bytes is wanted", TEXT_MAX);
  return false;
}

/* Ids stand in histories beside "operator:...": they must not look like it. */
static bool id_ok(ml_call *c, ml_str id) {
  if (ml_text_is_name(id)
      && (id.n < 9 || memcmp(id.p, "operator:", 9) != 0))
    return true;
  ml_call_problem(c, 422, NULL, NULL, NULL, "a member's id is a printable text "
                  "of 1 to 200 bytes that does not begin with 'operator:'");
  return false;
}

/* A copy: the caches are read anew while we wait. */
static bool keep(ml_call *c, ml_str *s) {
  char *p = s->p != NULL ? ml_arena_dup(&c->arena, s->p, s->n) : NULL;

  if (s->p != NULL && p == NULL) {
    ml_call_refuse(c, ML_NOMEM, NULL);
    return false;
  }
  s->p = p;
  return true;
}

/* A name is taken in every team: it is the person's id. */
static bool old_seen(ml_call *c, const ml_row_user *old) {
  if (old == NULL || sees(c, old))
    return true;
  ml_call_problem(c, 409, "exists", NULL, NULL, "this id is taken");
  return false;
}

/* Who is inside a wall makes people inside it only. */
static bool team_of_body(ml_call *c, ml_str old, ml_str *out) {
  ml_str asked = ml_json_str(c->body, "team");

  if (ml_json_get(c->body, "team") == NULL)
    asked = old;
  if (c->who.team.p != NULL && !ml_str_eq(asked, c->who.team)) {
    ml_call_problem(c, 422, NULL, "/team", NULL, "your own team is wanted: "
                    "'%.100s'", c->who.team.p);
    return false;
  }
  *out = asked.n > 0 ? asked : ML_NOSTR;
  if (asked.n <= TEXT_MAX && ml_text_printable(asked.n > 0 ? asked : ML_STR("")))
    return keep(c, out);
  ml_call_problem(c, 422, NULL, "/team", NULL,
                  "a printable text of at most %d bytes is wanted", TEXT_MAX);
  return false;
}

static void set_user(ml_call *c) {
  const ml_row_user *old = ml_run_user(c->run, c->part[0]);
  person *p = ml_call_alloc(c, sizeof *p);
  ml_str name = old != NULL ? old->name : ML_STR("");
  ml_str email = old != NULL ? old->email : ML_STR("");
  ml_str team = old != NULL ? old->team : c->who.team;

  if (p == NULL || !id_ok(c, c->part[0]) || !old_seen(c, old)
      || !team_of_body(c, team, &p->row.team) || !text_of_body(c, "name", name, &p->row.name)
      || !text_of_body(c, "email", email, &p->row.email)
      || !lanes_of_body(c, p) || !keep(c, &p->row.name)
      || !keep(c, &p->row.email))
    return;
  p->id = p->row.id = c->part[0];
  p->row.active = ml_json_bool(c->body, "active",
                               old != NULL ? old->active : true);
  c->state = p;
  ml_call_write(c, fill_user, user_written);
}

/* Names in a history must stay explainable: a member is not erased but made
** inactive, and leaves every lane. */
static void drop_user(ml_call *c) {
  const ml_row_user *old = ml_run_user(c->run, c->part[0]);
  person *p;

  if (!sees(c, old)) {
    no_such_user(c);
    return;
  }
  p = ml_call_alloc(c, sizeof *p);
  if (p == NULL)
    return;
  p->row = *old;
  p->id = p->row.id = c->part[0];
  p->row.active = false;
  p->set_lanes = true;
  c->state = p;
  if (keep(c, &p->row.name) && keep(c, &p->row.email) && keep(c, &p->row.team))
    ml_call_write(c, fill_user, gone_204);
}

static void fill_member(ml_call *c, ml_batch *b) {
  person *p = c->state;
  ml_row_member m = {p->lane, p->id};

  ml_batch_member(b, &m, p->in);
}

static void member(ml_call *c, bool in) {
  person *p = ml_call_alloc(c, sizeof *p);

  if (p == NULL)
    return;
  p->lane = ml_run_lane_no(c->run, c->part[0], c->part[1]);
  p->id = c->part[2];
  p->in = in;
  if (p->lane == 0) {
    ml_call_problem(c, 404, NULL, NULL, NULL, "there is no lane '%.100s/%.100s'",
                    c->part[0].p, c->part[1].p);
    return;
  }
  if (!sees(c, ml_run_user(c->run, p->id))) {
    ml_call_problem(c, 404, NULL, NULL, NULL, "there is no member '%.100s'",
                    p->id.p);
    return;
  }
  c->state = p;
  ml_call_write(c, fill_member, gone_204);
}

static void join(ml_call *c) {
  member(c, true);
}

static void leave(ml_call *c) {
  member(c, false);
}

/* ---- rows ---- */

#define LOOK ML_SCOPE_READ | ML_SCOPE_OPERATE | ML_SCOPE_ADMIN

static const ml_route rows[] = {
  {"GET", "/v1/users", LOOK, 0, list_users, "limit cursor", NULL, "200 [User]",
   "listUsers", "Members, by id"},
  {"GET", "/v1/users/{id}", LOOK, 0, get_user, NULL, NULL, "200 User",
   "getUser", "One member"},
  {"PUT", "/v1/users/{id}", ML_SCOPE_ADMIN, 0, set_user, NULL, "SetUser",
   "200 User", "setUser", "Make or change a member; what is left out stays"},
  {"DELETE", "/v1/users/{id}", ML_SCOPE_ADMIN, 0, drop_user, NULL, NULL, "204",
   "dropUser", "Make a member inactive, and take it out of every lane"},
  {"GET", "/v1/lanes", LOOK, 0, list_lanes, NULL, NULL, "200 [Lane]",
   "listLanes", "Lanes of the workflows in force, with their members"},
  {"PUT", "/v1/lanes/{workflow}/{lane}/members/{user}", ML_SCOPE_ADMIN, 0, join,
   NULL, NULL, "204", "joinLane", "Put a member into a lane"},
  {"DELETE", "/v1/lanes/{workflow}/{lane}/members/{user}", ML_SCOPE_ADMIN, 0,
   leave, NULL, NULL, "204", "leaveLane", "Take a member out of a lane"},
  {"GET", "/v1/me", ML_SCOPE_ALL | ML_SCOPE_HOOK, 0, me, NULL, NULL, "200 Me",
   "getMe", "Who this token is"}};

static const char shapes[] =
  "User { id:str, name:str?, email:str?, team:str?, active:bool,"
  " lanes:[str] \"WORKFLOW/LANE\" }"
  "SetUser { name?:str?, email?:str?, active?:bool, team?:str? \"sees only"
  " its own processes; null: all\","
  " lanes?:[str] \"exactly these: WORKFLOW/LANE\" }"
  "Lane { lane:str, workflow:str, id:str, title:label, members:[str] }"
  "Me { who:str \"as it stands in histories\", user:User?, scopes:[str] }";

const ml_routes ml_routes_people = {rows, sizeof rows / sizeof *rows, shapes};
