/* rule.c - the rule language: what compiles prints as what compiles the same,
** and is true, false or an error of a transaction, within its steps. */
#include <string.h>

#include "base/text.h"
#include "fuzz.h"
#include "model/rule.h"

static const char transaction[] =
  "{\"tenantInitialState\":{\"name\":\"NEW\"},\"tenant\":{\"count\":3,\"owner\":null,"
  "\"accountType\":{\"trial\":false,\"rate\":2.5}},\"tags\":[1,2.0],\"a\":\"x\"}";

static void evaluate(const ml_rule *r, bool *yes, ml_rc *rc) {
  ml_arena a = {0};
  ml_json *v = NULL;
  ml_err e = {0};

  HOLDS(ml_json_parse(&a, transaction, sizeof transaction - 1, NULL, &v, NULL)
        == ML_OK);
  *rc = ml_rule_eval(r, v, yes, &e);
  HOLDS(*rc == ML_OK || *rc == ML_INVALID || *rc == ML_LIMIT);
  HOLDS(*rc == ML_OK || (e.text[0] != '\0' && ml_text_utf8(ml_str_of(e.text))));
  ml_arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  ml_rule *r = NULL, *again = NULL;
  ml_buf b = {0}, c = {0};
  bool one = false, two = false;
  ml_err e = {0};
  ml_rc rc1, rc2;

  if (ml_rule_compile((ml_str){(const char *)data, n}, &r, &e) != ML_OK) {
    HOLDS(r == NULL && e.text[0] != '\0' && ml_text_utf8(ml_str_of(e.text)));
    return 0;
  }
  ml_rule_print(&b, r);
  HOLDS(!b.bad && ml_rule_compile((ml_str){b.p, b.len}, &again, &e) == ML_OK);
  ml_rule_print(&c, again);
  HOLDS(!c.bad && c.len == b.len && memcmp(b.p, c.p, b.len) == 0);
  evaluate(r, &one, &rc1);
  evaluate(again, &two, &rc2);
  HOLDS(rc1 == rc2 && one == two);
  ml_rule_free(r);
  ml_rule_free(again);
  ml_buf_free(&b);
  ml_buf_free(&c);
  return 0;
}
