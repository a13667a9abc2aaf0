/* torture_compare.c - where two ends differ. */
#include <stdio.h>
#include <string.h>

#include "cmd/torture.h"

enum { TOLD_MAX = 5, SHOWN_MAX = 300, PATH_MAX_ = 200 };

typedef struct telling {
  ml_buf *out;
  int told;
} telling;

static void put_short(ml_buf *b, const ml_json *v) {
  ml_buf text = {0};

  if (v == NULL) {
    ml_buf_puts(b, "nothing");
    return;
  }
  ml_json_print(&text, v);
  ml_buf_put(b, text.p, text.len > SHOWN_MAX ? SHOWN_MAX : text.len);
  if (text.len > SHOWN_MAX)
    ml_buf_puts(b, "...");
  ml_buf_free(&text);
}

static void differ(telling *t, const char *path, const ml_json *a,
                   const ml_json *b) {
  if (++t->told > TOLD_MAX)
    return;
  ml_buf_printf(t->out, "%sdiffers: %s\n  without the fault: ",
                t->out->len > 0 ? "\n" : "", path);
  put_short(t->out, a);
  ml_buf_puts(t->out, "\n  with it:           ");
  put_short(t->out, b);
}

static bool has(const ml_json *list, const ml_json *v) {
  for (uint32_t i = 0; i < list->count; i++)
    if (ml_json_eq(&list->arr[i], v))
      return true;
  return false;
}

static void compare(telling *t, const char *path, const ml_json *a,
                    const ml_json *b);

/* Of lists of texts what only one of them has. */
static void compare_lists(telling *t, const char *path, const ml_json *a,
                          const ml_json *b) {
  char longer[PATH_MAX_];
  bool texts = (a->count > 0 ? a : b)->count > 0 &&
               (a->count > 0 ? a : b)->arr[0].type == ML_JSTR;

  if (!texts) {
    for (uint32_t i = 0; i < a->count || i < b->count; i++) {
      snprintf(longer, sizeof longer, "%.150s[%u]", path, i + 1);
      compare(t, longer, i < a->count ? &a->arr[i] : NULL,
              i < b->count ? &b->arr[i] : NULL);
    }
    return;
  }
  for (uint32_t i = 0; i < a->count; i++)
    if (!has(b, &a->arr[i]))
      differ(t, path, &a->arr[i], NULL);
  for (uint32_t i = 0; i < b->count; i++)
    if (!has(a, &b->arr[i]))
      differ(t, path, NULL, &b->arr[i]);
}

static void compare_members(telling *t, const char *path, const ml_json *a,
                            const ml_json *b) {
  char longer[PATH_MAX_];

  for (int pass = 0; pass < 2; pass++) {
    const ml_json *of = pass == 0 ? a : b;

    for (uint32_t i = 0; i < of->count; i++) {
      ml_str key = of->obj[i].key;
      char name[100];
      const ml_json *x, *y;

      snprintf(name, sizeof name, "%.*s", (int)key.n, key.p);
      x = ml_json_get(a, name);
      y = ml_json_get(b, name);
      if (pass == 1 && x != NULL)
        continue;                          /* told in the first pass */
      snprintf(longer, sizeof longer, "%.100s%s%.80s", path,
               path[0] != '\0' ? "." : "", name);
      compare(t, longer, x, y);
    }
  }
}

static void compare(telling *t, const char *path, const ml_json *a,
                    const ml_json *b) {
  if (a == NULL || b == NULL || a->type != b->type) {
    if (a != b)
      differ(t, path, a, b);
  } else if (a->type == ML_JOBJ) {
    compare_members(t, path, a, b);
  } else if (a->type == ML_JARR) {
    compare_lists(t, path, a, b);
  } else if (!ml_json_eq(a, b)) {
    differ(t, path, a, b);
  }
}

static void leave_out(ml_json *end, const char *name) {
  for (uint32_t i = 0; end != NULL && end->type == ML_JOBJ && i < end->count;
       i++)
    if (ml_str_is(end->obj[i].key, name))
      end->obj[i].value = (ml_json){.type = ML_JNULL};
}

void ml_torture_compare(const ml_buf *plain, const ml_buf *other,
                        ml_fault_kind kind, ml_buf *out) {
  ml_arena a = {0};
  ml_json *x = NULL, *y = NULL;
  telling t = {out, 0};

  if (plain->len == other->len && memcmp(plain->p, other->p, plain->len) == 0)
    return;
  if (ml_json_parse(&a, plain->p, plain->len, NULL, &x, NULL) != ML_OK ||
      ml_json_parse(&a, other->p, other->len, NULL, &y, NULL) != ML_OK) {
    ml_buf_puts(out, "an end cannot be read");
  } else if (ml_json_get(y, "error") != NULL) {
    ml_buf_puts(out, "its end cannot be read: ");
    put_short(out, ml_json_get(y, "error"));
  } else {
    if (kind == ML_FAULT_LATE) {
      leave_out((ml_json *)ml_json_get(x, "ok"), "mails");
      leave_out((ml_json *)ml_json_get(y, "ok"), "mails");
    }
    compare(&t, "", ml_json_get(x, "ok"), ml_json_get(y, "ok"));
    if (t.told > TOLD_MAX)
      ml_buf_printf(out, "\nand %d more", t.told - TOLD_MAX);
  }
  ml_arena_free(&a);
}
