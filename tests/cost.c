/*
** cost.c - the work of a four-step workflow by parts, to be counted.
**
**   build/cost engine|json|encode|run|crowd|steps|worker [TIMES [trap]]
**   build/cost compiler
**
** Clocks say little on a machine that is shared; instructions are the same
** each time.  `valgrind --tool=callgrind --toggle-collect=measured build/cost
** PART N` counts what measured() below does N times and nothing else; t_cost
** holds the first three to what tests/cost.txt says.  contrib/performance.md
** shows how to read the rest.
**
**   engine   five events through ml_advance()
**   json     a start's body read as a tree, the answer written
**   encode   its rows into a batch: process, history
**   run      all of the core but HTTP: start, scripts' answers, commit; with the
**            worker in this process, under its counting hook
**   crowd    the same of 200 at once
**   steps    the same, each step begun when the one before is committed
**   worker   four questions, one a step, image and all, without the hook; with
**            `trap` as a worker does it, pages that are not written to apart
**            (script/region.h), which valgrind does not stand
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "engine/advance.h"
#include "run/library.h"
#include "run/run.h"
#include "script/frame.h"
#include "script/region.h"
#include "script/worker.h"

/* Who counts are for: another compiler, other flags make others. */
#ifdef __clang__
#define COMPILER "clang " __VERSION__ " " FLAGS
#else
#define COMPILER "gcc " __VERSION__ " " FLAGS
#endif

enum { STEPS = 4, SOURCES = 32, CROWD = 200 };
#define FLOW "tests/bench/flows/four/workflow.lua"
#define BUNDLE "bundle for counting, 32 bytes ok"

static const char body[] =
  "{\"data\":{\"word\":\"a word of some 24 letters\",\"text\":\""
  "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij"
  "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij"
  "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij"
  "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghij\",\"count\":12345}}";

static struct {
  ml_worker *w;
  ml_flow *flow;
  ml_arena arena;
  ml_source src[SOURCES];
  size_t src_n;
  ml_answer answers[STEPS];
  ml_buf out, frame;
  ml_run *run;
  ml_script *script;
  ml_store *store;
  ml_loop *loop;
  int64_t ended;
} it;

static void *need(void *p) {
  if (p == NULL) {
    fprintf(stderr, "cost: memory is short\n");
    exit(1);
  }
  return p;
}

static void must(bool ok, const char *what) {
  if (ok)
    return;
  fprintf(stderr, "cost: %s\n", what);
  exit(1);
}

/* ---- a definition and its worker ---- */

static void read_sources(void) {
  char *text = need(ml_arena_alloc(&it.arena, 16384));
  FILE *f = fopen(FLOW, "r");
  size_t n;

  must(f != NULL, "run it at the root of the tree");
  n = fread(text, 1, 16384, f);
  fclose(f);
  for (size_t i = 0; i < ml_library_count; i++)
    it.src[it.src_n++] = ml_library[i];
  it.src[it.src_n++] = (ml_source){ML_STR("workflow.lua"), {text, n}};
}

/* The record of the answer to that question, in it.out. */
static ml_str asked(const ml_ask *q) {
  ml_str record = ML_NOSTR;
  int kind = 0;

  ml_buf_reset(&it.frame);
  ml_buf_reset(&it.out);
  ml_ask_pack(&it.frame, q);
  must(ml_worker_handle(it.w, (ml_str){it.frame.p, it.frame.len}, &it.out) ==
           ML_OK && ml_frame_next(it.out.p, it.out.len, &kind, &record) > 0 &&
           kind == ML_ANSWER_DONE, "the worker does not answer");
  return record;
}

static void fault(void *arg, const char *at, const char *text) {
  (void)arg;
  fprintf(stderr, "cost: %s: %s\n", at, text);
}

static void define(void) {
  ml_ask q = {.kind = ML_ASK_DEFINE, .sources = it.src,
              .source_count = it.src_n};
  ml_flow **flows = NULL;
  ml_json *tree = NULL;
  ml_answer r;
  size_t n = 0;

  memcpy(q.bundle, BUNDLE, sizeof q.bundle);
  must(ml_answer_unpack(&it.arena, asked(&q), &r) == ML_OK &&
           r.end == ML_END_RETURNED &&
           ml_json_parse(&it.arena, r.text.p, r.text.n, NULL, &tree, NULL) ==
               ML_OK && ml_flow_parse("four", tree, fault, NULL, &flows, &n) ==
               ML_OK && n == 1, "the workflow cannot be evaluated");
  it.flow = flows[0];
  ml_mem_free(flows);
}

/* A new worker does not know the bundle: it is told by a question. */
static void define_again(void) {
  ml_ask q = {.kind = ML_ASK_DEFINE, .sources = it.src,
              .source_count = it.src_n};

  memcpy(q.bundle, BUNDLE, sizeof q.bundle);
  asked(&q);
}

static const ml_behind behind[STEPS - 1] = {
  {{"2.1", 3}, {"0190-3", 6}, {"step 2", 6}},
  {{"3.1", 3}, {"0190-4", 6}, {"step 3", 6}},
  {{"4.1", 3}, {"0190-5", 6}, {"step 4", 6}},
};

static ml_ask attempt(void) {
  ml_ask q = {.kind = ML_ASK_ATTEMPT, .path = ML_STR("1.1"),
              .mode = ML_STR("run"), .key = ML_STR("0190-2"),
              .activity = ML_STR("step 1"), .process = ML_STR("{\"id\":\"x\"}"),
              .settings = ML_STR("{}"), .attempt = 1, .links = behind,
              .link_count = STEPS - 1};

  memcpy(q.bundle, BUNDLE, sizeof q.bundle);
  q.data = (ml_str){strchr(body + 1, '{'), strlen(body) - 1 -
                    (size_t)(strchr(body + 1, '{') - body)};
  return q;
}

/* What the four steps answer. */
static void learn(void) {
  ml_ask q = attempt();
  ml_answer r;

  must(ml_answer_unpack(&it.arena, asked(&q), &r) == ML_OK &&
           r.end == ML_END_RETURNED && r.link_count == STEPS - 1,
       "the steps do not run");
  it.answers[0] = r;
  for (int i = 1; i < STEPS; i++)
    it.answers[i] = r.links[i - 1];
  for (int i = 0; i < STEPS; i++) {
    ml_answer *a = &it.answers[i];

    a->data.p = need(ml_arena_dup(&it.arena, a->data.p, a->data.n));
  }
}

/* ---- the parts ---- */

static void advance(ml_process *p, const ml_event *ev, ml_made *m) {
  ml_now now = {1772442000000, NULL, ml_rand_system(), 60000};
  ml_err e = {0};

  ml_made_reset(m);
  must(ml_advance(it.flow, p, ev, &now, m, &e) == ML_OK, e.text);
}

static void part_engine(void) {
  ml_process *p = need(ml_process_new(it.flow));
  static ml_made m;
  static ml_json *tree;
  ml_event ev = {.kind = ML_EV_STARTED};

  if (tree == NULL)
    ml_json_parse(&it.arena, body, strlen(body), NULL, &tree, NULL);
  ev.data = ml_json_get(tree, "data");
  advance(p, &ev, &m);
  for (int i = 0; i < STEPS; i++) {
    ev = (ml_event){.kind = ML_EV_ATTEMPTED, .no = p->acts[0].no,
                    .slice = p->acts[0].slice, .answer = &it.answers[i]};
    advance(p, &ev, &m);
  }
  must(p->status == ML_COMPLETED, "it is not completed");
  ml_process_free(p);
}

static void part_json(void) {
  ml_arena a = {0};
  ml_json *tree = NULL;

  must(ml_json_parse(&a, body, strlen(body), NULL, &tree, NULL) == ML_OK,
       "the body is not read");
  ml_buf_reset(&it.out);
  ml_json_print(&it.out, tree);
  must(it.out.len == strlen(body), "it is written otherwise");
  ml_arena_free(&a);
}

static void put_history(ml_batch *b, uint64_t seq) {
  static const ml_told told[] = {ML_TOLD_PHASE, ML_TOLD_SUCCEEDED};
  ml_row_history h = {.n = 1, .at_ms = 1772442000000, .no = 2,
                      .name = ML_STR("step 1")};

  for (size_t i = 0; i < 2; i++) {
    h.seq = seq + i;
    h.told = told[i];
    h.data = i > 0 ? it.answers[0].data : ML_NOSTR;
    ml_batch_history(b, &h);
  }
}

static void part_encode(void) {
  static ml_process *p;
  ml_batch *b = need(ml_batch_new(NULL));
  ml_buf data = {0}, rest = {0};
  ml_row_process row = {.n = 1, .bundle = 1, .workflow = 1, .seq = 9,
                        .created_ms = 1772442000000};

  if (p == NULL) {
    ml_event ev = {.kind = ML_EV_STARTED};
    ml_json *tree;
    ml_made m = {0};

    p = need(ml_process_new(it.flow));
    ml_json_parse(&it.arena, body, strlen(body), NULL, &tree, NULL);
    ev.data = ml_json_get(tree, "data");
    advance(p, &ev, &m);
    ml_made_free(&m);
  }
  ml_process_pack_data(p, it.flow, &data);
  ml_process_pack(p, it.flow, &rest);
  row.data = (ml_str){data.p, data.len};
  row.rest = (ml_str){rest.p, rest.len};
  ml_batch_unit(b);
  ml_batch_process(b, &row);
  for (uint64_t i = 0; i < STEPS; i++)
    put_history(b, 1 + 2 * i);
  must(!ml_batch_bad(b), "memory is short");
  ml_buf_free(&data);
  ml_buf_free(&rest);
  ml_batch_free(b);
}

/* One by one: links are run for so long only, and here all is slow. */
static void part_worker(void) {
  for (int i = 0; i < STEPS; i++) {
    ml_ask q = attempt();
    ml_arena a = {0};
    ml_answer r;

    q.link_count = 0;
    if (i > 0)
      q.path = behind[i - 1].path;
    must(ml_answer_unpack(&a, asked(&q), &r) == ML_OK &&
             r.end == ML_END_RETURNED, "a step does not run");
    ml_arena_free(&a);
  }
}

static void came(void *arg, ml_rc rc, const ml_err *e, int status,
                 const ml_buf *out, bool replayed) {
  (void)arg;
  (void)status;
  (void)out;
  (void)replayed;
  must(rc == ML_OK, e != NULL ? e->text : "a start was refused");
  it.ended++;
}

static void turns(bool (*until)(void)) {
  for (int i = 0; i < 10000 && !until(); i++) {
    ml_script_inline_turn(it.script);
    ml_loop_turn(it.loop, 0);
    ml_run_reap(it.run);
  }
  must(until(), "it does not come to an end");
}

static bool is_idle(void) { return ml_run_idle(it.run); }

static void put_start(void) {
  ml_input *in = need(ml_input_new());
  ml_json *tree = NULL;

  ml_json_parse(&in->arena, body, strlen(body), NULL, &tree, NULL);
  in->workflow = ML_STR("four");
  in->ev.kind = ML_EV_STARTED;
  in->ev.data = ml_json_get(tree, "data");
  in->patient = true;
  in->done = came;
  ml_run_put(it.run, in);
}

static void part_run(void) {
  put_start();
  turns(is_idle);
}

static void part_crowd(void) {
  for (int i = 0; i < CROWD; i++)
    put_start();
  turns(is_idle);
}

static void part_steps(void) { part_crowd(); }

/* ---- an engine for `run` ---- */

static bool begun;
static void done(void *arg, ml_rc rc, const ml_err *e) {
  (void)arg;
  must(rc == ML_OK, e != NULL ? e->text : "it does not begin");
  begun = true;
}
static bool has_begun(void) { return begun && is_idle(); }

static void open_run(bool step_commits) {
  ml_store_conf sc = {.path = ":memory:"};
  ml_run_conf rc = {0};
  static ml_http http;
  ml_err e = {0};

  ml_log_to(2, ML_ERROR_LEVEL);
  must(ml_loop_new(NULL, &it.loop) == ML_OK &&
           ml_script_inline_new(NULL, &it.script) == ML_OK &&
           ml_store_open(&sc, &it.store, &e) == ML_OK, "it does not open");
  rc.loop = it.loop;
  rc.store = it.store;
  rc.script = it.script;
  rc.http = &http;
  rc.step_commits = step_commits;
  must(ml_run_new(&rc, &it.run, &e) == ML_OK, e.text);
  ml_run_begin(it.run, done, NULL);
  turns(has_begun);
  begun = false;
  ml_run_load(it.run, "tests/bench/flows", fault, done, NULL);
  turns(has_begun);
}

static void close_run(void) {
  ml_script_inline_free(it.script);
  ml_run_free(it.run);
  ml_store_close(it.store);
  ml_loop_free(it.loop);
}

/* ---- the measure ---- */

__attribute__((noinline)) void measured(void (*part)(void), long times);
__attribute__((noinline)) void measured(void (*part)(void), long times) {
  while (times-- > 0)
    part();
}

int main(int argc, char **argv) {
  static const struct { const char *name; void (*part)(void); } parts[] = {
    {"engine", part_engine}, {"json", part_json}, {"encode", part_encode},
    {"run", part_run}, {"crowd", part_crowd}, {"steps", part_steps},
    {"worker", part_worker},
  };
  long times = argc > 2 ? strtol(argv[2], NULL, 10) : 100;
  void (*part)(void) = NULL;
  bool in_run;

  for (size_t i = 0; argc > 1 && i < sizeof parts / sizeof *parts; i++)
    if (strcmp(argv[1], parts[i].name) == 0)
      part = parts[i].part;
  if (argc == 2 && strcmp(argv[1], "compiler") == 0) {
    puts(COMPILER);
    return 0;
  }
  if (part == NULL || times < 1) {
    fprintf(stderr, "usage: cost engine|json|encode|run|crowd|steps|worker "
                    "[TIMES [trap]]\n");
    return 2;
  }
  read_sources();
  if (argc > 3 && strcmp(argv[3], "trap") == 0)
    ml_region_trap();
  must(ml_worker_new(&(ml_worker_conf){.counting = true}, &it.w) == ML_OK,
       "memory is short");
  define();
  learn();
  if (part == part_worker) {
    ml_worker_free(it.w);
    must(ml_worker_new(NULL, &it.w) == ML_OK, "memory is short");
    define_again();
  }
  in_run = part == part_run || part == part_crowd || part == part_steps;
  if (in_run)
    open_run(part == part_steps);
  part();                        /* what is made once is made */
  measured(part, times);
  if (in_run)
    close_run();
  ml_flow_free(it.flow);
  ml_worker_free(it.w);
  ml_buf_free(&it.out);
  ml_buf_free(&it.frame);
  ml_arena_free(&it.arena);
  return 0;
}
