/* filter.c - what a list is asked for, as text and as JSON: it is refused with a
** sentence, or a process matches it or not, and in brackets the same.  Lines: the order; then the text. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "fuzz.h"
#include "model/filter.h"

static const char tree[] =
  "{\"api\":1,\"workflows\":[{\"name\":\"w\",\"at\":\"workflow.lua:1\",\"lanes\":[],"
  "\"fields\":[{\"id\":\"word\",\"type\":\"string\",\"search\":true,\"at\":\"f:1\"},"
  "{\"id\":\"size\",\"type\":\"integer\",\"search\":true,\"at\":\"f:2\"},"
  "{\"id\":\"rate\",\"type\":\"decimal\",\"at\":\"f:3\"},"
  "{\"id\":\"yes\",\"type\":\"boolean\",\"at\":\"f:4\"},"
  "{\"id\":\"when\",\"type\":\"datetime\",\"at\":\"f:5\"},"
  "{\"id\":\"some\",\"type\":\"multi\",\"of\":[{\"id\":\"a\"},{\"id\":\"b\"}],"
  "\"at\":\"f:6\"},{\"id\":\"raw\",\"type\":\"json\",\"at\":\"f:7\"}],"
  "\"start\":[],\"phases\":[{\"name\":\"p\",\"at\":\"p:1\",\"entries\":["
  "{\"kind\":\"activity\",\"label\":\"a\",\"run\":true,\"at\":\"a:1\"}]}]}]}";

static void tell(void *arg, const char *at, const char *text) {
  (void)arg;
  fprintf(stderr, "%s: %s\n", at, text);
}

static const ml_flow *flow(void) {
  static ml_flow **flows;
  size_t count = 0;
  ml_arena a = {0};
  ml_json *t = NULL;

  if (flows == NULL) {
    HOLDS(ml_json_parse(&a, tree, sizeof tree - 1, NULL, &t, NULL) == ML_OK);
    HOLDS(ml_flow_parse("w", t, tell, NULL, &flows, &count) == ML_OK);
    ml_arena_free(&a);
  }
  return flows[0];
}

static bool matches(ml_arena *a, const ml_filter *f) {
  ml_facts p = {.status = ML_OPEN, .run = ML_RUN_RUNNING, .state = ML_STR("on"),
                .subject = ML_STR("An order"), .created_ms = 1700000000000,
                .data = ML_STR("{\"word\":\"x'y\",\"size\":3,\"yes\":true,"
                               "\"some\":[\"a\",\"b\"],\"raw\":{}}")};
  ml_skeys *values = ml_arena_zero(a, sizeof *values * (f->col_count + 1));

  HOLDS(values != NULL);
  HOLDS(ml_facts_get(a, &p, f->cols, f->col_count, values) == ML_OK);
  return ml_filter_match(f, values);
}

static void refused(ml_rc rc, const ml_err *e) {
  HOLDS(rc == ML_INVALID || rc == ML_LIMIT);
  HOLDS(e->text[0] != '\0' && ml_text_utf8(ml_str_of(e->text)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  ml_filter_conf conf = {.flow = flow(), .now_ms = 1774000000000};
  ml_str text = {(const char *)data, n}, order;
  const char *end = n > 0 ? memchr(data, '\n', n) : NULL;
  ml_arena a = {0};
  ml_filter one = {0}, two = {0};
  ml_json *v = NULL;
  ml_err e = {0};
  ml_rc rc;

  order.p = text.p;
  order.n = end != NULL ? (size_t)(end - text.p) : 0;
  if (end != NULL)
    text = (ml_str){end + 1, n - order.n - 1};
  rc = ml_filter_parse(&a, &conf, text, order.n > 0 ? order : ML_NOSTR, &one, &e);
  if (rc == ML_OK) {
    ml_buf said = {0};
    bool yes = matches(&a, &one);

    HOLDS(one.col_count <= ML_FILTER_TESTS_MAX + 1);
    if (one.root != NULL) {
      ml_filter_put(&said, &one, one.root);
      HOLDS(!said.bad && ml_text_utf8((ml_str){said.p, said.len}));
      ml_buf_reset(&said);
      ml_buf_putc(&said, '(');
      ml_buf_put(&said, text.p, text.n);
      ml_buf_putc(&said, ')');
      rc = ml_filter_parse(&a, &conf, (ml_str){said.p, said.len}, ML_NOSTR, &two,
                           &e);
      HOLDS(rc == ML_LIMIT || rc == ML_INVALID || matches(&a, &two) == yes);
      HOLDS(rc == ML_OK || text.n + 2 > ML_FILTER_BYTES_MAX ||
            strstr(e.text, "deep") != NULL);
    }
    ml_buf_free(&said);
  } else {
    refused(rc, &e);
  }
  if (ml_json_parse(&a, text.p, text.n, NULL, &v, NULL) == ML_OK) {
    rc = ml_filter_of_json(&a, &conf, v, ML_NOSTR, &two, &e);
    if (rc == ML_OK)
      matches(&a, &two);
    else
      refused(rc, &e);
  }
  ml_arena_free(&a);
  return 0;
}
