/* cmd_version.c - which version this is. */
#include "cmd/out.h"
#include "cmd/verbs.h"

int ml_cmd_version(const ml_args *a) {
  ml_buf b = {0};
  ml_form form;
  ml_err e = {0};
  ml_jw w;

  if (ml_out_form(a, &form, &e) != ML_OK)
    return ml_out_error(ML_EXIT_USAGE, &e);
  if (form == ML_FORM_TABLE) {
    ml_buf_puts(&b, "moonlane " ML_VERSION);
  } else {
    ml_jw_init(&w, &b);
    ml_jw_obj(&w);
    ml_jw_kstrz(&w, "version", ML_VERSION);
    ml_jw_end(&w);
  }
  ml_buf_putc(&b, '\n');
  return ml_out_send(&b);
}
