/*
** test_mails.c - what a world would have mailed.
**
** A world has no mail server, so every mail is set aside in its outbox, where
** it is found here.
*/
#include "cmd/test_op.h"

enum { MAILS_MAX = 10000 };

typedef struct mails {
  ml_op *o;
  ml_row_post *rows;
  size_t count;
  ml_rc rc;
} mails;

static void work(void *arg, ml_read *rd) {
  mails *m = arg;

  m->rc = ml_read_posts(rd, m->o->a, true, 0, MAILS_MAX, &m->rows, &m->count);
}

static void put(ml_op *o, const ml_row_post *row) {
  ml_json *v = NULL;

  if (ml_json_parse(o->a, row->body.p, row->body.n, NULL, &v, NULL) != ML_OK)
    return;
  ml_jw_obj(o->out);
  ml_jw_kstr(o->out, "key", row->key);
  ml_jw_kint(o->out, "at", row->at_ms);
  for (uint32_t i = 0; i < v->count; i++) {
    ml_jw_keyn(o->out, v->obj[i].key);
    ml_jw_json(o->out, &v->obj[i].value);
  }
  ml_jw_end(o->out);
}

/* w:mails(): { key, at, to, subject, body }, or with fault instead of the last
** two, the oldest first */
ml_rc ml_op_mails(ml_op *o) {
  mails m = {.o = o, .rc = ML_IO};
  ml_rc rc = ml_world_settle(o->w, &o->e);

  if (rc == ML_OK)
    rc = ml_world_read(o->w, work, &m);
  if (rc == ML_OK)
    rc = m.rc;
  if (rc != ML_OK)
    return rc;
  ml_jw_arr(o->out);
  for (size_t i = 0; i < m.count; i++)
    if (m.rows[i].kind == ML_POST_MAIL)
      put(o, &m.rows[i]);
  ml_jw_end(o->out);
  return ML_OK;
}
