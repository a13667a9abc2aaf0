/* import.c - the importers: CloudPortal's XML files, a byte 0xFF between them,
** and what we write of them, as Lua data files (first byte 'L'). */
#include <string.h>

#include "base/text.h"
#include "cmd/cpbm.h"
#include "fuzz.h"

static void told(void *arg, ml_str file, uint32_t line, const char *text,
                 bool warning) {
  HOLDS(file.p != NULL && line >= 1 && strlen(text) > 3);
  HOLDS(ml_text_utf8(ml_str_of(text)) && strchr(text, '\n') == NULL);
  if (!warning)
    ++*(int *)arg;
}

static ml_rc load(ml_str map, ml_str workflows, ml_str beans, ml_cpbm **out) {
  ml_cpbm_source src = {.map = {ML_STR("map"), map},
                        .workflows = {ML_STR("workflows"), workflows},
                        .beans = {ML_STR("beans"), beans}};
  int faults = 0;
  ml_rc rc = ml_cpbm_load(&src, told, &faults, out);

  HOLDS((rc == ML_OK) == (*out != NULL));
  HOLDS((rc == ML_OK) == (faults == 0));
  return rc;
}

/* What was taken is written as what is taken, and the same. */
static void round_trip(const ml_cpbm *c) {
  ml_buf m = {0}, w = {0}, b = {0}, again = {0};
  ml_cpbm *second = NULL;

  ml_cpbm_put_map(&m, c);
  ml_cpbm_put_workflows(&w, c);
  ml_cpbm_put_beans(&b, c);
  HOLDS(!m.bad && !w.bad && !b.bad);
  HOLDS(load((ml_str){m.p, m.len}, (ml_str){w.p, w.len},
             c->bean_count > 0 ? (ml_str){b.p, b.len} : ML_NOSTR, &second)
        == ML_OK);
  ml_cpbm_put_map(&again, second);
  HOLDS(again.len == m.len && memcmp(again.p, m.p, m.len) == 0);
  ml_cpbm_free(second);
  ml_buf_free(&m);
  ml_buf_free(&w);
  ml_buf_free(&b);
  ml_buf_free(&again);
}

static ml_str part(ml_str *rest) {
  const char *end = rest->n > 0 ? memchr(rest->p, 0xFF, rest->n) : NULL;
  ml_str s = {rest->p, end != NULL ? (size_t)(end - rest->p) : rest->n};

  rest->p += end != NULL ? s.n + 1 : s.n;
  rest->n -= end != NULL ? s.n + 1 : s.n;
  return s;
}

static void folder(ml_str text) {
  ml_cpbm_file file = {ML_STR("cpbm_1.lua"), text};
  ml_buf m = {0}, w = {0}, b = {0};
  ml_cpbm *c = NULL;
  ml_err e = {0};

  if (ml_cpbm_get_folder(&file, 1, &m, &w, &b, &e) == ML_OK) {
    load((ml_str){m.p, m.len}, (ml_str){w.p, w.len}, ML_NOSTR, &c);
    ml_cpbm_free(c);
  } else {
    HOLDS(e.text[0] != '\0' && ml_text_utf8(ml_str_of(e.text)));
  }
  ml_buf_free(&m);
  ml_buf_free(&w);
  ml_buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  ml_str rest = {(const char *)data, n}, map, workflows, beans;
  ml_cpbm *c = NULL;

  if (n > 0 && data[0] == 'L') {
    folder((ml_str){rest.p + 1, n - 1});
    return 0;
  }
  map = part(&rest);
  workflows = part(&rest);
  beans = rest.n > 0 ? rest : ML_NOSTR;
  if (load(map, workflows, beans, &c) == ML_OK)
    round_trip(c);
  ml_cpbm_free(c);
  return 0;
}
