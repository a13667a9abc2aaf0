/* torture_file.c - a list of operations as a test file. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cmd/torture_replay.h"

enum { TITLE_MAX = 200 };

/* ---- values in Lua ---- */

static void put_text(ml_buf *b, ml_str s) {
  ml_buf_putc(b, '"');
  for (size_t i = 0; i < s.n; i++) {
    unsigned char c = (unsigned char)s.p[i];

    if (c == '"' || c == '\\')
      ml_buf_printf(b, "\\%c", c);
    else if (c < 32 || c == 127)
      ml_buf_printf(b, "\\%03d", c);
    else
      ml_buf_putc(b, (char)c);
  }
  ml_buf_putc(b, '"');
}

static void put_process(ml_buf *b, const ml_play *rec, ml_str id) {
  for (size_t i = 0; i < rec->id_count; i++)
    if (ml_str_eq(rec->ids[i], id)) {
      ml_buf_printf(b, "p(%zu)", i + 1);
      return;
    }
  ml_buf_puts(b, "nil");
}

static void indent(ml_buf *b, int depth) {
  ml_buf_putc(b, '\n');
  for (int i = 0; i < depth; i++)
    ml_buf_puts(b, "  ");
}

static void put_value(ml_buf *b, const ml_play *rec, const ml_json *v,
                      int depth);

static void put_table(ml_buf *b, const ml_play *rec, const ml_json *v,
                      int depth) {
  bool list = v->type == ML_JARR;

  ml_buf_puts(b, list ? "ml.array {" : "{");
  for (uint32_t i = 0; i < v->count; i++) {
    if (depth > 0)
      indent(b, depth);
    else
      ml_buf_putc(b, ' ');
    if (!list) {
      ml_buf_putc(b, '[');
      put_text(b, v->obj[i].key);
      ml_buf_puts(b, "] = ");
    }
    put_value(b, rec, list ? &v->arr[i] : &v->obj[i].value,
              depth > 0 ? depth + 1 : 0);
    if (i + 1 < v->count || depth > 0)
      ml_buf_putc(b, ',');
  }
  ml_buf_puts(b, v->count > 0 ? " }" : "}");
}

/* depth 0: on one line. */
static void put_value(ml_buf *b, const ml_play *rec, const ml_json *v,
                      int depth) {
  switch (v->type) {
    case ML_JSTR: put_text(b, v->s); break;
    case ML_JARR: put_table(b, rec, v, depth); break;
    case ML_JOBJ:
      if (v->count == 1 && ml_json_str(v, "$process").p != NULL)
        put_process(b, rec, ml_json_str(v, "$process"));
      else
        put_table(b, rec, v, depth);
      break;
    case ML_JNULL: ml_buf_puts(b, depth > 0 ? "ml.null" : "nil"); break;
    default: ml_json_print(b, v); break;
  }
}

/* ---- operations ---- */

static void put_op(ml_buf *b, const ml_play *rec, ml_str want) {
  ml_arena a = {0};
  ml_json *v = NULL;
  ml_str op, as, process;
  const ml_json *args;

  if (ml_json_parse(&a, want.p, want.n, NULL, &v, NULL) != ML_OK) {
    b->bad = true;
    return;
  }
  op = ml_json_str(v, "op");
  as = ml_json_str(v, "as");
  process = ml_json_str(v, "process");
  args = ml_json_get(v, "args");
  ml_buf_puts(b, "  ");
  if (process.p != NULL) {
    put_process(b, rec, process);
  } else {
    ml_buf_puts(b, "w");
    if (as.p != NULL) {
      ml_buf_puts(b, ":as(");
      put_text(b, as);
      ml_buf_putc(b, ')');
    }
  }
  ml_buf_printf(b, ":%.*s(", (int)op.n, op.p);
  for (uint32_t i = 0; args != NULL && i < args->count; i++) {
    if (i > 0)
      ml_buf_puts(b, ", ");
    put_value(b, rec, &args->arr[i], 0);
  }
  ml_buf_puts(b, ")\n");
  ml_arena_free(&a);
}

static void put_fault(ml_buf *b, const ml_fault *f) {
  ml_buf_printf(b, "{ kind = \"%s\", at = \"%s\", n = %u }",
                ml_fault_name(f->kind),
                ml_fault_at_name(ml_fault_where(f->kind)), f->n);
}

static void put_end(ml_buf *b, const ml_play *rec, const ml_buf *end) {
  ml_arena a = {0};
  ml_json *v = NULL;

  if (ml_json_parse(&a, end->p, end->len, NULL, &v, NULL) == ML_OK &&
      ml_json_get(v, "ok") != NULL)
    put_value(b, rec, ml_json_get(v, "ok"), 2);
  else
    b->bad = true;
  ml_arena_free(&a);
}

void ml_torture_file(ml_buf *b, ml_str folder, ml_str name, const ml_play *rec,
                     const bool *skip, const ml_fault *f, const ml_buf *end) {
  char title[300];
  size_t n = name.n > TITLE_MAX ? TITLE_MAX : name.n;

  while (n < name.n && n > 0 && ((unsigned char)name.p[n] & 0xc0) == 0x80)
    n--;                                   /* not inside a character */
  snprintf(title, sizeof title, "%.*s, %s at %s %u", (int)n, name.p,
           ml_fault_name(f->kind),
           ml_fault_at_name(ml_fault_where(f->kind)), f->n);
  ml_buf_printf(b, "-- tests %.*s\n-- Made by `moonlane test --torture`: with "
                "this fault it comes to another end than\n-- without (below).\n"
                "local ml = require \"moonlane\"\nlocal t = require "
                "\"moonlane.test\"\n\nt.it(", (int)folder.n, folder.p);
  put_text(b, ml_str_of(title));
  ml_buf_puts(b, ", function(w)\n  w:fault ");
  put_fault(b, f);
  ml_buf_puts(b, "\n  local function p(i) return w:processes()[i] end\n\n");
  for (size_t i = 0; i < rec->op_count; i++)
    if (!skip[i])
      put_op(b, rec, rec->ops[i].want);
  ml_buf_puts(b, "\n  local ends = w:ends()\n  local wanted = ");
  put_end(b, rec, end);
  ml_buf_putc(b, '\n');
  if (f->kind == ML_FAULT_LATE)
    ml_buf_puts(b, "  ends.mails, wanted.mails = nil, nil   -- see "
                "src/cmd/torture.h\n");
  ml_buf_puts(b, "  t.eq(ends, wanted)\nend)\n");
}
