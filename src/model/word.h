/*
** word.h - the words of DESIGN.md as numbers, and back.
**
** The numbers are stored: never renumber, only append.  Each *_name gives the
** word as people read it (static; "?" for a number that is none); each
** *_of reads it and gives false for a word that is none.
*/
#ifndef ML_MODEL_WORD_H
#define ML_MODEL_WORD_H

#include <stdbool.h>

#include "base/pack.h"

/* Engine status of a process (P1.2). */
typedef enum ml_status { ML_OPEN, ML_COMPLETED, ML_CANCELLED,
                         ML_STATUS_COUNT } ml_status;
/* How its run goes (C6). */
typedef enum ml_runs { ML_RUN_NEW, ML_RUN_RUNNING, ML_RUN_COMPLETED,
                       ML_RUN_FAILURE, ML_RUN_ERROR, ML_RUN_COUNT } ml_runs;
/* An activity (C6). */
typedef enum ml_acts { ML_ACT_NEW, ML_ACT_IN_PROGRESS, ML_ACT_WAITING,
                       ML_ACT_SUCCESS, ML_ACT_FAILURE, ML_ACT_ERROR,
                       ML_ACT_TERMINATED, ML_ACT_COUNT } ml_acts;
/* A task (P3.3). */
typedef enum ml_tasks { ML_TASK_OPEN, ML_TASK_COMPLETED, ML_TASK_CANCELLED,
                        ML_TASK_COUNT } ml_tasks;
/* A transaction (C1.2): as its process goes; one that no rule matched is
** Completed at once. */
typedef enum ml_txs { ML_TX_RUNNING, ML_TX_COMPLETED, ML_TX_FAILURE,
                      ML_TX_ERROR, ML_TX_COUNT } ml_txs;
/* What an activity waits for. */
typedef enum ml_wait { ML_WAIT_NONE, ML_WAIT_SCRIPT, ML_WAIT_CALL, ML_WAIT_TASK,
                       ML_WAIT_RETRY, ML_WAIT_SLEEP, ML_WAIT_SIGNAL,
                       ML_WAIT_PROCESS, ML_WAIT_ASK, ML_WAIT_OPERATOR,
                       ML_WAIT_COUNT } ml_wait;
/* Kinds of durable calls in a journal. */
typedef enum ml_callk { ML_CALL_GET, ML_CALL_HEAD, ML_CALL_POST, ML_CALL_PUT,
                        ML_CALL_PATCH, ML_CALL_DELETE, ML_CALL_STEP,
                        ML_CALL_NOW, ML_CALL_UUID, ML_CALL_RANDOM,
                        ML_CALL_SLEEP, ML_CALL_AWAIT, ML_CALL_ASK,
                        ML_CALL_CALL, ML_CALL_START, ML_CALL_DATA,
                        ML_CALL_OP /* test.lua: what a `w:` call asks */,
                        ML_CALL_EMIT, ML_CALL_MAIL,
                        ML_CALL_COUNT } ml_callk;

/* How a link to a partner stands. */
typedef enum ml_links { ML_LINK_INVITED, ML_LINK_ACCEPTING, ML_LINK_ACTIVE,
                        ML_LINK_REVOKED, ML_LINK_COUNT } ml_links;

/* Who sends a message of the outbox. */
typedef enum ml_postk { ML_POST_MAIL, ML_POST_HOOK, ML_POST_PARTNER,
                        ML_POST_KINDS } ml_postk;

/* Types of fields and settings. */
typedef enum ml_ftype {
  ML_F_STRING,      /* one line, at most 64 KiB */
  ML_F_TEXT,        /* many lines */
  ML_F_INTEGER, ML_F_NUMBER, ML_F_DECIMAL /* text of digits, exact */,
  ML_F_BOOLEAN,
  ML_F_SELECT,      /* the id of one choice */
  ML_F_MULTI,       /* list of choice ids, in the order of the choices */
  ML_F_DATE,        /* "2026-03-01" */
  ML_F_TIME,        /* "09:30" */
  ML_F_DATETIME,    /* integer, ms UTC; a text with a zone is read too */
  ML_F_EMAIL, ML_F_URL, ML_F_PHONE,
  ML_F_USER,        /* a member's id */
  ML_F_JSON,        /* anything */
  ML_F_SECRET,      /* settings only: a handle in scripts */
  ML_F_DURATION,    /* settings only: "15m"; ms in scripts */
  /* the rest of P3.5; several names of one type are in ml_ftype_of() */
  ML_F_FLOAT,       /* any number; 2.0 is kept as 2 */
  ML_F_STRING_ID, ML_F_INTEGER_ID,
  ML_F_INTEGER_ENUM, ML_F_FLOAT_ENUM,       /* a number among its choices */
  ML_F_MULTI_INTEGER, ML_F_MULTI_FLOAT,     /* lists of such, no doubles */
  ML_F_NAME,        /* of somebody or something: one line, not blank */
  ML_F_DATETIME_ISO,   /* "2026-03-01T00:30:00Z": a text, always in UTC */
  ML_F_PHOTO, ML_F_PHOTOS, ML_F_AUDIO,      /* URLs of files; a list of such */
  ML_F_NESTED,      /* a JSON object */
  ML_F_API,         /* anything, written over the API only: in no form */
  ML_F_COUNT
} ml_ftype;

/* What a history record tells. */
typedef enum ml_told {
  ML_TOLD_STARTED, ML_TOLD_PHASE, ML_TOLD_BRANCH, ML_TOLD_JOINED,
  ML_TOLD_BEGAN,        /* an activity In-Progress; text: label */
  ML_TOLD_SUCCEEDED, ML_TOLD_FAILED, ML_TOLD_BROKE, ML_TOLD_TERMINATED,
  ML_TOLD_NOT_YET,      /* an attempt ended so; text: why */
  ML_TOLD_CALLED,       /* an outside call was asked; text: "put.1 PUT url" */
  ML_TOLD_ANSWERED,     /* its answer was recorded; text: "put.1 200" */
  ML_TOLD_OFFERED, ML_TOLD_ALLOCATED, ML_TOLD_CLAIMED, ML_TOLD_RELEASED,
  ML_TOLD_DONE,         /* a task completed; text: outcome */
  ML_TOLD_DATA,         /* fields written; data: {id: new value} */
  ML_TOLD_SUBJECT, ML_TOLD_STATE, ML_TOLD_ASSIGNED, ML_TOLD_COMMENT,
  ML_TOLD_LOG, ML_TOLD_SIGNAL, ML_TOLD_AWAITED, ML_TOLD_WOKE, ML_TOLD_OVERDUE,
  ML_TOLD_RETRIED, ML_TOLD_SKIPPED, ML_TOLD_RESET, ML_TOLD_ASIDE,
  ML_TOLD_COMPLETED, ML_TOLD_CANCELLED, ML_TOLD_REOPENED, ML_TOLD_DELETED,
  ML_TOLD_RESTORED, ML_TOLD_MIGRATED, ML_TOLD_REMINDED, ML_TOLD_ESCALATED,
  ML_TOLD_CHILD, ML_TOLD_RUN /* run changed; text: the new one */,
  ML_TOLD_REWORDED, ML_TOLD_UNSAID /* a comment: no */,
  ML_TOLD_SHARED /* with a partner: text; data: the process there */,
  ML_TOLD_OBJECT,       /* an id of another; text: which; data: JSON */
  ML_TOLD_COUNT
} ml_told;

const char *ml_status_name(ml_status v);       /* "OPEN" */
const char *ml_runs_name(ml_runs v);           /* "Running" */
const char *ml_acts_name(ml_acts v);           /* "In-Progress" */
const char *ml_tasks_name(ml_tasks v);         /* "OPEN" */
const char *ml_txs_name(ml_txs v);             /* "Running" */
const char *ml_wait_name(ml_wait v);           /* "task" */
const char *ml_callk_name(ml_callk v);         /* "put" */
const char *ml_ftype_name(ml_ftype v);         /* "string" */
const char *ml_told_name(ml_told v);           /* "started" */
const char *ml_links_name(ml_links v);         /* "active" */
const char *ml_postk_name(ml_postk v);         /* "mail" */
bool ml_status_of(ml_str s, ml_status *v);
bool ml_runs_of(ml_str s, ml_runs *v);
bool ml_txs_of(ml_str s, ml_txs *v);
bool ml_callk_of(ml_str s, ml_callk *v);
bool ml_ftype_of(ml_str s, ml_ftype *v);
bool ml_told_of(ml_str s, ml_told *v);

/* SEMANTICS.md 1: does a finished call of this kind stand in a new attempt
** (it changed the outside or chose a value)?  And does it leave the core? */
bool ml_callk_kept(ml_callk v);
bool ml_callk_http(ml_callk v);

#endif
