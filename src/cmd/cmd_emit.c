/* cmd_emit.c - moonlane emit: a transaction, for the rules. */
#include "cmd/out.h"
#include "cmd/verbs.h"

const ml_opt ml_opts_emit[] = {
  {"data", "JSON", "what its rules look at: a JSON object", 'd'},
  {"tenant", "TENANT", "whose it is; the data's tenant.id unless given", 0},
  {"as", "USER", "act as this member", 0}, {NULL, NULL, NULL, 0}};

static int send_transaction(ml_talk *q, const ml_json *t) {
  const ml_json *warning = ml_json_get(t, "warning");
  ml_str process = ml_json_str(t, "process"), said = ml_json_str(t, "message");
  ml_buf b = {0};

  if (q->form != ML_FORM_TABLE)
    return ml_out_json(t, q->form);
  ml_out_clean(&b, ml_json_str(t, "id"));
  ml_buf_puts(&b, ": ");
  ml_out_clean(&b, ml_json_str(t, "state"));
  if (process.n > 0) {
    ml_buf_puts(&b, ", ");
    ml_out_clean(&b, ml_json_str(t, "rule"));
    ml_buf_puts(&b, " started ");
    ml_out_clean(&b, ml_json_str(t, "workflow"));
    ml_buf_putc(&b, ' ');
    ml_out_clean(&b, process);
  } else if (said.n == 0) {
    ml_buf_puts(&b, ", no rule matched");
  }
  if (said.n > 0) {
    ml_buf_puts(&b, ", ");
    ml_out_clean(&b, said);
  }
  ml_buf_putc(&b, '\n');
  if (warning != NULL && warning->type == ML_JOBJ) {
    ml_buf_puts(&b, "warning: ");
    ml_out_clean(&b, ml_json_str(warning, "text"));
    ml_buf_putc(&b, '\n');
  }
  return ml_out_send(&b);
}

int ml_cmd_emit(ml_talk *q) {
  const char *tenant = ml_args_given(q->args, "tenant");
  ml_json *t;
  ml_err e = {0};
  ml_rc rc;
  int code;

  ml_path(&q->path, "/v1/transactions");
  ml_path_query(&q->path, "as", ml_args_get(q->args, "as"));
  ml_jw_obj(&q->w);
  ml_jw_kstrz(&q->w, "type", ml_args_word(q->args, 0));
  if (tenant != NULL)
    ml_jw_kstrz(&q->w, "tenant", tenant);
  ml_jw_key(&q->w, "data");
  rc = ml_talk_data(q, NULL, 1, &e);
  if (rc != ML_OK)
    return ml_out_error(ml_out_code(rc), &e);
  ml_jw_end(&q->w);
  code = ml_talk_send(q, "POST", &t);
  return code == ML_EXIT_FINE ? send_transaction(q, t) : code;
}
