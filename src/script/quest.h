/*
** quest.h - one question under way, from ask to its only answer.
*/
#ifndef ML_SCRIPT_QUEST_H
#define ML_SCRIPT_QUEST_H

#include "script/host.h"

typedef struct ml_quest {
  struct ml_quest *next;
  uint64_t id;                 /* on the wire; never used twice */
  uint64_t theirs;             /* the asker's, for the answer */
  ml_ask_kind kind;
  uint8_t bundle[32];
  uint64_t owner;              /* 0: anybody's */
  ml_buf frame;
  ml_answer_fn *fn;
  void *arg;
  unsigned deaths;             /* that counted against it */
  unsigned needs;              /* times a worker lacked its bundle */
  bool counted;                /* runs under the counting hook */
  bool carries;                /* its sources are in the question itself */
} ml_quest;

/* Copy the question.  `count`: under the counting hook from the start.
** ML_NOMEM; ML_LIMIT: it takes more than `most` bytes. */
ml_rc ml_quest_new(const ml_ask *q, uint64_t id, bool count, size_t most,
                   ml_answer_fn *fn, void *arg, ml_quest **out);
/* Ask it again under the counting hook; or after a death.  By itself, without
** links, so that the verdict is on what is to be judged. */
ml_rc ml_quest_count(ml_quest *q);
ml_rc ml_quest_alone(ml_quest *q);
/* Deliver and free.  r may be NULL (ML_NOMEM, ML_AGAIN). */
void ml_quest_end(ml_quest *q, ml_rc rc, ml_answer *r);

/* A list in the order of asking. */
typedef struct ml_quests {
  ml_quest *head, *tail;
  uint64_t n;
} ml_quests;

void ml_quests_add(ml_quests *l, ml_quest *q);         /* at the end */
void ml_quests_put_back(ml_quests *l, ml_quest *q);    /* by its id */
ml_quest *ml_quests_take(ml_quests *l);                /* the first, or NULL */
/* The one behind `before` (NULL: the first), or NULL. */
ml_quest *ml_quests_take_after(ml_quests *l, ml_quest *before);

#endif
