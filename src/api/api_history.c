/* api_history.c - what was: a process's history, journal and comments. */
#include <string.h>

#include "api/api_process.h"
#include "base/text.h"

typedef struct trail {
  ml_seen seen;               /* first: read by ml_process_read */
  uint64_t after;
  uint32_t act;               /* journal: 0 all */
  size_t limit;
  ml_row_history *history;
  ml_row_journal *journal;
  ml_row_comment *comments;
  ml_row_task *tasks;
  size_t count, task_count;
  bool more;
  /* a new comment */
  uint32_t no;                /* its number: that of its history record */
  ml_acting who;
  uint32_t *lanes;            /* numbers of the lanes the person is in */
  size_t lane_count;
} trail;

enum { COMMENT_BYTES = 64 << 10, LANES_MAX = 256 };

/* The state of a call on the process in the path; NULL: gone. */
static trail *trail_of(ml_call *c) {
  trail *t = ml_call_alloc(c, sizeof *t);
  uint32_t no;

  if (t == NULL
      || !ml_call_id(c, c->part[0], false, t->seen.id, &t->seen.n, &no))
    return NULL;
  t->limit = ml_call_limit(c);
  c->state = t;
  return t;
}

/* ?after= or the cursor, whichever is further. */
static bool trail_after(ml_call *c, char kind, trail *t) {
  int64_t a, b;
  ml_str none;

  if (!ml_cursor_get(c, kind, &a, &b, &none))
    return false;
  t->after = (uint64_t)ml_call_query_int(c, "after", 0);
  if ((uint64_t)a > t->after)
    t->after = (uint64_t)a;
  return true;
}

static void cut(trail *t) {
  t->more = t->count > t->limit;
  if (t->more)
    t->count = t->limit;
}

static void finish(ml_call *c, char kind, uint64_t last) {
  trail *t = c->state;

  if (t->more)
    ml_cursor_put(c, kind, (int64_t)last, 0, ML_NOSTR);
  else
    ml_list_last(c);
  ml_list_send(c);
}

/* ---- history ---- */

static ml_rc read_history(ml_call *c, ml_read *r) {
  trail *t = c->state;
  ml_rc rc = ml_process_read(c, r, &t->seen);

  if (rc == ML_OK)
    rc = ml_read_history(r, &c->arena, t->seen.n, t->after, t->limit + 1,
                         &t->history, &t->count);
  cut(t);
  return rc;
}

static void send_history(ml_call *c) {
  trail *t = c->state;

  ml_list_begin(c);
  for (size_t i = 0; i < t->count; i++) {
    const ml_row_history *h = &t->history[i];

    ml_jw_obj(&c->w);
    ml_jw_kint(&c->w, "seq", (int64_t)h->seq);
    ml_jw_kint(&c->w, "at", h->at_ms);
    ml_jw_kstrz(&c->w, "told", ml_told_name(h->told));
    ml_jw_key(&c->w, "no");
    if (h->no != 0)
      ml_jw_int(&c->w, h->no);
    else
      ml_jw_null(&c->w);
    ml_api_put_text(&c->w, "name", h->name);
    ml_api_put_text(&c->w, "who", h->who);
    ml_api_put_text(&c->w, "text", h->text);
    ml_jw_key(&c->w, "data");
    ml_jw_raw(&c->w, h->data.n > 0 ? h->data : ML_NOSTR);
    ml_jw_end(&c->w);
  }
  finish(c, 'h', t->count > 0 ? t->history[t->count - 1].seq : 0);
}

static void get_history(ml_call *c) {
  trail *t = trail_of(c);

  if (t != NULL && trail_after(c, 'h', t))
    ml_call_read(c, read_history, send_history);
}

/* ---- journal ---- */

static ml_rc read_journal(ml_call *c, ml_read *r) {
  trail *t = c->state;
  ml_rc rc = ml_process_read(c, r, &t->seen);

  if (rc == ML_OK)
    rc = ml_read_journal(r, &c->arena, t->seen.n, t->act, &t->journal,
                         &t->count);
  if (rc != ML_OK)
    return rc;
  if (t->after > t->count)
    t->after = t->count;
  t->journal += t->after;
  t->count -= t->after;
  cut(t);
  return ML_OK;
}

static void send_journal(ml_call *c) {
  trail *t = c->state;

  ml_list_begin(c);
  for (size_t i = 0; i < t->count; i++) {
    const ml_row_journal *j = &t->journal[i];

    ml_jw_obj(&c->w);
    ml_api_put_id(&c->w, "activity", t->seen.id, j->act);
    ml_jw_kstr(&c->w, "call", j->call);
    ml_jw_kstrz(&c->w, "kind", ml_callk_name(j->kind));
    ml_jw_kint(&c->w, "at", j->at_ms);
    ml_jw_kint(&c->w, "attempt", j->attempt);
    ml_jw_key(&c->w, "answer");
    ml_jw_raw(&c->w, j->answer.n > 0 ? j->answer : ML_NOSTR);
    ml_jw_end(&c->w);
  }
  finish(c, 'j', t->after + t->count);
}

static bool journal_act(ml_call *c, trail *t) {
  ml_str text = ml_call_query(c, "activity");
  uint8_t id[16];
  int64_t no;

  if (text.p == NULL)
    return true;
  if (ml_text_int(text, &no) && no > 0 && no <= UINT32_MAX) {
    t->act = (uint32_t)no;
    return true;
  }
  if (ml_id_of(text, id, &t->act) && t->act != 0
      && memcmp(id, t->seen.id, sizeof id) == 0)
    return true;
  ml_call_problem(c, 400, NULL, NULL, NULL,
                  "activity: the id of an activity of this process is wanted");
  return false;
}

static void get_journal(ml_call *c) {
  trail *t = trail_of(c);

  if (t != NULL && journal_act(c, t) && trail_after(c, 'j', t))
    ml_call_read(c, read_journal, send_journal);
}

/* ---- comments ---- */

static ml_rc read_comments(ml_call *c, ml_read *r) {
  trail *t = c->state;
  ml_rc rc = ml_process_read(c, r, &t->seen);

  if (rc == ML_OK)
    rc = ml_read_comments(r, &c->arena, t->seen.n, (uint32_t)t->after,
                          t->limit + 1, &t->comments, &t->count);
  cut(t);
  return rc;
}

void ml_comment_put(ml_jw *w, const ml_row_comment *m) {
  ml_jw_obj(w);
  ml_jw_kint(w, "no", m->no);
  ml_jw_kint(w, "at", m->at_ms);
  ml_api_put_text(w, "who", m->who);
  ml_jw_key(w, "text");
  ml_jw_str(w, m->removed ? ML_NOSTR : m->text);
  ml_jw_kstr(w, "visibility", m->visibility);
  ml_jw_key(w, "edited");
  if (m->edited_ms != 0)
    ml_jw_int(w, m->edited_ms);
  else
    ml_jw_null(w);
  ml_jw_kbool(w, "from_partner", m->partner != 0);
  ml_jw_end(w);
}

static void send_comments(ml_call *c) {
  trail *t = c->state;

  bool client = !ml_call_may(c, ML_SCOPE_READ | ML_SCOPE_OPERATE);

  ml_list_begin(c);
  for (size_t i = 0; i < t->count; i++)
    if (!client || ml_str_is(t->comments[i].visibility, "client"))
      ml_comment_put(&c->w, &t->comments[i]);
  finish(c, 'c', t->count > 0 ? t->comments[t->count - 1].no : 0);
}

static void get_comments(ml_call *c) {
  trail *t = trail_of(c);

  if (t == NULL || !trail_after(c, 'c', t))
    return;
  if (t->after > UINT32_MAX)
    t->after = UINT32_MAX;
  ml_call_read(c, read_comments, send_comments);
}

/* A comment is read again by its number: that of its record in the history. */
static ml_rc read_new(ml_call *c, ml_read *r) {
  trail *t = c->state;
  ml_rc rc = ml_read_comments(r, &c->arena, t->seen.n, t->no - 1, 1,
                              &t->comments, &t->count);

  if (rc == ML_OK && (t->count == 0 || t->comments[0].no != t->no))
    rc = ML_NOT_FOUND;
  return rc;
}

static void send_new(ml_call *c) {
  trail *t = c->state;

  ml_buf_reset(&c->out);
  ml_jw_init(&c->w, &c->out);
  ml_comment_put(&c->w, &t->comments[0]);
  ml_call_send(c, 201);
}

static bool render_comment(ml_call *c, const ml_process *p, const ml_flow *f,
                           const ml_made *made, ml_buf *keep) {
  trail *t = c->state;

  (void)f;
  (void)made;
  t->no = (uint32_t)p->seq;
  ml_buf_printf(keep, "%u", t->no);
  return !keep->bad;
}

static void comment_kept(ml_call *c) {
  ml_call_read(c, read_new, send_new);
}

static void comment_again(ml_call *c, ml_str kept) {
  trail *t = c->state;
  int64_t no;

  if (!ml_text_int(kept, &no) || no < 1 || no > UINT32_MAX) {
    ml_call_refuse(c, ML_CORRUPT, NULL);
    return;
  }
  t->no = (uint32_t)no;
  comment_kept(c);
}


static const ml_way comment_way = {201, render_comment, comment_kept,
                                   comment_again};

static void comment_put(ml_call *c) {
  trail *t = c->state;
  ml_str visibility = ml_json_str(c->body, "visibility");
  ml_input *in = ml_call_input(c, t->seen.n, t->seen.id, ML_EV_COMMENTED,
                               &t->who);

  if (in == NULL)
    return;
  in->ev.text = ml_json_str(c->body, "text");
  in->ev.visibility = visibility.p != NULL ? visibility : ML_STR("private");
  ml_call_put(c, in, &comment_way);
}

/* May a member without operate comment?  Who has, or had, a task here. */
static bool takes_part(const trail *t) {
  for (size_t i = 0; i < t->task_count; i++) {
    if (ml_str_eq(t->tasks[i].assignee, t->who.who))
      return true;
    for (size_t k = 0; k < t->lane_count; k++)
      if (t->tasks[i].assignee.n == 0 && t->lanes[k] == t->tasks[i].lane)
        return true;
  }
  return false;
}

static ml_rc read_part(ml_call *c, ml_read *r) {
  trail *t = c->state;
  ml_rc rc = ml_process_read(c, r, &t->seen);

  if (rc == ML_OK)
    rc = ml_read_tasks_of(r, &c->arena, t->seen.n, &t->tasks, &t->task_count);
  if (rc == ML_OK && !takes_part(t))
    rc = ml_err_set(&c->err, ML_REFUSED, NULL,
                    "only who has or had a task of this process may comment");
  return rc;
}

static void comment(ml_call *c) {
  ml_str text = ml_json_str(c->body, "text");
  trail *t = trail_of(c);

  if (t == NULL)
    return;
  if (text.n == 0 || text.n > COMMENT_BYTES) {
    ml_call_problem(c, 422, NULL, "/text", NULL,
                    "a comment has 1 to %d bytes", COMMENT_BYTES);
    return;
  }
  if (!ml_call_acting(c, &t->who))
    return;
  if (ml_call_may(c, ML_SCOPE_OPERATE)) {
    comment_put(c);
    return;
  }
  t->lanes = ml_call_alloc(c, LANES_MAX * sizeof *t->lanes);
  if (t->lanes == NULL)
    return;
  t->lane_count = ml_run_lane_nos_of(c->run, t->who.user, t->lanes, LANES_MAX);
  ml_call_read(c, read_part, comment_put);
}

/* ---- rows ---- */

static const ml_route rows[] = {
  {"GET", "/v1/processes/{id}/history", ML_SCOPE_READ | ML_SCOPE_OPERATE, 0,
   get_history, "after limit cursor", NULL, "200 [Told]", "getHistory",
   "What happened to it, in order"},
  {"GET", "/v1/processes/{id}/journal", ML_SCOPE_OPERATE, 0, get_journal,
   "activity limit cursor", NULL, "200 [Entry]", "getJournal",
   "What its activities have done and need not do again"},
  {"GET", "/v1/processes/{id}/comments",
   ML_SCOPE_READ | ML_SCOPE_OPERATE | ML_SCOPE_CLIENT, 0, get_comments,
   "after limit cursor", NULL, "200 [Comment]", "getComments",
   "What people said; with the scope client, what a client may read"},
  {"POST", "/v1/processes/{id}/comments", ML_SCOPE_OPERATE | ML_SCOPE_WORK, 0,
   comment, "as", "NewComment", "201 Comment", "addComment",
   "Say something"}};

static const char shapes[] =
  "Told { seq:int, at:int, told:str \"started, phase, began, ...\","
  " no:int? \"of the activity or task\", name:str?, who:str? \"null: the"
  " engine\", text:str?, data:any }"
  "Entry { activity:str, call:str, kind:str, at:int, attempt:int, answer:any }"
  "Comment { no:int, at:int, who:str?, text:str? \"null: taken away\","
  " visibility:private|client|shared, edited:int?, from_partner:bool }"
  "NewComment { text:str, visibility?:private|client|shared, as?:str }";

const ml_routes ml_routes_history = {rows, sizeof rows / sizeof *rows, shapes};
