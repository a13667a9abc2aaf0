/*
** partner_tell.c - what a commit tells the partners of its process.
**
** The messages ride in the commit they tell of.  What may cross is decided here
** and nowhere else: a private comment is never put into a message, and what came
** from a partner is not sent on, to that one or another.
*/
#include <stdio.h>
#include <string.h>

#include "run/inside.h"
#include "run/partner.h"

/* O2.3: with `client_only` what a client may read; else all but private. */
static bool crosses(const ml_row_share *s, ml_str visibility) {
  if (ml_str_is(visibility, "client"))
    return true;
  return ml_str_is(visibility, "shared") && !s->client_only;
}

/* ---- messages ---- */

static void message_begin(ml_jw *w, ml_buf *b, const char *type,
                          const ml_row_share *s) {
  ml_buf_reset(b);
  ml_jw_init(w, b);
  ml_jw_obj(w);
  ml_jw_kstrz(w, "type", type);
  ml_jw_kstr(w, "process", s->far);
}

/* Close the message and put it into the load; `mark` and `seq` make its key. */
static void message_end(ml_jw *w, ml_buf *b, proc *pr, load *l,
                        const ml_row_share *s, char mark, uint64_t seq,
                        int64_t now_ms) {
  char queue[64], id[ML_ID_MAX], key[ML_ID_MAX + 24];
  ml_row_post row = {.kind = ML_POST_PARTNER, .n = pr->n, .at_ms = now_ms,
                     .due_ms = now_ms};

  ml_jw_end(w);
  snprintf(queue, sizeof queue, "partner:%u:%lld", s->partner,
           (long long)pr->n);
  ml_id_text(id, pr->p->id, 0);
  snprintf(key, sizeof key, "%s-%c%llu", id, mark, (unsigned long long)seq);
  row.queue = ml_str_of(queue);
  row.key = ml_str_of(key);
  row.body = (ml_str){b->p, b->len};
  if (b->bad)
    l->starved = true;
  else
    load_post(l, &row);
}

/* How the other side is to call who wrote it: the name, never an id. */
static ml_str author_name(const ml_run *r, ml_str who) {
  const ml_row_user *u = who.p != NULL ? ml_run_user(r, who) : NULL;

  return u != NULL && u->name.n > 0 ? u->name : who;
}

void partner_tell_comment(ml_run *r, proc *pr, load *l, const ml_row_share *s,
                          const ml_row_comment *c, int64_t now_ms) {
  ml_buf b = {0};
  ml_jw w;

  if (c->partner != 0 || c->removed || !crosses(s, c->visibility))
    return;
  message_begin(&w, &b, "comment", s);
  ml_jw_kint(&w, "no", c->no);
  ml_jw_kint(&w, "at", c->at_ms);
  ml_jw_kstr(&w, "author", author_name(r, c->who));
  ml_jw_kstr(&w, "visibility", c->visibility);
  ml_jw_kstr(&w, "text", c->text);
  message_end(&w, &b, pr, l, s, 'c', c->no, now_ms);
  ml_buf_free(&b);
}

static void tell_reworded(proc *pr, load *l, const ml_row_share *s,
                          const ml_record *rec, uint64_t seq, int64_t now_ms) {
  ml_buf b = {0};
  ml_jw w;

  if (!crosses(s, rec->data))
    return;
  message_begin(&w, &b, rec->told == ML_TOLD_REWORDED ? "reworded" : "unsaid",
                s);
  ml_jw_kint(&w, "no", rec->no);
  if (rec->told == ML_TOLD_REWORDED)
    ml_jw_kstr(&w, "text", rec->text);
  message_end(&w, &b, pr, l, s, 'e', seq, now_ms);
  ml_buf_free(&b);
}

/* ---- fields ---- */

/* Does a record of this commit name the field among what it wrote? */
static bool written(const ml_made *m, ml_str id, ml_arena *a) {
  for (size_t i = 0; i < m->record_count; i++) {
    const ml_record *rec = &m->records[i];
    ml_json *v = NULL;

    if (rec->data.p == NULL || rec->data.n == 0 || rec->data.p[0] != '{' ||
        ml_json_parse(a, rec->data.p, rec->data.n, NULL, &v, NULL) != ML_OK ||
        v->type != ML_JOBJ)
      continue;
    for (uint32_t k = 0; k < v->count; k++)
      if (ml_str_eq(v->obj[k].key, id))
        return true;
  }
  return false;
}

/* Has the field changed since the partner was told? */
typedef struct changes {
  const ml_made *made;           /* written in this commit; or NULL: */
  const ml_json *sent;           /* not what the order said */
} changes;

static bool changed(const proc *pr, int f, ml_str key, const changes *c,
                    ml_arena *a) {
  ml_buf b = {0};
  bool same;
  const ml_json *was = NULL;

  if (c->made != NULL)
    return written(c->made, pr->f->fields[f].id, a);
  for (uint32_t i = 0; c->sent != NULL && i < c->sent->count; i++)
    if (ml_str_eq(c->sent->obj[i].key, key))
      was = &c->sent->obj[i].value;
  if (was == NULL || pr->p->data[f].p == NULL)
    return (was == NULL) != (pr->p->data[f].p == NULL);
  ml_json_print(&b, was);
  same = !b.bad && ml_str_eq((ml_str){b.p, b.len}, pr->p->data[f]);
  ml_buf_free(&b);
  return !same;
}

/* Mapped fields that changed, under the keys they have there. */
static void tell_fields(proc *pr, load *l, const ml_row_share *s,
                        const changes *c, int64_t now_ms) {
  ml_arena a = {0};
  ml_json *map = NULL;
  ml_buf b = {0};
  ml_jw w;
  bool any = false;

  if (s->fields.p == NULL ||
      ml_json_parse(&a, s->fields.p, s->fields.n, NULL, &map, NULL) != ML_OK ||
      map->type != ML_JOBJ) {
    ml_arena_free(&a);
    return;
  }
  message_begin(&w, &b, "fields", s);
  ml_jw_key(&w, "fields");
  ml_jw_obj(&w);
  for (uint32_t i = 0; i < map->count; i++) {
    int f = ml_flow_field(pr->f, map->obj[i].key);

    if (f < 0 || map->obj[i].value.type != ML_JSTR ||
        !changed(pr, f, map->obj[i].value.s, c, &a))
      continue;
    any = true;
    ml_jw_keyn(&w, map->obj[i].value.s);
    ml_jw_raw(&w, pr->p->data[f]);
  }
  ml_jw_end(&w);
  if (any)
    message_end(&w, &b, pr, l, s, c->made != NULL ? 'd' : 'l', pr->p->seq,
                now_ms);
  ml_buf_free(&b);
  ml_arena_free(&a);
}

void partner_tell_late(proc *pr, load *l, const ml_row_share *s,
                       const ml_json *sent, int64_t now_ms) {
  tell_fields(pr, l, s, &(changes){NULL, sent}, now_ms);
}

void partner_tell(ml_run *r, proc *pr, load *l, const ml_made *m,
                  int64_t now_ms) {
  bool theirs = pr->taking != NULL && pr->taking->partner != 0;
  size_t first = l->comment_count;

  for (size_t i = 0; i < m->record_count; i++)
    first -= m->records[i].told == ML_TOLD_COMMENT;
  for (size_t k = 0; k < pr->share_count && !theirs; k++) {
    const ml_row_share *s = &pr->shares[k];
    const ml_row_partner *p = partner_no(r, s->partner);
    uint64_t seq = pr->p->seq - m->record_count;

    if (p == NULL || p->state != ML_LINK_ACTIVE)
      continue;
    for (size_t i = first; i < l->comment_count; i++)
      partner_tell_comment(r, pr, l, s, &l->comments[i], now_ms);
    for (size_t i = 0; i < m->record_count; i++) {
      seq++;
      if (m->records[i].told == ML_TOLD_REWORDED ||
          m->records[i].told == ML_TOLD_UNSAID)
        tell_reworded(pr, l, s, &m->records[i], seq, now_ms);
    }
    if (s->ours)
      tell_fields(pr, l, s, &(changes){m, NULL}, now_ms);
  }
}
