/*
** cursor.c - records/cursor.json.
**
** A cursor is the list of ids its query found when it was made (a decision
** of the simulator); a record deleted since is left out.  Cursors live in
** memory: kintone's live ten minutes.
*/
#include "api.h"
#include "base/rand.h"
#include "base/text.h"

#define CURSORS_MAX 10
#define CURSOR_MS (10 * 60 * 1000)
#define PAGE 100
#define PAGE_MAX 500

typedef struct Cursor {
  ml_arena arena;               /* holds all below */
  ml_str id;
  int64_t app;
  const ml_json *fields;        /* or NULL */
  int64_t *records;
  size_t count, at, page;
  int64_t ends_ms;
  struct Cursor *next;
} Cursor;

struct ks_cursors {
  Cursor *first;
};

static void drop(Cursor **at) {
  Cursor *cu = *at;

  *at = cu->next;
  ml_arena_free(&cu->arena);
  ml_mem_free(cu);
}

void ks_cursors_done(ks_sim *sim) {
  if (sim->cursors == NULL)
    return;
  while (sim->cursors->first != NULL)
    drop(&sim->cursors->first);
  ml_mem_free(sim->cursors);
  sim->cursors = NULL;
}

/* The live cursors; those whose time is over are ended first. */
static struct ks_cursors *live(ks_sim *sim) {
  Cursor **at;

  if (sim->cursors == NULL)
    sim->cursors = ml_mem_zero(sizeof *sim->cursors);
  if (sim->cursors == NULL)
    ks_die("out of memory");
  for (at = &sim->cursors->first; *at != NULL;)
    if ((*at)->ends_ms <= ks_now(sim))
      drop(at);
    else
      at = &(*at)->next;
  return sim->cursors;
}

static size_t how_many(const struct ks_cursors *list) {
  const Cursor *cu;
  size_t n = 0;

  for (cu = list->first; cu != NULL; cu = cu->next)
    n++;
  return n;
}

static ml_str new_id(ml_arena *a) {
  uint8_t id[16];
  ml_buf b = {0};

  ml_rand_system()->bytes(ml_rand_system(), id, sizeof id);
  ml_text_put_uuid(&b, id);
  return ks_taken(a, &b);
}

/* A copy of a list of texts. */
static const ml_json *copy_list(ml_arena *a, const ml_json *list) {
  ml_json *copy;
  uint32_t i;

  if (list == NULL)
    return NULL;
  copy = ks_json_list(a, list->count);
  for (i = 0; i < list->count; i++)
    if (list->arr[i].type == ML_JSTR) {
      copy->arr[i].type = ML_JSTR;
      copy->arr[i].s = ks_dup(a, list->arr[i].s);
    }
  return copy;
}

static Cursor *make(ks_call *c, const ks_found *found, const ml_json *fields,
                    int64_t page) {
  struct ks_cursors *all = live(c->sim);
  Cursor *cu = ml_mem_zero(sizeof *cu);
  size_t i;

  if (cu == NULL)
    ks_die("out of memory");
  cu->id = new_id(&cu->arena);
  cu->app = c->app->id;
  cu->fields = copy_list(&cu->arena, fields);
  cu->count = found->count;
  cu->records = ks_new(&cu->arena, found->count * sizeof *cu->records);
  for (i = 0; i < found->count; i++)
    cu->records[i] = found->list[i]->id;
  cu->page = (size_t)page;
  cu->ends_ms = ks_now(c->sim) + CURSOR_MS;
  cu->next = all->first;
  all->first = cu;
  return cu;
}

void ks_post_cursor(ks_call *c) {
  const ml_json *fields = ks_param_list(c, c->param, "fields", false);
  ml_str text = ks_param_text(c, c->param, "query", ML_STR("query"), false);
  int64_t page = PAGE;
  ks_query *q;
  ks_found found;
  Cursor *cu;

  ks_param_int(c, c->param, "size", ML_STR("size"), false, 1, PAGE_MAX, &page);
  if (!ks_call_app(c, KS_MAY_VIEW))
    return;
  q = ks_query_read(c, c->app, text);
  if (q == NULL)
    return;
  if (q->limited)
    ks_problem_add(c, ML_STR("query"), KS_M_NO_LIMIT, ML_STR(""));
  if (!ks_call_sound(c))
    return;
  if (how_many(live(c->sim)) >= CURSORS_MAX) {
    ks_fail_at(c, "GAIA_TM12");
    return;
  }
  ks_find(c, c->app, q, true, true, &found);
  cu = make(c, &found, fields, page);
  ml_jw_obj(&c->w);
  ml_jw_kstr(&c->w, "id", cu->id);
  ks_put_int(&c->w, "totalCount", found.total);
  ml_jw_end(&c->w);
}

/* The cursor that parameter `id` names; NULL: the call has failed. */
static Cursor **find(ks_call *c) {
  ml_str id = ks_param_text(c, c->param, "id", ML_STR("id"), true);
  struct ks_cursors *all = live(c->sim);
  ks_app *app;
  Cursor **at;

  if (!ks_call_sound(c))
    return NULL;
  for (at = &all->first; *at != NULL; at = &(*at)->next)
    if (ml_str_eq((*at)->id, id))
      break;
  app = *at != NULL ? ks_sim_app(c->sim, (*at)->app) : NULL;
  if (app == NULL) {
    ks_fail_at(c, "GAIA_CN01");
    return NULL;
  }
  return ks_call_use(c, app, KS_MAY_VIEW) ? at : NULL;
}

void ks_get_cursor(ks_call *c) {
  Cursor **at = find(c), *cu;
  size_t n;

  if (at == NULL)
    return;
  cu = *at;
  ml_jw_obj(&c->w);
  ml_jw_key(&c->w, "records");
  ml_jw_arr(&c->w);
  for (n = 0; n < cu->page && cu->at < cu->count; cu->at++) {
    ks_record r;

    if (!ks_store_get(c->sim->store, c->app, cu->records[cu->at], c->a, &r))
      continue;
    ks_put_record(c, &c->w, c->app, &r, cu->fields);
    n++;
  }
  ml_jw_end(&c->w);
  ml_jw_kbool(&c->w, "next", cu->at < cu->count);
  ml_jw_end(&c->w);
  cu->ends_ms = ks_now(c->sim) + CURSOR_MS;
  if (cu->at == cu->count)
    drop(at);
}

void ks_delete_cursor(ks_call *c) {
  Cursor **at = find(c);

  if (at == NULL)
    return;
  drop(at);
  ml_jw_obj(&c->w);
  ml_jw_end(&c->w);
}
