/* flow_check.c - what only the whole shows: phases nobody reaches, loops
** nobody bounds, activities that write beside each other. */
#include <stdio.h>
#include <string.h>

#include "model/flow_part.h"

/* ---- the graph of one list ---- */

/*
** Nodes are the phases of the list, by position in it.  An edge leads to each
** phase that may be entered next; a target with `when` may be skipped, so the
** phase behind it is a target as well.
*/
typedef struct graph {
  ml_fpass *p;
  const ml_list *l;
  uint8_t seen[ML_FLOW_PHASES_MAX];      /* 1: on the path, 2: done */
  uint16_t path[ML_FLOW_PHASES_MAX];
  uint16_t depth;
  bool told;
} graph;

typedef void visit_fn(graph *g, uint16_t node);

static const ml_phase *phase_of(const graph *g, uint16_t node) {
  return &g->p->f->phases[g->l->first_phase + node];
}

/* Every phase that may be entered when the run moves to `node`. */
static void enter(graph *g, size_t node, visit_fn *visit) {
  while (node < g->l->phase_count) {
    visit(g, (uint16_t)node);
    if (!phase_of(g, (uint16_t)node)->when)
      return;
    node++;
  }
}

/* Can the decider end with a 'done' that no entry of `next` takes? */
static bool falls_through(const graph *g, const ml_phase *ph) {
  const ml_activity *a =
    ph->decider >= 0 ? &g->p->f->activities[ph->decider] : NULL;

  for (uint16_t i = 0; i < ph->next_count; i++)
    if (ph->next[i].outcome.p == NULL || ml_str_is(ph->next[i].outcome, "done"))
      return false;
  return ph->next_count == 0 || a == NULL
         || ml_flow_outcome(a, ML_STR("done")) != NULL;
}

static void leave(graph *g, uint16_t node, visit_fn *visit) {
  const ml_phase *ph = phase_of(g, node);

  for (uint16_t i = 0; i < ph->next_count; i++)
    if (ph->next[i].to >= 0)
      enter(g, (size_t)ph->next[i].to - g->l->first_phase, visit);
  if (falls_through(g, ph))
    enter(g, (size_t)node + 1, visit);
}

/* ---- reachable ---- */

static void reach(graph *g, uint16_t node) {
  if (g->seen[node] != 0)
    return;
  g->seen[node] = 1;
  leave(g, node, reach);
}

static void check_reach(graph *g) {
  memset(g->seen, 0, sizeof g->seen);
  enter(g, 0, reach);
  for (uint16_t i = 0; i < g->l->phase_count; i++)
    if (g->seen[i] == 0) {
      ml_fwho w = ml_fp_who(NULL, g->p->phase_at[g->l->first_phase + i],
                            "phase", phase_of(g, i)->name);

      ml_fp_fault(g->p, &w, "cannot be reached: no 'next' names it, and the "
                  "phase before it never goes on to it");
    }
}

/* ---- bounded ---- */

static void tell_loop(graph *g, uint16_t back_to) {
  ml_buf b = {0};
  uint16_t i = 0;
  ml_fwho w = ml_fp_who(NULL, g->p->phase_at[g->l->first_phase + back_to],
                        "phase", phase_of(g, back_to)->name);

  while (g->path[i] != back_to)
    i++;
  for (; i < g->depth; i++)
    ml_buf_printf(&b, "'%s' -> ", ml_fp_show(phase_of(g, g->path[i])->name).s);
  if (b.bad)
    g->p->nomem = true;
  else
    ml_fp_fault(g->p, &w, "can be entered for ever: %.300s'%s'; give one of "
                "these phases max = (how often it may be entered)", b.p,
                ml_fp_show(phase_of(g, back_to)->name).s);
  ml_buf_free(&b);
}

/* A walk over the phases without `max`: what comes back to its own path is a
** loop that nothing ends.  One of them is told a list. */
static void walk(graph *g, uint16_t node) {
  if (g->told || phase_of(g, node)->max > 0)
    return;
  if (g->seen[node] == 1) {
    tell_loop(g, node);
    g->told = true;
    return;
  }
  if (g->seen[node] == 2)
    return;
  g->seen[node] = 1;
  g->path[g->depth++] = node;
  leave(g, node, walk);
  g->depth--;
  g->seen[node] = 2;
}

static void check_loops(graph *g) {
  memset(g->seen, 0, sizeof g->seen);
  g->depth = 0;
  g->told = false;
  for (uint16_t i = 0; i < g->l->phase_count; i++)
    if (g->seen[i] == 0)
      walk(g, i);
}

/* ---- conditions (Q7.2): one phase must be left when none is true ---- */

static void check_default(graph *g) {
  uint16_t last = (uint16_t)(g->l->phase_count - 1);
  ml_fwho w = ml_fp_who(NULL, g->p->phase_at[g->l->first_phase + last],
                        "phase", phase_of(g, last)->name);

  if (phase_of(g, last)->when)
    ml_fp_fault(g->p, &w, "is the last of its list and has 'when': were it "
                "false, nothing would be left; put a phase without 'when' "
                "behind it as the default");
}

/* ---- writers side by side (SEMANTICS.md 3) ---- */

typedef struct writers {
  ml_fpass *p;
  int32_t entry[ML_FLOW_FIELDS_MAX];     /* which entry writes it, from 0; -1 */
  int32_t who[ML_FLOW_FIELDS_MAX];       /* its activity */
} writers;

static void note_activity(writers *s, uint16_t index, int32_t entry) {
  const ml_flow *f = s->p->f;
  const ml_activity *a = &f->activities[index];

  for (uint16_t i = 0; i < a->write_count; i++) {
    uint16_t field = a->writes[i];

    if (s->entry[field] >= 0 && s->entry[field] != entry) {
      ml_fwho w = ml_fp_who(NULL, s->p->act_at[index], "activity", a->label);

      ml_fp_fault(s->p, &w, "writes field '%s', as activity '%s' does, which "
                  "may run beside it", ml_fp_show(f->fields[field].id).s,
                  ml_fp_show(f->activities[s->who[field]].label).s);
    } else {
      s->entry[field] = entry;
      s->who[field] = index;
    }
  }
}

/* All activities below a list belong to the entry that is its branch. */
static void note_list(writers *s, uint16_t list, int32_t entry) {
  const ml_flow *f = s->p->f;
  const ml_list *l = &f->lists[list];

  for (uint16_t i = 0; i < l->phase_count; i++) {
    const ml_phase *ph = &f->phases[l->first_phase + i];

    for (uint16_t k = 0; k < ph->activity_count; k++)
      note_activity(s, (uint16_t)(ph->first_activity + k), entry);
    for (uint16_t k = 0; k < ph->branch_count; k++)
      note_list(s, f->branches[ph->first_branch + k].list, entry);
  }
}

static void check_writers(ml_fpass *p, const ml_phase *ph) {
  writers s;

  if (ph->activity_count + ph->branch_count < 2)
    return;
  s.p = p;
  memset(s.entry, 0xFF, sizeof s.entry);
  for (uint16_t i = 0; i < ph->activity_count; i++)
    note_activity(&s, (uint16_t)(ph->first_activity + i), i);
  for (uint16_t i = 0; i < ph->branch_count; i++)
    note_list(&s, p->f->branches[ph->first_branch + i].list,
              ph->activity_count + i);
}

void ml_fp_check(ml_fpass *p) {
  graph *g = ml_arena_alloc(&p->work, sizeof *g);

  if (g == NULL) {
    p->nomem = true;
    return;
  }
  g->p = p;
  for (uint16_t i = 0; i < p->f->list_count; i++) {
    g->l = &p->f->lists[i];
    if (g->l->phase_count == 0)
      continue;
    check_default(g);
    if (!p->list_bad[i]) {
      check_reach(g);
      check_loops(g);
    }
  }
  for (uint16_t i = 0; i < p->f->phase_count; i++)
    check_writers(p, &p->f->phases[i]);
}
