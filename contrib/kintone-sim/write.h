/*
** write.h - a record is made or changed: filled, checked, saved.
**
** `path` is what entries of "errors" begin with: "record" or "records[3]".
*/
#ifndef KS_WRITE_H
#define KS_WRITE_H

#include "store.h"

/* A record with every field's default. */
ks_record *ks_write_new(ks_call *c, const ks_app *app);

/* Put the fields of `sent` ({CODE: {"value": V}}) over those of r.  Unknown
** codes are ignored.  False: the call has failed. */
bool ks_write_fill(ks_call *c, const ks_app *app, ks_record *r,
                   const ml_json *sent, ml_str path, bool adding);

/* Look at the whole result; every mistake becomes a problem of the call. */
void ks_write_check(ks_call *c, const ks_app *app, const ks_record *r,
                    ml_str path);

/* Store it with the next revision.  Does nothing when the call has problems:
** it will fail, and all is undone. */
void ks_write_save(ks_call *c, const ks_app *app, ks_record *r, bool adding);

#endif
