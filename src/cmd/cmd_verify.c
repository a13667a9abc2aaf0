/* cmd_verify.c - moonlane verify: is this file a sound store? */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/audit.h"
#include "cmd/out.h"
#include "cmd/verbs.h"
#include "model/process.h"
#include "run/flows.h"
#include "store/verify.h"

const ml_opt ml_opts_verify[] = {{NULL, NULL, NULL, 0}};

static void say_fault(void *arg, const char *text) {
  ml_buf b = {0};

  (void)arg;
  ml_out_clean(&b, ml_str_of(text));
  ml_out_fail(0, "damaged: %s", b.bad ? text : b.p);
  ml_buf_free(&b);
}

static void say_offender(void *arg, const ml_offender *o) {
  ml_buf b = {0};

  (void)arg;
  ml_offender_line(&b, o);
  ml_out_fail(0, "%s", b.bad ? o->what : b.p);
  ml_buf_free(&b);
}

/* The invariants, by this program's own reading; an older schema it cannot. */
static ml_rc check_rows(const char *path, ml_audit_sums *sums, ml_err *e) {
  ml_store_conf conf = {.path = path, .read_only = true};
  ml_store *s = NULL;
  ml_flows *f = NULL;
  ml_rc rc = ml_store_open(&conf, &s, e);

  if (rc == ML_OK)
    rc = ml_flows_read(s, &f, e);
  if (rc == ML_OK) {
    rc = ml_flows_audit(s, f, say_offender, NULL, sums);
    if (rc != ML_OK)
      ml_err_set(e, rc, NULL, "the processes cannot be read (%s)",
                 ml_rc_name(rc));
  }
  ml_flows_free(f);
  ml_store_close(s);
  return rc;
}

typedef struct line { const char *name; int64_t value; } line;

static int show(const ml_args *a, const ml_verified *v,
                const ml_audit_sums *s) {
  const line lines[] = {
    {"schema", v->version}, {"starts", v->starts}, {"bundles", v->bundles},
    {"processes", v->processes}, {"open", s->open}, {"completed", s->completed},
    {"cancelled", s->cancelled}, {"incidents", s->incidents},
    {"tasks", v->tasks}, {"signals", v->signals}, {"comments", v->comments},
    {"journal", v->journal}, {"history", s->records}, {"keys", v->keys},
    {"damage", (int64_t)v->faults}, {"offenders", s->found}};
  ml_buf b = {0};
  ml_form form;
  ml_err e = {0};
  ml_jw w;

  if (ml_out_form(a, &form, &e) != ML_OK)
    return ml_out_error(ML_EXIT_USAGE, &e);
  ml_jw_init(&w, &b);
  if (form != ML_FORM_TABLE)
    ml_jw_obj(&w);
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
    if (form != ML_FORM_TABLE)
      ml_jw_kint(&w, lines[i].name, lines[i].value);
    else
      ml_buf_printf(&b, "%-10s %12" PRId64 "\n", lines[i].name, lines[i].value);
  if (form != ML_FORM_TABLE) {
    ml_jw_end(&w);
    ml_buf_putc(&b, '\n');
  }
  return ml_out_send(&b);
}

int ml_cmd_verify(const ml_args *a) {
  const char *path = ml_args_word(a, 0);
  ml_verified v;
  ml_audit_sums sums = {0};
  ml_err e = {0};
  ml_rc rc = ml_verify_file(path, 0, say_fault, NULL, &v, &e);
  int code;

  if (rc != ML_OK)
    return ml_out_fail(ML_EXIT_FALSE, "%s: %s", path, e.text);
  if (!v.current)
    ml_out_fail(0, "%s has schema version %u, older than this program's: its "
                "processes were not looked at", path, v.version);
  else if (v.faults == 0 && check_rows(path, &sums, &e) != ML_OK)
    return ml_out_error(ML_EXIT_FALSE, &e);
  code = show(a, &v, &sums);
  if (v.faults > 0)
    return ml_out_fail(ML_EXIT_FALSE, "%s is damaged; go back to a backup", path);
  return code != ML_EXIT_FINE ? code
                              : sums.found > 0 ? ML_EXIT_FALSE : ML_EXIT_FINE;
}
