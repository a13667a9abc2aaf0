/*
** torture_script.h - answers of scripts in the order in which they were asked,
** and when they are asked for.
**
** How long a worker takes must not decide which commit comes first, or a fault
** "at commit 7" would mean another thing each time.
*/
#ifndef ML_CMD_TORTURE_SCRIPT_H
#define ML_CMD_TORTURE_SCRIPT_H

#include "script/host.h"

typedef struct ml_turns ml_turns;

/* A face of `inner`, which stays the caller's. */
ml_rc ml_turns_new(ml_script *inner, ml_turns **out);
/* What is still asked is not heard; nothing of it may come any more after the
** inner one has ended. */
void ml_turns_free(ml_turns *t);            /* NULL allowed */
ml_script *ml_turns_script(ml_turns *t);

bool ml_turns_open(const ml_turns *t);      /* something is asked */
bool ml_turns_here(const ml_turns *t);      /* the first answer has come */
void ml_turns_give(ml_turns *t);            /* hand it over */
void ml_turns_forget(ml_turns *t);          /* who asked is gone */

#endif
