/*
** test_http.h - the other side of a workflow's HTTP calls, in tests.
**
** w:http(METHOD, PATH, { ... }) declares what answers.  Declarations are tried
** in order, the first that fits answers; it goes on answering until its
** `times` are used up.
**   PATH         "/k/v1/record.json", or with its host "https://k.example/..."
**   want         what else must fit: { host =, query = { app = 1 }, headers = {},
**                json = {}, body = "part of it" }; of tables the members named
**   fail         a list, one used up by each call before the answer below:
**                a status (503), a name of ends[] ("timeout"), or
**                { status =, headers =, json =, body = }
**   status, headers, json, body       the answer: 200, none, none, ""
**   then_status, then_headers, ...    the same, said behind a `fail`
**   times        answer so often, then let the next declaration answer
**   optional     not being used is no failure
*/
#ifndef ML_CMD_TEST_HTTP_H
#define ML_CMD_TEST_HTTP_H

#include "base/json.h"
#include "net/client.h"

typedef struct ml_fake ml_fake;

/* An ml_http whose answers come at the end of the loop's turn. */
ml_rc ml_fake_new(ml_loop *l, ml_fake **out);
void ml_fake_free(ml_fake *f);              /* NULL allowed */
ml_http *ml_fake_http(ml_fake *f);

/* Declare; opts may be NULL.  Copied.  ML_INVALID: *e says what. */
ml_rc ml_fake_expect(ml_fake *f, ml_str method, ml_str path,
                     const ml_json *opts, ml_err *e);

/* Under torture (torture_world.h): an answer is given when it is asked for, and
** a call whose answer was lost is given the same when it is repeated.
** _next: is there a call to be answered, the one numbered `late` only when it is
** alone?  *no is its number, 0: it repeats another.  _give answers it.
** flushed: commits on disk, which say whose answers a killed engine has lost;
** _known: an operation has ended, and what was answered will not be. */
struct ml_torture;
void ml_fake_torture(ml_fake *f, struct ml_torture *x);
bool ml_fake_next(const ml_fake *f, uint32_t late, uint32_t *no);
void ml_fake_give(ml_fake *f, uint32_t late, uint32_t flushed);
void ml_fake_killed(ml_fake *f, uint32_t flushed);
void ml_fake_known(ml_fake *f);
/* What was asked of the peers but to read, each once, in no order: a list of
** texts "METHOD URL\nkey\nbody". */
void ml_fake_effects(const ml_fake *f, ml_jw *w);

bool ml_fake_idle(const ml_fake *f);        /* no answer on its way */
/* The first call that nothing declared answers; none: there was none. */
ml_str ml_fake_fault(const ml_fake *f);
/* A sentence for each declaration that was never used and is not optional;
** how many. */
size_t ml_fake_unused(const ml_fake *f, ml_buf *out);

/* The calls made, as a list of { method, url, host, path, query, headers,
** body, json, at, status or failed }; method and path may be none: any. */
void ml_fake_calls(const ml_fake *f, ml_str method, ml_str path, ml_jw *w);

#endif
