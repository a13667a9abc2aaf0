/* cmd_check.c - moonlane check: a folder judged whole, in memory. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "cmd/engine.h"
#include "cmd/out.h"
#include "cmd/verbs.h"

const ml_opt ml_opts_check[] = {
  {"insecure-scripts", NULL, "go on where the kernel has no jail", 0},
  {NULL, NULL, NULL, 0}};

typedef struct checking {
  ml_form form;
  ml_buf out;
  ml_jw w;
  size_t faults;
  ml_engine_wait wait;
} checking;

static void fault(void *arg, const char *at, const char *text) {
  checking *c = arg;

  c->faults++;
  if (c->form != ML_FORM_TABLE) {
    ml_jw_obj(&c->w);
    ml_jw_kstrz(&c->w, "at", at);
    ml_jw_kstrz(&c->w, "text", text);
    ml_jw_end(&c->w);
    return;
  }
  ml_out_clean(&c->out, ml_str_of(at));
  ml_buf_puts(&c->out, ": ");
  ml_out_clean(&c->out, ml_str_of(text));
  ml_buf_putc(&c->out, '\n');
}

static void checked(void *arg, ml_rc rc, const ml_err *e) {
  checking *c = arg;

  ml_engine_done(&c->wait, rc, e);
}

static ml_rc check(checking *c, const char *folder, bool insecure, ml_err *e) {
  ml_engine_conf conf = {.db = ":memory:", .workers = 1, .insecure = insecure};
  ml_engine g;
  ml_rc rc = ml_engine_open(&g, &conf, e);

  if (rc != ML_OK)
    return rc;
  ml_run_begin(g.run, checked, c);
  ml_engine_until(&g, &c->wait);
  if (c->wait.rc == ML_OK) {
    memset(&c->wait, 0, sizeof c->wait);
    ml_run_check(g.run, folder, fault, checked, c);
    ml_engine_until(&g, &c->wait);
  }
  ml_engine_close(&g, NULL, NULL);
  *e = c->wait.e;
  return c->wait.rc;
}

/* Mistakes go to standard error as sentences; as JSON they are the answer. */
static int report(checking *c, ml_rc rc, const ml_err *e) {
  int code = rc == ML_OK && c->faults == 0 ? ML_EXIT_FINE : ML_EXIT_FALSE;

  if (c->form != ML_FORM_TABLE) {
    ml_jw_end(&c->w);
    ml_buf_putc(&c->out, '\n');
    if (ml_out_send(&c->out) != ML_EXIT_FINE)
      return ML_EXIT_FALSE;
  } else if (c->out.bad) {
    code = ml_out_fail(ML_EXIT_FALSE, "out of memory");
  } else {
    fwrite(c->out.p != NULL ? c->out.p : "", 1, c->out.len, stderr);
  }
  if (rc != ML_OK && c->faults == 0)
    code = ml_out_error(rc == ML_INVALID ? ML_EXIT_FALSE : ml_out_code(rc), e);
  return code;
}

int ml_cmd_check(const ml_args *a) {
  const char *folder = ml_args_word(a, 0), *form = ml_args_get(a, "output");
  checking c = {.form = ML_FORM_TABLE};
  ml_err e = {0};
  ml_rc rc;
  int code;

  if (form != NULL && ml_out_form(a, &c.form, &e) != ML_OK)
    return ml_out_error(ML_EXIT_USAGE, &e);
  if (folder == NULL)
    folder = ml_args_get(a, "folder");
  if (folder == NULL)
    folder = "workflows";
  ml_jw_init(&c.w, &c.out);
  if (c.form != ML_FORM_TABLE)
    ml_jw_arr(&c.w);
  ml_log_to(2, ML_WARN);
  rc = check(&c, folder, ml_args_flag(a, "insecure-scripts"), &e);
  code = report(&c, rc, &e);
  ml_buf_free(&c.out);
  return code;
}
