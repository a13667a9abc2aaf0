/* flow_hook.c - a trigger's `verify` and `rate`, checked. */
#include <string.h>

#include "model/flow_part.h"

void ml_fp_rate(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                ml_trigger *t) {
  ml_str s = ML_NOSTR;

  if (ml_fp_str(p, w, o, "rate", &s) && ml_rate_parse(s, &t->rate) != ML_OK)
    ml_fp_fault(p, w, "'rate' is a number of requests and a time, such as "
                "\"60/m\" (s, m, h or d; 1 to 100000), not '%s'",
                ml_fp_show(s).s);
}

/* A header's name: a token of HTTP. */
static bool header(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                   const char *key, ml_str *out) {
  static const char marks[] = "!#$%&'*+-.^_`|~";

  if (!ml_fp_str(p, w, o, key, out))
    return false;
  for (size_t i = 0; i < out->n; i++) {
    char c = out->p[i];

    if (c == '\0' || !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
                       || (c >= '0' && c <= '9') || strchr(marks, c) != NULL)) {
      ml_fp_fault(p, w, "'%s' must be the name of a header, not '%s'", key,
                  ml_fp_show(*out).s);
      return false;
    }
  }
  if (out->n > 0)
    return true;
  ml_fp_fault(p, w, "'%s' must be the name of a header", key);
  return false;
}

/* One of n words; the first when it is missing. */
static size_t word(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                   const char *key, const char *const *words, size_t n,
                   const char *all) {
  ml_str s;

  if (!ml_fp_str(p, w, o, key, &s))
    return 0;
  for (size_t i = 0; i < n; i++)
    if (ml_str_is(s, words[i]))
      return i;
  ml_fp_fault(p, w, "'%s' may be %s, not '%s'", key, all, ml_fp_show(s).s);
  return 0;
}

static void check_signed(ml_fpass *p, const ml_fwho *w, const ml_verify *v) {
  ml_str rest = v->signed_, text;
  ml_signed_kind kind;
  int times = 0, bodies = 0, all = 0;

  while (ml_verify_piece(&rest, &kind, &text)) {
    all++;
    times += kind == ML_SIGNED_TIME;
    bodies += kind == ML_SIGNED_BODY;
  }
  if (bodies != 1)
    ml_fp_fault(p, w, "'signed' must have {body} once: what is not signed could "
                "be changed on the way");
  if ((times > 0) != (v->timestamp.n > 0))
    ml_fp_fault(p, w, "'timestamp' and the {timestamp} of 'signed' belong "
                "together: a time that is not signed proves nothing");
  if (all > ML_VERIFY_PIECES_MAX)
    ml_fp_fault(p, w, "'signed' has more than %d pieces",
                ML_VERIFY_PIECES_MAX);
}

/* A scheme that is spelled out. */
static void own_scheme(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                       ml_verify *v) {
  static const char *const known[] = {"header", "algorithm", "encoding",
                                      "prefix", "timestamp", "signed",
                                      "secret", "at", NULL};
  static const char *const digests[] = {"sha256", "sha1", "sha512"};
  static const char *const texts[] = {"hex", "base64"};

  ml_fp_members(p, w, o, known);
  if (!header(p, w, o, "header", &v->header)
      && ml_json_get(o, "header") == NULL)
    ml_fp_fault(p, w, "needs a scheme (standard, github, stripe, shopify, "
                "slack) or 'header', the name of the signature's header");
  v->digest = (ml_digest)word(p, w, o, "algorithm", digests, 3,
                              "\"sha256\", \"sha512\" or \"sha1\"");
  v->text = (ml_sign_text)word(p, w, o, "encoding", texts, 2,
                               "\"hex\" or \"base64\"");
  ml_fp_str(p, w, o, "prefix", &v->prefix);
  header(p, w, o, "timestamp", &v->timestamp);
  v->signed_ = ML_STR("{body}");
  ml_fp_str(p, w, o, "signed", &v->signed_);
  check_signed(p, w, v);
}

static void secret_setting(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                           ml_verify *v) {
  const ml_json *s = ml_json_get(o, "secret");
  ml_str name = ml_json_str(s, "setting");
  int i;

  if (name.p == NULL) {
    ml_fp_fault(p, w, "'secret' must be ml.setting \"name\", a setting of type "
                "secret%s", s == NULL ? "" : ": a secret does not stand in a "
                "workflow");
    return;
  }
  i = ml_fp_setting(p, w, "secret", name);
  if (i < 0)
    return;
  v->setting = (uint16_t)i;
  if (p->f->settings[i].type != ML_F_SECRET)
    ml_fp_fault(p, w, "setting '%s' is of type %s; 'secret' needs one of type "
                "secret", ml_fp_show(name).s,
                ml_ftype_name(p->f->settings[i].type));
}

void ml_fp_verify(ml_fpass *p, const ml_fwho *trigger, const ml_json *o,
                  ml_trigger *t) {
  static const char *const named[] = {"scheme", "secret", "at", NULL};
  const ml_json *v = ml_json_get(o, "verify");
  ml_str scheme = ML_NOSTR;
  ml_fwho w;

  if (v == NULL)
    return;
  if (v->type != ML_JOBJ || ml_json_get(v, "at") == NULL) {
    ml_fp_fault(p, trigger, "'verify' must be made by ml.signature { ... }, "
                "not %s", ml_fp_type(v));
    return;
  }
  w = ml_fp_who(v, trigger->at, "the signature", ML_NOSTR);
  t->verify = ml_fp_room(p, 1, sizeof *t->verify);
  if (t->verify == NULL)
    return;
  if (ml_json_get(v, "scheme") == NULL) {
    own_scheme(p, &w, v, t->verify);
  } else if (ml_fp_str(p, &w, v, "scheme", &scheme)) {
    ml_fp_members(p, &w, v, named);
    if (!ml_verify_scheme(scheme, t->verify))
      ml_fp_fault(p, &w, "'%s' is no scheme; schemes are standard, github, "
                  "stripe, shopify, slack, or spell it out with 'header'",
                  ml_fp_show(scheme).s);
  }
  secret_setting(p, &w, v, t->verify);
}
