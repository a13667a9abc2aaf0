/* remote_id.c - from what a person types to the id of a process or task. */
#include <stdio.h>
#include <string.h>

#include "cmd/out.h"
#include "cmd/remote.h"
#include "model/process.h"

enum { SHORTEST = 4, LOOKED_AT = 1000 };

static bool is_part(ml_str id, const char *word) {
  size_t n = strlen(word);

  return n >= SHORTEST && n <= id.n
         && (memcmp(id.p, word, n) == 0
             || memcmp(id.p + id.n - n, word, n) == 0);
}

/* The one item that the word names; a label must be whole. */
static int choose(const ml_json *items, const char *word, const char *what,
                  const char *label, char out[ML_ID_TEXT]) {
  size_t found = 0;
  ml_buf names = {0};
  int code = ML_EXIT_FINE;

  for (uint32_t i = 0; i < items->count; i++) {
    ml_str id = ml_json_str(&items->arr[i], "id");
    ml_str name = label != NULL ? ml_json_str(&items->arr[i], label) : ML_NOSTR;

    if (id.n >= ML_ID_TEXT || (!is_part(id, word) && !ml_str_is(name, word)))
      continue;
    if (found++ < 5)
      ml_buf_printf(&names, "%s%.*s", found > 1 ? ", " : "", (int)id.n, id.p);
    snprintf(out, ML_ID_TEXT, "%.*s", (int)id.n, id.p);
  }
  if (found == 0)
    code = ml_out_fail(ML_EXIT_NOT_FOUND, "there is no %s '%s': give its id, "
                       "or at least %d characters of one end of it%s", what,
                       word, SHORTEST, label != NULL ? ", or its label" : "");
  else if (found > 1)
    code = ml_out_fail(ML_EXIT_CONFLICT, "'%s' may be any of %zu: %s%s", word,
                       found, names.p != NULL ? names.p : "",
                       found > 5 ? ", ..." : "");
  ml_buf_free(&names);
  return code;
}

static int look(ml_remote *r, const ml_buf *path, const char *word,
                const char *what, const char *label, char out[ML_ID_TEXT]) {
  ml_arena a = {0};
  ml_json *list;
  int code = ml_remote_list(r, &a, path, LOOKED_AT, &list);

  if (code == ML_EXIT_FINE)
    code = choose(ml_json_get(list, "items"), word, what, label, out);
  ml_arena_free(&a);
  return code;
}

int ml_remote_process(ml_remote *r, const char *word, char out[ML_ID_TEXT]) {
  ml_buf path = {0};
  uint8_t id[16];
  uint32_t no;
  int code;

  if (ml_id_of(ml_str_of(word), id, &no)) {
    ml_id_text(out, id, 0);      /* an activity or task names its process */
    return ML_EXIT_FINE;
  }
  ml_path(&path, "/v1/processes");
  code = look(r, &path, word, "process", NULL, out);
  ml_buf_free(&path);
  return code;
}

int ml_remote_task(ml_remote *r, const char *word, const char *as,
                   char out[ML_ID_TEXT]) {
  ml_buf path = {0};
  uint8_t id[16];
  uint32_t no;
  int code;

  if (ml_id_of(ml_str_of(word), id, &no) && no != 0) {
    ml_id_text(out, id, no);
    return ML_EXIT_FINE;
  }
  ml_path(&path, "/v1/tasks");
  ml_path_query(&path, "as", as);
  if (as != NULL)
    ml_path_query(&path, "mine", "1");
  code = look(r, &path, word, "open task", "label", out);
  ml_buf_free(&path);
  return code;
}
