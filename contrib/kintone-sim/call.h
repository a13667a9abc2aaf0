/*
** call.h - one API call in hand: who asks, what for, what comes of it.
**
** A call is a request's or a part's of a bulkRequest.  It either writes its
** answer into `out` or fails: once it has failed, `failed` is true and what
** was written to the database in this transaction is undone.
*/
#ifndef KS_CALL_H
#define KS_CALL_H

#include "schema.h"
#include "util.h"

struct ks_sim;
struct ks_pending;

typedef struct ks_person {
  ml_str code, name;
} ks_person;

#define KS_TOKENS_IN_CALL 9       /* limit of kintone */

/* Who asks.  With a login all rights on all apps, else those of tokens. */
typedef struct ks_caller {
  ks_person who;
  bool login;
  size_t count;
  struct { const ks_app *app; unsigned rights; } token[KS_TOKENS_IN_CALL];
} ks_caller;

typedef struct ks_problem {       /* one entry of "errors" */
  ml_str path, text;
  struct ks_problem *next;
} ks_problem;

typedef struct ks_call {
  struct ks_sim *sim;
  ml_arena *a;
  const ml_json *param;           /* an object */
  ml_str space;                   /* of a guest path, or none */
  bool english;                   /* language of messages */
  ks_caller caller;
  bool in_bulk;
  ml_str body, body_type;         /* as sent; for an upload */
  ks_app *app;                    /* once ks_call_app() found it */

  ml_buf out;
  ml_jw w;                        /* writes into out */
  ml_str out_type;                /* none: JSON */
  int status;                     /* 200 */
  bool failed;
  bool bare_body;                 /* bulkRequest wrote the failure into out */
  const char *code;
  ml_str message;
  ks_problem *problems, **last;
  bool changed;                   /* something was written */
  int64_t record_id, revision;    /* for the log; 0: none */
  struct ks_pending *pending;     /* notifications, sent after the commit */
} ks_call;

/* ---- failing ---- */

/* Fail with a code of kintone's; {0} and {1} of its message become a and b.
** The first failure counts. */
void ks_fail(ks_call *c, const char *code, ml_str a, ml_str b);
void ks_fail_at(ks_call *c, const char *code);            /* without texts */

typedef enum ks_msg {
  KS_M_PARAMETER, KS_M_REQUIRED, KS_M_MIN, KS_M_MAX, KS_M_NUMBER, KS_M_OPTION,
  KS_M_TWICE, KS_M_LONGER, KS_M_SHORTER, KS_M_MORE, KS_M_LESS, KS_M_100_ADD,
  KS_M_100_UPDATE, KS_M_100_DELETE, KS_M_20_PARTS, KS_M_KEY_OR_ID, KS_M_SYNTAX,
  KS_M_WORD, KS_M_NO_LIMIT, KS_M_SAME_COUNT, KS_M_LIST, KS_M_USER, KS_M_COUNT
} ks_msg;

/* Add one entry to "errors": the call fails with CB_VA01, once looked at with
** ks_call_sound(). */
void ks_problem_add(ks_call *c, ml_str path, ks_msg msg, ml_str a);
bool ks_call_sound(ks_call *c);   /* false: it has failed */

/* The failure as kintone writes it: {"code","id","message","errors"?}. */
void ks_put_failure(ks_call *c, ml_jw *w);

/* ---- parameters ---- */

/* From a URL's query ("a=1&b%5B0%5D=x") into an object of texts and lists. */
const ml_json *ks_param_url(ml_arena *a, ml_str query, bool *bad);

/* A parameter; NULL when missing, null or "". */
const ml_json *ks_param(const ml_json *o, const char *name);

/* A number or numeric text into *out, which stays when missing.  Adds a
** problem under `path` when it is missing (and `needed`), no integer, or
** outside of lo..hi. */
bool ks_param_int(ks_call *c, const ml_json *o, const char *name, ml_str path,
                  bool needed, int64_t lo, int64_t hi, int64_t *out);
/* A text (numbers become text); none when missing. */
ml_str ks_param_text(ks_call *c, const ml_json *o, const char *name,
                     ml_str path, bool needed);
bool ks_param_bool(const ml_json *o, const char *name);   /* true or "true" */
/* A list; NULL when missing (a problem when `needed`) or no list. */
const ml_json *ks_param_list(ks_call *c, const ml_json *o, const char *name,
                             bool needed);
/* A revision to check, or -1: absent, null, "" and -1 mean no check. */
int64_t ks_param_revision(ks_call *c, const ml_json *v, ml_str path);

/* ---- the app ---- */

/* Find parameter `app`, see that the call came by its path and that the
** caller has all of `rights` on it.  Called when the parameters are read. */
bool ks_call_app(ks_call *c, unsigned rights);
bool ks_call_may(ks_call *c, const ks_app *app, unsigned rights);
bool ks_call_use(ks_call *c, ks_app *app, unsigned rights);
ks_app *ks_sim_app(const struct ks_sim *sim, int64_t id);   /* or NULL */

#endif
