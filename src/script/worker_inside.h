/*
** worker_inside.h - what worker.c (slices) and worker_image.c (bundles and
** their images) share.
*/
#ifndef ML_SCRIPT_WORKER_INSIDE_H
#define ML_SCRIPT_WORKER_INSIDE_H

#include "model/attempt.h"
#include "script/bind.h"
#include "script/box.h"
#include "script/worker.h"

/* What was evaluated before the image was taken. */
typedef enum image_kind {
  IMAGE_LINE,                  /* not even moonlane/slice.lua */
  IMAGE_PLAIN, IMAGE_FLOW, IMAGE_RULES, IMAGE_TEST
} image_kind;

/* The functions of moonlane/slice.lua. */
enum { F_PREPARE, F_DEFINE, F_ATTEMPT, F_JUDGE, F_TRIGGER, F_RULE, F_TRY,
       F_TEST_LIST, F_TEST_RUN, F_OBJECT, F_SETTLE, F_COUNT };

typedef struct bundle {
  struct bundle *next;         /* the most recently used first */
  uint8_t hash[32];
  ml_arena arena;
  ml_source *sources;
  size_t n;
} bundle;

typedef struct image {
  struct image *next;          /* the most recently used first */
  bundle *b;                   /* its box borrows from the bundle's arena */
  image_kind kind;
  ml_str path;                 /* of the rules; in the bundle's arena */
  ml_box *box;
  int refs[F_COUNT];
} image;

struct ml_worker {
  ml_worker_conf conf;
  bundle *bundles;
  image *images;
  size_t frame;                /* bytes it may have */
  ml_slice *slice;             /* the one under way: bindings look here */
};

/* ---- worker_image.c ---- */

/* The bundle that a question is about.  ML_NOT_FOUND: it must be sent. */
ml_rc ml_worker_bundle(ml_worker *w, const ml_ask *q, bundle **out);
/* Make it known by its hash (nothing when it is); drop it. */
ml_rc ml_worker_learn(ml_worker *w, const ml_ask *q);
void ml_worker_forget(ml_worker *w, const uint8_t hash[32]);
void ml_worker_forget_all(ml_worker *w);
/* The image for a question, made if need be; NULL with *r filled. */
image *ml_worker_image(ml_worker *w, bundle *b, const ml_ask *q, ml_slice *s,
                       ml_answer *r);

/* ---- worker.c ---- */

/* What counts for this question. */
uint64_t ml_worker_bound(const ml_worker *w, const ml_ask *q, ml_bound b);
ml_box_limits ml_worker_limits(const ml_worker *w, const ml_ask *q);
/* Is it a line for the REPL? */
bool ml_worker_is_line(const ml_ask *q);
/* How a slice (or the making of an image, under the limits of q) went wrong, as
** an answer. */
void ml_worker_error(const ml_worker *w, ml_arena *a, const image *im,
                     const ml_ask *q, ml_box_class c, ml_answer *r);
void ml_worker_broke(ml_answer *r, const char *text);

#endif
