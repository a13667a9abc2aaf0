/*
** util.h - memory and small texts for the simulator.
**
** The simulator is a tool for demos and tests, and its database is whole at
** any instruction.  So where memory or the disk fails it does not limp on:
** ks_die() says why and ends the program.  Everything made for one request
** lives in that request's arena.
*/
#ifndef KS_UTIL_H
#define KS_UTIL_H

#include "base/json.h"
#include "base/mem.h"
#include "base/pack.h"

/* One sentence on standard error; exit code 1. */
_Noreturn void ks_die(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));

void *ks_new(ml_arena *a, size_t n);             /* cleared; never NULL */
ml_str ks_dup(ml_arena *a, ml_str s);            /* none stays none */
ml_str ks_fmt(ml_arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3), nonnull(2)));
ml_str ks_taken(ml_arena *a, ml_buf *b);         /* copy it, free the buffer */

/* Values, made by hand. */
const ml_json *ks_json_null(void);               /* static */
const ml_json *ks_json_empty_text(void);
const ml_json *ks_json_empty_list(void);
const ml_json *ks_json_text(ml_arena *a, ml_str s);   /* borrows s */
ml_json *ks_json_list(ml_arena *a, size_t n);    /* n nulls, to be filled */
ml_json *ks_json_parse(ml_arena *a, ml_str text, ml_err *e);   /* or NULL */

/* A member by a name that is no C string. */
const ml_json *ks_json_member(const ml_json *o, ml_str key);

/* Text without regard to ASCII case. */
bool ks_same_word(ml_str a, const char *word);
bool ks_begins(ml_str s, const char *head);
bool ks_contains(ml_str s, ml_str part);         /* ASCII case ignored */
int ks_compare(ml_str a, ml_str b);              /* byte order: -1, 0, 1 */

#endif
