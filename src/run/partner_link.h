/*
** partner_link.h - what the files about links share: their secrets, and a
** change of a link on its way to disk.
*/
#ifndef ML_RUN_PARTNER_LINK_H
#define ML_RUN_PARTNER_LINK_H

#include "base/sign.h"
#include "run/partner.h"

enum { LINK_SECRET = ML_PARTNER_SECRET };
#define LINK_CODE "moonlane1."   /* before the rest of an invitation's code */

const ml_row_partner *link_named(const ml_run *r, ml_str link);

/* Nonce and sealed bytes, bound to the link; none: memory is short. */
ml_str link_seal(ml_run *r, ml_arena *a, const uint8_t key[32], ml_str link,
                 const uint8_t secret[LINK_SECRET]);
bool link_open(const uint8_t key[32], ml_str link, ml_str sealed,
               uint8_t secret[LINK_SECRET]);

typedef struct linking linking;
/* A change that begins with `row` (texts are copied).  NULL: fn was told. */
linking *linking_new(ml_run *r, const ml_row_partner *row, ml_partner_fn *fn,
                     void *arg);
ml_row_partner *linking_row(linking *k);
ml_arena *linking_arena(linking *k);
/* Write it, with a line of what was done; then fn is told. */
void link_write(linking *k, const char *what, ml_str who, const char *text);
/* It does not come about: fn is told why. */
void link_fail(linking *k, ml_rc rc, const char *text);

#endif
