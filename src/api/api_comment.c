/* api_comment.c - a comment that is there gets another text, or loses it.  Who
** wrote it may, and operators; what came from a partner belongs to the other
** side.  The history keeps that it happened. */
#include "api/api_process.h"
#include "base/text.h"

typedef struct change {
  ml_seen seen;                  /* first: read by ml_process_read */
  uint32_t no;
  ml_acting who;
  ml_row_comment *comments;
  size_t count;
} change;

enum { COMMENT_BYTES = 64 << 10 };

static const ml_row_comment *the_one(const change *t) {
  return t->count == 1 && t->comments[0].no == t->no ? &t->comments[0] : NULL;
}

static ml_rc read_one(ml_call *c, ml_read *r) {
  change *t = c->state;
  ml_rc rc = ml_process_read(c, r, &t->seen);

  if (rc == ML_OK)
    rc = ml_read_comments(r, &c->arena, t->seen.n, t->no - 1, 1, &t->comments,
                          &t->count);
  if (rc == ML_OK && the_one(t) == NULL)
    rc = ml_err_set(&c->err, ML_NOT_FOUND, NULL,
                    "this process has no comment %u", t->no);
  return rc;
}

static bool may_change(ml_call *c, const change *t, const ml_row_comment *m) {
  if (m->partner != 0)
    ml_call_problem(c, 403, NULL, NULL, NULL,
                    "this comment came from a partner: it is changed there");
  else if (m->removed)
    ml_call_problem(c, 409, NULL, NULL, NULL, "this comment was taken away");
  else if (!ml_call_may(c, ML_SCOPE_OPERATE) &&
           (t->who.user.p == NULL || !ml_str_eq(t->who.user, m->who)))
    ml_call_problem(c, 403, NULL, NULL, NULL,
                    "only who wrote a comment may change it");
  else
    return true;
  return false;
}

static bool render(ml_call *c, const ml_process *p, const ml_flow *f,
                   const ml_made *made, ml_buf *keep) {
  (void)c;
  (void)p;
  (void)f;
  (void)made;
  ml_buf_putc(keep, '-');
  return !keep->bad;
}

static void send_one(ml_call *c) {
  change *t = c->state;

  ml_buf_reset(&c->out);
  ml_jw_init(&c->w, &c->out);
  ml_comment_put(&c->w, &t->comments[0]);
  ml_call_send(c, 200);
}

static void reread(ml_call *c) {
  ml_call_read(c, read_one, send_one);
}

static void again(ml_call *c, ml_str kept) {
  (void)kept;
  reread(c);
}

static const ml_way way = {200, render, reread, again};

static void put_change(ml_call *c) {
  change *t = c->state;
  const ml_row_comment *m = the_one(t);
  ml_input *in;

  if (!may_change(c, t, m))
    return;
  in = ml_call_input(c, t->seen.n, t->seen.id, ML_EV_COMMENTED, &t->who);
  if (in == NULL)
    return;
  in->ev.no = t->no;
  in->ev.text = ml_json_str(c->body, "text");   /* none: it is taken away */
  in->ev.visibility = m->visibility;
  ml_call_put(c, in, &way);
}

static void change_comment(ml_call *c) {
  change *t = ml_call_alloc(c, sizeof *t);
  ml_str text = ml_json_str(c->body, "text");
  uint32_t none;
  int64_t no;

  if (t == NULL)
    return;
  *t = (change){0};
  c->state = t;
  if (!ml_call_id(c, c->part[0], false, t->seen.id, &t->seen.n, &none))
    return;
  if (!ml_text_int(c->part[1], &no) || no < 1 || no > UINT32_MAX)
    ml_call_problem(c, 404, NULL, NULL, NULL, "a comment's number is wanted");
  else if (text.p != NULL && (text.n == 0 || text.n > COMMENT_BYTES))
    ml_call_problem(c, 422, NULL, "/text", NULL,
                    "a comment has 1 to %d bytes", COMMENT_BYTES);
  else if (ml_call_acting(c, &t->who)) {
    t->no = (uint32_t)no;
    ml_call_read(c, read_one, put_change);
  }
}

static const ml_route rows[] = {
  {"PATCH", "/v1/processes/{id}/comments/{no}",
   ML_SCOPE_OPERATE | ML_SCOPE_WORK, 0, change_comment, "as", "RewordComment",
   "200 Comment", "rewordComment", "Give a comment another text"},
  {"DELETE", "/v1/processes/{id}/comments/{no}",
   ML_SCOPE_OPERATE | ML_SCOPE_WORK, 0, change_comment, "as", NULL,
   "200 Comment", "removeComment",
   "Take a comment's text away; that there was one stays"}};

static const char shapes[] = "RewordComment { text:str, as?:str }";

const ml_routes ml_routes_comment = {rows, sizeof rows / sizeof *rows, shapes};
