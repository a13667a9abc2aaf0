/*
** partner_order.c - an activity has a process made at a partner's.
**
** The script says what it wants (model in lua/moonlane/ctx.lua, ctx.partner);
** the core makes the message of it, so that a script can say nothing else over
** a link.  The answer and what follows from it are one commit: the process is
** shared, and the comments made before go along in their order.
*/
#include <stdio.h>
#include <string.h>

#include "run/inside.h"
#include "run/partner.h"

/* ---- shares of a process in memory ---- */

const ml_row_share *share_of(const proc *pr, uint32_t partner) {
  for (size_t i = 0; i < pr->share_count; i++)
    if (pr->shares[i].partner == partner)
      return &pr->shares[i];
  return NULL;
}

ml_rc shares_keep(proc *pr, const ml_row_share *rows, size_t count) {
  ml_row_share *list;
  bool starved = false;

  if (count == 0)
    return ML_OK;
  list = ml_arena_alloc(&pr->share_arena,
                        sizeof *list * (pr->share_count + count));
  if (list == NULL)
    return ML_NOMEM;
  if (pr->share_count > 0)
    memcpy(list, pr->shares, sizeof *list * pr->share_count);
  for (size_t i = 0; i < count; i++) {
    ml_row_share *s = &list[pr->share_count + i];

    *s = rows[i];
    s->far = arena_str(&pr->share_arena, rows[i].far, &starved);
    s->fields = arena_str(&pr->share_arena, rows[i].fields, &starved);
  }
  if (starved)
    return ML_NOMEM;
  pr->shares = list;
  pr->share_count += count;
  return ML_OK;
}

ml_rc share_add(proc *pr, const ml_row_share *row) {
  load *l = load_of(pr);
  ml_row_share *s;

  if (l == NULL)
    return ML_NOMEM;
  s = list_room(l->shares, l->share_count, &l->share_cap, sizeof *s);
  if (s == NULL)
    return ML_NOMEM;
  l->shares = s;
  s += l->share_count++;
  *s = *row;
  s->far = arena_str(&l->arena, row->far, &l->starved);
  s->fields = arena_str(&l->arena, row->fields, &l->starved);
  return l->starved ? ML_NOMEM : shares_keep(pr, row, 1);
}

/* ---- the request ---- */

/* Who it is for there when no client goes along: who began it here. */
static void put_author(ml_run *r, const proc *pr, ml_jw *w) {
  const ml_row_user *u = pr->p->created_by.p != NULL
                             ? ml_run_user(r, pr->p->created_by) : NULL;

  ml_jw_key(w, "author");
  ml_jw_obj(w);
  ml_jw_kstr(w, "name", u != NULL && u->name.n > 0 ? u->name
                                                   : pr->p->created_by);
  ml_jw_kstr(w, "email", u != NULL ? u->email : ML_NOSTR);
  ml_jw_end(w);
}

static void copy(ml_jw *w, const ml_json *from, const char *key) {
  if (ml_json_get(from, key) != NULL) {
    ml_jw_key(w, key);
    ml_jw_json(w, ml_json_get(from, key));
  }
}

ml_rc partner_build(ml_run *r, ml_arena *a, const proc *pr, const ml_json *want,
                    ml_str key, ml_http_call *out, ml_err *e) {
  static const char *const said[] = {"workflow", "person", "state", "subject",
                                     "client", "fields", "client_only"};
  ml_str name = ml_json_str(want, "partner");
  const ml_row_partner *p = ml_partner_named(r, name);
  const ml_json *order = ml_json_get(want, "order");
  char id[ML_ID_MAX];
  ml_buf b = {0};
  ml_str body;
  ml_jw w;

  memset(out, 0, sizeof *out);
  if (p == NULL || p->state != ML_LINK_ACTIVE)
    return ml_err_set(e, ML_REFUSED, "", "there is no %slink to a partner '%.*s' "
                      "(moonlane partner ls)", p != NULL ? "active " : "",
                      (int)(name.n > 80 ? 80 : name.n), name.p);
  ml_id_text(id, pr->p->id, 0);
  ml_jw_init(&w, &b);
  ml_jw_obj(&w);
  ml_jw_kstrz(&w, "type", "order");
  ml_jw_kstrz(&w, "process", id);
  for (size_t i = 0; i < sizeof said / sizeof *said; i++)
    copy(&w, order, said[i]);
  put_author(r, pr, &w);
  ml_jw_end(&w);
  body = b.bad ? ML_NOSTR : (ml_str){ml_arena_dup(a, b.p, b.len), b.len};
  ml_buf_free(&b);
  if (body.p == NULL)
    return ml_err_set(e, ML_NOMEM, "", "memory is short");
  return partner_sign(r, a, p, key, body, out, e);
}

bool partner_known(ml_run *r, proc *pr, const ml_json *want,
                   const ml_effect *ef) {
  const ml_row_partner *p = ml_partner_named(r, ml_json_str(want, "partner"));
  const ml_row_share *s = p != NULL ? share_of(pr, p->no) : NULL;
  ml_event ev = {.kind = ML_EV_ANSWERED, .no = ef->no, .slice = ef->slice,
                 .text = ML_STR("made there before")};
  char raw[ML_ID_MAX + 80];
  ml_rc rc;

  if (s == NULL)
    return false;
  snprintf(raw, sizeof raw,
           "{\"status\":200,\"headers\":{},\"body\":\"{\\\"process\\\":"
           "\\\"%.*s\\\"}\"}", (int)s->far.n, s->far.p);
  ev.raw = ml_str_of(raw);
  rc = proc_event(r, pr, &ev);
  (void)rc;                      /* it was dropped then, and its lease ends */
  return true;
}

/* ---- the answer ---- */

typedef struct ordered {
  ml_run *r;
  proc *pr;                      /* stays while it is being read for */
  ml_arena arena;
  ml_event ev;                   /* what the script is told then */
  ml_row_share share;
  const ml_json *sent;           /* {key there: value} of the order */
  ml_row_comment *comments;
  size_t count;
  ml_rc rc;
} ordered;

static void ordered_work(void *arg, ml_read *rd) {
  ordered *o = arg;

  o->rc = ml_read_comments(rd, &o->arena, o->share.n, 0, SIZE_MAX >> 1,
                           &o->comments, &o->count);
}

static void ordered_free(ordered *o) {
  ml_arena_free(&o->arena);
  ml_mem_free(o);
}

static bool comments_unread(const proc *pr) {
  return pr->flying > 0 || (pr->load != NULL && pr->load->comment_count > 0);
}

/* All comments so far are read: share, tell them, go on. */
static ml_rc shared_now(ordered *o) {
  proc *pr = o->pr;
  const ml_row_partner *p = partner_no(o->r, o->share.partner);
  ml_event ev = {.kind = ML_EV_SHARED};
  ml_buf b = {0};
  ml_rc rc = share_of(pr, o->share.partner) == NULL ? share_add(pr, &o->share)
                                                    : ML_EXISTS;

  if (rc == ML_EXISTS)
    return ML_OK;                /* entered twice: nothing new */
  for (size_t i = 0; rc == ML_OK && i < o->count; i++)
    partner_tell_comment(o->r, pr, pr->load, &o->share, &o->comments[i],
                         now_wall(o->r));
  ml_json_put_str(&b, o->share.far);
  if (rc == ML_OK)
    partner_tell_late(pr, pr->load, &o->share, o->sent, now_wall(o->r));
  ev.text = p != NULL ? p->name : ML_NOSTR;
  ev.raw = (ml_str){b.p, b.len};
  if (rc == ML_OK && b.bad)
    rc = ML_NOMEM;
  if (rc == ML_OK)
    rc = proc_event(o->r, pr, &ev);
  ml_buf_free(&b);
  return rc;
}

static void ordered_done(void *arg) {
  ordered *o = arg;
  ml_run *r = o->r;
  proc *pr = o->pr;

  pr->reads--;
  if (!pr->gone && o->rc == ML_OK && comments_unread(pr)) {
    pr->reads++;
    if (ml_run_read(r, ordered_work, ordered_done, o) == ML_OK)
      return;
    pr->reads--;
    o->rc = ML_NOMEM;
  }
  if (!pr->gone && o->rc == ML_OK)
    o->rc = shared_now(o);
  if (!pr->gone && o->rc == ML_OK)
    proc_event(r, pr, &o->ev);
  if (!pr->gone && o->rc != ML_OK)
    proc_drop(r, pr, o->rc);     /* its lease ends: asked again, same key */
  if (!pr->gone) {
    proc_take_waiting(r, pr);
    proc_rest(r, pr);
  }
  ordered_free(o);
}

/* The far process of an answer {"process": id}; none when it is not such. */
static ml_str far_of(ml_arena *a, ml_str body) {
  ml_json *v = NULL;
  uint8_t id[16];
  uint32_t no;
  ml_str far;

  if (body.p == NULL ||
      ml_json_parse(a, body.p, body.n, NULL, &v, NULL) != ML_OK)
    return ML_NOSTR;
  far = ml_json_str(v, "process");
  return far.p != NULL && ml_id_of(far, id, &no) && no == 0 ? far : ML_NOSTR;
}

static ml_str json_of(ml_arena *a, const ml_json *v) {
  ml_buf b = {0};
  ml_str s = ML_NOSTR;

  if (v == NULL)
    return s;
  ml_json_print(&b, v);
  if (!b.bad)
    s = (ml_str){ml_arena_dup(a, b.p, b.len), b.len};
  ml_buf_free(&b);
  return s;
}

void partner_made(ml_run *r, proc *pr, ml_str want, ml_str body,
                  const ml_event *ev) {
  ordered *o = ml_mem_zero(sizeof *o);
  bool starved = o == NULL;
  const ml_row_partner *p;
  ml_json *w = NULL;

  if (o != NULL && ml_json_parse(&o->arena, want.p, want.n, NULL, &w, NULL) !=
                       ML_OK)
    starved = true;
  if (starved) {
    if (o != NULL)
      ordered_free(o);
    proc_drop(r, pr, ML_NOMEM);
    return;
  }
  p = ml_partner_named(r, ml_json_str(w, "partner"));
  o->r = r;
  o->pr = pr;
  o->ev = *ev;
  o->ev.raw = arena_str(&o->arena, ev->raw, &starved);
  o->ev.text = arena_str(&o->arena, ev->text, &starved);
  o->share = (ml_row_share){.n = pr->n, .partner = p != NULL ? p->no : 0,
                            .far = far_of(&o->arena, body), .ours = true};
  o->share.client_only = ml_json_bool(ml_json_get(w, "order"), "client_only",
                                      false);
  o->sent = ml_json_get(ml_json_get(w, "order"), "fields");
  o->share.fields = json_of(&o->arena, ml_json_get(w, "map"));
  if (o->share.far.p == NULL || o->share.partner == 0) {
    ml_event lost = {.kind = ML_EV_LOST, .no = ev->no, .slice = ev->slice,
                     .after_ms = -1,
                     .text = ML_STR("the partner's answer names no process")};

    proc_event(r, pr, &lost);
    ordered_free(o);
    return;
  }
  pr->reads++;
  if (starved || ml_run_read(r, ordered_work, ordered_done, o) != ML_OK) {
    pr->reads--;
    ordered_free(o);
    proc_drop(r, pr, ML_NOMEM);
  }
}
