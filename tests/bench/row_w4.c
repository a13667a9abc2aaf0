/* row_w4.c - W4: four steps with an HTTP call each, to a peer on loopback. */
#include <stdio.h>
#include <string.h>

#include "floors.h"
#include "rows.h"
#include "work.h"

enum { CONNECTIONS = 64, FLOWS = 3000 };

static void check_result(void *arg, const ml_json *process) {
  const ml_json *d = ml_json_get(process, "data");

  (void)arg;
  for (int n = 1; n <= 4; n++) {
    char name[16];

    snprintf(name, sizeof name, "r%d", n);
    if (ml_json_str(d, name).n == 0)
      die("a workflow has no answer in %s", name);
  }
}

static void measure(starts *s, const amount *a) {
  for (int i = 0; i < a->repeat; i++) {
    load_conf c = {.connections = CONNECTIONS, .total = FLOWS};
    load_out o;
    cost k;

    s->wait = false;
    work_run(&c, s, &k, &o);
    row_put("w4.rate", (double)k.done / k.seconds);
    row_put("w4.cpu", (k.used.core_cpu_us + k.used.worker_cpu_us) /
                          (double)k.done);
    row_put("w4.syncs", k.syncs / (double)k.done);
    load_out_free(&o);
    floor_sync();
    s->wait = true;
    c = (load_conf){.connections = 1, .ms = a->ms / 2};
    work_run(&c, s, &k, &o);
    row_put("w4.one.p50", work_time(&o, 0.5));
    load_out_free(&o);
  }
}

void row_w4(const amount *a) {
  engine e = {0};
  starts s = {.e = &e, .workflow = "call"};
  ml_buf answer = {0};
  char body[80];
  peer p;
  size_t done;

  peer_start(&p);
  engine_start(&e, "w4", false);
  snprintf(body, sizeof body, "{\"value\":\"http://127.0.0.1:%d\"}",
           (int)p.port);
  engine_ask(&e, "PUT", "/v1/workflows/call/settings/peer", body, &answer);
  measure(&s, a);
  done = work_count(&e, "call", "COMPLETED", check_result, NULL);
  if (done != s.first)
    die("%zu workflows were started, %zu are completed", s.first, done);
  engine_forget(&e);
  peer_end(&p);
  ml_buf_free(&answer);
}
