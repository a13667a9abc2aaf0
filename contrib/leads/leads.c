/*
** leads - fills a store with leads, for measurements.
**
**   build/leads STORE NUMBER
**
** STORE is that of an engine that does not run, with the workflow `lead`
** (tests/bench/flows/lead) in force and at least one process of it: that one is
** the pattern, of which each lead gets a copy with data of its own.  Through the
** store's own calls, so that a lead is in every table and index as if the engine
** had written it; a history it has not.  The same NUMBER gives the same leads.
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rand.h"
#include "base/text.h"
#include "model/process.h"
#include "store/store.h"

enum { GROUP = 500, SPREAD_MS = 1000 };

typedef struct pattern {
  ml_arena arena;
  uint32_t workflow;
  ml_row_process row;
  ml_rc rc;
} pattern;

static void stop(const char *what, ml_rc rc, const ml_err *e) {
  fprintf(stderr, "leads: %s (%s)%s%s\n", what, ml_rc_name(rc),
          e != NULL && e->text[0] != '\0' ? ": " : "",
          e != NULL ? e->text : "");
  exit(1);
}

/* The newest process of the workflow. */
static void find(void *arg, ml_read *r) {
  pattern *p = arg;
  ml_row_workflow *list;
  ml_row_process *rows;
  ml_find_process want = {.status = -1, .run = -1, .limit = 1};
  size_t count;

  p->rc = ml_read_workflows(r, &p->arena, &list, &count);
  for (size_t i = 0; p->rc == ML_OK && i < count; i++)
    if (ml_str_is(list[i].name, "lead"))
      p->workflow = want.workflow = list[i].no;
  if (p->rc == ML_OK && p->workflow == 0)
    p->rc = ML_NOT_FOUND;
  if (p->rc == ML_OK)
    p->rc = ml_read_processes(r, &p->arena, &want, &rows, &count);
  if (p->rc == ML_OK && count == 0)
    p->rc = ML_NOT_FOUND;
  if (p->rc == ML_OK)
    p->row = rows[0];
}

static void put_lead(ml_batch *b, const pattern *p, int64_t n, int64_t made_ms,
                     ml_rand *rand) {
  static const char *const sources[] = {"web-form", "fair", "call", "partner",
                                        "campaign"};
  static const char *const firsts[] = {"Cixin", "Aiko", "Ben", "Олена", "様"};
  static const char *const lasts[] = {"Liu", "Mori", "Stone", "Шевченко", "李"};
  ml_row_process row = p->row;
  char data[400];

  snprintf(data, sizeof data,
           "{\"lead_id\":\"LEAD-%lld\",\"source\":\"%s\",\"score\":%d,"
           "\"first_name\":\"%s\",\"last_name\":\"%s\",\"phone_num\":\"44%09d\"}",
           (long long)n, sources[ml_rand_between(rand, 0, 4)],
           (int)ml_rand_between(rand, 0, 999),
           firsts[ml_rand_between(rand, 0, 4)],
           lasts[ml_rand_between(rand, 0, 4)],
           (int)ml_rand_between(rand, 0, 999999999));
  row.n = n;
  ml_process_make_id(row.id, made_ms, n, ml_rand_u64(rand));
  row.created_ms = row.updated_ms = made_ms;
  row.seq_was = 0;
  row.data = ml_str_of(data);
  ml_batch_process(b, &row);
}

static void committed(void *arg, ml_batch *b, ml_rc rc) {
  (void)b;
  *(ml_rc *)arg = rc;
}

int main(int argc, char **argv) {
  ml_store_conf conf = {.path = argc == 3 ? argv[1] : NULL};
  ml_store *s;
  pattern p = {.rc = ML_OK};
  ml_rand_seeded rand;
  ml_err e = {0};
  int64_t count, n, made;
  ml_rc rc;

  if (argc != 3 || !ml_text_int(ml_str_of(argv[2]), &count) || count < 1) {
    fprintf(stderr, "usage: leads STORE NUMBER\n");
    return 2;
  }
  rc = ml_store_open(&conf, &s, &e);
  if (rc != ML_OK)
    stop("the store cannot be opened", rc, &e);
  if (ml_store_read(s, find, NULL, &p) != ML_OK)
    stop("memory is short", ML_NOMEM, NULL);
  ml_store_wait(s);
  if (p.rc != ML_OK)
    stop("there is no process of a workflow 'lead'", p.rc, NULL);
  ml_rand_seed(&rand, (uint64_t)count);
  n = ml_store_last_n(s);
  made = p.row.created_ms;
  while (count > 0 && rc == ML_OK) {
    ml_batch *b = ml_batch_new(s);

    for (int i = 0; i < GROUP && count > 0; i++, count--) {
      made += ml_rand_between(&rand.base, 0, SPREAD_MS);
      put_lead(b, &p, ++n, made, &rand.base);
    }
    ml_store_submit(s, b, committed, &rc);
    ml_store_wait(s);
    ml_batch_free(b);
  }
  ml_store_close(s);
  ml_arena_free(&p.arena);
  if (rc != ML_OK)
    stop("they could not be written", rc, NULL);
  return 0;
}
