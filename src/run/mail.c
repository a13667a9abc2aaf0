/*
** mail.c - mails: made with the commit of what they tell of, sent by the outbox.
**
** Two things make mails: a script's ctx:mail, whose entry of the journal and
** whose messages are written together, so neither is there without the other;
** and a workflow's `notify`, one mail for its start, each end of an activity
** and each reset, with the whole state as it is after that event.
**
** A notification goes to the first of who is named by `to` that may be written
** to: an object {"email","active":true,"emailVerified":true} in a field, or the
** id of one of our users who is active and has an address.  None: no mail.
**
** The template is the text setting of that name, as the operator has it now,
** else its default.  An empty one: no mail.  What cannot become a mail is put
** aside in the outbox with its reason, where an operator sees it.
**
** The body of a message: {"to","subject","body"}, or {"to","fault"}.
*/
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "model/template.h"
#include "net/mail_text.h"
#include "run/inside.h"

enum { ATTEMPTS = 20, CAP_MS = 3600000, QUEUE_MAX = 300 };

/* ---- making ---- */

/* The template of that name; none with *fault when there is none. */
static ml_str template_of(ml_run *r, ml_arena *a, const ml_flow *f, ml_str name,
                          const char **fault) {
  int i = ml_flow_setting(f, name);
  ml_str json = i >= 0 ? ml_run_setting(r, a, f->name, name) : ML_NOSTR;
  ml_json *v = NULL;

  *fault = NULL;
  if (i < 0 || f->settings[i].type != ML_F_TEXT) {
    *fault = "the workflow has no text setting of the template's name";
    return ML_NOSTR;
  }
  if (json.p == NULL)
    json = f->settings[i].dflt;
  if (json.p == NULL)
    return ML_STR("");
  if (ml_json_parse(a, json.p, json.n, NULL, &v, NULL) != ML_OK ||
      v->type != ML_JSTR)
    *fault = "the template could not be read";
  return v != NULL ? v->s : ML_NOSTR;
}

static bool is_blank(ml_str s) {
  for (size_t i = 0; i < s.n; i++)
    if (strchr(" \t\r\n", s.p[i]) == NULL)
      return false;
  return true;
}

typedef struct letter {
  ml_buf subject, body;
  char fault[900];               /* "" when it is one */
} letter;

static void letter_free(letter *l) {
  ml_buf_free(&l->subject);
  ml_buf_free(&l->body);
}

/* Fill in the template.  false: it is empty, no mail is wanted. */
static bool fill(ml_run *r, ml_arena *a, const ml_flow *f, ml_str name,
                 const ml_json *data, letter *l) {
  const char *fault;
  ml_str text = template_of(r, a, f, name, &fault);
  ml_err e = {0};

  if (fault != NULL) {
    snprintf(l->fault, sizeof l->fault, "%s: '%.*s'", fault,
             (int)(name.n > 100 ? 100 : name.n), name.p);
  } else if (is_blank(text)) {
    return false;
  } else if (ml_template_check(text, &e) != ML_OK) {
    snprintf(l->fault, sizeof l->fault, "template '%.*s', %s: %s",
             (int)(name.n > 100 ? 100 : name.n), name.p, e.at, e.text);
  } else {
    ml_template_fill(text, data, &l->subject, &l->body);
  }
  return true;
}

static void post_letter(proc *pr, const letter *l, ml_str to, ml_str key,
                        int64_t now_ms) {
  char queue[QUEUE_MAX];
  ml_buf b = {0};
  ml_jw w;

  ml_jw_init(&w, &b);
  ml_jw_obj(&w);
  ml_jw_kstr(&w, "to", to);
  if (l->fault[0] != '\0') {
    ml_jw_kstrz(&w, "fault", l->fault);
  } else {
    ml_jw_kstr(&w, "subject", (ml_str){l->subject.p != NULL ? l->subject.p : "",
                                       l->subject.len});
    ml_jw_kstr(&w, "body", (ml_str){l->body.p != NULL ? l->body.p : "",
                                    l->body.len});
  }
  ml_jw_end(&w);
  snprintf(queue, sizeof queue, "mail:%.*s",
           (int)(to.n > ML_MAIL_ADDRESS_MAX ? ML_MAIL_ADDRESS_MAX : to.n), to.p);
  if (b.bad || l->subject.bad || l->body.bad)
    pr->load->starved = true;
  else
    load_post(pr->load, &(ml_row_post){
        .kind = ML_POST_MAIL, .queue = ml_str_of(queue), .n = pr->n, .key = key,
        .at_ms = now_ms, .due_ms = now_ms, .body = {b.p, b.len}});
  ml_buf_free(&b);
}

/* ---- ctx:mail ---- */

static bool letter_of_want(ml_run *r, proc *pr, ml_arena *a, const ml_json *want,
                           letter *l) {
  ml_str name = ml_json_str(want, "template");
  ml_str subject = ml_json_str(want, "subject"), body = ml_json_str(want, "body");

  if (name.p != NULL)
    return fill(r, a, pr->f, name, ml_json_get(want, "data"), l);
  if (subject.p == NULL || body.p == NULL)
    snprintf(l->fault, sizeof l->fault, "it has no subject or no body");
  else
    ml_buf_put(&l->subject, subject.p, subject.n);
  if (body.p != NULL)
    ml_buf_put(&l->body, body.p, body.n);
  return true;
}

ml_rc mail_of_entry(ml_run *r, proc *pr, const ml_effect *ef) {
  load *l = load_of(pr);
  ml_arena a = {0};
  ml_json *want = NULL;
  const ml_json *to;
  letter mail = {0};
  char id[ML_ID_MAX];

  if (l == NULL)
    return ML_NOMEM;
  ml_id_text(id, pr->p->id, ef->no);
  if (ml_json_parse(&a, ef->text.p, ef->text.n, NULL, &want, NULL) == ML_NOMEM)
    l->starved = true;
  to = ml_json_get(want, "to");
  if (to != NULL && to->type == ML_JARR && letter_of_want(r, pr, &a, want, &mail))
    for (uint32_t i = 0; i < to->count; i++) {
      char *key = ml_arena_printf(&a, "%s.%.*s.%u", id, (int)ef->call.n,
                                  ef->call.p, i + 1);

      if (key == NULL)
        l->starved = true;
      else if (to->arr[i].type == ML_JSTR)
        post_letter(pr, &mail, to->arr[i].s, ml_str_of(key), now_wall(r));
    }
  letter_free(&mail);
  ml_arena_free(&a);
  return l->starved ? ML_NOMEM : ML_OK;
}

/* ---- notify ---- */

static bool may_be_written_to(const ml_json *v, ml_str *address) {
  *address = ml_json_str(v, "email");
  return address->p != NULL && ml_mail_is_address(*address) &&
         ml_json_bool(v, "active", false) &&
         ml_json_bool(v, "emailVerified", false);
}

/* What a path leads to in the process's fields; NULL: nothing. */
static const ml_json *value_at(const proc *pr, ml_arena *a, ml_str path) {
  const char *dot = memchr(path.p, '.', path.n);
  ml_str field = {path.p, dot != NULL ? (size_t)(dot - path.p) : path.n};
  int i = ml_flow_field(pr->f, field);
  ml_json *v = NULL;
  const ml_json *at;

  if (i < 0 || pr->p->data[i].p == NULL ||
      ml_json_parse(a, pr->p->data[i].p, pr->p->data[i].n, NULL, &v, NULL) !=
          ML_OK)
    return NULL;
  for (at = v; dot != NULL && at != NULL;) {
    const char *from = dot + 1, *end = path.p + path.n;
    char key[100];
    size_t n;

    dot = memchr(from, '.', (size_t)(end - from));
    n = (size_t)((dot != NULL ? dot : end) - from);
    if (n >= sizeof key)
      return NULL;
    memcpy(key, from, n);
    key[n] = '\0';
    at = ml_json_get(at, key);
  }
  return at;
}

static ml_str receiver(ml_run *r, const proc *pr, ml_arena *a) {
  for (uint16_t i = 0; i < pr->f->notify_to_count; i++) {
    const ml_json *v = value_at(pr, a, pr->f->notify_to[i]);
    const ml_row_user *user = v != NULL && v->type == ML_JSTR
        ? ml_run_user(r, v->s) : NULL;
    ml_str address;

    if (user != NULL && user->active && ml_mail_is_address(user->email))
      return user->email;
    if (v != NULL && v->type == ML_JOBJ && may_be_written_to(v, &address))
      return address;
  }
  return ML_NOSTR;
}

static const char *event_name(ml_told told) {
  switch (told) {
    case ML_TOLD_STARTED: return "started";
    case ML_TOLD_SUCCEEDED: return "Success";
    case ML_TOLD_FAILED: return "Failure";
    case ML_TOLD_BROKE: return "Error";
    case ML_TOLD_RESET: return "reset";
    default: return NULL;
  }
}

/* Where an activity of the workflow's own list stands: one that is not in
** memory has ended with its phase, or has not begun. */
static const char *status_of(const proc *pr, uint16_t def, ml_str *message) {
  const ml_process *p = pr->p;
  uint16_t phase = pr->f->activities[def].phase;

  *message = ML_NOSTR;
  for (uint32_t i = 0; i < p->act_count; i++)
    if (p->acts[i].def == def && !p->acts[i].aside) {
      *message = p->acts[i].message;
      return ml_acts_name(p->acts[i].status);
    }
  if (p->status == ML_COMPLETED || (p->strand_count > 0 &&
                                    phase < p->strands[0].phase))
    return ml_acts_name(ML_ACT_SUCCESS);
  return ml_acts_name(ML_ACT_NEW);
}

static void put_activities(const proc *pr, ml_buf *b) {
  for (uint16_t i = 0; i < pr->f->activity_count; i++) {
    const ml_activity *def = &pr->f->activities[i];
    const ml_phase *ph = &pr->f->phases[def->phase];
    ml_str message;
    const char *status = status_of(pr, i, &message);

    ml_buf_printf(b, "%.*s / %.*s: %s", (int)ph->name.n, ph->name.p,
                  (int)def->label.n, def->label.p, status);
    if (message.p != NULL && message.n > 0)
      ml_buf_printf(b, " (%.*s)", (int)(message.n > 300 ? 300 : message.n),
                    message.p);
    ml_buf_putc(b, '\n');
  }
}

static void put_fields(const proc *pr, ml_jw *w) {
  ml_jw_key(w, "data");
  ml_jw_obj(w);
  for (uint16_t i = 0; i < pr->f->field_count; i++)
    if (pr->p->data[i].p != NULL && !pr->f->fields[i].sealed) {
      ml_jw_keyn(w, pr->f->fields[i].id);
      ml_jw_raw(w, pr->p->data[i]);
    }
  ml_jw_end(w);
}

static void put_state(const proc *pr, const ml_record *rec, ml_buf *out) {
  char id[ML_ID_MAX];
  ml_buf list = {0};
  ml_jw w;

  ml_id_text(id, pr->p->id, 0);
  put_activities(pr, &list);
  ml_jw_init(&w, out);
  ml_jw_obj(&w);
  ml_jw_kstrz(&w, "event", event_name(rec->told));
  ml_jw_kstr(&w, "activity",
             rec->def >= 0 && rec->told != ML_TOLD_STARTED &&
                     rec->told != ML_TOLD_RESET
                 ? pr->f->activities[rec->def].label : ML_NOSTR);
  ml_jw_kstr(&w, "message", rec->text);
  ml_jw_kstr(&w, "workflow", pr->f->name);
  ml_jw_kstrz(&w, "process", id);
  ml_jw_kstr(&w, "subject", pr->p->subject);
  ml_jw_kstrz(&w, "run", ml_runs_name(pr->p->run));
  ml_jw_kstr(&w, "activities", (ml_str){list.p != NULL ? list.p : "", list.len});
  put_fields(pr, &w);
  ml_jw_end(&w);
  if (list.bad)
    out->bad = true;
  ml_buf_free(&list);
}

static void notify_one(ml_run *r, proc *pr, const ml_record *rec, uint64_t seq,
                       ml_str to, int64_t now_ms) {
  ml_arena a = {0};
  ml_buf state = {0};
  ml_json *data = NULL;
  letter l = {0};
  char id[ML_ID_MAX], *key;

  ml_id_text(id, pr->p->id, 0);
  put_state(pr, rec, &state);
  key = ml_arena_printf(&a, "%s.notify.%llu", id, (unsigned long long)seq);
  if (state.bad || key == NULL ||
      ml_json_parse(&a, state.p, state.len, NULL, &data, NULL) != ML_OK)
    pr->load->starved = true;
  else if (fill(r, &a, pr->f, pr->f->notify, data, &l))
    post_letter(pr, &l, to, ml_str_of(key), now_ms);
  letter_free(&l);
  ml_buf_free(&state);
  ml_arena_free(&a);
}

void mail_notify(ml_run *r, proc *pr, const ml_made *m, int64_t now_ms) {
  uint64_t seq = pr->p->seq - m->record_count;
  ml_arena a = {0};
  ml_str to;

  if (pr->f->notify.p == NULL || pr->load == NULL)
    return;
  to = receiver(r, pr, &a);
  for (size_t i = 0; i < m->record_count && to.p != NULL; i++)
    if (event_name(m->records[i].told) != NULL)
      notify_one(r, pr, &m->records[i], seq + i + 1, to, now_ms);
  ml_arena_free(&a);
}

/* ---- sending ---- */

static void sent(void *arg, const ml_mail_answer *answer) {
  post *p = arg;

  if (answer->end == ML_MAIL_TAKEN)
    outbox_end(p, ML_POST_DONE, NULL);
  else if (answer->end == ML_MAIL_REFUSED)
    outbox_end(p, ML_POST_ASIDE, answer->why);
  else
    outbox_again(p, answer->why, -1);
}

/* The message as bytes and its envelope; ML_OK, or a sentence. */
static ml_rc write_message(ml_run *r, ml_arena *a, const ml_row_post *row,
                           ml_mail_call *call, ml_buf *bytes, ml_err *e) {
  ml_json *v = NULL;
  ml_str name, fault;
  ml_rc rc = ml_json_parse(a, row->body.p, row->body.n, NULL, &v, e);
  ml_mail_text text = {.from = r->conf.mail_from, .key = row->key,
                       .at_ms = row->at_ms};

  if (rc != ML_OK)
    return rc;
  fault = ml_json_str(v, "fault");
  if (fault.p != NULL)
    return ml_err_set(e, ML_INVALID, "", "%.*s", (int)fault.n, fault.p);
  text.to = ml_json_str(v, "to");
  text.subject = ml_json_str(v, "subject");
  text.body = ml_json_str(v, "body");
  rc = ml_mail_write(bytes, &text, e);
  if (rc == ML_OK)
    rc = ml_mail_mailbox(text.from, &name, &call->from, e);
  if (rc == ML_OK)
    rc = ml_mail_mailbox(text.to, &name, &call->to, e);
  call->message = (ml_str){bytes->p, bytes->len};
  return rc;
}

static void send_post(post *p) {
  ml_run *r = outbox_run(p);
  ml_mail_call call = {.server = r->conf.mail_server};
  ml_arena a = {0};
  ml_buf bytes = {0};
  ml_err e = {0};
  ml_rc rc;

  if (r->conf.mail == NULL) {
    outbox_end(p, ML_POST_ASIDE, "no mail server is configured: set mail_url and "
               "mail_from, then resend it");
    return;
  }
  rc = write_message(r, &a, outbox_row(p), &call, &bytes, &e);
  if (rc == ML_OK)
    rc = r->conf.mail->send(r->conf.mail, &call, sent, p, &e);
  if (rc == ML_NOMEM)
    outbox_again(p, "memory is short", -1);
  else if (rc != ML_OK)
    outbox_end(p, ML_POST_ASIDE, e.text);
  ml_buf_free(&bytes);
  ml_arena_free(&a);
}

void mail_begin(ml_run *r) {
  outbox_sender(r, ML_POST_MAIL, &(outbox_kind){send_post, ATTEMPTS, CAP_MS});
}
