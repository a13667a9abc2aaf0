/*
** file.c - file.json: upload and download.
**
** An upload's key opens nothing but a field it is attached to; the key found
** in the field is the one to download with.
*/
#include <string.h>

#include "api.h"
#include "base/rand.h"
#include "base/text.h"

/* Where `part` begins in s, or NULL. */
static const char *find(ml_str s, ml_str part) {
  return memmem(s.p, s.n, part.p, part.n);
}

static ml_str rest(ml_str s, const char *from) {
  return (ml_str){from, (size_t)(s.p + s.n - from)};
}

/* The value of key="..." (or key=token) in a header's text; or none. */
static ml_str attribute(ml_str text, ml_str key) {
  const char *at = find(text, key), *end;

  if (at == NULL)
    return ML_NOSTR;
  text = rest(text, at + key.n);
  if (text.n > 0 && text.p[0] == '"') {
    text = rest(text, text.p + 1);
    end = memchr(text.p, '"', text.n);
  } else {
    for (end = text.p; end < text.p + text.n; end++)
      if (memchr("; \r\n", *end, 4) != NULL)
        break;
  }
  return end != NULL ? (ml_str){text.p, (size_t)(end - text.p)} : ML_NOSTR;
}

typedef struct Part {
  ml_str head, body;
} Part;

/* The part named "file" of a multipart body. */
static bool find_file(ks_call *c, Part *out) {
  ml_str mark = attribute(c->body_type, ML_STR("boundary="));
  ml_str line = ks_fmt(c->a, "--%.*s", (int)mark.n, mark.p != NULL ? mark.p : "");
  ml_str end_line = ks_fmt(c->a, "\r\n%s", line.p), s = c->body;
  const char *at, *blank, *end;

  if (mark.n == 0)
    return false;
  while ((at = find(s, line)) != NULL) {
    s = rest(s, at + line.n);
    blank = find(s, ML_STR("\r\n\r\n"));
    if (blank == NULL)
      return false;
    out->head = (ml_str){s.p, (size_t)(blank - s.p)};
    s = rest(s, blank + 4);
    end = find(s, end_line);
    if (end == NULL)
      return false;
    out->body = (ml_str){s.p, (size_t)(end - s.p)};
    if (ml_str_is(attribute(out->head, ML_STR(" name=")), "file"))
      return true;
    s = rest(s, end + 2);
  }
  return false;
}

static ml_str part_type(const Part *p) {
  const char *at = find(p->head, ML_STR("Content-Type: "));
  ml_str s;
  const char *end;

  if (at == NULL)
    return ML_STR("application/octet-stream");
  s = rest(p->head, at + strlen("Content-Type: "));
  end = memchr(s.p, '\r', s.n);
  return end != NULL ? (ml_str){s.p, (size_t)(end - s.p)} : s;
}

void ks_post_file(ks_call *c) {
  Part p;
  ml_str name;
  uint8_t id[16];
  ml_buf key = {0};

  if (!find_file(c, &p)) {
    ks_problem_add(c, ML_STR("file"), KS_M_PARAMETER, ML_STR(""));
    ks_call_sound(c);
    return;
  }
  name = attribute(p.head, ML_STR("filename="));
  ml_rand_system()->bytes(ml_rand_system(), id, sizeof id);
  ml_text_put_uuid(&key, id);
  ks_store_add_file(c->sim->store, (ml_str){key.p, key.len},
                    name.n > 0 && ml_text_utf8(name) ? name : ML_STR("file"),
                    part_type(&p), p.body);
  c->changed = true;
  ml_jw_obj(&c->w);
  ml_jw_kstr(&c->w, "fileKey", ks_taken(c->a, &key));
  ml_jw_end(&c->w);
}

void ks_get_file(ks_call *c) {
  ml_str key = ks_param_text(c, c->param, "fileKey", ML_STR("fileKey"), true);
  ml_str name, type, bytes;

  if (!ks_call_sound(c))
    return;
  /* the key of an upload is a UUID, that of an attached file is not */
  if (memchr(key.p, '-', key.n) != NULL ||
      !ks_store_get_file(c->sim->store, key, c->a, &name, &type, &bytes)) {
    ks_fail_at(c, "GAIA_BL01");
    return;
  }
  c->out_type = type;
  ml_buf_put(&c->out, bytes.p, bytes.n);
}
