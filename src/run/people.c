/*
** people.c - the small tables: lanes, members, users, tokens, settings.
**
** Held whole in memory, written through and read again after each write.
** Secrets lie sealed (AES-256-GCM) and are opened only for what is sent.
*/
#include <string.h>

#include "base/crypto.h"
#include "model/field.h"
#include "model/template.h"
#include "run/inside.h"

typedef struct reading {
  ml_run *r;
  people next;
  reread_done *done;
  void *arg;
  ml_rc rc;
} reading;

static void work(void *arg, ml_read *rd) {
  reading *x = arg;
  people *p = &x->next;
  ml_rc rc = ml_read_lanes(rd, &p->arena, &p->lanes, &p->lane_count);

  if (rc == ML_OK)
    rc = ml_read_members(rd, &p->arena, &p->members, &p->member_count);
  if (rc == ML_OK)
    rc = ml_read_users(rd, &p->arena, &p->users, &p->user_count);
  if (rc == ML_OK)
    rc = ml_read_tokens(rd, &p->arena, &p->tokens, &p->token_count);
  if (rc == ML_OK)
    rc = ml_read_partners(rd, &p->arena, &p->partners, &p->partner_count);
  if (rc == ML_OK)
    rc = ml_read_settings(rd, &p->arena, ML_NOSTR, &p->settings,
                          &p->setting_count);
  if (rc == ML_OK)
    rc = ml_read_webhooks(rd, &p->arena, &p->webhooks, &p->webhook_count);
  x->rc = rc;
}

static void done(void *arg) {
  reading *x = arg;
  ml_run *r = x->r;

  if (x->rc == ML_OK) {
    ml_arena_free(&r->people.arena);
    r->people = x->next;
    bundle_man(r);
  } else {
    ml_arena_free(&x->next.arena);
  }
  x->done(r, x->arg, x->rc);
  ml_mem_free(x);
  busy_end(r);
}

void people_read(ml_run *r, reread_done *fn, void *arg) {
  reading *x = ml_mem_zero(sizeof *x);

  if (x != NULL) {
    x->r = r;
    x->done = fn;
    x->arg = arg;
    r->busy++;
    if (ml_run_read(r, work, done, x) == ML_OK)
      return;
    r->busy--;
    ml_mem_free(x);
  }
  fn(r, arg, ML_NOMEM);
}

uint32_t ml_run_lane_no(const ml_run *r, ml_str workflow, ml_str lane) {
  for (size_t i = 0; i < r->people.lane_count; i++)
    if (ml_str_eq(r->people.lanes[i].lane, lane) &&
        ml_str_eq(r->people.lanes[i].workflow, workflow))
      return r->people.lanes[i].no;
  return 0;
}

const ml_row_lane *ml_run_lane(const ml_run *r, uint32_t no) {
  for (size_t i = 0; i < r->people.lane_count; i++)
    if (r->people.lanes[i].no == no)
      return &r->people.lanes[i];
  return NULL;
}

const ml_row_user *ml_run_user(const ml_run *r, ml_str id) {
  for (size_t i = 0; i < r->people.user_count; i++)
    if (ml_str_eq(r->people.users[i].id, id))
      return &r->people.users[i];
  return NULL;
}

const ml_row_token *ml_run_token(const ml_run *r, ml_str id) {
  for (size_t i = 0; i < r->people.token_count; i++)
    if (ml_str_eq(r->people.tokens[i].id, id))
      return &r->people.tokens[i];
  return NULL;
}

size_t ml_run_user_count(const ml_run *r) { return r->people.user_count; }

const ml_row_user *ml_run_user_at(const ml_run *r, size_t i) {
  return i < r->people.user_count ? &r->people.users[i] : NULL;
}

size_t ml_run_token_count(const ml_run *r) { return r->people.token_count; }

const ml_row_token *ml_run_token_at(const ml_run *r, size_t i) {
  return i < r->people.token_count ? &r->people.tokens[i] : NULL;
}

bool ml_run_member(const ml_run *r, uint32_t lane, ml_str user) {
  for (size_t i = 0; i < r->people.member_count; i++)
    if (r->people.members[i].lane == lane &&
        ml_str_eq(r->people.members[i].user, user))
      return true;
  return false;
}

size_t ml_run_lanes_of(const ml_run *r, const ml_flow *f, ml_str user,
                       int16_t *out, size_t max) {
  size_t n = 0;

  for (uint16_t i = 0; i < f->lane_count && n < max; i++) {
    uint32_t no = ml_run_lane_no(r, f->name, f->lanes[i].id);

    if (no != 0 && ml_run_member(r, no, user))
      out[n++] = (int16_t)i;
  }
  return n;
}

size_t ml_run_lane_nos_of(const ml_run *r, ml_str user, uint32_t *out,
                          size_t max) {
  size_t n = 0;

  for (size_t i = 0; i < r->people.member_count && n < max; i++)
    if (ml_str_eq(r->people.members[i].user, user))
      out[n++] = r->people.members[i].lane;
  return n;
}

/* Which lanes have members, for every flow: the engine is handed it. */
void bundle_man(ml_run *r) {
  for (size_t i = 0; i < r->bundle_count; i++) {
    bundle *b = r->bundles[i];

    for (size_t k = 0; k < b->flow_count; k++)
      for (uint16_t l = 0; l < b->flows[k]->lane_count; l++) {
        uint32_t no = ml_run_lane_no(r, b->flows[k]->name,
                                     b->flows[k]->lanes[l].id);
        bool any = false;

        for (size_t m = 0; m < r->people.member_count && !any; m++)
          any = r->people.members[m].lane == no;
        b->manned[k][l] = any;
      }
  }
}

/* ---- settings ---- */

static const ml_row_setting *setting_row(const ml_run *r, ml_str workflow,
                                         ml_str key) {
  for (size_t i = 0; i < r->people.setting_count; i++)
    if (ml_str_eq(r->people.settings[i].workflow, workflow) &&
        ml_str_eq(r->people.settings[i].key, key))
      return &r->people.settings[i];
  return NULL;
}

/* What a sealed value belongs to: it opens nowhere else. */
static ml_str seal_context(ml_arena *a, ml_str workflow, ml_str key) {
  char *s = ml_arena_printf(a, "setting/%.*s/%.*s", (int)workflow.n, workflow.p,
                            (int)key.n, key.p);

  return s != NULL ? ml_str_of(s) : ML_NOSTR;
}

static ml_str open_secret(ml_run *r, ml_arena *a, const ml_row_setting *row) {
  ml_str more = seal_context(a, row->workflow, row->key);
  ml_buf out = {0};
  ml_str v = ML_NOSTR;

  if (more.p == NULL || row->value.n < ML_AES_NONCE_LEN + ML_AES_TAG_LEN)
    return v;
  if (ml_aes_gcm_open(&out, r->conf.secret_key,
                      (const uint8_t *)row->value.p, more,
                      (ml_str){row->value.p + ML_AES_NONCE_LEN,
                               row->value.n - ML_AES_NONCE_LEN}) == ML_OK) {
    v.p = ml_arena_dup(a, out.p != NULL ? out.p : "", out.len);
    v.n = v.p != NULL ? out.len : 0;
  }
  if (out.p != NULL)
    ml_crypto_wipe(out.p, out.len);
  ml_buf_free(&out);
  return v;
}

ml_str ml_run_setting(ml_run *r, ml_arena *a, ml_str workflow, ml_str key) {
  const ml_row_setting *row = setting_row(r, workflow, key);

  if (row == NULL)
    return ML_NOSTR;
  return row->secret ? open_secret(r, a, row) : row->value;
}

/* A secret's plain text (its setting is a JSON text). */
ml_str secret_value(ml_run *r, ml_arena *a, ml_str workflow, ml_str name) {
  ml_str json = ml_run_setting(r, a, workflow, name);
  ml_json *v = NULL;

  if (json.p == NULL ||
      ml_json_parse(a, json.p, json.n, NULL, &v, NULL) != ML_OK ||
      v->type != ML_JSTR)
    return ML_NOSTR;
  return v->s;
}

typedef struct setting_write {
  ml_run *r;
  ml_arena arena;
  ml_row_setting row;
  ml_run_done_fn *done;
  void *arg;
} setting_write;

static void fill_setting(void *arg, ml_batch *b) {
  setting_write *w = arg;

  ml_batch_setting(b, &w->row);
}

static void setting_done(void *arg, ml_rc rc, const ml_err *e) {
  setting_write *w = arg;

  if (rc == ML_OK)
    triggers_nudge(w->r, w->row.workflow);
  w->done(w->arg, rc, e);
  ml_arena_free(&w->arena);
  ml_mem_free(w);
}

static ml_rc seal(ml_run *r, setting_write *w, ml_str json) {
  uint8_t nonce[ML_AES_NONCE_LEN];
  ml_str more = seal_context(&w->arena, w->row.workflow, w->row.key);
  ml_buf out = {0};
  ml_rc rc;

  if (more.p == NULL)
    return ML_NOMEM;
  r->conf.rand->bytes(r->conf.rand, nonce, sizeof nonce);
  ml_buf_put(&out, nonce, sizeof nonce);
  rc = ml_aes_gcm_seal(&out, r->conf.secret_key, nonce, more, json);
  if (rc == ML_OK && out.bad)
    rc = ML_NOMEM;
  if (rc == ML_OK) {
    w->row.value.p = ml_arena_dup(&w->arena, out.p, out.len);
    w->row.value.n = out.len;
    if (w->row.value.p == NULL)
      rc = ML_NOMEM;
  }
  ml_buf_free(&out);
  return rc;
}

static ml_rc prepare(ml_run *r, setting_write *w, const ml_setting *s,
                     const ml_json *value, ml_err *e) {
  ml_buf text = {0};
  bool starved = false;
  ml_rc rc = ML_OK;

  w->row.secret = s->type == ML_F_SECRET;
  if (value == NULL || value->type == ML_JNULL)
    return ML_OK;
  if (s->type == ML_F_TEXT && value->type == ML_JSTR && value->s.n == 0) {
    w->row.value = ML_STR("\"\"");          /* emptied: not its default */
    return ML_OK;
  }
  rc = ml_setting_check(s, value, "/value", &text, e);
  if (rc == ML_OK && text.bad)
    rc = ML_NOMEM;
  if (rc == ML_OK && text.len > 0) {
    if (w->row.secret)
      rc = seal(r, w, (ml_str){text.p, text.len});
    else
      w->row.value = arena_str(&w->arena, (ml_str){text.p, text.len}, &starved);
    if (starved)
      rc = ML_NOMEM;
  }
  if (text.p != NULL)
    ml_crypto_wipe(text.p, text.len);
  ml_buf_free(&text);
  return rc;
}

void ml_run_set_setting(ml_run *r, ml_str workflow, ml_str key,
                        const ml_json *value, ml_run_done_fn *fn, void *arg) {
  const ml_workflow *wf = ml_run_workflow(r, workflow);
  int i = wf != NULL && wf->flow != NULL ? ml_flow_setting(wf->flow, key) : -1;
  setting_write *w;
  bool starved = false;
  ml_err e = {0};
  ml_rc rc;

  if (wf == NULL || wf->flow == NULL || i < 0) {
    ml_err_set(&e, ML_NOT_FOUND, "", wf == NULL || wf->flow == NULL
               ? "no workflow '%.*s' is in force"
               : "the workflow has no setting '%.*s'",
               (int)(i < 0 && wf != NULL && wf->flow != NULL ? key.n
                                                             : workflow.n),
               i < 0 && wf != NULL && wf->flow != NULL ? key.p : workflow.p);
    fn(arg, ML_NOT_FOUND, &e);
    return;
  }
  w = ml_mem_zero(sizeof *w);
  if (w == NULL) {
    ml_err_set(&e, ML_NOMEM, "", "memory is short");
    fn(arg, ML_NOMEM, &e);
    return;
  }
  w->r = r;
  w->done = fn;
  w->arg = arg;
  w->row.workflow = arena_str(&w->arena, workflow, &starved);
  w->row.key = arena_str(&w->arena, key, &starved);
  rc = starved ? ML_NOMEM
               : prepare(r, w, &wf->flow->settings[i], value, &e);
  if (rc == ML_OK && ml_str_eq(wf->flow->notify, key) && value != NULL &&
      value->type == ML_JSTR && value->s.n > 0 &&
      ml_template_check(value->s, &e) != ML_OK)
    rc = e.rc;
  if (rc != ML_OK) {
    if (e.rc == ML_OK)
      ml_err_set(&e, rc, "", "memory is short");
    setting_done(w, rc, &e);
    return;
  }
  ml_run_write(r, fill_setting, setting_done, w);
}
