/*
** cpbm_read.c - one XML file into the draft of a set, by expat.
**
** Every element, attribute and text of the file passes here and is judged by
** where it stands; what an element holds is cpbm_element.c, what several
** elements or files must agree on cpbm_check.c.  A mistake is told and reading
** goes on, so that one run tells all; only what makes the rest meaningless stops
** it: XML that is not well-formed, a DOCTYPE, an encoding, a wrong root, a bound.
*/
#include <string.h>
#include <strings.h>

#include "cmd/cpbm_reader.h"

enum { FIRST_PIECE = 64 << 10 };

uint32_t cpbm_line(reader *r) {
  return (uint32_t)XML_GetCurrentLineNumber(r->x);
}

void cpbm_stop(reader *r) {
  if (!r->stopped)
    XML_StopParser(r->x, XML_FALSE);
  r->stopped = true;
}

/* ---- elements ---- */

static const struct { place in; const char *name; place to; } grammar[] = {
  {P_MAP, "Match", P_MATCH}, {P_MATCH, "Rule", P_RULE},
  {P_WORKFLOWS, "Workflow", P_WORKFLOW}, {P_WORKFLOW, "Bucket", P_BUCKET},
  {P_WORKFLOW, "Phase", P_BUCKET}, {P_BUCKET, "Activity", P_ACTIVITY},
  {P_BEANS, "bean", P_BEAN}, {P_BEAN, "property", P_PROPERTY}};

static const struct { const char *name; place at; } roots[] = {
  [CPBM_MAP] = {"TransactionWorkflowMap", P_MAP},
  [CPBM_WORKFLOWS] = {"Workflows", P_WORKFLOWS},
  [CPBM_BEANS] = {"beans", P_BEANS}};

static place place_of(const reader *r, const char *name) {
  if (r->at[r->level] == P_TOP)
    return strcmp(name, roots[r->kind].name) == 0 ? roots[r->kind].at : P_NONE;
  for (size_t i = 0; i < sizeof grammar / sizeof *grammar; i++)
    if (grammar[i].in == r->at[r->level] && strcmp(grammar[i].name, name) == 0)
      return grammar[i].to;
  return P_NONE;
}

static bool sizes_fit(reader *r, const char *element, const XML_Char **atts) {
  for (; *atts != NULL; atts += 2)
    if (strlen(atts[1]) > r->d->limits.attribute_bytes) {
      cpbm_tell(r->d, r->f, cpbm_line(r), false, "the attribute '%s' of %s is "
                "longer than %u bytes (max-attribute)",
                cpbm_shown(ml_str_of(cpbm_local(atts[0]))).s,
                cpbm_shown(ml_str_of(element)).s,
                (unsigned)r->d->limits.attribute_bytes);
      return false;
    }
  return true;
}

static void not_read(reader *r, const char *name) {
  cpbm_word w = cpbm_shown(ml_str_of(name));
  bool in_rule = r->at[r->level] == P_RULE;

  if (r->at[r->level] == P_TOP) {
    cpbm_tell(r->d, r->f, cpbm_line(r), false, "the root element is '%s'; %s is "
              "wanted here", w.s, roots[r->kind].name);
    cpbm_stop(r);
    return;
  }
  if (in_rule)
    cpbm_tell(r->d, r->f, cpbm_line(r), false, "there is an element '%s' inside a "
              "Rule; a rule is text", w.s);
  else
    cpbm_tell(r->d, r->f, cpbm_line(r), true, "the element '%s' is not known here; "
              "it is skipped with what it holds", w.s);
  r->skip = r->depth;
}

static void on_start(void *arg, const XML_Char *qname, const XML_Char **atts) {
  reader *r = arg;
  const char *name = cpbm_local(qname);
  place p;

  if (r->stopped || r->d->nomem)
    return cpbm_stop(r);
  r->depth++;
  r->text_told = false;
  if (r->depth > r->d->limits.depth) {
    cpbm_tell(r->d, r->f, cpbm_line(r), false, "elements stand inside each other "
              "more than %u deep (max-depth)", (unsigned)r->d->limits.depth);
    return cpbm_stop(r);
  }
  if (!sizes_fit(r, name, atts))
    return cpbm_stop(r);
  if (r->skip > 0)
    return;
  p = place_of(r, name);
  if (p == P_NONE)
    return not_read(r, name);
  r->at[++r->level] = p;
  cpbm_begin(r, p, name, atts);
}

static void on_end(void *arg, const XML_Char *name) {
  reader *r = arg;

  (void)name;
  if (r->stopped || r->d->nomem)
    return cpbm_stop(r);
  r->text_told = false;
  if (r->skip > 0) {
    if (r->depth == r->skip)
      r->skip = 0;
    r->depth--;
    return;
  }
  r->depth--;
  cpbm_end(r, r->at[r->level--]);
}

static void on_text(void *arg, const XML_Char *s, int len) {
  reader *r = arg;
  place p = r->at[r->level];
  ml_str text = {s, (size_t)len};

  if (r->stopped || r->d->nomem || r->skip > 0)
    return;
  if (p == P_RULE)
    return cpbm_rule_text(r, s, (size_t)len);
  if (r->text_told || cpbm_trim(text).n == 0)
    return;
  r->text_told = true;
  if (p == P_MATCH)
    cpbm_tell(r->d, r->f, cpbm_line(r), false, "there is text in this Match outside "
              "its Rule: '%s'", cpbm_shown(cpbm_trim(text)).s);
  else
    cpbm_tell(r->d, r->f, cpbm_line(r), true, "the text '%s' is not read here",
              cpbm_shown(cpbm_trim(text)).s);
}

/* ---- the file ---- */

static void on_doctype(void *arg, const XML_Char *name, const XML_Char *system,
                       const XML_Char *public, int internal) {
  reader *r = arg;

  (void)name; (void)system; (void)public; (void)internal;
  cpbm_tell(r->d, r->f, cpbm_line(r), false, "a DOCTYPE is not allowed: no entities "
            "are declared here, and nothing is loaded from elsewhere");
  cpbm_stop(r);
}

static void on_declaration(void *arg, const XML_Char *version,
                           const XML_Char *encoding, int standalone) {
  reader *r = arg;

  (void)version; (void)standalone;
  if (encoding == NULL || strcasecmp(encoding, "UTF-8") == 0
      || strcasecmp(encoding, "UTF-16") == 0)
    return;
  cpbm_tell(r->d, r->f, cpbm_line(r), false, "the encoding '%s' is not read; UTF-8 "
            "and UTF-16 with a byte order mark are",
            cpbm_shown(ml_str_of(encoding)).s);
  cpbm_stop(r);
}

/* expat guesses UTF-16 from its first characters; we want the mark. */
static bool encoding_fits(reader *r) {
  const unsigned char *b = (const unsigned char *)r->f->bytes.p;
  size_t n = r->f->bytes.n;
  bool marked = n >= 2 && ((b[0] == 0xFF && b[1] == 0xFE)
                           || (b[0] == 0xFE && b[1] == 0xFF));
  bool wide = n >= 4 && ((b[0] == 0xFF && b[1] == 0xFE && b[2] == 0 && b[3] == 0)
                         || (b[0] == 0 && b[1] == 0));

  if (!wide && (marked || n < 2 || (b[0] != 0 && b[1] != 0)))
    return true;
  cpbm_tell(r->d, r->f, 1, false, wide ? "the encoding UTF-32 is not read; UTF-8 "
            "and UTF-16 with a byte order mark are" : "there are NUL bytes; if "
            "this is UTF-16, it must begin with a byte order mark");
  return false;
}

/* The first piece by itself: expat copies what it is given, and what is refused
** early should cost little.  The rest at once: fed in pieces, one long token
** would be scanned again and again. */
static bool feed(reader *r) {
  size_t n = r->f->bytes.n, first = n < FIRST_PIECE ? n : FIRST_PIECE;
  enum XML_Status s = XML_Parse(r->x, r->f->bytes.p, (int)first, first == n);

  if (s == XML_STATUS_OK && first < n)
    s = XML_Parse(r->x, r->f->bytes.p + first, (int)(n - first), 1);
  if (XML_GetErrorCode(r->x) == XML_ERROR_NO_MEMORY)
    r->d->nomem = true;
  if (r->stopped || r->d->nomem)
    return false;
  if (s == XML_STATUS_OK)
    return true;
  cpbm_tell(r->d, r->f, cpbm_line(r), false, "the XML is not well-formed: %s",
            XML_ErrorString(XML_GetErrorCode(r->x)));
  return false;
}

static bool parse(reader *r) {
  static const XML_Memory_Handling_Suite memory = {
    ml_mem_alloc, ml_mem_realloc, ml_mem_free};
  bool ok;

  r->x = XML_ParserCreate_MM(NULL, &memory, NULL);
  if (r->x == NULL) {
    r->d->nomem = true;
    return false;
  }
  XML_SetUserData(r->x, r);
  XML_SetElementHandler(r->x, on_start, on_end);
  XML_SetCharacterDataHandler(r->x, on_text);
  XML_SetStartDoctypeDeclHandler(r->x, on_doctype);
  XML_SetXmlDeclHandler(r->x, on_declaration);
  ok = feed(r);
  XML_ParserFree(r->x);
  return ok;
}

void cpbm_read(draft *d, cpbm_kind kind, const ml_cpbm_file *f) {
  reader r = {.d = d, .kind = kind, .f = f};
  bool ok = false;

  r.at[0] = P_TOP;
  if (d->nomem)
    return;
  if (f->bytes.n > d->limits.file_bytes)
    cpbm_tell(d, f, 1, false, "the file is longer than %u bytes (max-file)",
              (unsigned)d->limits.file_bytes);
  else if (f->bytes.n == 0)
    cpbm_tell(d, f, 1, false, "the file is empty; it wants a root element %s",
              roots[kind].name);
  else if (encoding_fits(&r))
    ok = parse(&r);
  if (kind == CPBM_MAP)
    d->map_read = ok;
  else if (kind == CPBM_WORKFLOWS)
    d->workflows_read = ok;
  else
    d->beans_read = ok;
  ml_buf_free(&r.rule);
  ml_mem_free(r.pieces);
}
