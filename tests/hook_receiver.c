/*
** hook_receiver - somebody who is told of changes, for tests/t_webhook.
**
**   build/hook-receiver FOLDER [127.0.0.1:PORT]
**
** The first line on standard output is its address.  In FOLDER:
**   secret   whsec_...: each signature is checked by it, in a way of its own
**   answers  lines "STATUS [TEXT]": the first whose TEXT the body holds, or that
**            has none, is what it answers; "cut": nothing at all.  None: 204
**   log      a JSON line a request
*/
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/text.h"
#include "net/server.h"

static const char *folder;

static void stop(const char *why) {
  fprintf(stderr, "hook-receiver: %s\n", why);
  exit(1);
}

static void read_of(const char *name, ml_buf *out) {
  char path[512], piece[4096];
  size_t n;
  FILE *f;

  snprintf(path, sizeof path, "%s/%s", folder, name);
  f = fopen(path, "r");
  while (f != NULL && (n = fread(piece, 1, sizeof piece, f)) > 0)
    ml_buf_put(out, piece, n);
  ml_buf_putc(out, '\0');
  if (out->bad)
    stop("memory is short");
  if (f != NULL)
    fclose(f);
}

/* HMAC-SHA256 of "id.timestamp.body" under the key behind whsec_. */
static bool is_signed(const ml_request *q, ml_str id, ml_str at) {
  ml_buf secret = {0}, key = {0}, text = {0}, want = {0};
  ml_str given = ml_request_header(q, "webhook-signature");
  uint8_t mac[ML_SHA256_LEN];
  bool good = false;

  read_of("secret", &secret);
  secret.p[strcspn(secret.p, "\n")] = '\0';
  if (strncmp(secret.p, "whsec_", 6) == 0 &&
      ml_text_base64(&key, ml_str_of(secret.p + 6), false) == ML_OK) {
    ml_buf_put(&text, id.p, id.n);
    ml_buf_putc(&text, '.');
    ml_buf_put(&text, at.p, at.n);
    ml_buf_putc(&text, '.');
    ml_buf_put(&text, q->body.p, q->body.n);
    ml_buf_puts(&want, "v1,");
    if (!text.bad &&
        ml_hmac_sha256(key.p, key.len, text.p, text.len, mac) == ML_OK)
      ml_text_put_base64(&want, (ml_str){(char *)mac, sizeof mac}, false);
    good = id.n > 0 && at.n > 0 && ml_str_eq(given, (ml_str){want.p, want.len});
  }
  ml_buf_free(&secret);
  ml_buf_free(&key);
  ml_buf_free(&text);
  ml_buf_free(&want);
  return good;
}

/* 0: cut. */
static int answer_to(const ml_request *q) {
  ml_buf lines = {0};
  char *rest = NULL, *line;
  int status = 204;

  read_of("answers", &lines);
  for (line = strtok_r(lines.p, "\n", &rest); line != NULL;
       line = strtok_r(NULL, "\n", &rest)) {
    char *text = strchr(line, ' ');

    if (text != NULL && memmem(q->body.p, q->body.n, text + 1,
                               strlen(text + 1)) == NULL)
      continue;
    status = strncmp(line, "cut", 3) == 0 ? 0 : atoi(line);
    break;
  }
  ml_buf_free(&lines);
  return status;
}

static void note(const ml_request *q, ml_str id, ml_str at, int status) {
  char path[512];
  ml_buf b = {0};
  ml_jw w;
  FILE *f;

  snprintf(path, sizeof path, "%s/log", folder);
  ml_jw_init(&w, &b);
  ml_jw_obj(&w);
  ml_jw_kstr(&w, "id", id);
  ml_jw_kstr(&w, "timestamp", at);
  ml_jw_kbool(&w, "signed", is_signed(q, id, at));
  ml_jw_kint(&w, "status", status);
  ml_jw_kstr(&w, "type", ml_request_header(q, "content-type"));
  ml_jw_key(&w, "body");
  ml_jw_raw(&w, q->body);
  ml_jw_end(&w);
  ml_buf_putc(&b, '\n');
  f = fopen(path, "a");
  if (b.bad || f == NULL || fwrite(b.p, 1, b.len, f) != b.len || fclose(f) != 0)
    stop("the log cannot be written");
  ml_buf_free(&b);
}

static void serve(void *arg, ml_request *q) {
  ml_str id = ml_request_header(q, "webhook-id");
  ml_str at = ml_request_header(q, "webhook-timestamp");
  int status = answer_to(q);

  (void)arg;
  note(q, id, at, status);       /* it has arrived, whatever is answered */
  if (status == 0)
    ml_reply_cut(q, ML_STR(""));
  else
    ml_reply(q, status, NULL, ML_STR(""));
}

int main(int argc, char **argv) {
  char bound[128];
  ml_server *s = NULL;
  ml_err e = {0};
  ml_loop *l;

  if (argc != 2 && argc != 3) {
    fprintf(stderr, "usage: hook-receiver FOLDER [127.0.0.1:PORT]\n");
    return 2;
  }
  folder = argv[1];
  if (ml_loop_new(NULL, &l) != ML_OK ||
      ml_server_new(l, NULL, serve, NULL, &s) != ML_OK)
    stop("memory is short");
  if (ml_server_listen(s, argc == 3 ? argv[2] : "127.0.0.1:0", bound, &e) !=
      ML_OK)
    stop(e.text);
  printf("http://%s\n", bound);
  fflush(stdout);
  ml_loop_run(l);                /* until it is killed */
  return 0;
}
