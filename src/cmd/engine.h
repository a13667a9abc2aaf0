/*
** engine.h - the parts of an engine, put together in the one order that is
** safe: script workers before the store, a secret or a thread.
*/
#ifndef ML_CMD_ENGINE_H
#define ML_CMD_ENGINE_H

#include <stdbool.h>

#include "net/client.h"
#include "net/loop.h"
#include "run/run.h"
#include "script/host.h"
#include "store/store.h"

typedef struct ml_engine_conf {
  const char *db;                /* ":memory:": nothing is kept, no threads */
  const char *key_file;          /* made at the first start; NULL: a key that
                                    is forgotten */
  const ml_str *allow;
  size_t allow_count;
  const ml_str *rules;           /* files of rules; they outlive the engine */
  size_t rule_count;
  const ml_mail_server *mail_server;   /* url none, or NULL: no mail is sent */
  ml_str mail_from;              /* both outlive the engine */
  uint32_t workers;
  uint32_t calls_max;            /* outgoing calls of one workflow; 0: run.h's */
  ml_bounds limits;              /* of scripts */
  ml_rate hook_rate;             /* as in ml_run_conf */
  uint64_t history_max;          /* as in ml_run_conf */
  uint32_t queue_max;
  int64_t keep_keys_ms, keep_seen_ms;
  ml_isolation isolation;
  const ml_str *owners;          /* "folder=owner" */
  size_t owner_count;
  bool insecure;
  bool step_commits;             /* nothing runs ahead of the disk */
} ml_engine_conf;

typedef struct ml_engine {
  ml_loop *loop;
  ml_script *script;
  ml_store *store;
  ml_http *http;
  ml_mailer *mail;               /* NULL: none is configured */
  ml_run *run;
  ml_loop_wakeup *reap;
  ml_err insecure;               /* text: what the kernel lacks; or "" */
} ml_engine;

/* *e is zeroed first; on failure what was made is ended. */
ml_rc ml_engine_open(ml_engine *g, const ml_engine_conf *conf, ml_err *e);
/* Loop, store and run alone, of a store that nobody has open (ML_EXISTS: somebody
** has): what is asked is written, nothing goes on by itself. */
ml_rc ml_engine_open_still(ml_engine *g, const char *db, ml_err *e);
/* Waits for what the writer has.  Zeroed or half made: fine.  `after` (or NULL)
** ends what the run points to (the api): called when the run is gone and the
** loop still there.  ML_UNKNOWN: the last flush failed, and the log says so. */
ml_rc ml_engine_close(ml_engine *g, void (*after)(void *arg), void *arg);

/* An asynchronous call as a synchronous one: hand ml_engine_done and a zeroed
** ml_engine_wait to the call, then wait; the loop goes on meanwhile. */
typedef struct ml_engine_wait {
  bool over;
  ml_rc rc;
  ml_err e;
} ml_engine_wait;
void ml_engine_done(void *wait, ml_rc rc, const ml_err *e);
void ml_engine_until(ml_engine *g, ml_engine_wait *wait);

#endif
