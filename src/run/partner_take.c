/*
** partner_take.c - what a partner says, taken like a form of a stranger.
**
** First whose it is: link, time, signature, replay.  Then what it says, by its
** type: each is one input of one process (or a change of the link), refused with
** a sentence that names the member, or done in one commit with the mark that
** lets no copy of the request in again.
*/
#include <stdio.h>
#include <string.h>

#include "base/crypto.h"
#include "base/text.h"
#include "run/inside.h"
#include "run/partner_link.h"

typedef struct taken taken;

/* Orders are taken one after the other, so that two of one new client make one
** contact. */
struct order {
  struct order *next;
  taken *t;
};

struct taken {
  owed owed;
  ml_run *r;
  ml_arena arena;
  ml_partner_took_fn *fn;
  void *arg;
  uint32_t partner;
  ml_str link, id;               /* of the arena */
  ml_str body;
  ml_json *said;
  ml_replay replay;
  uint8_t sign[LINK_SECRET];     /* the secret it was signed with */
  int64_t signed_ms;
  bool invited;                  /* that is the one of the invitation */
  /* a process */
  ml_input *in;
  int64_t n;
  uint8_t process[16];
  ml_row_comment comment;
  ml_row_contact contact;
  uint32_t contact_last;
  ml_row_process here;           /* it was ordered before: the process */
  struct order order;
  bool ordering;
  ml_rc rc;
};

static void order_next(ml_run *r);

/* ---- ends ---- */

static void taken_free(taken *t) {
  owed_drop(&t->owed);
  ml_input_free(t->in);
  ml_crypto_wipe(t->sign, sizeof t->sign);
  ml_arena_free(&t->arena);
  ml_mem_free(t);
}

static void taken_forget(owed *o) {
  taken_free((taken *)o);
}

static void took_end(taken *t, ml_rc rc, const ml_err *e, int status,
                     ml_str answer) {
  ml_run *r = t->r;

  if (t->ordering) {
    r->orders = t->order.next;
    order_next(r);
  }
  t->fn(t->arg, rc, e, status, answer);
  taken_free(t);
  busy_end(r);
}

static void refuse(taken *t, ml_rc rc, const char *at, const char *text) {
  ml_err e = {0};

  ml_err_set(&e, rc, at, "%s", text);
  took_end(t, rc, &e, 0, ML_NOSTR);
}

/* ---- whose is it? ---- */

/* bound: the link, or what a spent invitation is sealed for. */
static bool signed_with(taken *t, const ml_partner_said *said, ml_str bound,
                        ml_str sealed) {
  ml_signed got = {said->id, said->timestamp, said->signature};
  ml_buf text = {0};
  ml_err e = {0};
  bool ok;

  if (sealed.p == NULL ||
      !link_open(t->r->conf.secret_key, bound, sealed, t->sign))
    return false;
  ml_sign_put_secret(&text, t->sign);
  ok = !text.bad && ml_sign_verify((ml_str){text.p, text.len}, &got, said->body,
                                   now_wall(t->r), &t->signed_ms, &e) == ML_OK;
  if (text.p != NULL)
    ml_crypto_wipe(text.p, text.len);
  ml_buf_free(&text);
  return ok;
}

typedef struct spent { char text[80]; } spent;

/* What the secret of an accepted invitation is bound to: it is kept for its
** repeat alone, and cannot be taken for a secret of the link. */
static ml_str spent_of(ml_str link, spent *s) {
  snprintf(s->text, sizeof s->text, "%.*s/invitation", (int)link.n, link.p);
  return ml_str_of(s->text);
}

/* Is the secret before the present one still taken?  Never for longer than it
** may be: the clock may have stood ahead when it was replaced. */
static bool takes_before(const ml_row_partner *p, int64_t now) {
  return p->before.p != NULL && now < p->before_ms &&
         p->before_ms - now <= ML_PARTNER_BEFORE_MS;
}

/* By either secret of the link.  One answer for all that is not so: whoever
** has no secret learns nothing, not even which links there are. */
static const ml_row_partner *whose(taken *t, const ml_partner_said *said) {
  const ml_row_partner *p = link_named(t->r, said->link);
  spent s;

  if (p == NULL)
    return NULL;
  if (signed_with(t, said, p->link, p->secret))
    return p;
  if (!takes_before(p, now_wall(t->r)))
    return NULL;
  if (signed_with(t, said, p->link, p->before))
    return p;
  t->invited = signed_with(t, said, spent_of(p->link, &s), p->before);
  return t->invited ? p : NULL;
}

/* ---- an input is done ---- */

static void input_done(void *arg, ml_rc rc, const ml_err *e, int status,
                       const ml_buf *out, bool replayed) {
  taken *t = arg;

  (void)replayed;
  t->in = NULL;                             /* it was the run's */
  if (rc == ML_EXISTS) {
    refuse(t, ML_REFUSED, "", "this request was taken before");
    return;
  }
  took_end(t, rc, e, status, rc == ML_OK ? (ml_str){out->p, out->len}
                                         : ML_NOSTR);
}

static int render_ok(void *arg, const ml_process *p, const ml_flow *f,
                     const ml_made *made, ml_buf *out) {
  (void)arg;
  (void)p;
  (void)f;
  (void)made;
  ml_buf_puts(out, "{}");
  return 200;
}

static int render_process(void *arg, const ml_process *p, const ml_flow *f,
                          const ml_made *made, ml_buf *out) {
  char id[ML_ID_MAX];

  (void)arg;
  (void)f;
  (void)made;
  ml_id_text(id, p->id, 0);
  ml_buf_printf(out, "{\"process\":\"%s\"}", id);
  return 201;
}

/* The input, with key, replay mark and whom to answer.  false: refused. */
static bool input_make(taken *t, ml_event_kind kind) {
  ml_input *in = ml_input_new();
  uint8_t hash[32];
  ml_buf b = {0};

  ml_buf_printf(&b, "partner/%.*s/%.*s", (int)t->link.n, t->link.p,
                (int)t->id.n, t->id.p);
  if (in == NULL || b.bad || ml_sha256(b.p, b.len, hash) != ML_OK) {
    ml_buf_free(&b);
    ml_input_free(in);
    refuse(t, ML_NOMEM, "", "memory is short");
    return false;
  }
  ml_buf_free(&b);
  t->in = in;
  in->ev.kind = kind;
  in->n = t->n;
  memcpy(in->id, t->process, sizeof in->id);
  in->partner = t->partner;
  /* the key alone tells a repeat: the name of an author may have changed
  ** between two attempts, what they ask for has not */
  in->has_key = true;
  memcpy(in->key, hash, sizeof in->key);
  memcpy(in->body_hash, hash + 16, sizeof in->body_hash);
  in->replay = t->replay;
  in->render = render_ok;
  in->done = input_done;
  in->arg = t;
  return true;
}

static void input_go(taken *t) {
  ml_input *in = t->in;

  t->in = NULL;
  ml_run_put(t->r, in);
}

/* The process of ours that a message is about; false: refused. */
static bool find_process(taken *t) {
  ml_str id = ml_json_str(t->said, "process");
  uint32_t no;

  if (id.p == NULL || !ml_id_of(id, t->process, &no) || no != 0) {
    refuse(t, ML_INVALID, "/process", "the id of a process is wanted");
    return false;
  }
  t->n = ml_process_id_n(t->process);
  if (t->n <= 0) {
    refuse(t, ML_REFUSED, "/process", "this process is not shared over this "
           "link");
    return false;
  }
  return true;
}

/* ---- comments ---- */

/* A number of theirs: 1 ... */
static uint32_t their_no(const taken *t) {
  int64_t no = ml_json_int(t->said, "no", 0);

  return no > 0 && no <= UINT32_MAX ? (uint32_t)no : 0;
}

static bool is_said(ml_str text) {
  return text.p != NULL && text.n > 0 && text.n <= ML_COMMENT_MAX &&
         ml_text_utf8(text);
}

static void take_comment(taken *t) {
  ml_str text = ml_json_str(t->said, "text");
  ml_str author = ml_json_str(t->said, "author");
  ml_str vis = ml_json_str(t->said, "visibility");
  const ml_row_partner *p = partner_no(t->r, t->partner);
  uint32_t no = their_no(t);
  char name[201];
  char *who;

  if (no == 0 || !is_said(text)) {
    refuse(t, ML_INVALID, no == 0 ? "/no" : "/text",
           no == 0 ? "the comment's number there is wanted"
                   : "a comment has 1 to 65536 bytes");
    return;
  }
  if (!ml_str_is(vis, "client") && !ml_str_is(vis, "shared")) {
    refuse(t, ML_INVALID, "/visibility", "a comment that crosses is \"client\" "
           "or \"shared\"");
    return;
  }
  if (!find_process(t) || !input_make(t, ML_EV_COMMENTED))
    return;
  ml_text_excerpt(name, sizeof name, author.n > 0 ? author : ML_STR("?"));
  who = ml_arena_printf(&t->in->arena, "%s (%.*s)", name, (int)p->name.n,
                        p->name.p);
  t->in->ev.actor.who = who != NULL ? ml_str_of(who) : ML_NOSTR;
  t->in->ev.text = text;
  t->in->ev.visibility = vis;
  t->in->far = no;
  t->in->said_ms = ml_json_int(t->said, "at", now_wall(t->r));
  input_go(t);
}

static void far_work(void *arg, ml_read *rd) {
  taken *t = arg;

  t->rc = ml_read_comment_far(rd, &t->arena, t->n, t->partner, their_no(t),
                              &t->comment);
}

static void far_done(void *arg) {
  taken *t = arg;

  if (t->rc == ML_NOT_FOUND) {
    refuse(t, ML_CONFLICT, "/no", "there is no comment of that number here yet");
    return;
  }
  if (t->rc != ML_OK) {
    refuse(t, t->rc, "", "the comment cannot be read");
    return;
  }
  if (!input_make(t, ML_EV_COMMENTED))
    return;
  t->in->ev.actor.who = t->comment.who;
  t->in->ev.no = t->comment.no;
  t->in->ev.text = ml_json_str(t->said, "text");
  t->in->ev.visibility = t->comment.visibility;
  input_go(t);
}

/* Its text has changed there, or was taken away. */
static void take_reworded(taken *t, bool unsaid) {
  if (their_no(t) == 0 || (!unsaid && !is_said(ml_json_str(t->said, "text")))) {
    refuse(t, ML_INVALID, their_no(t) == 0 ? "/no" : "/text",
           their_no(t) == 0 ? "the comment's number there is wanted"
                            : "a comment has 1 to 65536 bytes");
    return;
  }
  if (unsaid && ml_json_get(t->said, "text") != NULL) {
    refuse(t, ML_INVALID, "/text", "a comment taken away has no text");
    return;
  }
  if (find_process(t) && ml_run_read(t->r, far_work, far_done, t) != ML_OK)
    refuse(t, ML_NOMEM, "", "memory is short");
}

/* ---- fields ---- */

static const ml_trigger *partner_trigger(const ml_flow *f) {
  for (uint16_t i = 0; f != NULL && i < f->trigger_count; i++)
    if (ml_str_is(f->triggers[i].kind, "partner"))
      return &f->triggers[i];
  return NULL;
}

typedef struct seen {
  taken *t;
  ml_row_process row;
} seen;

static void row_work(void *arg, ml_read *rd) {
  seen *s = arg;

  s->t->rc = ml_read_process(rd, &s->t->arena, s->t->n, &s->row);
}

static void row_done(void *arg) {
  seen *s = arg;
  taken *t = s->t;
  const ml_flow *f = NULL;
  const ml_trigger *tr;

  if (t->rc == ML_OK && memcmp(s->row.id, t->process, 16) == 0)
    f = ml_run_flow(t->r, s->row.bundle, s->row.flow_index);
  tr = partner_trigger(f);
  if (tr == NULL) {
    refuse(t, ML_REFUSED, "/process", "this process is not shared over this "
           "link");
    return;
  }
  if (!input_make(t, ML_EV_EDITED))
    return;
  t->in->ev.actor.who = partner_no(t->r, t->partner)->name;
  t->in->ev.data = ml_json_get(t->said, "fields");
  t->in->ev.form = tr->form;
  t->in->ev.form_count = tr->form_count;
  input_go(t);
}

static void take_fields(taken *t) {
  const ml_json *fields = ml_json_get(t->said, "fields");
  seen *s;

  if (fields == NULL || fields->type != ML_JOBJ) {
    refuse(t, ML_INVALID, "/fields", "an object of field keys is wanted");
    return;
  }
  if (!find_process(t))
    return;
  s = ml_arena_zero(&t->arena, sizeof *s);
  if (s != NULL)
    s->t = t;
  if (s == NULL || ml_run_read(t->r, row_work, row_done, s) != ML_OK)
    refuse(t, ML_NOMEM, "", "memory is short");
}

/* ---- an order: a process is made ---- */

static const ml_row_user *person(const ml_run *r, ml_str email) {
  for (size_t i = 0; i < ml_run_user_count(r); i++) {
    const ml_row_user *u = ml_run_user_at(r, i);

    if (u->active && u->email.p != NULL && ml_str_eq(u->email, email))
      return u;
  }
  return NULL;
}

/* The client's text in a member of "client" (or "author"), or none. */
static ml_str of_client(const taken *t, const char *key) {
  const ml_json *client = ml_json_get(t->said, "client");

  if (client == NULL || client->type != ML_JOBJ)
    client = ml_json_get(t->said, "author");
  return ml_json_str(client, key);
}

/* The field the client goes to, or -1. */
static int client_field(taken *t, const ml_flow *f, const ml_trigger *tr) {
  ml_json *tree = NULL;
  ml_str into;

  if (ml_json_parse(&t->arena, tr->json.p, tr->json.n, NULL, &tree, NULL) !=
      ML_OK)
    return -1;
  into = ml_json_str(tree, "client");
  return into.p != NULL ? ml_flow_field(f, into) : -1;
}

/* The form a partner fills, and the client's field, which we fill. */
static bool order_form(taken *t, const ml_flow *f, const ml_trigger *tr) {
  ml_form_field *form = ml_arena_alloc(&t->in->arena,
                                       sizeof *form * (tr->form_count + 1u));
  int client = client_field(t, f, tr);

  if (form == NULL)
    return false;
  for (uint16_t i = 0; i < tr->form_count; i++)
    form[i] = tr->form[i];
  t->in->ev.form = form;
  t->in->ev.form_count = tr->form_count;
  if (client >= 0)
    form[t->in->ev.form_count++] = (ml_form_field){(uint16_t)client, true,
                                                   false};
  return true;
}

/* The fields of the order, and the client where the workflow wants it. */
static ml_json *order_data(taken *t, const ml_flow *f, const ml_trigger *tr) {
  const ml_json *fields = ml_json_get(t->said, "fields");
  int client = client_field(t, f, tr);
  ml_json *v = NULL;
  ml_buf b = {0};
  ml_jw w;

  ml_jw_init(&w, &b);
  ml_jw_obj(&w);
  for (uint32_t i = 0; fields != NULL && i < fields->count; i++) {
    ml_jw_keyn(&w, fields->obj[i].key);
    ml_jw_json(&w, &fields->obj[i].value);
  }
  if (client >= 0) {
    ml_jw_keyn(&w, f->fields[client].id);
    ml_jw_obj(&w);
    ml_jw_kint(&w, "contact", t->contact.no);
    ml_jw_kstr(&w, "name", t->contact.name);
    ml_jw_kstr(&w, "email", t->contact.email);
    ml_jw_kstr(&w, "phone", t->contact.phone);
    ml_jw_end(&w);
  }
  ml_jw_end(&w);
  if (b.bad || ml_json_parse(&t->arena, b.p, b.len, NULL, &v, NULL) != ML_OK)
    v = NULL;
  ml_buf_free(&b);
  return v;
}

/* Every key must be one that the form lets a partner fill. */
static bool keys_are_known(taken *t, const ml_flow *f, const ml_trigger *tr) {
  const ml_json *fields = ml_json_get(t->said, "fields");
  char at[160], text[260];

  if (fields == NULL)
    return true;
  if (fields->type != ML_JOBJ) {
    refuse(t, ML_INVALID, "/fields", "an object of field keys is wanted");
    return false;
  }
  for (uint32_t i = 0; i < fields->count; i++) {
    int no = ml_flow_field(f, fields->obj[i].key);
    bool may = false;

    for (uint16_t k = 0; k < tr->form_count; k++)
      may = may || (tr->form[k].field == no && tr->form[k].edit);
    if (no >= 0 && may)
      continue;
    snprintf(at, sizeof at, "/fields/%.*s",
             (int)(fields->obj[i].key.n > 100 ? 100 : fields->obj[i].key.n),
             fields->obj[i].key.p);
    snprintf(text, sizeof text, "workflow '%.*s' has no field '%.*s' that a "
             "partner may fill", (int)f->name.n, f->name.p,
             (int)(fields->obj[i].key.n > 80 ? 80 : fields->obj[i].key.n),
             fields->obj[i].key.p);
    refuse(t, ML_INVALID, at, text);
    return false;
  }
  return true;
}

static const ml_workflow *order_workflow(taken *t) {
  ml_str name = ml_json_str(t->said, "workflow");
  const ml_workflow *wf = name.p != NULL ? ml_run_workflow(t->r, name) : NULL;
  char text[200];

  if (wf != NULL && wf->flow != NULL && partner_trigger(wf->flow) != NULL)
    return wf;
  snprintf(text, sizeof text, "there is no workflow '%.*s' that a partner may "
           "start", (int)(name.n > 80 ? 80 : name.n),
           name.p != NULL ? name.p : "");
  refuse(t, ML_INVALID, "/workflow", text);
  return NULL;
}

/* Contacts have been looked at: make the process. */
static void order_go(taken *t) {
  const ml_workflow *wf = order_workflow(t);
  const ml_trigger *tr;
  const ml_row_user *u;
  ml_str far, state, email;
  ml_row_share *share;
  char text[300];

  if (wf == NULL)
    return;                                 /* refused: t is gone */
  far = ml_json_str(t->said, "process");
  state = ml_json_str(t->said, "state");
  email = ml_json_str(t->said, "person");
  tr = partner_trigger(wf->flow);
  u = email.p != NULL ? person(t->r, email) : NULL;
  if (u == NULL) {
    snprintf(text, sizeof text, "nobody here has the address '%.*s'",
             (int)(email.n > 120 ? 120 : email.n),
             email.p != NULL ? email.p : "");
    refuse(t, ML_INVALID, "/person", text);
    return;
  }
  if (state.p != NULL && ml_flow_state(wf->flow, state) < 0) {
    snprintf(text, sizeof text, "workflow '%.*s' has no state '%.*s'",
             (int)wf->name.n, wf->name.p, (int)(state.n > 80 ? 80 : state.n),
             state.p);
    refuse(t, ML_INVALID, "/state", text);
    return;
  }
  if (!keys_are_known(t, wf->flow, tr) || !input_make(t, ML_EV_STARTED))
    return;
  share = ml_arena_zero(&t->in->arena, sizeof *share);
  if (share == NULL) {
    refuse(t, ML_NOMEM, "", "memory is short");
    return;
  }
  *share = (ml_row_share){.partner = t->partner, .far = far,
                          .client_only = ml_json_bool(t->said, "client_only",
                                                      false)};
  t->in->n = 0;
  t->in->workflow = wf->name;
  t->in->trigger = tr->name;
  t->in->ev.state = state;
  t->in->ev.assign = u->id;
  t->in->ev.subject = ml_json_str(t->said, "subject");
  t->in->ev.actor.who = partner_no(t->r, t->partner)->name;
  t->in->ev.data = order_data(t, wf->flow, tr);
  t->in->share = share;
  t->in->contact = &t->contact;
  t->in->render = render_process;
  if (t->in->ev.data == NULL || !order_form(t, wf->flow, tr))
    refuse(t, ML_NOMEM, "", "memory is short");
  else
    input_go(t);
}

static void contact_work(void *arg, ml_read *rd) {
  taken *t = arg;
  ml_str email = of_client(t, "email"), phone = of_client(t, "phone");
  ml_row_share share;

  t->rc = ml_read_share_far(rd, &t->arena, t->partner,
                            ml_json_str(t->said, "process"), &share);
  if (t->rc == ML_OK)
    t->rc = ml_read_process(rd, &t->arena, share.n, &t->here);
  if (t->rc != ML_NOT_FOUND)
    return;
  t->rc = ml_read_contact(rd, &t->arena, email, phone, &t->contact);
  if (t->rc == ML_NOT_FOUND)
    t->rc = ml_read_contact_last(rd, &t->contact_last);
}

/* The order was taken before, under another key or this one: it is there. */
static void ordered_before(void *arg, ml_rc rc, const ml_err *e) {
  taken *t = arg;
  char id[ML_ID_MAX], answer[ML_ID_MAX + 20];

  if (rc == ML_EXISTS) {
    refuse(t, ML_REFUSED, "", "this request was taken before");
  } else if (rc != ML_OK) {
    took_end(t, rc, e, 0, ML_NOSTR);
  } else {
    ml_id_text(id, t->here.id, 0);
    snprintf(answer, sizeof answer, "{\"process\":\"%s\"}", id);
    took_end(t, ML_OK, NULL, 200, ml_str_of(answer));
  }
}

static void contact_done(void *arg) {
  taken *t = arg;
  ml_run *r = t->r;

  if (t->rc != ML_OK) {
    refuse(t, t->rc, "", "contacts cannot be read");
    return;
  }
  if (t->here.n != 0) {                     /* it makes nothing: its mark alone */
    ml_run_replay(r, &t->replay, ordered_before, t);
    return;
  }
  if (t->contact.no == 0) {                 /* a new one, or one being made */
    if (r->contact_last < t->contact_last)
      r->contact_last = t->contact_last;
    t->contact = (ml_row_contact){++r->contact_last, of_client(t, "name"),
                                  of_client(t, "email"), of_client(t, "phone")};
  }
  order_go(t);
}

static void order_next(ml_run *r) {
  taken *t = r->orders != NULL ? r->orders->t : NULL;

  if (t == NULL)
    r->orders_end = &r->orders;
  else if (ml_run_read(r, contact_work, contact_done, t) != ML_OK)
    refuse(t, ML_NOMEM, "", "memory is short");
}

static void take_order(taken *t) {
  ml_str far = ml_json_str(t->said, "process");
  uint8_t id[16];
  uint32_t no;

  if (far.p == NULL || !ml_id_of(far, id, &no) || no != 0) {
    refuse(t, ML_INVALID, "/process", "the id of the process there is wanted");
    return;
  }
  t->order.t = t;
  t->ordering = true;
  *t->r->orders_end = &t->order;
  t->r->orders_end = &t->order.next;
  if (t->r->orders == &t->order)
    order_next(t->r);
}

/* ---- about the link itself ---- */

static void link_done(void *arg, ml_rc rc, const ml_err *e, ml_str text) {
  taken *t = arg;

  (void)text;
  took_end(t, rc, e, 200, ML_STR("{}"));
}

/* The secret a message brings, sealed with the one that signed it. */
static bool brought_secret(taken *t, uint8_t secret[LINK_SECRET]) {
  ml_str s = ml_json_str(t->said, "secret");
  ml_buf b = {0};
  bool ok = s.p != NULL && ml_text_base64(&b, s, true) == ML_OK &&
            link_open(t->sign, t->link, (ml_str){b.p, b.len}, secret);

  ml_buf_free(&b);
  return ok;
}

/* Does the row hold that secret already?  Then this is a repeat. */
static bool has_secret(const taken *t, const ml_row_partner *p,
                       const uint8_t secret[LINK_SECRET]) {
  uint8_t mine[LINK_SECRET];
  bool same = link_open(t->r->conf.secret_key, p->link, p->secret, mine) &&
              ml_crypto_eq(mine, secret, LINK_SECRET);

  ml_crypto_wipe(mine, sizeof mine);
  return same;
}

static void take_secret(taken *t, bool accepting) {
  const ml_row_partner *p = partner_no(t->r, t->partner);
  ml_str url = ml_json_str(t->said, "url");
  uint8_t secret[LINK_SECRET];
  bool starved = false;
  linking *k;
  spent s;

  if (!brought_secret(t, secret) ||
      (accepting && (url.p == NULL || url.n < 8 || url.n > 500))) {
    refuse(t, ML_INVALID, "/secret", "the message does not hold what it should");
    return;
  }
  if (has_secret(t, p, secret)) {           /* its answer was lost */
    took_end(t, ML_OK, NULL, 200, ML_STR("{}"));
    return;
  }
  if (p->state != (accepting ? ML_LINK_INVITED : ML_LINK_ACTIVE)) {
    refuse(t, ML_REFUSED, "", accepting ? "this invitation was accepted before"
                                        : "the link is not active");
    return;
  }
  k = linking_new(t->r, p, link_done, t);
  if (k == NULL)
    return;
  linking_row(k)->before =
    accepting ? link_seal(t->r, linking_arena(k), t->r->conf.secret_key,
                          spent_of(t->link, &s), t->sign)
              : linking_row(k)->secret;
  linking_row(k)->before_ms = now_wall(t->r) + ML_PARTNER_BEFORE_MS;
  linking_row(k)->secret = link_seal(t->r, linking_arena(k),
                                     t->r->conf.secret_key, t->link, secret);
  linking_row(k)->state = ML_LINK_ACTIVE;
  if (accepting)
    linking_row(k)->url = arena_str(linking_arena(k), url, &starved);
  ml_crypto_wipe(secret, sizeof secret);
  if (starved || linking_row(k)->secret.p == NULL ||
      linking_row(k)->before.p == NULL)
    link_fail(k, ML_NOMEM, "memory is short");
  else
    link_write(k, accepting ? "accepted" : "rotated", ML_NOSTR, NULL);
}

static void take_revoke(taken *t) {
  linking *k = linking_new(t->r, partner_no(t->r, t->partner), link_done, t);

  if (k == NULL)
    return;
  linking_row(k)->state = ML_LINK_REVOKED;
  linking_row(k)->secret = linking_row(k)->before = ML_NOSTR;
  linking_row(k)->before_ms = 0;
  link_write(k, "revoked", ML_NOSTR, NULL);
}

/* ---- by its type ---- */

/* A request about the link itself: its mark first, for it makes no process. */
static void marked(void *arg, ml_rc rc, const ml_err *e) {
  taken *t = arg;
  ml_str type = ml_json_str(t->said, "type");

  if (rc == ML_EXISTS)
    refuse(t, ML_REFUSED, "", "this request was taken before");
  else if (rc != ML_OK)
    took_end(t, rc, e, 0, ML_NOSTR);
  else if (ml_str_is(type, "revoke"))
    take_revoke(t);
  else
    take_secret(t, ml_str_is(type, "accept"));
}

static void take_said(taken *t) {
  ml_str type = ml_json_str(t->said, "type");
  const ml_row_partner *p = partner_no(t->r, t->partner);

  if (ml_str_is(type, "accept"))
    ml_run_replay(t->r, &t->replay, marked, t);
  else if (t->invited)           /* a code opens nothing once it was accepted */
    took_end(t, ML_REFUSED, NULL, 401, ML_NOSTR);
  else if (p->state != ML_LINK_ACTIVE)
    refuse(t, ML_REFUSED, "", "the link is not active");
  else if (ml_str_is(type, "order"))
    take_order(t);
  else if (ml_str_is(type, "comment"))
    take_comment(t);
  else if (ml_str_is(type, "reworded"))
    take_reworded(t, false);
  else if (ml_str_is(type, "unsaid"))
    take_reworded(t, true);
  else if (ml_str_is(type, "fields"))
    take_fields(t);
  else if (ml_str_is(type, "rotate") || ml_str_is(type, "revoke"))
    ml_run_replay(t->r, &t->replay, marked, t);
  else
    refuse(t, ML_INVALID, "/type", "accept, order, comment, reworded, unsaid, "
           "fields, rotate or revoke is wanted");
}

void ml_partner_take(ml_run *r, const ml_partner_said *said,
                     ml_partner_took_fn *fn, void *arg) {
  taken *t = ml_mem_zero(sizeof *t);
  const ml_row_partner *p;
  bool starved = false;
  char *once, *scope;
  ml_err e = {0};

  if (t == NULL) {
    ml_err_set(&e, ML_NOMEM, "", "memory is short");
    fn(arg, ML_NOMEM, &e, 0, ML_NOSTR);
    return;
  }
  owed_add(r, &t->owed, taken_forget);
  t->r = r;
  t->fn = fn;
  t->arg = arg;
  r->busy++;
  p = whose(t, said);
  if (p == NULL) {
    took_end(t, ML_REFUSED, NULL, 401, ML_NOSTR);
    return;
  }
  t->partner = p->no;
  t->link = arena_str(&t->arena, said->link, &starved);
  t->id = arena_str(&t->arena, said->id, &starved);
  t->body = arena_str(&t->arena, said->body, &starved);
  once = ml_arena_printf(&t->arena, "%.*s@%lld", (int)said->id.n, said->id.p,
                         (long long)(t->signed_ms / 1000));
  scope = ml_arena_printf(&t->arena, "partner/%.*s", (int)said->link.n,
                          said->link.p);
  if (once == NULL || scope == NULL || starved) {
    refuse(t, ML_NOMEM, "", "memory is short");
    return;
  }
  /* a repeat of ours has the same id and another moment; a copy has both */
  t->replay = (ml_replay){ml_str_of(scope), ml_str_of(once),
                          ml_sign_until(t->signed_ms)};
  if (ml_json_parse(&t->arena, t->body.p, t->body.n, NULL, &t->said, &e) !=
          ML_OK || t->said->type != ML_JOBJ) {
    refuse(t, ML_INVALID, "", "the body is no JSON object");
    return;
  }
  take_said(t);
}
