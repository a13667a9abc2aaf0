/*
** owner.c - whose scripts a bundle's are, for workers that serve one author at
** a time.
**
** The operator names owners of folders ("orders=sales"); a folder that is not
** named is an owner of its own, and so is the operator who types Lua.  Names
** come from authors, so numbers are made by a hash nobody can bend.
*/
#include <string.h>

#include "base/crypto.h"
#include "base/text.h"
#include "run/inside.h"

static uint64_t number_of(const char *kind, ml_str name) {
  uint8_t hash[ML_SHA256_LEN];
  uint64_t v = 0;
  ml_sha *h = ml_sha_open();

  ml_sha_add(h, kind, strlen(kind));
  ml_sha_add(h, name.p, name.n);
  if (ml_sha_close(h, hash) != ML_OK)
    return UINT64_MAX;           /* shares a worker with nobody known */
  memcpy(&v, hash, sizeof v);
  return v != 0 ? v : 1;
}

static bool apart(const ml_run *r) {
  return r->conf.isolation == ML_ISOLATE_AUTHOR
         || (r->conf.isolation == ML_ISOLATE_DEFAULT && r->conf.owner_count > 0);
}

uint64_t owner_of(const ml_run *r, ml_str name) {
  if (!apart(r))
    return 0;
  for (size_t i = 0; i < r->conf.owner_count; i++) {
    ml_str row = r->conf.owners[i];
    const char *eq = memchr(row.p, '=', row.n);
    size_t n = eq != NULL ? (size_t)(eq - row.p) : 0;

    if (eq != NULL && ml_str_eq((ml_str){row.p, n}, name))
      return number_of("owner/", (ml_str){eq + 1, row.n - n - 1});
  }
  return number_of("folder/", name);
}

uint64_t owner_operator(const ml_run *r) {
  return apart(r) ? number_of("operator", ML_STR("")) : 0;
}

bool ml_run_owner_ok(ml_str row) {
  const char *eq = memchr(row.p, '=', row.n);

  return eq != NULL
         && ml_text_is_filename((ml_str){row.p, (size_t)(eq - row.p)})
         && ml_text_is_name((ml_str){eq + 1, row.n - (size_t)(eq - row.p)
                                                 - 1});
}
