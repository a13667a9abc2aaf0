/*
** search.c - which fields are searched for, and which is a primary key, is what
** the workflows in force say; what a new one lacks is filled in, a piece a commit,
** among all other work.
**
** Nothing is kept here: each step reads the store's list, does one thing, and
** looks again.  So a crash at any point goes on where it was.
*/
#include <string.h>

#include "run/inside.h"
#include "store/keys.h"
#include "store/search.h"

enum { SEARCH_PAUSE_MS = 1000 };   /* after a step that failed */

typedef struct step {
  ml_run *r;
  ml_arena arena;
  ml_search_field *fields;       /* kept by the store */
  size_t count;
  ml_search_field *want;         /* of `workflow`, when it is to change */
  size_t want_count;
  ml_key_field *keys;            /* kept by the store */
  size_t key_count;
  ml_str key;                    /* of `workflow`, when it is to change */
  uint32_t workflow;
  ml_rc rc;
} step;

static void step_free(step *s) {
  ml_arena_free(&s->arena);
  ml_mem_free(s);
}

static bool kept(const step *s, uint32_t workflow, const ml_search_field *f) {
  for (size_t i = 0; i < s->count; i++)
    if (s->fields[i].workflow == workflow && !s->fields[i].gone &&
        s->fields[i].type == f->type && ml_str_eq(s->fields[i].field, f->field))
      return true;
  return false;
}

static size_t kept_count(const step *s, uint32_t workflow) {
  size_t n = 0;

  for (size_t i = 0; i < s->count; i++)
    n += s->fields[i].workflow == workflow && !s->fields[i].gone;
  return n;
}

/* What the definition wants: its fields, and the columns beside them. */
static bool wanted(step *s, const ml_flow *f) {
  bool starved = false;

  s->want = ml_arena_zero(&s->arena, (size_t)(f->field_count + ML_COL_COUNT) *
                                         sizeof *s->want);
  s->want_count = 0;
  if (s->want == NULL)
    return false;
  for (int i = 0; i < f->field_count; i++)
    if (f->fields[i].search && !ml_filter_opaque(f->fields[i].type))
      s->want[s->want_count++] =
          (ml_search_field){.field = arena_str(&s->arena, f->fields[i].id,
                                               &starved),
                            .type = f->fields[i].type};
  for (int i = 1; s->want_count > 0 && i < ML_COL_COUNT; i++)
    if (ml_column_kept((ml_columnk)i)) {
      char *name = ml_arena_printf(&s->arena, "$%s", ml_columns()[i].name.p);

      starved = starved || name == NULL;
      s->want[s->want_count++] =
          (ml_search_field){.field = ml_str_of(name),
                            .type = ml_columns()[i].type};
    }
  return !starved;
}

/* A workflow in force whose fields are not those that are kept. */
static bool find_change(step *s) {
  for (size_t i = 0; i < s->r->workflow_count; i++) {
    const ml_workflow *w = &s->r->workflows[i];
    size_t same = 0;

    if (w->bundle == 0 || w->flow == NULL)
      continue;                  /* not in force: what there is, stays */
    if (!wanted(s, w->flow))
      s->rc = ML_NOMEM;
    if (s->rc != ML_OK)
      return false;
    for (size_t k = 0; k < s->want_count; k++)
      same += kept(s, w->no, &s->want[k]);
    s->workflow = w->no;
    if (same != s->want_count || kept_count(s, w->no) != same)
      return true;
  }
  return false;
}

static bool unfinished(const step *s) {
  for (size_t i = 0; i < s->count; i++)
    if (s->fields[i].gone || s->fields[i].done < s->fields[i].last)
      return true;
  return false;
}

/* ---- primary keys ---- */

/* A workflow in force whose key is not the one that is kept.  A key of that id
** that is still leaving comes first. */
static bool find_key_change(step *s) {
  for (size_t i = 0; i < s->r->workflow_count; i++) {
    const ml_workflow *w = &s->r->workflows[i];
    ml_str kept = ML_NOSTR, want = ML_NOSTR;
    bool leaving = false, starved = false;

    if (w->bundle == 0 || w->flow == NULL)
      continue;
    if (w->flow->primary_key >= 0)
      want = w->flow->fields[w->flow->primary_key].id;
    for (size_t k = 0; k < s->key_count; k++) {
      const ml_key_field *f = &s->keys[k];

      if (f->workflow != w->no)
        continue;
      if (!f->gone)
        kept = f->field;
      leaving = leaving || (f->gone && ml_str_eq(f->field, want));
    }
    if (ml_str_eq(kept, want) || (leaving && kept.p == NULL))
      continue;
    s->workflow = w->no;
    s->key = leaving ? ML_NOSTR : arena_str(&s->arena, want, &starved);
    s->rc = starved ? ML_NOMEM : ML_OK;
    return !starved;
  }
  return false;
}

static bool keys_unfinished(const step *s) {
  for (size_t i = 0; i < s->key_count; i++)
    if (s->keys[i].gone || s->keys[i].done < s->keys[i].last)
      return true;
  return false;
}

/* ---- steps ---- */

static void search_late(void *run) {
  search_look(run);
}

static void written(void *arg, ml_rc rc, const ml_err *e) {
  step *s = arg;
  ml_run *r = s->r;

  (void)e;
  r->searching = false;
  step_free(s);
  if (r->stopped || r->draining)
    return;
  if (rc == ML_OK)
    search_look(r);
  else if (r->search_timer != NULL ||
           (r->search_timer = ml_loop_timer_new(r->conf.loop, search_late, r)) !=
               NULL)
    ml_loop_timer_set(r->search_timer, SEARCH_PAUSE_MS);
}

static void fill_set(void *arg, ml_batch *b) {
  step *s = arg;

  ml_batch_search_set(b, s->workflow, s->want, s->want_count);
}

static void fill_piece(void *arg, ml_batch *b) {
  (void)arg;
  ml_batch_search_fill(b, ML_SEARCH_FILL);
}

static void fill_key_set(void *arg, ml_batch *b) {
  step *s = arg;

  ml_batch_key_set(b, s->workflow, s->key);
}

static void fill_key_piece(void *arg, ml_batch *b) {
  (void)arg;
  ml_batch_key_fill(b, ML_KEY_FILL);
}

static void work(void *arg, ml_read *rd) {
  step *s = arg;

  s->rc = ml_read_search_fields(rd, &s->arena, &s->fields, &s->count);
  if (s->rc == ML_OK)
    s->rc = ml_read_key_fields(rd, &s->arena, &s->keys, &s->key_count);
}

/* What is to be written now: what is declared first, then keys, which somebody
** may be waiting for. */
static ml_run_fill_fn *next_piece(step *s) {
  if (s->rc == ML_OK && find_key_change(s))
    return fill_key_set;
  if (s->rc == ML_OK && find_change(s))
    return fill_set;
  if (s->rc != ML_OK)
    return NULL;
  return keys_unfinished(s) ? fill_key_piece : unfinished(s) ? fill_piece : NULL;
}

static void looked(void *arg) {
  step *s = arg;
  ml_run *r = s->r;
  ml_run_fill_fn *fill = next_piece(s);

  r->busy--;
  if (fill != NULL && !r->stopped && !r->draining) {
    write_quietly(r, fill, written, s);
    return;
  }
  r->searching = false;
  step_free(s);
  if (r->search_again) {
    r->search_again = false;
    search_look(r);
  }
}

void search_look(ml_run *r) {
  step *s;

  if (!r->begun || r->stopped || r->draining)
    return;
  if (r->searching) {
    r->search_again = true;
    return;
  }
  s = ml_mem_zero(sizeof *s);
  if (s == NULL)
    return;                      /* the next load or start looks again */
  s->r = r;
  r->searching = true;
  r->busy++;
  if (ml_run_read(r, work, looked, s) == ML_OK)
    return;
  r->busy--;
  r->searching = false;
  step_free(s);
}
