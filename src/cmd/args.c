/* args.c - reading the command line. */
#include "cmd/args.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

enum { NAME_MAX_ = 63, NEAR = 3, OPTS_MAX = 64 };

/* ---- what is near ---- */

/* Edit distance: inserted, dropped, changed or swapped letters. */
static size_t distance(const char *a, const char *b) {
  size_t n = strlen(a), m = strlen(b);
  size_t rows[3][NAME_MAX_ + 1];

  if (n > NAME_MAX_ || m > NAME_MAX_)
    return NAME_MAX_;
  for (size_t j = 0; j <= m; j++)
    rows[0][j] = j;
  for (size_t i = 1; i <= n; i++) {
    size_t *row = rows[i % 3], *up = rows[(i + 2) % 3], *up2 = rows[(i + 1) % 3];

    row[0] = i;
    for (size_t j = 1; j <= m; j++) {
      size_t best = up[j - 1] + (a[i - 1] != b[j - 1]);

      if (up[j] + 1 < best)
        best = up[j] + 1;
      if (row[j - 1] + 1 < best)
        best = row[j - 1] + 1;
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]
          && up2[j - 2] + 1 < best)
        best = up2[j - 2] + 1;
      row[j] = best;
    }
  }
  return rows[n % 3][m];
}

const char *ml_args_nearest(const char *word, const char *const *names) {
  const char *best = NULL;
  size_t least = NEAR + 1;

  for (; *names != NULL; names++) {
    size_t d = distance(word, *names);

    if (strlen(word) >= 3 && strncmp(word, *names, strlen(word)) == 0)
      d = 1;                      /* its beginning */
    if (d < least && d < strlen(*names)) {
      least = d;
      best = *names;
    }
  }
  return best;
}

/* ---- reading ---- */

static const ml_opt *find(const ml_opt *const *lists, const char *name,
                          size_t n) {
  for (; *lists != NULL; lists++)
    for (const ml_opt *o = *lists; o->name != NULL; o++)
      if (strlen(o->name) == n && memcmp(o->name, name, n) == 0)
        return o;
  return NULL;
}

static const ml_opt *find_letter(const ml_opt *const *lists, char letter) {
  for (; *lists != NULL; lists++)
    for (const ml_opt *o = *lists; o->name != NULL; o++)
      if (o->letter == letter)
        return o;
  return NULL;
}

static ml_rc unknown(const ml_opt *const *lists, const char *word, ml_err *e) {
  const char *names[OPTS_MAX + 1], *near;
  char name[NAME_MAX_ + 1], shown[80];
  size_t n = 0;

  snprintf(name, sizeof name, "%s", word + strspn(word, "-"));
  name[strcspn(name, "=")] = '\0';
  for (; *lists != NULL; lists++)
    for (const ml_opt *o = *lists; o->name != NULL && n < OPTS_MAX; o++)
      names[n++] = o->name;
  names[n] = NULL;
  near = ml_args_nearest(name, names);
  ml_text_excerpt(shown, sizeof shown, ml_str_of(word));
  if (near == NULL)
    return ml_err_set(e, ML_INVALID, NULL, "there is no option '%s'", shown);
  return ml_err_set(e, ML_INVALID, NULL,
                    "there is no option '%s'; did you mean --%s?", shown, near);
}

static void give(ml_args *a, const ml_opt *o, const char *value) {
  a->given[a->given_count++] = (struct ml_given){o, value};
}

/* "--name=value", "--name value", "--flag".  Gives how many words it took. */
static ml_rc read_long(ml_args *a, const ml_opt *const *lists, const char *word,
                       const char *next, int *took, ml_err *e) {
  const char *eq = strchr(word, '=');
  size_t n = eq != NULL ? (size_t)(eq - word) - 2 : strlen(word) - 2;
  const ml_opt *o = find(lists, word + 2, n);

  *took = 1;
  if (o == NULL)
    return unknown(lists, word, e);
  if (o->value == NULL && eq != NULL)
    return ml_err_set(e, ML_INVALID, NULL, "--%s takes no value", o->name);
  if (o->value != NULL && eq == NULL && next == NULL)
    return ml_err_set(e, ML_INVALID, NULL, "--%s wants a value: %s", o->name,
                      o->value);
  if (o->value == NULL) {
    give(a, o, "");
  } else if (eq != NULL) {
    give(a, o, eq + 1);
  } else {
    give(a, o, next);
    *took = 2;
  }
  return ML_OK;
}

/* "-o json", "-ojson", "-h". */
static ml_rc read_short(ml_args *a, const ml_opt *const *lists,
                        const char *word, const char *next, int *took,
                        ml_err *e) {
  const ml_opt *o = find_letter(lists, word[1]);

  *took = 1;
  if (o == NULL || (o->value == NULL && word[2] != '\0'))
    return unknown(lists, word, e);
  if (o->value != NULL && word[2] == '\0' && next == NULL)
    return ml_err_set(e, ML_INVALID, NULL, "-%c wants a value: %s", o->letter,
                      o->value);
  if (o->value == NULL) {
    give(a, o, "");
  } else if (word[2] != '\0') {
    give(a, o, word[2] == '=' ? word + 3 : word + 2);
  } else {
    give(a, o, next);
    *took = 2;
  }
  return ML_OK;
}

ml_rc ml_args_read(ml_args *a, const ml_opt *const *lists, int argc,
                   const char *const *argv, ml_err *e) {
  size_t n = (size_t)argc + 1;
  bool options = true;
  ml_rc rc = ML_OK;

  memset(a, 0, sizeof *a);
  a->words = ml_mem_zero(n * sizeof *a->words);
  a->given = ml_mem_zero(n * sizeof *a->given);
  if (a->words == NULL || a->given == NULL)
    return ml_err_set(e, ML_NOMEM, NULL, "out of memory");
  for (int i = 0, took = 1; i < argc && rc == ML_OK; i += took) {
    const char *w = argv[i], *next = i + 1 < argc ? argv[i + 1] : NULL;

    took = 1;
    if (options && strcmp(w, "--") == 0)
      options = false;
    else if (options && w[0] == '-' && w[1] == '-')
      rc = read_long(a, lists, w, next, &took, e);
    else if (options && w[0] == '-' && w[1] != '\0')
      rc = read_short(a, lists, w, next, &took, e);
    else
      a->words[a->word_count++] = w;
  }
  return rc;
}

void ml_args_done(ml_args *a) {
  ml_mem_free(a->words);
  ml_mem_free(a->given);
  a->words = NULL;
  a->given = NULL;
}

/* ---- asking ---- */

const char *ml_args_given(const ml_args *a, const char *name) {
  for (size_t i = a->given_count; i-- > 0;)
    if (strcmp(a->given[i].opt->name, name) == 0)
      return a->given[i].value;
  return NULL;
}

const char *ml_args_get(const ml_args *a, const char *name) {
  const char *value = ml_args_given(a, name), *const *texts;

  if (value == NULL && ml_config_get(a->config, name, &texts) > 0)
    value = texts[0];
  return value;
}

bool ml_args_flag(const ml_args *a, const char *name) {
  const char *value = ml_args_get(a, name);

  return value != NULL && strcmp(value, "false") != 0;
}

size_t ml_args_count(const ml_args *a, const char *name) {
  const char *const *texts;
  size_t n = 0;

  for (size_t i = 0; i < a->given_count; i++)
    n += strcmp(a->given[i].opt->name, name) == 0;
  return n > 0 ? n : ml_config_get(a->config, name, &texts);
}

const char *ml_args_nth(const ml_args *a, const char *name, size_t i) {
  const char *const *texts;
  size_t at = 0;

  for (size_t k = 0; k < a->given_count; k++)
    if (strcmp(a->given[k].opt->name, name) == 0 && at++ == i)
      return a->given[k].value;
  if (at == 0 && i < ml_config_get(a->config, name, &texts))
    return texts[i];
  return NULL;
}

ml_rc ml_args_int(const ml_args *a, const char *name, int64_t lo, int64_t hi,
                  int64_t dflt, int64_t *out, ml_err *e) {
  const char *value = ml_args_get(a, name);

  *out = dflt;
  if (value == NULL)
    return ML_OK;
  if (ml_text_int(ml_str_of(value), out) && *out >= lo && *out <= hi)
    return ML_OK;
  return ml_err_set(e, ML_INVALID, NULL, "--%s wants an integer from %lld to "
                    "%lld", name, (long long)lo, (long long)hi);
}

ml_rc ml_args_duration(const ml_args *a, const char *name, int64_t dflt,
                       int64_t *out, ml_err *e) {
  const char *value = ml_args_get(a, name);
  ml_err why = {0};

  *out = dflt;
  if (value == NULL || ml_text_duration(ml_str_of(value), out, &why) == ML_OK)
    return ML_OK;
  return ml_err_set(e, ML_INVALID, NULL, "--%s: %s", name, why.text);
}

const char *ml_args_word(const ml_args *a, size_t i) {
  return i < a->word_count ? a->words[i] : NULL;
}
