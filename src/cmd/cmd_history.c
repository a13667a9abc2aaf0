/*
** cmd_history.c - moonlane history --all: everything that happened, as JSON
** lines (contrib/history.md); from the engine page by page, or from the file.
**
** It streams: a page is printed before the next one is read.  The last line
** says that it is the last, and how many went before.
*/
#include <string.h>

#include "cmd/out.h"
#include "cmd/reach.h"
#include "cmd/talk.h"
#include "cmd/verbs.h"
#include "run/export.h"
#include "run/flows.h"

/* Lines of one page, and how many in all. */
typedef struct lines {
  ml_buf b;
  int64_t count;
} lines;

static void add_line(void *to, ml_str json) {
  lines *l = to;

  ml_buf_put(&l->b, json.p, json.n);
  ml_buf_putc(&l->b, '\n');
  l->count++;
}

static int put_end(lines *l) {
  ml_buf_printf(&l->b, "{\"kind\":\"end\",\"lines\":%lld}\n",
                (long long)l->count);
  return ml_out_send(&l->b);
}

/* ---- of an engine ---- */

static int one_page(ml_reach *p, lines *l, ml_buf *cursor) {
  ml_arena a = {0};
  ml_buf path = {0};
  ml_json *page = NULL;
  const ml_json *items;
  ml_str next;
  int code;

  ml_path(&path, "/v1/history");
  ml_path_query(&path, "cursor", cursor->len > 0 ? cursor->p : NULL);
  code = ml_remote_call(p->remote, &a, "GET", &path, NULL, &page);
  items = ml_json_get(page, "items");
  for (uint32_t i = 0; code == ML_EXIT_FINE && items != NULL && i < items->count;
       i++) {
    ml_json_print(&l->b, &items->arr[i]);
    ml_buf_putc(&l->b, '\n');
    l->count++;
  }
  next = ml_json_str(page, "next");
  ml_buf_reset(cursor);
  if (next.p != NULL)
    ml_buf_put(cursor, next.p, next.n);
  if (code == ML_EXIT_FINE && cursor->bad)
    code = ml_out_fail(ML_EXIT_FALSE, "out of memory");
  ml_buf_free(&path);
  ml_arena_free(&a);
  return code;
}

static int by_engine(ml_reach *p, lines *l) {
  ml_buf cursor = {0};
  int code;

  do {
    code = one_page(p, l, &cursor);
    if (code == ML_EXIT_FINE)
      code = ml_out_send(&l->b);
  } while (code == ML_EXIT_FINE && cursor.len > 0);
  ml_buf_free(&cursor);
  return code;
}

/* ---- of a file ---- */

typedef struct reading {
  ml_export x;
  ml_arena arena;
  ml_rc rc;
} reading;

static void read_piece(void *arg, ml_read *r) {
  reading *q = arg;

  q->rc = ml_export_piece(&q->x, r, &q->arena);
}

static int read_all(ml_store *s, ml_flows *f, lines *l) {
  reading q = {.x = {.flow = ml_flows_at, .arg = f, .item = add_line, .to = l}};
  int code = ML_EXIT_FINE;

  while (code == ML_EXIT_FINE && !q.x.over) {
    ml_rc rc = ml_store_read(s, read_piece, NULL, &q);

    if (rc == ML_OK) {
      ml_store_wait(s);
      rc = q.rc;
    }
    ml_arena_free(&q.arena);
    code = rc == ML_OK ? ml_out_send(&l->b)
                       : ml_out_fail(ml_out_code(rc), "process number %lld or "
                                     "the one behind it cannot be read (%s)",
                                     (long long)q.x.at.n, ml_rc_name(rc));
  }
  return code;
}

static int by_file(ml_reach *p, lines *l) {
  ml_store_conf conf = {.path = p->db, .read_only = true};
  ml_store *s = NULL;
  ml_flows *f = NULL;
  ml_err e = {0};
  ml_rc rc = ml_store_open(&conf, &s, &e);
  int code;

  if (rc == ML_OK)
    rc = ml_flows_read(s, &f, &e);
  code = rc == ML_OK ? read_all(s, f, l) : ml_out_error(ml_out_code(rc), &e);
  ml_flows_free(f);
  ml_store_close(s);
  return code;
}

/* ---- the verb ---- */

static int history_all(const ml_args *a) {
  lines l = {0};
  ml_reach p;
  ml_form form;
  ml_err e = {0};
  int code;

  if (ml_out_form(a, &form, &e) != ML_OK)
    return ml_out_error(ML_EXIT_USAGE, &e);
  if (form != ML_FORM_JSONL)
    return ml_out_fail(ML_EXIT_USAGE, "--all prints JSON lines only: say -o jsonl");
  if (ml_args_word(a, 0) != NULL)
    return ml_out_fail(ML_EXIT_USAGE, "--all is about all processes: leave the ID "
                       "out");
  code = ml_reach_open(&p, a);
  if (code == ML_EXIT_FINE)
    code = p.remote != NULL ? by_engine(&p, &l) : by_file(&p, &l);
  if (code == ML_EXIT_FINE)
    code = put_end(&l);
  ml_buf_free(&l.b);
  ml_reach_close(&p);
  return code;
}

int ml_cmd_history_way(const ml_args *a) {
  ml_talk q;
  int code;

  if (ml_args_flag(a, "all"))
    return history_all(a);
  code = ml_talk_begin(&q, a);
  if (code == ML_EXIT_FINE)
    code = ml_cmd_history(&q);
  ml_talk_end(&q);
  return code;
}
