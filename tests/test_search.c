/*
** test_search.c - P3.9, P2.8: lists by filter and order are exact, whatever
** serves them.  Random processes, random filters as text and as JSON, page by
** page, against an evaluation of their own here; then how each is planned, and
** what is refused.
*/
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rand.h"
#include "store/search.h"

#define LEN(a) (sizeof(a) / sizeof *(a))

/* ---- a workflow ---- */

enum { SOURCE, SCORE, AMOUNT, PRICE, TAGS, DAY, AT, OK, NOTE, PLAIN, FIELDS,
       STATUS = FIELDS, STATE, WHO, MADE, NEXT, ENTITY, RECORD,
       BELONGS, BOOKING, KINDS };

static const char *const names[KINDS] = {
  "source", "score", "amount", "price", "tags", "day", "at", "ok", "note",
  "plain", "status", "state", "assignedTo", "createdAt", "nextActionAt",
  "entity", "record", "belongsTo", "primaryBooking"};
static const ml_ftype types[FIELDS] = {
  ML_F_SELECT, ML_F_INTEGER, ML_F_NUMBER, ML_F_DECIMAL, ML_F_MULTI, ML_F_DATE,
  ML_F_DATETIME, ML_F_BOOLEAN, ML_F_STRING, ML_F_INTEGER};
static ml_choice choices[] = {{ML_STR("web-form"), {0}}, {ML_STR("fair"), {0}},
                              {ML_STR("call"), {0}}, {ML_STR("it's"), {0}}};
static const char *const notes[] = {"a", "ab", "abc", "b", "Z", "\xe6\xa7\x98",
                                    "\xe6\xa7\x98\xe6\xa7\x98", "\xd1\x91",
                                    "a%b", "abcd", "", "long"};
static const char *const states[] = {"New", "In-Progress", "Converted", ""};
static const char *const people[] = {"aiko", "ben", "cixin", ""};
static const char *const ids[] = {"contact", "item", "c-1", "c-2", "long", ""};
static ml_field fields[FIELDS];
static ml_state state_list[] = {{.id = ML_STR("New")}, {.id = ML_STR("In-Progress")},
                                {.id = ML_STR("Converted")}};
static ml_flow flow;
static char long_note[260];      /* what is behind the cut differs */

static void make_flow(void) {
  for (int i = 0; i < FIELDS; i++) {
    fields[i] = (ml_field){.id = ml_str_of(names[i]),
                           .short_id = ml_str_of(names[i]), .type = types[i],
                           .search = i != PLAIN};
    if (i == SOURCE || i == TAGS) {
      fields[i].of = choices;
      fields[i].of_count = LEN(choices);
    }
  }
  flow = (ml_flow){.name = ML_STR("lead"), .fields = fields,
                   .field_count = FIELDS, .states = state_list,
                   .state_count = LEN(state_list),
                   .entity = ML_STR("contact")};
}

/* ---- processes as this test knows them ---- */

typedef struct Val {
  bool has;
  double num;
  char text[400];
  unsigned set;                  /* tags */
} Val;

typedef struct Proc {
  int64_t n;
  uint64_t seq;
  uint32_t workflow;
  bool deleted;
  Val v[KINDS];
} Proc;

static ml_rand_seeded rnd;
static unsigned pick(unsigned n) {
  return (unsigned)ml_rand_between(&rnd.base, 0, (int64_t)n - 1);
}

static void number(Val *v, double d) {
  v->has = true;
  v->num = d;
}

static void text(Val *v, const char *s) {
  v->has = s[0] != '\0';
  snprintf(v->text, sizeof v->text, "%s", s);
}

/* A value out of few, so that things are equal often. */
static void random_value(Val *v, int kind) {
  char day[32];

  memset(v, 0, sizeof *v);
  if (kind < FIELDS && pick(6) == 0)
    return;
  switch (kind) {
  case SOURCE: text(v, choices[pick(LEN(choices))].id.p); break;
  case SCORE: number(v, (double)pick(20) * 10 - 50); break;
  case AMOUNT: number(v, (double)pick(12) * 0.5 - 2); break;
  case PRICE: number(v, ((double)pick(40) - 20) * (pick(2) ? 25 : 1000)); break;
  case TAGS:
    v->set = pick(16);
    v->has = v->set != 0;
    break;
  case DAY:
    snprintf(day, sizeof day, "2026-%02u-%02u", 1 + pick(3), 1 + pick(5));
    text(v, day);
    break;
  case AT: number(v, 1700000000000.0 + 86400000.0 * pick(8)); break;
  case OK: number(v, pick(2)); break;
  case NOTE:
    text(v, notes[pick(LEN(notes))]);
    if (strcmp(v->text, "long") == 0) {
      snprintf(v->text, sizeof v->text, "%s%u", long_note, pick(5));
    }
    break;
  case PLAIN: number(v, pick(5)); break;
  case ENTITY: case RECORD: case BELONGS: case BOOKING:
    text(v, pick(3) ? ids[pick(LEN(ids))] : "");
    if (strcmp(v->text, "long") == 0)          /* behind the cut, one is another */
      snprintf(v->text, sizeof v->text, "%s%u", long_note, pick(3));
    break;
  case STATUS: text(v, ml_status_name((ml_status)pick(ML_STATUS_COUNT))); break;
  case STATE: text(v, states[pick(LEN(states))]); break;
  case WHO: text(v, people[pick(LEN(people))]); break;
  case MADE: number(v, 1700000000000.0 + 60000.0 * pick(50)); break;
  case NEXT:
    if (pick(3) != 0)
      number(v, 1700000000000.0 + 3600000.0 * pick(20));
    break;
  }
}

static void put_cents(ml_buf *b, double cents) {
  long c = (long)cents, a = labs(c);

  ml_buf_printf(b, "%s%ld", c < 0 ? "-" : "", a / 100);
  if (a % 100 != 0)
    ml_buf_printf(b, ".%ld%s", a % 100 / 10, a % 10 ? "5" : "");
}

/* The value as JSON; `loose`: a value of a filter, as a person writes it. */
static void put_json(ml_buf *b, int kind, const Val *v) {
  if (kind == TAGS) {
    bool first = true;

    ml_buf_putc(b, '[');
    for (unsigned i = 0; i < LEN(choices); i++)
      if (v->set & 1u << i) {
        ml_buf_puts(b, first ? "" : ",");
        ml_json_put_str(b, choices[i].id);
        first = false;
      }
    ml_buf_putc(b, ']');
  } else if (kind == PRICE) {
    ml_buf_putc(b, '"');
    put_cents(b, v->num);
    ml_buf_putc(b, '"');
  } else if (kind == OK) {
    ml_buf_puts(b, v->num != 0 ? "true" : "false");
  } else if (kind == AMOUNT) {
    ml_buf_printf(b, "%.17g", v->num);
  } else if (kind == SCORE || kind == AT || kind == PLAIN || kind == MADE ||
             kind == NEXT) {
    ml_buf_printf(b, "%.0f", v->num);
  } else {
    ml_json_put_str(b, ml_str_of(v->text));
  }
}

/* ---- the store ---- */

static ml_store *s;
static Proc procs[900];
static size_t proc_count;

static void committed(void *arg, ml_batch *b, ml_rc rc) {
  *(ml_rc *)arg = rc != ML_OK ? rc : ml_batch_unit_rc(b, 0);
}

static void commit(ml_batch *b) {
  ml_rc rc = ML_RC_COUNT;

  ml_store_submit(s, b, committed, &rc);
  ml_store_wait(s);
  assert_string_equal(ml_rc_name(rc), "ok");
  ml_batch_free(b);
}

static ml_str str_of(const Val *v) {
  return v->has ? ml_str_of(v->text) : ML_NOSTR;
}

/* Of every one: a row without any id takes one away. */
static void put_ids(ml_batch *b, const Proc *p) {
  ml_row_object o = {.n = p->n, .entity = str_of(&p->v[ENTITY]),
                     .record = str_of(&p->v[RECORD]),
                     .belongs_to = str_of(&p->v[BELONGS]),
                     .booking = str_of(&p->v[BOOKING])};

  ml_batch_object(b, &o);
}

static void put_row(ml_batch *b, Proc *p) {
  ml_row_process row = {.n = p->n, .workflow = p->workflow, .bundle = 1,
                        .run = ML_RUN_RUNNING, .deleted = p->deleted,
                        .seq_was = p->seq, .seq = p->seq + 1};
  ml_buf data = {0};

  memcpy(row.id, &p->n, sizeof p->n);
  ml_buf_putc(&data, '{');
  for (int i = 0; i < FIELDS; i++)
    if (p->v[i].has) {
      if (data.len > 1)
        ml_buf_putc(&data, ',');
      ml_json_put_str(&data, ml_str_of(names[i]));
      ml_buf_putc(&data, ':');
      put_json(&data, i, &p->v[i]);
    }
  ml_buf_putc(&data, '}');
  ml_status_of(str_of(&p->v[STATUS]), &row.status);
  row.state = str_of(&p->v[STATE]);
  row.assigned_to = str_of(&p->v[WHO]);
  row.created_ms = row.updated_ms = (int64_t)p->v[MADE].num;
  row.next_action_ms = (int64_t)p->v[NEXT].num;
  row.data = (ml_str){data.p, data.len};
  row.rest = ML_STR("r");
  ml_batch_process(b, &row);
  ml_buf_free(&data);
  put_ids(b, p);
  p->seq++;
}

static void put_search_set(bool on) {
  ml_search_field set[FIELDS + ML_COL_COUNT];
  ml_batch *b = ml_batch_new(s);
  static char dollar[ML_COL_COUNT][40];
  size_t count = 0;

  for (int i = 0; on && i < FIELDS; i++)
    if (fields[i].search)
      set[count++] = (ml_search_field){.field = fields[i].id, .type = types[i]};
  for (int i = 1; on && i < ML_COL_COUNT; i++)
    if (ml_column_kept((ml_columnk)i)) {
      snprintf(dollar[i], sizeof dollar[i], "$%s", ml_columns()[i].name.p);
      set[count++] = (ml_search_field){.field = ml_str_of(dollar[i]),
                                       .type = ml_columns()[i].type};
    }
  ml_batch_search_set(b, 1, set, count);
  commit(b);
}

typedef struct Ask {
  ml_search q;
  ml_searched out;
  ml_arena a;
  ml_err e;
  ml_rc rc;
  ml_search_field *fields;
  size_t count;
} Ask;

static void read_search(void *arg, ml_read *r) {
  Ask *k = arg;

  k->rc = ml_read_search(r, &k->a, &k->q, &k->out, &k->e);
}

static void read_fields(void *arg, ml_read *r) {
  Ask *k = arg;

  k->rc = ml_read_search_fields(r, &k->a, &k->fields, &k->count);
}

static void ask(Ask *k, ml_read_fn *fn) {
  k->rc = ML_RC_COUNT;
  assert_int_equal(ml_store_read(s, fn, NULL, k), ML_OK);
  ml_store_wait(s);
}

/* Fields whose index is not complete, or that are leaving. */
static size_t unfinished(void) {
  Ask k = {0};
  size_t left = 0;

  ask(&k, read_fields);
  assert_int_equal(k.rc, ML_OK);
  for (size_t i = 0; i < k.count; i++)
    left += k.fields[i].gone || k.fields[i].done < k.fields[i].last;
  ml_arena_free(&k.a);
  return left;
}

static void fill_all(void) {
  for (int i = 0; unfinished() > 0; i++) {
    ml_batch *b = ml_batch_new(s);

    assert_true(i < 2000);
    ml_batch_search_fill(b, 50);
    commit(b);
  }
}

static void random_proc(Proc *p) {
  for (int i = 0; i < KINDS; i++)
    random_value(&p->v[i], i);
}

static void grow(size_t count) {
  ml_batch *b = ml_batch_new(s);

  while (count-- > 0) {
    Proc *p = &procs[proc_count++];

    assert_true(proc_count <= LEN(procs));
    *p = (Proc){.n = (int64_t)proc_count, .workflow = pick(5) == 0 ? 2 : 1};
    random_proc(p);
    put_row(b, p);
  }
  commit(b);
}

/* Some change a little, some wholly, some go and come back. */
static void stir(size_t times) {
  while (times-- > 0) {
    Proc *p = &procs[pick((unsigned)proc_count)];
    ml_batch *b = ml_batch_new(s);
    unsigned how = pick(10);
    int kind = (int)pick(KINDS);

    if (how == 0)
      p->deleted = !p->deleted;
    else if (how < 3)
      random_proc(p);
    else
      random_value(&p->v[kind], kind);
    put_row(b, p);
    commit(b);
  }
}

static int setup(void **state) {
  ml_store_conf conf = {.path = ":memory:"};

  (void)state;
  ml_rand_seed(&rnd, 20261121);
  memset(long_note, 'x', 230);
  make_flow();
  proc_count = 0;
  return ml_store_open(&conf, &s, NULL) != ML_OK;
}

static int teardown(void **state) {
  (void)state;
  ml_store_close(s);
  return 0;
}

/* ---- filters, judged here ---- */

typedef enum { EQ, NE, LT, LE, GT, GE, IN, NOT_IN, LIKE, EMPTY, NOT_EMPTY,
               OPS } Op;
static const char *const op_text[OPS] = {"=", "!=", "<", "<=", ">", ">=", "in",
                                         "not in", "like", "is empty",
                                         "is not empty"};
static const char *const op_json[OPS] = {"=", "!=", "<", "<=", ">", ">=", "in",
                                         "notIn", "like", "empty", "empty"};

typedef struct Node {
  int join;                      /* 0 a test, 'a' and, 'o' or */
  struct Node *kids[4];
  size_t kid_count;
  int kind;
  Op op;
  Val v[4];
  size_t count;
} Node;

static Node pool[200];
static size_t pool_used;

static bool is_text_kind(int k) {
  return k == SOURCE || k == DAY || k == NOTE || k == STATUS || k == STATE ||
         k == WHO || k >= ENTITY;
}

static Node *random_test(void) {
  Node *t = &pool[pool_used++];

  memset(t, 0, sizeof *t);
  do {
    t->kind = (int)pick(KINDS);
    t->op = (Op)pick(OPS);
  } while ((t->op == LIKE && !is_text_kind(t->kind) && t->kind != TAGS) ||
           (t->op >= LT && t->op <= GE && (t->kind == TAGS || t->kind == OK)));
  t->count = t->op >= EMPTY ? 0 : t->op == IN || t->op == NOT_IN ? 1 + pick(3)
                                                                 : 1;
  for (size_t i = 0; i < t->count; i++) {
    do
      random_value(&t->v[i], t->kind);
    while (!t->v[i].has);
    if (t->kind == TAGS)
      t->v[i].set = 1u << pick(LEN(choices));
    if (t->op == LIKE && t->kind == TAGS)
      text(&t->v[i], choices[pick(LEN(choices))].id.p);
    if (t->op == LIKE) {         /* a beginning, at the end of a character */
      size_t n = 1 + pick((unsigned)strlen(t->v[i].text));

      while (n < strlen(t->v[i].text) && (t->v[i].text[n] & 0xc0) == 0x80)
        n++;
      t->v[i].text[n < 190 ? n : 190] = '\0';
      if (strchr(t->v[i].text, '%') != NULL)
        *strchr(t->v[i].text, '%') = '\0';
    }
  }
  return t;
}

static Node *random_tree(int depth) {
  Node *t;

  if (depth == 0 || pick(3) == 0)
    return random_test();
  t = &pool[pool_used++];
  memset(t, 0, sizeof *t);
  t->join = pick(3) ? 'a' : 'o';
  t->kid_count = 2 + pick(2);
  for (size_t i = 0; i < t->kid_count; i++)
    t->kids[i] = random_tree(depth - 1);
  return t;
}

static int cmp_val(int kind, const Val *a, const Val *b) {
  if (is_text_kind(kind))
    return strcmp(a->text, b->text) < 0 ? -1 : strcmp(a->text, b->text) > 0;
  return a->num < b->num ? -1 : a->num > b->num;
}

static bool one_holds(int kind, Op op, const Val *have, const Val *want) {
  int c;

  if (kind == TAGS && op == LIKE) {
    for (unsigned i = 0; i < LEN(choices); i++)
      if (have->set & 1u << i &&
          strncmp(choices[i].id.p, want->text, strlen(want->text)) == 0)
        return true;
    return false;
  }
  if (kind == TAGS)
    return (have->set & want->set) != 0;
  if (op == LIKE)
    return strncmp(have->text, want->text, strlen(want->text)) == 0;
  c = cmp_val(kind, have, want);
  return op == LT ? c < 0 : op == LE ? c <= 0 : op == GT ? c > 0
         : op == GE ? c >= 0 : c == 0;
}

/* Its entity is its workflow's when it has none of its own. */
static const Val *value_of(const Proc *p, int kind) {
  static const Val contact = {.has = true, .text = "contact"};

  return kind == ENTITY && !p->v[ENTITY].has ? &contact : &p->v[kind];
}

static bool holds(const Node *t, const Proc *p) {
  const Val *have;
  bool any = false;

  if (t->join != 0) {
    for (size_t i = 0; i < t->kid_count; i++)
      if (holds(t->kids[i], p) == (t->join == 'o'))
        return t->join == 'o';
    return t->join == 'a';
  }
  have = value_of(p, t->kind);
  if (t->op == EMPTY || t->op == NOT_EMPTY)
    return have->has == (t->op == NOT_EMPTY);
  for (size_t i = 0; i < t->count && have->has; i++)
    any = any || one_holds(t->kind, t->op, have, &t->v[i]);
  return t->op == NE || t->op == NOT_IN ? !any : any;
}

static void put_literal(ml_buf *b, const Node *t, const Val *v, bool json) {
  ml_buf one = {0};

  if (t->op == LIKE)
    ml_buf_printf(&one, "\"%s%%\"", v->text);
  else if (t->kind == TAGS)
    for (unsigned i = 0; i < LEN(choices); i++)
      if (v->set == 1u << i)
        ml_json_put_str(&one, choices[i].id);
  if (one.len == 0)
    put_json(&one, t->kind, v);
  if (json || one.p[0] != '"' || t->kind == PRICE) {
    ml_buf_put(b, one.p + (!json && t->kind == PRICE),
               one.len - (!json && t->kind == PRICE ? 2 : 0));
  } else {
    ml_buf_putc(b, '\'');
    for (size_t i = 1; i + 1 < one.len; i++) {
      if (one.p[i] == '\'')
        ml_buf_putc(b, '\'');
      ml_buf_putc(b, one.p[i]);
    }
    ml_buf_putc(b, '\'');
  }
  ml_buf_free(&one);
}

static void put_text(ml_buf *b, const Node *t) {
  bool list = t->op == IN || t->op == NOT_IN;

  if (t->join != 0) {
    ml_buf_putc(b, '(');
    for (size_t i = 0; i < t->kid_count; i++) {
      ml_buf_puts(b, i == 0 ? "" : t->join == 'a' ? " AND " : " or ");
      put_text(b, t->kids[i]);
    }
    ml_buf_putc(b, ')');
    return;
  }
  ml_buf_printf(b, "%s %s", names[t->kind], op_text[t->op]);
  ml_buf_puts(b, list ? " (" : " ");
  for (size_t i = 0; i < t->count; i++) {
    ml_buf_puts(b, i > 0 ? "," : "");
    put_literal(b, t, &t->v[i], false);
  }
  ml_buf_puts(b, list ? ")" : "");
}

static void put_where(ml_buf *b, const Node *t) {
  bool list = t->op == IN || t->op == NOT_IN;

  if (t->join != 0) {
    ml_buf_printf(b, "{\"%s\":[", t->join == 'a' ? "and" : "or");
    for (size_t i = 0; i < t->kid_count; i++) {
      ml_buf_puts(b, i > 0 ? "," : "");
      put_where(b, t->kids[i]);
    }
    ml_buf_puts(b, "]}");
    return;
  }
  ml_buf_printf(b, "{\"%s\":{\"%s\":", names[t->kind], op_json[t->op]);
  ml_buf_puts(b, list ? "[" : t->op == EMPTY ? "true"
                 : t->op == NOT_EMPTY ? "false" : "");
  for (size_t i = 0; i < t->count; i++) {
    ml_buf_puts(b, i > 0 ? "," : "");
    put_literal(b, t, &t->v[i], true);
  }
  ml_buf_puts(b, list ? "]}}" : "}}");
}

/* ---- orders, judged here ---- */

static int order_kind;
static bool order_down;

static int by_order(const void *x, const void *y) {
  const Proc *a = *(Proc *const *)x, *b = *(Proc *const *)y;
  int c = 0;

  if (order_kind >= 0) {
    const Val *v = value_of(a, order_kind), *w = value_of(b, order_kind);

    if (!v->has || !w->has) {
      c = v->has ? -1 : w->has ? 1 : 0;
    } else if (order_kind == NOTE || order_kind >= ENTITY) {           /* by what an index holds */
      char p[201], q[201];

      snprintf(p, sizeof p, "%.200s", v->text);
      snprintf(q, sizeof q, "%.200s", w->text);
      c = strcmp(p, q);
    } else {
      c = cmp_val(order_kind, v, w);
    }
  }
  if (c == 0)
    c = a->n < b->n ? -1 : a->n > b->n;
  return order_down ? -c : c;
}

/* All pages of the filter as one list of numbers. */
static size_t all_pages(const ml_filter *f, size_t limit, size_t skip,
                        int64_t *out, ml_str *plan, ml_arena *keep) {
  size_t count = 0;
  Ask k = {.q = {.workflow = 1, .filter = f, .limit = limit, .skip = skip}};

  for (int page = 0;; page++) {
    ask(&k, read_search);
    if (k.rc != ML_OK)
      fail_msg("%s: %s", ml_rc_name(k.rc), k.e.text);
    assert_true(k.out.count <= limit);
    for (size_t i = 0; i < k.out.count; i++)
      out[count++] = k.out.rows[i].n;
    if (page == 0 && plan != NULL)
      *plan = (ml_str){ml_arena_dup(keep, k.out.plan.p, k.out.plan.n),
                       k.out.plan.n};
    if (!k.out.more)
      break;
    assert_true(page < 2000);
    assert_true(k.out.count == limit);         /* nothing here is that rare */
    k.q.from = true;
    k.q.skip = 0;
    k.q.after = k.out.next;      /* in the arena, which stays */
    k.q.after_n = k.out.next_n;
  }
  ml_arena_free(&k.a);
  return count;
}

static size_t expected(const Node *t, int64_t *out) {
  static Proc *list[LEN(procs)];
  size_t count = 0;

  for (size_t i = 0; i < proc_count; i++)
    if (procs[i].workflow == 1 && !procs[i].deleted &&
        (t == NULL || holds(t, &procs[i])))
      list[count++] = &procs[i];
  qsort(list, count, sizeof *list, by_order);
  for (size_t i = 0; i < count; i++)
    out[i] = list[i]->n;
  return count;
}

static size_t plans[4], nonempty;

static void one_query(bool json) {
  static int64_t want[LEN(procs)], got[LEN(procs)];
  ml_filter_conf conf = {.flow = &flow, .now_ms = 1700000000000};
  ml_arena a = {0};
  ml_buf where = {0};
  ml_filter f;
  ml_err e = {0};
  ml_json *tree = NULL;
  ml_str plan;
  char order[40] = "";
  size_t want_count, got_count, skip = pick(4) == 0 ? pick(30) : 0;
  Node *t;
  ml_rc rc;

  pool_used = 0;
  t = random_tree(2);
  if (json)
    put_where(&where, t);
  else
    put_text(&where, t);
  do
    order_kind = (int)pick(KINDS + 4) - 4;
  while (order_kind == TAGS);
  order_down = order_kind < 0 || pick(2);
  if (order_kind < 0)
    order_kind = -1;
  else
    snprintf(order, sizeof order, "%s%s", order_down ? "-" : "",
             names[order_kind]);
  if (json) {
    rc = ml_json_parse(&a, where.p, where.len, NULL, &tree, &e);
    if (rc == ML_OK)
      rc = ml_filter_of_json(&a, &conf, tree, ml_str_of(order), &f, &e);
  } else {
    rc = ml_filter_parse(&a, &conf, (ml_str){where.p, where.len},
                         ml_str_of(order), &f, &e);
  }
  if (rc != ML_OK)
    fail_msg("%s\n%s: %s", where.p, e.at, e.text);
  want_count = expected(t, want);
  want_count -= skip < want_count ? skip : want_count;
  got_count = all_pages(&f, 1 + pick(40), skip, got, &plan, &a);
  if (got_count != want_count ||
      memcmp(got, want + (got_count > 0 ? skip : 0), got_count * sizeof *got))
    fail_msg("%s order '%s' skip %zu: %zu of %zu\n%.*s", where.p, order, skip,
             got_count, want_count, (int)plan.n, plan.p);
  nonempty += got_count > 0;
  plans[strstr(plan.p, "walks the index of") != NULL   ? 0
        : strstr(plan.p, "walks the index entries") != NULL ? 1
        : strstr(plan.p, "takes the") != NULL          ? 2
                                                       : 3]++;
  ml_buf_free(&where);
  ml_arena_free(&a);
}

static void P3_9_random_filters_are_exact(void **state) {
  (void)state;
  put_search_set(true);
  grow(400);
  stir(600);
  fill_all();
  for (int i = 0; i < 1500; i++)
    one_query(i % 2);
  assert_true(nonempty > 700);
  for (int i = 0; i < 4; i++)
    if (plans[i] < 20)
      fail_msg("plan %d was tried %zu times only", i, plans[i]);
}

/* Without an index, while one is filled, when it is there, when it has gone. */
static void P3_9_exact_before_while_and_after_filling(void **state) {
  (void)state;
  grow(500);
  for (int i = 0; i < 100; i++)
    one_query(false);
  put_search_set(true);
  for (int i = 0; unfinished() > 0; i++) {
    ml_batch *b = ml_batch_new(s);

    assert_true(i < 200);
    one_query(false);
    stir(5);                     /* some of those already in, some not */
    if (i == 3)
      grow(20);                  /* those after `last` */
    ml_batch_search_fill(b, 20);
    commit(b);
  }
  for (int i = 0; i < 300; i++)
    one_query(true);
  put_search_set(false);
  one_query(false);
  put_search_set(true);          /* again, while the old entries leave */
  stir(50);
  fill_all();
  for (int i = 0; i < 300; i++)
    one_query(false);
}

/* What an id of others finds, and how: its own index, in any workflow. */
static void P2_8_ids_of_others_have_an_index(void **state) {
  static const struct { const char *where, *plan; size_t count; } want[] = {
    {"entity = 'rare'", "walks the index entries of entity = 'rare'", 2},
    {"primaryBooking in ('b-1', 'b-2')", "walks the index entries of", 3},
    {"record = 'r-1' and belongsTo = 'pod'", "walks the index entries of record", 1},
    {"entity = 'rare' and entity = 'other'", "contradict", 0},
    {"entity like 'ra%'", "'entity' is indexed for = and in alone", 2},
    {"entity = 'contact'", "no index serves", 3},       /* by their workflow */
  };
  ml_filter_conf conf = {.flow = &flow};
  ml_batch *b;

  (void)state;
  put_search_set(true);
  for (int i = 0; i < 200; i++) {
    Proc *p = &procs[proc_count++];

    *p = (Proc){.n = (int64_t)proc_count, .workflow = i == 150 ? 2 : 1};
    random_value(&p->v[MADE], MADE);
    text(&p->v[ENTITY], i == 7 || i == 150 || i == 90 ? "rare"
                          : i > 196 ? "" : "common");
    text(&p->v[BOOKING], i < 2 ? "b-1" : i == 2 ? "b-2" : "");
    text(&p->v[RECORD], i == 99 ? "r-1" : "");
    text(&p->v[BELONGS], i > 50 ? "pod" : "");
    b = ml_batch_new(s);
    put_row(b, p);
    commit(b);
  }
  fill_all();
  for (size_t i = 0; i < LEN(want); i++) {
    ml_arena a = {0};
    ml_filter f;
    ml_err e = {0};
    Ask k = {.q = {.workflow = 1, .filter = &f, .limit = 50}};
    ml_rc rc = ml_filter_parse(&a, &conf, ml_str_of(want[i].where), ML_NOSTR,
                               &f, &e);

    assert_int_equal(rc, ML_OK);
    ask(&k, read_search);
    assert_int_equal(k.rc, ML_OK);
    assert_int_equal(k.out.count, want[i].count);
    if (strstr(k.out.plan.p, want[i].plan) == NULL)
      fail_msg("%s: %s", want[i].where, k.out.plan.p);
    if (i == 0) {
      k.q.workflow = 0;          /* of every workflow */
      ask(&k, read_search);
      assert_int_equal(k.out.count, 3);
      assert_true(k.out.looked == 3);
    }
    ml_arena_free(&k.a);
    ml_arena_free(&a);
  }
}

/* A page looks at so many and no more; its cursor goes on.  An order that would
** have to sort more is refused. */
static void P3_9_a_page_is_bounded(void **state) {
  enum { MANY = ML_SEARCH_LOOK_MAX + 2000 };
  ml_filter_conf conf = {.flow = &flow};
  ml_arena a = {0};
  ml_filter f;
  ml_err e = {0};
  Ask k = {.q = {.workflow = 1, .filter = &f, .limit = 5}};

  (void)state;
  for (int64_t n = 1; n <= MANY; ) {
    ml_batch *b = ml_batch_new(s);

    for (int i = 0; i < 500 && n <= MANY; i++, n++) {
      ml_row_process row = {.n = n, .workflow = 1, .bundle = 1, .seq = 1,
                            .created_ms = n, .rest = ML_STR("r"),
                            .data = n == 1 ? ML_STR("{\"plain\":1}")
                                           : ML_STR("{\"plain\":2}")};

      memcpy(row.id, &n, sizeof n);
      ml_batch_process(b, &row);
    }
    commit(b);
  }
  assert_int_equal(ml_filter_parse(&a, &conf, ML_STR("plain = 1"), ML_NOSTR, &f,
                                   &e), ML_OK);
  ask(&k, read_search);
  assert_int_equal(k.rc, ML_OK);
  assert_int_equal(k.out.count, 0);
  assert_true(k.out.more);
  assert_int_equal(k.out.looked, ML_SEARCH_LOOK_MAX);
  k.q.from = true;
  k.q.after = k.out.next;
  k.q.after_n = k.out.next_n;
  ask(&k, read_search);
  assert_int_equal(k.rc, ML_OK);
  assert_int_equal(k.out.count, 1);
  assert_int_equal(k.out.rows[0].n, 1);
  assert_false(k.out.more);
  assert_int_equal(k.out.looked, 2000);
  k.q.from = false;
  assert_int_equal(ml_filter_parse(&a, &conf, ML_STR("plain = 1"),
                                   ML_STR("score"), &f, &e), ML_OK);
  ask(&k, read_search);
  assert_int_equal(k.rc, ML_LIMIT);
  assert_non_null(strstr(k.e.text, "search = true"));
  k.q.skip = ML_SEARCH_SKIP_MAX + 1;
  ask(&k, read_search);
  assert_int_equal(k.rc, ML_LIMIT);
  ml_arena_free(&k.a);
  ml_arena_free(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(P3_9_random_filters_are_exact, setup,
                                    teardown),
    cmocka_unit_test_setup_teardown(P3_9_exact_before_while_and_after_filling,
                                    setup, teardown),
    cmocka_unit_test_setup_teardown(P2_8_ids_of_others_have_an_index, setup,
                                    teardown),
    cmocka_unit_test_setup_teardown(P3_9_a_page_is_bounded, setup, teardown),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
