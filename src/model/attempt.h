/*
** attempt.h - what a script worker is asked, and what it answers.
**
** A worker is a pure function: it gets everything a slice rests on (bundle,
** position, data, journal) and gives back new journal entries, what the
** script wants written, and how the slice ended.  It keeps nothing that
** the core needs; whatever it held can be asked again elsewhere.  What comes
** back may have been written by an enemy: ml_answer_unpack() believes
** nothing but its own checks (ids, sizes, order).
**
** A frame on the socket: 4 bytes length (little-endian, of what follows),
** 1 byte kind, then a packed record.
*/
#ifndef ML_MODEL_ATTEMPT_H
#define ML_MODEL_ATTEMPT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/pack.h"
#include "base/rc.h"
#include "model/bound.h"
#include "model/word.h"

/* Core to worker. */
typedef enum ml_ask_kind {
  ML_ASK_BUNDLE = 1,      /* here is a bundle: ml_bundle_src */
  ML_ASK_DEFINE,          /* evaluate workflow.lua, give the tree */
  ML_ASK_ATTEMPT,         /* run / is_complete / undo of an activity */
  ML_ASK_JUDGE,           /* the `when` functions at these paths */
  ML_ASK_TRIGGER,         /* a trigger's run or receive function */
  ML_ASK_RULE,            /* match a transaction */
  ML_ASK_EVAL,            /* a line of Lua (REPL), or a file (`try`) */
  ML_ASK_TEST,            /* a slice of test.lua */
  ML_ASK_FORGET,          /* drop a bundle, or a suspended slice */
  ML_ASK_OBJECT,          /* a process is written: derived fields and rules */
  ML_ASK_LIMITS,          /* the operator's limits, before anything else: no
                             answer comes */
  ML_ASK_COUNT
} ml_ask_kind;

/* Worker to core. */
typedef enum ml_answer_kind {
  ML_ANSWER_DONE = 1,     /* ml_answer */
  ML_ANSWER_NEED,         /* that bundle is not here: id, hash; send it and
                             ask again */
  ML_ANSWER_COUNT
} ml_answer_kind;

typedef struct ml_source {
  ml_str name;            /* "workflow.lua", "activities/x.lua", "moonlane/..." */
  ml_str text;
} ml_source;

typedef struct ml_entry {         /* of a journal */
  ml_str call;                    /* "get.1" */
  ml_callk kind;
  uint8_t hash[16];               /* of what was asked; zero: not compared */
  ml_str answer;                  /* JSON; http: {"status","headers","body"} */
} ml_entry;

/* The answer of an await whose time was over: a null that no signal writes. */
#define ML_AWAIT_OVER ML_STR(" null")

/*
** An activity that would be asked next if the one before it just returns: a
** worker may run on to it without waiting.  What it would be asked differs from
** the question only here and in the data that those before it wrote.
*/
typedef struct ml_behind {
  ml_str path;
  ml_str key;
  ml_str activity;
} ml_behind;

enum { ML_LINKS_MAX = 15 };

/* A question.  Unused members are zero. */
typedef struct ml_ask {
  ml_ask_kind kind;
  uint64_t id;                    /* echoed in the answer */
  uint8_t bundle[32];             /* SHA-256 over the sources */
  const ml_source *sources;       /* BUNDLE, DEFINE, EVAL, TEST */
  size_t source_count;
  uint32_t flow;                  /* which of the bundle's workflows */
  ml_str path;                    /* "4.1.2.1"; JUDGE: "4.1 4.2"; TRIGGER: "2" */
  ml_str mode;                    /* "run", "is_complete", "undo", "receive" */
  ml_str key;                     /* activity id: ctx.key, the random seed */
  ml_str activity;                /* its label: ctx.process.activity */
  ml_str process;                 /* JSON object for ctx.process */
  ml_str data;                    /* JSON object: field id -> value */
  ml_str settings;                /* JSON; a secret is {"$secret":"name"} */
  ml_str payload;                 /* TRIGGER: state or request; RULE: the
                                     transaction; EVAL: source; JSON or text */
  int64_t now_ms;
  uint32_t attempt;
  const ml_entry *journal;
  size_t journal_count;
  const ml_behind *links;           /* ATTEMPT: what may be run behind it */
  size_t link_count;
  uint64_t owner;                 /* whose script: a worker serves one owner in
                                     its life; 0: it may serve anybody.  The
                                     host's, not sent */
  bool count_units;               /* run under the counting hook */
  const ml_bounds *limits;        /* the author's where they are lower than the
                                     operator's; LIMITS: those.  NULL: none */
} ml_ask;

typedef enum ml_end {
  ML_END_RETURNED,        /* outcome (or JSON result) in `text` */
  ML_END_WANT,            /* a durable call: want_* */
  ML_END_FAILED,          /* ctx:fail; text: reason */
  ML_END_RETRY,           /* ctx:retry; text: reason, after_ms */
  ML_END_BROKE,           /* a Lua error; text, at, traceback */
  ML_END_MISMATCH,        /* journal-mismatch; text says which call */
  ML_END_CPU, ML_END_MEMORY, ML_END_CLOCK,   /* stopped */
  ML_END_COUNT
} ml_end;

typedef struct ml_comment_out {
  ml_str text;
  ml_str visibility;      /* "private", "client", "shared" */
} ml_comment_out;

typedef struct ml_log_line {
  uint32_t seq;           /* number of the line in its attempt, from 1 */
  ml_str text;
} ml_log_line;

typedef struct ml_answer {
  uint64_t id;
  ml_end end;
  ml_str text;
  ml_str at;              /* "activities/x.lua:12" */
  ml_str traceback;
  int64_t after_ms;       /* RETRY: -1 when the policy decides */
  /* WANT: an HTTP call carries its request in `want`; a secret stands as
  ** "\x01secret:NAME\x01" in its texts, filled in by the core's client. */
  ml_str want_call;       /* "put.1" */
  ml_callk want_kind;
  uint8_t want_hash[16];
  ml_str want;            /* JSON: {"method","url","headers":[[n,v]],"body",
                             "timeout_ms","raw","keep"} | {"ms"} | {"signal",
                             "within_ms"} | {"task":{..}} | {"workflow","data"} */
  /* entries the script made by itself, in order: step, now, uuid, random */
  const ml_entry *entries;
  size_t entry_count;
  /* held back until the attempt ends; empty for WANT */
  ml_str data;            /* JSON object: what was assigned, null = cleared */
  ml_str cleared;         /* JSON list of field ids cleared although required */
  ml_str subject;         /* none: not set */
  ml_str state;
  ml_str assign;          /* "" = nobody */
  const ml_comment_out *comments;
  size_t comment_count;
  const ml_log_line *logs;
  size_t log_count;
  uint64_t units;
  int64_t used_us;                /* by the worker's clock */
  const struct ml_answer *links;  /* of the first so many links, in order */
  size_t link_count;
} ml_answer;

/* Is what the slice adds to its journal within the operator's limits? */
bool ml_answer_within(const ml_answer *r, const ml_bounds *operator_);
/* Packing marks `out` bad when the frame would be longer than ML_FRAME_MAX. */
void ml_ask_pack(ml_buf *out, const ml_ask *q);             /* whole frame */
/* Read a question's record (after the kind byte).  Borrows from `bytes`;
** lists in `a`.  ML_CORRUPT. */
ml_rc ml_ask_unpack(ml_arena *a, ml_ask_kind kind, ml_str bytes, ml_ask *q);

void ml_answer_pack(ml_buf *out, const ml_answer *r);       /* whole frame */
/* As above; besides: known end, call names well-formed "<kind>[.<name>].<n>",
** sizes within the limits below, valid UTF-8 in every text, `data` etc. not
** parsed (the engine does).  Entries: no call twice, only what a script makes
** by itself (step, now, uuid, random, data); WANT: any other kind, and nothing
** held back but log lines; those rise in seq. */
ml_rc ml_answer_unpack(ml_arena *a, ml_str bytes, ml_answer *r);
void ml_answer_pack_need(ml_buf *out, uint64_t id, const uint8_t bundle[32]);
ml_rc ml_answer_unpack_need(ml_str bytes, uint64_t *id, uint8_t bundle[32]);

/* What nothing may be more than; model/bound.h has what it usually may be, and
** ml_bounds_frame() what a frame may then be. */
enum {
  ML_FRAME_MAX = 128 << 20,
  ML_FRAME_USUAL = 16 << 20,       /* and of a bundle's sources at most */
  ML_ENTRY_MAX = 8 << 20,          /* bytes of an answer in a journal */
  ML_ENTRIES_MAX = 20000,          /* a journal's entries */
  ML_JOURNAL_MAX = 64 << 20,       /* and its bytes */
  ML_ERROR_MAX = 4 << 10,
  ML_LOG_LINES_MAX = 1000, ML_LOG_LINE_MAX = 2 << 10,
  ML_COMMENTS_MAX = 100, ML_COMMENT_MAX = 64 << 10,
  ML_SOURCES_MAX = 1000,           /* files of a bundle */
  ML_CALL_NAME_MAX = 256           /* bytes of "step.total.1" */
};

#endif
