/*
** worker.h - a script worker: questions in, answers out, nothing else.
**
** ml_worker is a library of pure functions behind one call, so that a
** simulation may use it in its own process; ml_worker_main is the process
** around it.  It keeps bundles and, for each, images: a box in which the
** bundle was evaluated and then frozen.  Each slice restores the image, so it
** begins in a fresh state, replays the journal from its start and ends at the
** first call that the journal lacks (ML_END_WANT).  No suspended state is
** kept.
**
** A question may have links, activities that come next if all goes well: then
** the worker runs on, each from the image, and answers for as many as it did.
**
** What the members of a question mean besides attempt.h:
**   DEFINE   sources; the answer's text is the tree (model/flow.h)
**   ATTEMPT  text: the outcome, none for `done`; is_complete: true or false
**   JUDGE    path "4.1 4.2"; text: JSON list of true and false
**   TRIGGER  path: place in `start` from 1; mode run or receive; payload: JSON
**   RULE     path: file of rules in the bundle ("rules.lua" when none);
**            payload {"type":..., "payload":...}; text {"rule":i,"to":..,
**            "data":{..}} or null
**   OBJECT   payload {"on","rules","now","is","was"}, data: the fields as they
**            would be; text {"derived":{..},"refuse":..,"after":[..]}.  At most
**            100 ms in all
**   EVAL     mode "" : a line of Lua, the source called "line"; payload: a
**            JSON object of globals.  Text: the value as JSON (one that has
**            none: its tostring as a JSON text), several as a list, "" for
**            none.  Without other sources there is no library to require.
**            Mode "try": path is a file of the sources that returns
**            function(ctx), run like an activity; text: its value as JSON
**            ("" for nil); a value that has no JSON is an error
**   TEST     mode "list": text is a JSON list of names; "run": path is the
**            number of the test, its journal holds the operations
**            (lua/moonlane/test.lua says what they look like)
** A question with sources needs no bundle; with both, the sources become
** known under that hash.
** LIMITS, the operator's, comes before anything else, if at all.  A bundle is
** evaluated under them too, but never under less than the default.
*/
#ifndef ML_SCRIPT_WORKER_H
#define ML_SCRIPT_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/pack.h"
#include "base/rc.h"
#include "model/bound.h"

typedef struct ml_worker ml_worker;

/* A field of 0 stands for the default. */
typedef struct ml_worker_conf {
  uint32_t bundles;      /* kept; 64 */
  uint32_t images;       /* kept; 64, fewer when states may be larger: all
                            have the address space of the jail */
  ml_bounds limits;      /* the operator's */
  bool counting;         /* count units always: no tick, no clock */
} ml_worker_conf;

ml_rc ml_worker_new(const ml_worker_conf *conf, ml_worker **out);
void ml_worker_free(ml_worker *w);               /* NULL allowed */

/*
** Handle one whole frame (length, kind, record), append the frame of the
** answer, if any, to out.  ML_CORRUPT: the frame is not well-formed, nothing
** was appended; ML_NOMEM: memory is short, so too.
*/
ml_rc ml_worker_handle(ml_worker *w, ml_str frame, ml_buf *out);

/* Bytes that a frame may have. */
size_t ml_worker_frame(const ml_worker *w);

/*
** The life of a worker process: enter the jail, then read questions from the
** socket until it is closed.  `page` is a descriptor of ML_PAGE_BYTES of
** shared memory: while a slice runs, the first 8 bytes hold its id; in the
** next 8 the core says how many of the questions sent so far are asked
** elsewhere: of these, those not yet begun are answered without being run.
** Gives the exit status: 0 when the socket was closed, 78 without jail.
*/
int ml_worker_main(int fd, int page, int insecure);

#endif
