/*
** test_model.c - the engine against a small model of it.
**
** The model is written from the rules (SEEDS.md C6, SEMANTICS.md, flow.h) and
** knows nothing of the engine's tables: a tree of nodes that are entered and
** left.  Random flows are made, random things happen to their processes, and
** after each step both must agree: on what is refused, on every activity and
** what it waits for until when, on where each list of phases stands, on the run
** and the process, on the next moment.  Beside it a second process is fed the
** same inputs, and is packed and read back before each: its bytes must be those
** of the first.
**
** MODEL_STEPS=n   how many steps (1,000,000)
** MODEL_SEED=n    begin with another seed
** time-limit: 300
*/
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "engine/advance.h"

enum { PHASES = 4, ENTRIES = 3, SUB = 2, LIVES = 300, STEPS_A_PROCESS = 120 };

static uint64_t dice_state;

static uint32_t dice(uint32_t n) {           /* 0 .. n-1 */
  dice_state ^= dice_state << 13;
  dice_state ^= dice_state >> 7;
  dice_state ^= dice_state << 17;
  return (uint32_t)((dice_state >> 11) % n);
}

static bool one_in(uint32_t n) {
  return dice(n) == 0;
}

/* ---- a random flow ---- */

typedef enum kind { AUTO, TASK, RECEIVE } kind;

typedef struct plan_act {
  kind kind;
  int id;                          /* its label is "a<id>" */
  bool more;                       /* may end as "o1" too */
  bool retry;
  uint32_t retries;
  int64_t min, max, timeout, give_up;
} plan_act;

struct plan_list;
typedef struct plan_branch {
  int id;
  bool when;
  struct plan_list *list;
} plan_branch;

typedef struct plan_phase {
  int id;
  plan_act acts[ENTRIES];
  int act_count;
  plan_branch branches[SUB];
  int branch_count;
  bool when;
  int max;                         /* entries; 0: no bound */
  int o1, other;                   /* where "o1" leads, where all else does */
} plan_phase;
enum { GO_ON = -1, JOIN = -2, FINISH = -3 };

typedef struct plan_list {
  plan_phase phases[PHASES];
  int count;
  bool branch;
} plan_list;

typedef struct plan {
  plan_list lists[16];
  int list_count, ids;
} plan;

static void make_act(plan *p, plan_act *a) {
  memset(a, 0, sizeof *a);
  a->id = p->ids++;
  a->kind = dice(10) < 6 ? AUTO : dice(2) == 0 ? TASK : RECEIVE;
  a->timeout = one_in(3) && a->kind != TASK ? 1000 * (1 + (int64_t)dice(60)) : 0;
  if (a->kind != AUTO)
    return;
  a->give_up = one_in(3) ? 1000 * (60 + (int64_t)dice(600)) : 0;
  a->retry = !one_in(4);
  a->retries = dice(4);
  a->min = 1000 * (1 + (int64_t)dice(20));
  a->max = one_in(2) ? a->min : a->min * (1 + dice(9));
}

/* Where a phase may lead: on, back to one with a bound, to the end. */
static int make_target(const plan_list *l, int from) {
  int to = (int)dice((uint32_t)l->count);

  if (one_in(4))
    return l->branch ? JOIN : FINISH;
  if (to > from || l->phases[to].max > 0)
    return to;
  return l->branch ? JOIN : FINISH;
}

static plan_list *make_list(plan *p, int depth) {
  plan_list *l = &p->lists[p->list_count++];

  l->branch = depth > 0;
  l->count = 1 + (int)dice(depth > 0 ? 2 : PHASES);
  for (int i = 0; i < l->count; i++) {
    plan_phase *ph = &l->phases[i];

    memset(ph, 0, sizeof *ph);
    ph->id = p->ids++;
    ph->act_count = 1 + (int)dice(ENTRIES);
    for (int k = 0; k < ph->act_count; k++)
      make_act(p, &ph->acts[k]);
    if (depth < 2 && one_in(3) && p->list_count < 12) {
      ph->branch_count = 1 + (int)dice(SUB);
      if (one_in(3))
        ph->act_count = 0;
      for (int k = 0; k < ph->branch_count; k++) {
        ph->branches[k].id = p->ids++;
        ph->branches[k].when = one_in(2);
        ph->branches[k].list = make_list(p, depth + 1);
      }
    }
    ph->when = i + 1 < l->count && one_in(5);
    ph->max = !ph->when && one_in(2) ? 1 + (int)dice(3) : 0;
    ph->o1 = ph->other = GO_ON;
  }
  for (int i = 0; i < l->count; i++) {
    plan_phase *ph = &l->phases[i];

    if (ph->act_count > 0 && ph->acts[0].kind != RECEIVE && one_in(2)) {
      ph->acts[0].more = true;
      ph->o1 = make_target(l, i);
    }
    if (one_in(4))
      ph->other = make_target(l, i);
  }
  return l;
}

/* ---- the same as the tree that the engine's flow is made of ---- */

static void write_target(ml_jw *w, const plan_list *l, int to) {
  char name[20];

  if (to >= 0) {
    snprintf(name, sizeof name, "p%d", l->phases[to].id);
    ml_jw_strz(w, name);
    return;
  }
  ml_jw_obj(w);
  ml_jw_kstrz(w, "kind", to == JOIN ? "join" : "finish");
  ml_jw_end(w);
}

static void write_ms(ml_jw *w, const char *key, int64_t ms) {
  char text[40];

  snprintf(text, sizeof text, "%llds", (long long)(ms / 1000));
  if (ms > 0)
    ml_jw_kstrz(w, key, text);
}

static void write_act(ml_jw *w, const plan_act *a) {
  char text[60];

  ml_jw_obj(w);
  ml_jw_kstrz(w, "kind", a->kind == AUTO ? "activity" : a->kind == TASK
                                                           ? "task" : "receive");
  snprintf(text, sizeof text, "a%d", a->id);
  ml_jw_kstrz(w, "label", text);
  ml_jw_kstrz(w, "at", "workflow.lua:1");
  write_ms(w, "timeout", a->timeout);
  if (a->kind == AUTO) {
    ml_jw_kbool(w, "run", true);
    write_ms(w, "give_up", a->give_up);
    if (a->retry) {
      snprintf(text, sizeof text, "[%u,\"%llds..%llds\"]", a->retries,
               (long long)(a->min / 1000), (long long)(a->max / 1000));
      ml_jw_key(w, "retry");
      ml_jw_raw(w, ml_str_of(text));
    }
    if (a->more) {
      ml_jw_key(w, "outcomes");
      ml_jw_raw(w, ML_STR("[\"o1\"]"));
    }
  } else if (a->kind == TASK) {
    ml_jw_kstrz(w, "lane", "desk");
    ml_jw_key(w, "outcomes");
    ml_jw_raw(w, a->more ? ML_STR("[{\"id\":\"done\"},{\"id\":\"o1\"}]")
                         : ML_STR("[{\"id\":\"done\"}]"));
  } else {
    snprintf(text, sizeof text, "r%d", a->id);
    ml_jw_kstrz(w, "signal", text);
  }
  ml_jw_end(w);
}

static void write_list(ml_jw *w, const plan_list *l);

static void write_phase(ml_jw *w, const plan_list *l, const plan_phase *ph) {
  char name[20];

  snprintf(name, sizeof name, "p%d", ph->id);
  ml_jw_obj(w);
  ml_jw_kstrz(w, "name", name);
  ml_jw_kstrz(w, "at", "workflow.lua:1");
  if (ph->when)
    ml_jw_kbool(w, "when", true);
  if (ph->max > 0)
    ml_jw_kint(w, "max", ph->max);
  if (ph->o1 != GO_ON || ph->other != GO_ON) {
    ml_jw_key(w, "next");
    ml_jw_obj(w);
    if (ph->o1 != GO_ON) {
      ml_jw_key(w, "o1");
      write_target(w, l, ph->o1);
    }
    if (ph->other != GO_ON) {
      ml_jw_key(w, "");
      write_target(w, l, ph->other);
    }
    ml_jw_end(w);
  }
  ml_jw_key(w, "entries");
  ml_jw_arr(w);
  for (int i = 0; i < ph->act_count; i++)
    write_act(w, &ph->acts[i]);
  for (int i = 0; i < ph->branch_count; i++) {
    ml_jw_obj(w);
    ml_jw_kstrz(w, "kind", "branch");
    snprintf(name, sizeof name, "b%d", ph->branches[i].id);
    ml_jw_kstrz(w, "name", name);
    ml_jw_kstrz(w, "at", "workflow.lua:1");
    if (ph->branches[i].when)
      ml_jw_kbool(w, "when", true);
    ml_jw_key(w, "phases");
    write_list(w, ph->branches[i].list);
    ml_jw_end(w);
  }
  ml_jw_end(w);
  ml_jw_end(w);
}

static void write_list(ml_jw *w, const plan_list *l) {
  ml_jw_arr(w);
  for (int i = 0; i < l->count; i++)
    write_phase(w, l, &l->phases[i]);
  ml_jw_end(w);
}

static char said[4000];

static void fault(void *arg, const char *at, const char *text) {
  (void)arg;
  snprintf(said + strlen(said), sizeof said - strlen(said), "%s: %s\n", at,
           text);
}

/* NULL: the plan is one that the checks refuse. */
static ml_flow *flow_of(const plan *p) {
  ml_arena a = {0};
  ml_json *tree = NULL;
  ml_flow **flows = NULL, *f = NULL;
  size_t count = 0;
  ml_buf b = {0};
  ml_jw w;

  ml_jw_init(&w, &b);
  ml_buf_puts(&b, "");
  ml_jw_obj(&w);
  ml_jw_kint(&w, "api", 1);
  ml_jw_key(&w, "workflows");
  ml_jw_arr(&w);
  ml_jw_obj(&w);
  ml_jw_kstrz(&w, "name", "model");
  ml_jw_kstrz(&w, "at", "workflow.lua:1");
  ml_jw_key(&w, "lanes");
  ml_jw_raw(&w, ML_STR("[{\"id\":\"desk\",\"at\":\"workflow.lua:1\"}]"));
  ml_jw_key(&w, "phases");
  write_list(&w, &p->lists[0]);
  ml_jw_end(&w);
  ml_jw_end(&w);
  ml_jw_end(&w);
  said[0] = '\0';
  assert_int_equal(ml_json_parse(&a, b.p, b.len, NULL, &tree, NULL), ML_OK);
  if (ml_flow_parse("model", tree, fault, NULL, &flows, &count) == ML_OK)
    f = flows[0];
  ml_mem_free(flows);
  ml_arena_free(&a);
  ml_buf_free(&b);
  return f;
}

/* ---- the model ---- */

typedef enum stands { AT_WORK, CALLING, RETRYING, SLEEPING, LISTENING, TAKING,
                      WITH_PERSON, ENDED_WELL, FAILED, BROKEN } stands;

typedef struct life {              /* an activity that was begun */
  bool there, aside;
  uint32_t no;
  const plan_act *a;
  uint32_t node;                   /* which list of phases it stands in */
  stands s;
  bool o1;                         /* ended as that */
  uint32_t tries;                  /* "not yet" so far */
  int64_t due, limit, give_up;     /* 0: none */
  char signal[20];                 /* LISTENING */
  bool woken;                      /* may time end its listening? */
} life;

typedef struct node {              /* a running list of phases */
  bool there, ended, asking, stuck;
  uint32_t no, parent;
  const plan_list *l;
  int at;
  int entered[PHASES];
} node;

typedef struct model {
  life lives[LIVES];
  int life_count;
  node nodes[LIVES];
  int node_count;
  uint32_t next_no;
  int letters;                     /* kept signals named "s" */
  enum { OPEN, COMPLETED, CANCELLED } status;
  int64_t now;
  const plan *p;
} model;

static life *life_no(model *m, uint32_t no) {
  for (int i = 0; i < m->life_count; i++)
    if (m->lives[i].there && m->lives[i].no == no)
      return &m->lives[i];
  return NULL;
}

static node *node_no(model *m, uint32_t no) {
  for (int i = 0; i < m->node_count; i++)
    if (m->nodes[i].there && m->nodes[i].no == no)
      return &m->nodes[i];
  return NULL;
}

static void m_end(model *m) {
  for (int i = 0; i < m->life_count; i++)
    m->lives[i].there = false;
  for (int i = 0; i < m->node_count; i++)
    m->nodes[i].there = false;
  m->life_count = m->node_count = 0;
  m->status = COMPLETED;
}

static int64_t in(const model *m, int64_t ms) {
  return ms > 0 ? m->now + ms : 0;
}

static life *m_born(model *m, const plan_act *a, uint32_t where) {
  life *x;

  assert_in_range(m->life_count, 0, LIVES - 1);
  x = &m->lives[m->life_count++];
  *x = (life){.there = true, .no = m->next_no++, .a = a, .node = where};
  return x;
}

static void m_attempt(model *m, life *x) {
  x->s = AT_WORK;
  x->due = 0;
  x->limit = in(m, x->a->timeout);
}

static void m_begin(model *m, life *x) {
  x->due = x->limit = x->give_up = 0;
  if (x->a->kind == AUTO) {
    x->give_up = in(m, x->a->give_up);
    m_attempt(m, x);
  } else if (x->a->kind == TASK) {
    x->s = WITH_PERSON;
  } else {
    x->s = LISTENING;
    snprintf(x->signal, sizeof x->signal, "r%d", x->a->id);
    x->due = in(m, x->a->timeout);
  }
}

static void m_enter(model *m, uint32_t no, int to, life *by);
static void m_settle(model *m, uint32_t no);

static uint32_t m_node(model *m, const plan_list *l, uint32_t parent) {
  node *n;

  assert_in_range(m->node_count, 0, LIVES - 1);
  n = &m->nodes[m->node_count++];
  *n = (node){.there = true, .no = m->next_no++, .parent = parent, .l = l};
  return n->no;
}

/* truths: the phase's own first, then the branches' that ask. */
static void m_start(model *m, uint32_t no, const bool *truths) {
  node *n = node_no(m, no);
  const plan_phase *ph = &n->l->phases[n->at];
  uint32_t first = m->next_no;

  n->asking = false;
  if (ph->when && !*truths++) {
    m_enter(m, no, n->at + 1, NULL);       /* the last one asks nothing */
    return;
  }
  n->entered[n->at]++;
  for (int i = 0; i < ph->act_count; i++)
    m_born(m, &ph->acts[i], no);
  for (int i = 0; i < ph->act_count; i++)
    m_begin(m, life_no(m, first + (uint32_t)i));
  for (int i = 0; i < ph->branch_count; i++)
    if (!ph->branches[i].when || *truths++)
      m_enter(m, m_node(m, ph->branches[i].list, no), 0, NULL);
  m_settle(m, no);
}

static bool m_asks(const plan_phase *ph) {
  bool any = ph->when;

  for (int i = 0; i < ph->branch_count; i++)
    any = any || ph->branches[i].when;
  return any;
}

static void m_fail(life *x) {
  x->s = FAILED;
  x->due = x->limit = x->give_up = 0;
}

static void m_break(life *x) {
  m_fail(x);
  x->s = BROKEN;
}

/* A phase is never entered more often than its bound says. */
static void m_enter(model *m, uint32_t no, int to, life *by) {
  node *n = node_no(m, no);

  if (n == NULL || m->status != OPEN)
    return;
  if (to == FINISH) {
    m_end(m);
    return;
  }
  if (to == JOIN) {
    n->ended = true;
    m_settle(m, n->parent);
    return;
  }
  if (n->l->phases[to].max > 0 && n->entered[to] >= n->l->phases[to].max) {
    if (by != NULL) {
      m_fail(by);
    } else {
      n->at = to;
      n->stuck = true;
    }
    return;
  }
  n->at = to;
  if (m_asks(&n->l->phases[to]))
    n->asking = true;
  else
    m_start(m, no, NULL);
}

/* Go on when all of the phase has ended well. */
static void m_settle(model *m, uint32_t no) {
  node *n = node_no(m, no);
  const plan_phase *ph;
  life *last = NULL;
  bool o1 = false;
  int to;

  if (n == NULL || m->status != OPEN || n->asking || n->stuck || n->ended)
    return;
  ph = &n->l->phases[n->at];
  for (int i = 0; i < m->life_count; i++) {
    life *x = &m->lives[i];

    if (!x->there || x->node != no || x->aside)
      continue;
    if (x->s != ENDED_WELL)
      return;
    if (last == NULL || !last->a->more)
      last = x;
    o1 = o1 || x->o1;
  }
  for (int i = 0; i < m->node_count; i++)
    if (m->nodes[i].there && m->nodes[i].parent == no && !m->nodes[i].ended)
      return;
  to = o1 && ph->o1 != GO_ON ? ph->o1 : ph->other;
  if (to == GO_ON)
    to = n->at + 1 < n->l->count ? n->at + 1 : n->l->branch ? JOIN : FINISH;
  if (to >= 0 && last != NULL && n->l->phases[to].max > 0 &&
      n->entered[to] >= n->l->phases[to].max) {
    m_fail(last);
    return;
  }
  for (int i = 0; i < m->life_count; i++)
    if (m->lives[i].node == no)
      m->lives[i].there = false;
  for (int i = 0; i < m->node_count; i++)
    if (m->nodes[i].parent == no)
      m->nodes[i].there = false;
  m_enter(m, no, to, NULL);
}

static void m_well(model *m, life *x, bool o1) {
  uint32_t no = x->node;

  x->s = ENDED_WELL;
  x->due = x->limit = x->give_up = 0;
  x->o1 = o1;
  m_settle(m, no);
}

/* "not yet": `rest` is what the engine chose, checked against the rule. */
static void m_not_yet(model *m, life *x, int64_t after, int64_t rest) {
  const plan_act *a = x->a;
  int64_t top = a->min;

  if (!a->retry) {
    m_break(x);
    return;
  }
  if (x->tries >= a->retries) {
    m_fail(x);
    return;
  }
  for (uint32_t i = 0; i < x->tries && top < a->max; i++)
    top *= 2;
  if (top > a->max)
    top = a->max;
  if (after >= 0 && a->min < a->max) {
    assert_int_equal(rest, after > 0 ? after : 1);
  } else if (after >= 0) {
    assert_int_equal(rest, after > a->min ? after : a->min);
  } else {
    assert_in_range(rest, a->min, top);
  }
  x->tries++;
  x->s = RETRYING;
  x->limit = 0;
  x->due = m->now + rest;
}

static bool m_bad(const life *x) {
  return x->there && !x->aside && (x->s == FAILED || x->s == BROKEN);
}

static void m_retry(model *m, life *x) {
  x->tries = 0;
  x->o1 = false;
  x->due = x->limit = 0;
  if (x->a->give_up > 0)
    x->give_up = m->now + x->a->give_up;
  if (x->a->kind == AUTO) {
    m_attempt(m, x);
  } else if (x->a->kind == TASK) {
    x->s = WITH_PERSON;
  } else {
    x->s = LISTENING;
    snprintf(x->signal, sizeof x->signal, "r%d", x->a->id);
  }
}

/* Time has come.  rests: what the engine chose for those that try again. */
static void m_woke(model *m, const ml_process *p) {
  uint32_t last = m->next_no;

  for (uint32_t no = 1; no < last && m->status == OPEN; no++) {
    life *x = life_no(m, no);
    const ml_act *e = ml_process_act(p, no);

    if (x == NULL || x->aside || x->s == ENDED_WELL || x->s == FAILED ||
        x->s == BROKEN)
      continue;
    if (x->give_up > 0 && x->give_up <= m->now) {
      m_fail(x);
    } else if (x->limit > 0 && x->limit <= m->now && x->s != RETRYING) {
      x->limit = 0;
      m_not_yet(m, x, -1, e != NULL ? e->due_ms - m->now : -1);
    } else if (x->due > 0 && x->due <= m->now) {
      x->due = 0;
      if (x->s == RETRYING)
        m_attempt(m, x);
      else if (x->s == SLEEPING)
        x->s = AT_WORK;
      else if (x->s == LISTENING && x->a->kind == RECEIVE)
        m_fail(x);
      else if (x->s == LISTENING)
        x->s = AT_WORK;
    }
  }
}

/* ---- comparing ---- */

static const char *status_of(const life *x) {
  switch (x->s) {
    case AT_WORK: return "In-Progress";
    case CALLING: return "In-Progress";
    case ENDED_WELL: return "Success";
    case FAILED: return "Failure";
    case BROKEN: return "Error";
    default: return "Waiting";
  }
}

static const char *run_of(const model *m) {
  bool failed = false, broken = false;

  if (m->status == COMPLETED)
    return "Completed";
  for (int i = 0; i < m->life_count; i++)
    if (m_bad(&m->lives[i])) {
      failed = true;
      broken = broken || m->lives[i].s == BROKEN;
    }
  for (int i = 0; i < m->node_count; i++)
    broken = broken || (m->nodes[i].there && m->nodes[i].stuck);
  return broken ? "Error" : failed ? "Failure" : "Running";
}

static int64_t next_of(const model *m) {
  int64_t min = 0;

  for (int i = 0; i < m->life_count; i++) {
    const life *x = &m->lives[i];
    int64_t t[3] = {x->due, x->limit, x->give_up};

    for (int k = 0; k < 3 && x->there && !x->aside; k++)
      if (t[k] > 0 && (min == 0 || t[k] < min))
        min = t[k];
  }
  return min;
}

static uint64_t seed, step_no;
static const char *doing;

#define SAME(what, ok) \
  do { \
    if (!(ok)) \
      fail_msg("seed %llu, step %llu, after %s: %s", (unsigned long long)seed, \
               (unsigned long long)step_no, doing, what); \
  } while (0)

static void compare(const model *m, const ml_flow *f, const ml_process *p) {
  uint32_t n = 0, k = 0;
  char label[20], what[200];

  SAME("the process", p->status == (m->status == OPEN        ? ML_OPEN
                                    : m->status == COMPLETED ? ML_COMPLETED
                                                             : ML_CANCELLED));
  for (int i = 0; i < m->life_count; i++) {
    const life *x = &m->lives[i];
    const ml_act *a = x->there ? ml_process_act(p, x->no) : NULL;

    if (!x->there)
      continue;
    n++;
    snprintf(label, sizeof label, "a%d", x->a->id);
    snprintf(what, sizeof what, "activity %u: %s, due %lld; the engine has %s, "
             "due %lld", x->no, status_of(x), (long long)x->due,
             a != NULL ? ml_acts_name(a->status) : "none",
             a != NULL ? (long long)a->due_ms : 0);
    SAME(what, a != NULL && a->aside == x->aside &&
                   strcmp(ml_acts_name(a->status), status_of(x)) == 0 &&
                   ml_str_is(f->activities[a->def].label, label) &&
                   a->strand == x->node && a->due_ms == x->due &&
                   a->limit_ms == x->limit && a->give_up_ms == x->give_up);
  }
  SAME("more activities", n == p->act_count);
  for (int i = 0; i < m->node_count; i++) {
    const node *x = &m->nodes[i];
    const ml_strand *s = x->there ? ml_process_strand(p, x->no) : NULL;

    if (!x->there)
      continue;
    k++;
    snprintf(label, sizeof label, "p%d", x->l->phases[x->at].id);
    SAME(label, s != NULL && s->parent == x->parent && s->ended == x->ended &&
                    s->judging == x->asking && s->stuck == x->stuck &&
                    ml_str_is(f->phases[s->phase].name, label));
  }
  SAME("more lists of phases", k == p->strand_count);
  if (m->status != CANCELLED)
    SAME("the run", strcmp(ml_runs_name(p->run), run_of(m)) == 0);
  SAME("the next moment", ml_process_next_ms(p) == next_of(m));
  SAME("kept signals", (int)p->mail_count == m->letters);
}

/* ---- what happens ---- */

typedef struct pair {              /* the process, and the one read back */
  const ml_flow *f;
  ml_process *p, *twin;
  ml_rand_seeded rand[2];
  ml_made made;
} pair;

static void pack_of(const pair *x, const ml_process *p, ml_buf *b) {
  ml_buf_reset(b);
  ml_process_pack(p, x->f, b);
  ml_process_pack_data(p, x->f, b);
}

/* What was stored is all there is. */
static void read_back(pair *x) {
  ml_process *q = ml_process_new(x->f);
  const ml_process *p = x->twin;
  ml_buf b = {0}, d = {0};

  ml_process_pack(p, x->f, &b);
  ml_process_pack_data(p, x->f, &d);
  assert_int_equal(ml_process_unpack(q, x->f, (ml_str){b.p, b.len}), ML_OK);
  assert_int_equal(ml_process_unpack_data(q, x->f, (ml_str){d.p, d.len}), ML_OK);
  q->status = p->status;
  q->run = p->run;
  q->seq = p->seq;
  q->created_ms = p->created_ms;
  q->updated_ms = p->updated_ms;
  q->completed_ms = p->completed_ms;
  q->cancelled_ms = p->cancelled_ms;
  ml_process_free(x->twin);
  x->twin = q;
  ml_buf_free(&b);
  ml_buf_free(&d);
}

static ml_rc feed(pair *x, const ml_event *ev, int64_t now) {
  static ml_buf a, b, before;
  ml_now n[2] = {{now, NULL, &x->rand[0].base, 60000},
                 {now, NULL, &x->rand[1].base, 60000}};
  ml_made other = {0};
  ml_err e = {0};
  ml_rc rc;

  if (x->twin->seq > 0)
    read_back(x);
  pack_of(x, x->p, &before);
  rc = ml_advance(x->f, x->p, ev, &n[0], &x->made, &e);
  SAME("the twin's answer", ml_advance(x->f, x->twin, ev, &n[1], &other, NULL) ==
                                rc);
  pack_of(x, x->p, &a);
  pack_of(x, x->twin, &b);
  SAME("the twin's bytes", a.len == b.len && memcmp(a.p, b.p, a.len) == 0 &&
                               x->p->seq == x->twin->seq &&
                               x->p->status == x->twin->status &&
                               x->p->run == x->twin->run);
  if (rc != ML_OK)
    SAME("a refusal changed something",
         a.len == before.len && memcmp(a.p, before.p, a.len) == 0);
  ml_made_reset(&x->made);
  ml_made_free(&other);
  return rc;
}

/* The oldest kept signal that nobody is being given; by its number. */
typedef struct letter {
  uint32_t no, to;
} letter;
static letter letters[400];
static int letter_count;

static void letters_free_of(const model *m) {
  for (int i = 0; i < letter_count; i++) {
    const life *x = NULL;

    for (int k = 0; k < m->life_count; k++)
      if (m->lives[k].there && m->lives[k].no == letters[i].to &&
          m->lives[k].s == TAKING)
        x = &m->lives[k];
    if (x == NULL)
      letters[i].to = 0;
  }
}

/* Whoever listens gets what is kept, the oldest first. */
static void letters_out(model *m) {
  letters_free_of(m);
  for (int i = 0; i < m->life_count && m->status == OPEN; i++) {
    life *x = &m->lives[i];

    for (int k = 0; x->there && !x->aside && x->s == LISTENING &&
                    strcmp(x->signal, "s") == 0 && k < letter_count; k++)
      if (letters[k].to == 0) {
        letters[k].to = x->no;
        x->s = TAKING;
      }
  }
  m->letters = letter_count;
}

static void letter_taken(model *m, const life *x) {
  for (int i = 0; i < letter_count; i++)
    if (letters[i].to == x->no) {
      memmove(&letters[i], &letters[i + 1],
              (size_t)(letter_count - i - 1) * sizeof *letters);
      letter_count--;
      break;
    }
  m->letters = letter_count;
}

static int calls;

static int64_t rest_of(const pair *x, uint32_t no, int64_t now) {
  const ml_act *a = ml_process_act(x->p, no);

  return a != NULL ? a->due_ms - now : -1;
}

/* The end of a slice of its script, whatever it may be. */
static ml_rc slice_ends(model *m, pair *x, life *l, ml_event *ev) {
  ml_answer r = {.after_ms = -1};
  char call[30], want[80];
  uint32_t no = l->no, pick = dice(12);
  int64_t ms = 1000 * (int64_t)dice(60);
  ml_rc rc;

  snprintf(call, sizeof call, "c.%d", ++calls);
  r.want_call = ml_str_of(call);
  r.end = ML_END_WANT;
  ev->kind = ML_EV_ATTEMPTED;
  ev->answer = &r;
  doing = "a slice";
  switch (pick) {
    case 0: case 1: case 2: case 3:
      r.end = ML_END_RETURNED;
      if (one_in(2))
        r.text = ML_STR("o1");
      break;
    case 4:
      r.end = one_in(2) ? ML_END_FAILED : ML_END_BROKE;
      r.text = ML_STR("no");
      break;
    case 5: case 6:
      r.end = ML_END_RETRY;
      r.text = ML_STR("not yet");
      r.after_ms = one_in(3) ? ms : -1;
      break;
    case 7: case 8:
      r.want_kind = ML_CALL_POST;
      r.want = ML_STR("{\"method\":\"POST\",\"url\":\"http://x\"}");
      break;
    case 9:
      snprintf(want, sizeof want, "{\"ms\":%lld}", (long long)ms);
      r.want_kind = ML_CALL_SLEEP;
      r.want = ml_str_of(want);
      break;
    default:
      ms = one_in(2) ? ms : 0;
      snprintf(want, sizeof want, "{\"signal\":\"s\",\"within_ms\":%lld}",
               (long long)ms);
      r.want_kind = ML_CALL_AWAIT;
      r.want = ml_str_of(want);
      break;
  }
  rc = feed(x, ev, m->now);
  if (pick < 4 && r.text.p != NULL && !l->a->more)
    m_break(l);                            /* an outcome it does not declare */
  else if (pick < 4)
    m_well(m, l, r.text.p != NULL);
  else if (pick == 4 && r.end == ML_END_FAILED)
    m_fail(l);
  else if (pick == 4)
    m_break(l);
  else if (pick < 7)
    m_not_yet(m, l, r.after_ms, rest_of(x, no, m->now));
  else if (pick < 9)
    l->s = CALLING;
  else if (pick == 9) {
    l->s = SLEEPING;
    l->due = m->now + ms;
  } else {
    l->s = LISTENING;
    snprintf(l->signal, sizeof l->signal, "s");
    l->due = ms > 0 ? m->now + ms : 0;
  }
  return rc;
}

static ml_rc call_ends(model *m, pair *x, life *l, ml_event *ev) {
  uint32_t no = l->no, pick = dice(4);
  ml_rc rc;

  doing = "a call";
  ev->text = ML_STR("c.1 200");
  ev->raw = ML_STR("{\"status\":200}");
  ev->after_ms = one_in(2) ? -1 : 1000 * (int64_t)dice(90);
  ev->kind = pick < 2 ? ML_EV_ANSWERED : pick == 2 ? ML_EV_LOST : ML_EV_DIED;
  rc = feed(x, ev, m->now);
  if (pick < 2)
    l->s = AT_WORK;
  else if (pick == 2)
    m_not_yet(m, l, ev->after_ms, rest_of(x, no, m->now));
  else
    m_break(l);
  return rc;
}

/* What a node's conditions say. */
static ml_rc conditions(model *m, pair *x, node *n) {
  const plan_phase *ph = &n->l->phases[n->at];
  const ml_strand *st = ml_process_strand(x->p, n->no);
  bool truths[1 + SUB];
  ml_event ev = {.kind = ML_EV_JUDGED, .no = n->no, .truths = truths};
  ml_rc rc;

  doing = "conditions";
  ev.truth_count = ph->when;
  for (int i = 0; i < ph->branch_count; i++)
    ev.truth_count += ph->branches[i].when;
  for (int i = 0; i <= SUB; i++)
    truths[i] = one_in(2);
  ev.slice = st != NULL ? st->slice : 0;
  if (one_in(8)) {
    ev.kind = ML_EV_MISJUDGED;
    ev.text = ML_STR("broke");
    rc = feed(x, &ev, m->now);
    n->asking = false;
    n->stuck = true;
  } else {
    rc = feed(x, &ev, m->now);
    m_start(m, n->no, truths);
  }
  return rc;
}

static ml_rc person(model *m, pair *x, life *l) {
  ml_event ev = {.kind = ML_EV_COMPLETED, .no = l->no};
  bool o1 = one_in(2);
  ml_rc rc;

  doing = "a task";
  ev.actor.operator_ = true;
  ev.outcome = o1 ? ML_STR("o1") : ML_STR("done");
  rc = feed(x, &ev, m->now);
  if (o1 && !l->a->more) {
    SAME("an outcome that there is not", rc == ML_INVALID);
    return ML_OK;
  }
  m_well(m, l, o1);
  return rc;
}

static life *listens(model *m, const char *name) {
  for (int i = 0; i < m->life_count; i++)
    if (m->lives[i].there && !m->lives[i].aside &&
        m->lives[i].s == LISTENING && strcmp(m->lives[i].signal, name) == 0)
      return &m->lives[i];
  return NULL;
}

static ml_rc signal_s(model *m, pair *x) {
  ml_event ev = {.kind = ML_EV_SIGNALLED, .text = ML_STR("s")};
  life *to = listens(m, "s");
  ml_rc rc;

  doing = "a signal";
  rc = feed(x, &ev, m->now);
  if (to != NULL) {
    to->s = AT_WORK;
    to->due = 0;
  } else {
    letters[letter_count++] = (letter){m->next_no++, 0};
  }
  return rc;
}

/* To the step of this name; a copy of it may be the one that waits. */
static ml_rc message(model *m, pair *x, const life *of) {
  ml_event ev = {.kind = ML_EV_SIGNALLED};
  char name[20];
  life *l;
  ml_rc rc;

  doing = "a message";
  snprintf(name, sizeof name, "r%d", of->a->id);
  ev.text = ml_str_of(name);
  l = listens(m, name);
  rc = feed(x, &ev, m->now);
  if (l == NULL) {
    SAME("a message that nobody waits for", rc == ML_CONFLICT);
    return ML_OK;
  }
  m_well(m, l, false);
  return rc;
}

/* Time: to the next moment, or a little, or far. */
static ml_rc time_goes(model *m, pair *x) {
  ml_event ev = {.kind = one_in(4) ? ML_EV_RECOVERED : ML_EV_WOKE};
  int64_t next = next_of(m);
  uint32_t pick = dice(8);
  ml_rc rc;

  doing = "time";
  if (pick < 4 && next > m->now)
    m->now = next - (pick == 0);           /* once just before it */
  else
    m->now += pick == 7 ? 3600000 : (int64_t)dice(30000);
  rc = feed(x, &ev, m->now);
  for (int i = 0; i < m->life_count && ev.kind == ML_EV_RECOVERED; i++)
    if (m->lives[i].there && !m->lives[i].aside && m->lives[i].s == CALLING)
      m->lives[i].s = AT_WORK;
  m_woke(m, x->p);
  return rc;
}

static ml_rc retry_all(model *m, pair *x) {
  ml_event ev = {.kind = ML_EV_RETRIED, .actor = {.operator_ = true}};
  int count = m->life_count, n = 0;
  ml_rc rc;

  doing = "a retry of all";
  rc = feed(x, &ev, m->now);
  for (int i = 0; i < m->node_count; i++) {
    node *o = &m->nodes[i];

    if (!o->there || !o->stuck)
      continue;
    n++;
    o->stuck = false;
    m_enter(m, o->no, o->at, NULL);
  }
  for (int i = 0; i < count; i++)
    if (m_bad(&m->lives[i])) {
      n++;
      m_retry(m, &m->lives[i]);
    }
  SAME("a retry of nothing", (rc == ML_OK) == (n > 0));
  return ML_OK;
}

static ml_rc reset(model *m, pair *x) {
  ml_event ev = {.kind = ML_EV_RESET};
  const char *run = run_of(m);
  int count = m->life_count, copies;
  ml_rc rc = feed(x, &ev, m->now);

  doing = "a reset";
  if (strcmp(run, "Error") != 0 && strcmp(run, "Failure") != 0)
    return rc;
  for (int i = 0; i < count; i++)
    if (m_bad(&m->lives[i])) {
      m->lives[i].aside = true;
      m_born(m, m->lives[i].a, m->lives[i].node);
    }
  copies = m->life_count;
  for (int i = count; i < copies; i++)
    m_begin(m, &m->lives[i]);
  return rc;
}

static ml_rc operator_one(model *m, pair *x, life *l) {
  ml_event ev = {.kind = one_in(2) ? ML_EV_RETRIED : ML_EV_SKIPPED,
                 .no = l->no, .actor = {.operator_ = true}};
  ml_rc rc = feed(x, &ev, m->now);

  doing = "an operator";
  if (l->aside || (ev.kind == ML_EV_RETRIED ? !m_bad(l)
                                            : l->s == ENDED_WELL)) {
    SAME("what an operator may not", rc == ML_CONFLICT);
    return ML_OK;
  }
  if (ev.kind == ML_EV_RETRIED)
    m_retry(m, l);
  else
    m_well(m, l, false);
  return rc;
}

static ml_rc cancel(model *m, pair *x) {
  ml_event ev = {.kind = ML_EV_CANCELLED, .text = ML_STR("enough")};
  ml_rc rc = feed(x, &ev, m->now);

  doing = "a cancellation";
  m_end(m);
  m->status = CANCELLED;
  return rc;
}

/* An answer that is for an older question, or for nobody. */
static ml_rc stale(model *m, pair *x, const life *l) {
  const ml_act *a = ml_process_act(x->p, l->no);
  ml_answer r = {.end = ML_END_RETURNED};
  ml_event ev = {.kind = one_in(2) ? ML_EV_ATTEMPTED : ML_EV_ANSWERED,
                 .no = l->no, .answer = &r, .raw = ML_STR("1")};

  doing = "a late answer";
  ev.slice = a != NULL && a->slice > 1 ? a->slice - 1 : 77777;
  SAME("it was taken", feed(x, &ev, m->now) == ML_STALE);
  return ML_OK;
}

static void tidy(model *m) {
  int to = 0;

  for (int i = 0; i < m->life_count; i++)
    if (m->lives[i].there)
      m->lives[to++] = m->lives[i];
  m->life_count = to;
  to = 0;
  for (int i = 0; i < m->node_count; i++)
    if (m->nodes[i].there)
      m->nodes[to++] = m->nodes[i];
  m->node_count = to;
}

static ml_rc step(model *m, pair *x) {
  ml_event ev = {.kind = ML_EV_WOKE};
  life *l = m->life_count > 0 ? &m->lives[dice((uint32_t)m->life_count)] : NULL;
  const ml_act *a = l != NULL ? ml_process_act(x->p, l->no) : NULL;
  uint32_t pick = dice(100);

  for (int i = 0; i < m->node_count; i++)
    if (m->nodes[i].asking && one_in(2))
      return conditions(m, x, &m->nodes[i]);
  if (pick < 12 || l == NULL)
    return time_goes(m, x);
  if (pick < 16)
    return retry_all(m, x);
  if (pick < 19)
    return reset(m, x);
  if (pick < 23)
    return operator_one(m, x, l);
  if (pick < 29 && letter_count < 60)
    return signal_s(m, x);
  if (pick == 99 && one_in(5))
    return cancel(m, x);
  if (pick < 36)
    return stale(m, x, l);
  ev.no = l->no;
  ev.slice = a != NULL ? a->slice : 0;
  if (l->a->kind == RECEIVE)
    return message(m, x, l);
  if (l->aside)
    return time_goes(m, x);
  if (l->s == AT_WORK)
    return slice_ends(m, x, l, &ev);
  if (l->s == CALLING)
    return call_ends(m, x, l, &ev);
  if (l->s == WITH_PERSON)
    return person(m, x, l);
  if (l->s == TAKING) {
    ml_rc rc;

    doing = "a kept signal";
    ev.kind = ML_EV_ANSWERED;
    ev.raw = ML_STR("1");
    rc = feed(x, &ev, m->now);
    letter_taken(m, l);
    l->s = AT_WORK;
    l->due = 0;
    return rc;
  }
  return time_goes(m, x);
}

/* One process of the flow, from its start to its end or as far as it comes. */
static uint64_t one_process(const plan *p, const ml_flow *f, uint64_t no) {
  static model m;
  pair x = {.f = f, .p = ml_process_new(f), .twin = ml_process_new(f)};
  ml_event ev = {.kind = ML_EV_STARTED};
  uint64_t n = 0;

  memset(&m, 0, sizeof m);
  m.p = p;
  m.now = INT64_C(1772323200000);
  m.next_no = 1;
  letter_count = calls = 0;
  ml_rand_seed(&x.rand[0], no);
  ml_rand_seed(&x.rand[1], no);
  doing = "the start";
  assert_int_equal(feed(&x, &ev, m.now), ML_OK);
  m_enter(&m, m_node(&m, &p->lists[0], 0), 0, NULL);
  compare(&m, f, x.p);
  while (n < STEPS_A_PROCESS && m.status == OPEN) {
    ml_rc rc;

    n++;
    step_no++;
    tidy(&m);
    rc = step(&m, &x);
    letters_out(&m);
    SAME(ml_rc_name(rc), rc == ML_OK);
    compare(&m, f, x.p);
  }
  ml_process_free(x.p);
  ml_process_free(x.twin);
  ml_made_free(&x.made);
  return n;
}

static uint64_t number(const char *name, uint64_t dflt) {
  const char *v = getenv(name);

  return v != NULL ? strtoull(v, NULL, 10) : dflt;
}

static void the_engine_and_the_model_agree(void **state) {
  uint64_t want = number("MODEL_STEPS", 1000000), flows = 0, refused = 0;
  uint64_t from = number("MODEL_SEED", 1), processes = 0, steps = 0;

  (void)state;
  for (seed = from; steps < want; seed++) {
    static plan p;
    ml_flow *f;

    dice_state = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    memset(&p, 0, sizeof p);
    make_list(&p, 0);
    f = flow_of(&p);
    if (f == NULL) {
      refused++;
      assert_true(refused < 100 + flows);
      continue;
    }
    flows++;
    step_no = 0;
    for (int i = 0; i < 6; i++, processes++)
      steps += one_process(&p, f, seed * 10 + (uint64_t)i);
    ml_flow_free(f);
  }
  print_message("# %llu steps of %llu processes of %llu flows (%llu refused)\n",
                (unsigned long long)steps, (unsigned long long)processes,
                (unsigned long long)flows, (unsigned long long)refused);
  if (flows == 0)
    fail_msg("no flow was taken: %s", said);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_engine_and_the_model_agree),
  };

  return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
