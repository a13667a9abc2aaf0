/* test_base.c - memory, buffers, packed records, clocks, randomness, result
** codes, the log, digests and sealing. */
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pack.h"
#include "base/rand.h"
#include "base/rc.h"
#include "base/text.h"

#define LEN(a) (sizeof(a) / sizeof *(a))

/* ---- mem ---- */

static void fault_counter(void **state) {
  uint64_t before = ml_mem_count();
  void *p, *q;
  int64_t live;

  (void)state;
  ml_mem_fail_at(2, 0);
  p = ml_mem_alloc(8);
  assert_non_null(p);
  assert_null(ml_mem_realloc(p, 16));   /* p is still ours */
  q = ml_mem_zero(8);
  assert_non_null(q);
  assert_memory_equal(q, "\0\0\0\0\0\0\0", 8);
  ml_mem_free(q);
  ml_mem_fail_at(1, 1);
  assert_null(ml_mem_alloc(1));
  assert_null(ml_mem_zero(1));
  assert_null(ml_mem_strdup("x"));
  assert_null(ml_mem_dup("x", 1));
  ml_mem_fail_at(0, 0);
  q = ml_mem_realloc(p, 16);
  assert_non_null(q);
  ml_mem_free(q);
  ml_mem_free(NULL);
  assert_int_equal(ml_mem_count(), before + 8);
  ml_mem_fail_run(2, 2);
  p = ml_mem_alloc(1);
  assert_non_null(p);
  assert_null(ml_mem_alloc(1));
  ml_mem_aside(1);
  q = ml_mem_alloc(1);                      /* a test's own: not counted */
  assert_non_null(q);
  ml_mem_aside(0);
  assert_null(ml_mem_realloc(p, 20));
  ml_mem_free(q);
  q = ml_mem_alloc(1);
  assert_non_null(q);
  ml_mem_fail_run(0, 0);
  assert_int_equal(ml_mem_count(), before + 12);
  ml_mem_free(p);
  ml_mem_free(q);
  ml_mem_watch();
  live = ml_mem_live();
  p = ml_mem_realloc(NULL, 3);
  p = ml_mem_realloc(p, 30);
  q = ml_mem_strdup("x");
  assert_int_equal(ml_mem_live(), live + 2);
  ml_mem_free(p);
  ml_mem_free(NULL);
  ml_mem_free(q);
  assert_int_equal(ml_mem_live(), live);
}

static void empty_sizes(void **state) {
  void *p = ml_mem_alloc(0), *q = ml_mem_zero(0);
  char *d = ml_mem_dup(NULL, 0);

  (void)state;
  assert_non_null(p);
  assert_non_null(q);
  assert_string_equal(d, "");
  p = ml_mem_realloc(p, 0);
  assert_non_null(p);
  ml_mem_free(p);
  ml_mem_free(q);
  ml_mem_free(d);
  assert_null(ml_mem_dup("x", SIZE_MAX));
}

static void dup_copies(void **state) {
  char *d = ml_mem_dup("a\0b", 3);

  (void)state;
  assert_memory_equal(d, "a\0b", 4);
  ml_mem_free(d);
}

static void arena(void **state) {
  ml_arena a = {0};
  char *p[2000];
  size_t sum = 0;

  (void)state;
  for (size_t i = 0; i < LEN(p); i++) {
    p[i] = ml_arena_alloc(&a, i);
    assert_non_null(p[i]);
    assert_int_equal((uintptr_t)p[i] % _Alignof(max_align_t), 0);
    memset(p[i], (int)(i & 0xFF), i);
    sum += i;
  }
  assert_true(a.total >= sum);
  for (size_t i = 0; i < LEN(p); i++)   /* none moved or overlaps */
    for (size_t k = 0; k < i; k++)
      if ((unsigned char)p[i][k] != (i & 0xFF))
        fail_msg("piece %zu, byte %zu", i, k);
  assert_string_equal(ml_arena_dup(&a, "xyz", 2), "xy");
  assert_string_equal(ml_arena_printf(&a, "%d-%s", 7, "q"), "7-q");
  ml_arena_free(&a);
  assert_null(a.head);
  assert_int_equal(a.total, 0);
  assert_memory_equal(ml_arena_zero(&a, 4), "\0\0\0\0", 4);
  ml_arena_free(&a);
}

static void arena_large_and_short(void **state) {
  ml_arena a = {0};
  char *big = ml_arena_alloc(&a, 3 << 20), *text;

  (void)state;
  assert_non_null(big);
  memset(big, 1, 3 << 20);
  text = ml_arena_printf(&a, "%0300d", 5);   /* longer than its first try */
  assert_int_equal(strlen(text), 300);
  assert_int_equal(text[299], '5');
  assert_null(ml_arena_alloc(&a, SIZE_MAX));
  assert_null(ml_arena_dup(&a, "", SIZE_MAX));
  ml_mem_fail_at(1, 1);
  assert_null(ml_arena_alloc(&a, 2 << 20));
  assert_null(ml_arena_zero(&a, 2 << 20));
  ml_mem_fail_at(0, 0);
  assert_non_null(ml_arena_alloc(&a, 2 << 20));   /* goes on afterwards */
  ml_arena_free(&a);
}

/* ---- buf ---- */

static void buf(void **state) {
  ml_buf b = {0};
  char *p;
  size_t n;

  (void)state;
  ml_buf_puts(&b, "");
  assert_string_equal(b.p, "");
  for (int i = 0; i < 1000; i++) {
    ml_buf_putc(&b, 'x');
    assert_int_equal(b.p[b.len], '\0');
  }
  ml_buf_printf(&b, "<%0200d>", 3);
  ml_buf_put(&b, "\0z", 2);
  assert_int_equal(b.len, 1204);
  assert_memory_equal(b.p + 1198, "003>\0z", 7);
  p = ml_buf_room(&b, 3);
  memcpy(p, "abc", 3);
  b.len += 3;
  ml_buf_putc(&b, '!');
  assert_string_equal(b.p + 1204, "abc!");
  ml_buf_reset(&b);
  assert_string_equal(b.p, "");
  ml_buf_puts(&b, "taken");
  p = ml_buf_take(&b, &n);
  assert_string_equal(p, "taken");
  assert_int_equal(n, 5);
  assert_null(b.p);
  ml_mem_free(p);
  p = ml_buf_take(&b, NULL);   /* of an empty one: an empty text */
  assert_string_equal(p, "");
  ml_mem_free(p);
  ml_buf_free(&b);
}

static void buf_bad_sticks(void **state) {
  ml_buf b = {0};

  (void)state;
  ml_buf_puts(&b, "kept");
  ml_mem_fail_at(1, 0);
  ml_buf_printf(&b, "%0400d", 1);
  assert_true(b.bad);
  ml_buf_puts(&b, "x");   /* memory would do now; a gap would not */
  assert_int_equal(b.len, 4);
  assert_string_equal(b.p, "kept");
  assert_null(ml_buf_take(&b, NULL));
  ml_buf_reset(&b);
  ml_buf_puts(&b, "again");
  assert_false(b.bad);
  assert_null(ml_buf_room(&b, SIZE_MAX));
  assert_null(ml_buf_room(&b, SIZE_MAX / 2));
  assert_true(b.bad);
  ml_buf_free(&b);
  assert_false(b.bad);
}

/* ---- pack ---- */

static void str(void **state) {
  (void)state;
  assert_null(ml_str_of(NULL).p);
  assert_int_equal(ml_str_of("ab").n, 2);
  assert_true(ml_str_eq(ML_NOSTR, ML_NOSTR));
  assert_false(ml_str_eq(ML_NOSTR, ML_STR("")));
  assert_false(ml_str_eq(ML_STR(""), ML_NOSTR));
  assert_true(ml_str_is(ML_STR("ab"), "ab"));
  assert_false(ml_str_is(ML_STR("ab"), "abc"));
  assert_false(ml_str_is(ML_STR("ab"), "ac"));
}

static const uint64_t numbers[] = {
  0, 1, 63, 64, 127, 128, 16383, 16384, UINT32_MAX, 1ull << 32, 1ull << 62,
  1ull << 63, UINT64_MAX - 1, UINT64_MAX,
};

static void packed_comes_back(void **state) {
  ml_buf b = {0};
  ml_unpack r;

  (void)state;
  for (size_t i = 0; i < LEN(numbers); i++) {
    ml_pack_u64(&b, numbers[i]);
    ml_pack_i64(&b, (int64_t)numbers[i]);
    ml_pack_i64(&b, (int64_t)(0 - numbers[i]));
  }
  ml_pack_bool(&b, true);
  ml_pack_bool(&b, false);
  ml_pack_str(&b, ML_STR("a\0b"));
  ml_pack_str(&b, ML_STR(""));
  ml_pack_str(&b, ML_NOSTR);
  r = ml_unpack_of(b.p, b.len);
  for (size_t i = 0; i < LEN(numbers); i++) {
    assert_true(ml_unpack_u64(&r) == numbers[i]);
    assert_true(ml_unpack_i64(&r) == (int64_t)numbers[i]);
    assert_true(ml_unpack_i64(&r) == (int64_t)(0 - numbers[i]));
  }
  assert_true(ml_unpack_bool(&r));
  assert_false(ml_unpack_bool(&r));
  assert_true(ml_str_eq(ml_unpack_str(&r), ML_STR("a\0b")));
  assert_true(ml_str_eq(ml_unpack_str(&r), ML_STR("")));
  assert_false(ml_unpack_end(&r));
  assert_null(ml_unpack_str(&r).p);
  assert_true(ml_unpack_end(&r));
  assert_int_equal(ml_unpack_u64(&r), 0);   /* beyond the end */
  assert_true(r.bad);
  assert_false(ml_unpack_end(&r));
  ml_buf_free(&b);
}

static void small_stays_small(void **state) {
  ml_buf b = {0};

  (void)state;
  ml_pack_i64(&b, -1);
  ml_pack_u64(&b, 127);
  assert_memory_equal(b.p, "\x01\x7F", 2);
  assert_int_equal(b.len, 2);
  ml_buf_free(&b);
}

static void hostile_packs(void **state) {
  static const struct { ml_str in; char item; } rows[] = {
    {{"", 0}, 'u'}, {{"", 0}, 's'}, {{"", 0}, 'b'}, {{"", 0}, 'i'},
    {ML_STR("\x80"), 'u'}, {ML_STR("\xFF\xFF\xFF"), 'i'},
    {ML_STR("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02"), 'u'},   /* 2^65 */
    {ML_STR("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"), 'u'},
    {ML_STR("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80"), 'u'},
    {ML_STR("\x02"), 'b'}, {ML_STR("\x0B"), 'm'},
    {ML_STR("\x80\x80\x80\x80\x10"), 'm'},               /* 2^32 */
    {ML_STR("\x05" "abc"), 's'}, {ML_STR("\x02"), 's'},
    {ML_STR("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01" "abc"), 's'},
  };

  (void)state;
  for (size_t i = 0; i < LEN(rows); i++) {
    char *copy = malloc(rows[i].in.n + 1);
    ml_unpack r;
    bool zero;

    memcpy(copy, rows[i].in.p, rows[i].in.n);
    r = ml_unpack_of(copy, rows[i].in.n);
    zero = rows[i].item == 'u'   ? ml_unpack_u64(&r) == 0
           : rows[i].item == 'i' ? ml_unpack_i64(&r) == 0
           : rows[i].item == 'm' ? ml_unpack_u32(&r, 10) == 0
           : rows[i].item == 'b' ? !ml_unpack_bool(&r)
                                 : ml_unpack_str(&r).p == NULL;
    if (!r.bad || !zero)
      fail_msg("row %zu", i);
    assert_int_equal(ml_unpack_u64(&r), 0);   /* stays bad */
    assert_true(r.bad);
    assert_false(ml_unpack_end(&r));
    free(copy);
  }
}

static void unpack_of_nothing(void **state) {
  ml_unpack r = ml_unpack_of(NULL, 5);

  (void)state;
  assert_true(ml_unpack_end(&r));
  assert_int_equal(ml_unpack_u32(&r, 10), 0);
  assert_true(r.bad);
}

/* Any bytes, read as any items: no read beyond, and the end is told. */
static void random_packs(void **state) {
  ml_rand_seeded s;

  (void)state;
  ml_rand_seed(&s, 7);
  for (int i = 0; i < 5000; i++) {
    size_t n = (size_t)ml_rand_between(&s.base, 0, 24);
    char *in = malloc(n + 1);
    ml_unpack r;

    s.base.bytes(&s.base, in, n);
    r = ml_unpack_of(in, n);
    for (int k = 0; k < 30 && !r.bad; k++) {
      ml_str t = ML_NOSTR;

      switch (ml_rand_between(&s.base, 0, 3)) {
      case 0: ml_unpack_u64(&r); break;
      case 1: ml_unpack_bool(&r); break;
      case 2: ml_unpack_u32(&r, 100); break;
      default: t = ml_unpack_str(&r);
      }
      assert_true(t.p == NULL || (t.p >= in && t.p + t.n <= in + n));
      assert_true(r.p >= in && r.p <= in + n);
    }
    assert_true(r.bad || r.p == in + n);
    free(in);
  }
}

/* ---- clock ---- */

static void clocks(void **state) {
  ml_clock *c = ml_clock_system();
  ml_clock_fake f;
  int64_t a, b;

  (void)state;
  a = c->mono_ms(c);
  b = c->mono_ms(c);
  assert_true(a >= 0 && b >= a);
  assert_true(c->wall_ms(c) > INT64_C(1700000000000));
  ml_clock_fake_init(&f, 1000);
  assert_int_equal(f.base.wall_ms(&f.base), 1000);
  a = f.base.mono_ms(&f.base);
  ml_clock_fake_pass(&f, 250);
  assert_int_equal(f.base.wall_ms(&f.base), 1250);
  assert_int_equal(f.base.mono_ms(&f.base), a + 250);
  f.wall -= 5000;   /* somebody sets the wall clock back */
  assert_int_equal(f.base.wall_ms(&f.base), -3750);
  assert_int_equal(f.base.mono_ms(&f.base), a + 250);
}

/* ---- rand ---- */

/* The generators' published first values: splitmix64 from 0 fills the
** state, xoshiro256** from 1, 2, 3, 4. */
static void published_random(void **state) {
  static const uint64_t want[] = {
    11520, 0, 1509978240, 1215971899390074240u, 1216172134540287360u,
  };
  ml_rand_seeded s;

  (void)state;
  ml_rand_seed(&s, 0);
  assert_true(s.s[0] == 0xE220A8397B1DCDAFu);
  assert_true(s.s[1] == 0x6E789E6AA1B965F4u);
  assert_true(s.s[2] == 0x06C45D188009454Fu);
  for (uint64_t i = 0; i < 4; i++)
    s.s[i] = i + 1;
  for (size_t i = 0; i < LEN(want); i++)
    assert_true(ml_rand_u64(&s.base) == want[i]);
}

static void seeded_repeats(void **state) {
  ml_rand_seeded a, b, c;
  uint8_t x[21], y[21], z[21];

  (void)state;
  ml_rand_seed(&a, 42);
  ml_rand_seed(&b, 42);
  ml_rand_seed(&c, 43);
  a.base.bytes(&a.base, x, sizeof x);
  b.base.bytes(&b.base, y, sizeof y);
  c.base.bytes(&c.base, z, sizeof z);
  assert_memory_equal(x, y, sizeof x);
  assert_memory_not_equal(x, z, sizeof x);
}

static void between(void **state) {
  ml_rand_seeded s;
  int seen[10] = {0};
  bool negative = false, positive = false;

  (void)state;
  ml_rand_seed(&s, 1);
  for (int i = 0; i < 10000; i++) {
    int64_t v = ml_rand_between(&s.base, -5, 4), w;

    assert_in_range(v + 5, 0, 9);
    seen[v + 5]++;
    w = ml_rand_between(&s.base, INT64_MIN, INT64_MAX);
    negative = negative || w < 0;
    positive = positive || w > 0;
  }
  for (int i = 0; i < 10; i++)
    assert_in_range(seen[i], 850, 1150);
  assert_true(negative && positive);
  assert_int_equal(ml_rand_between(&s.base, 3, 3), 3);
  assert_int_equal(ml_rand_between(&s.base, 3, 2), 3);
}

static void system_random(void **state) {
  ml_rand *r = ml_rand_system();
  uint8_t a[64], b[64];

  (void)state;
  r->bytes(r, a, sizeof a);
  r->bytes(r, b, sizeof b);
  assert_memory_not_equal(a, b, sizeof a);
  r->bytes(r, a, 0);
}

/* ---- rc ---- */

static void rc_names(void **state) {
  (void)state;
  assert_string_equal(ml_rc_name(ML_OK), "ok");
  assert_string_equal(ml_rc_name(ML_NOT_FOUND), "not-found");
  assert_string_equal(ml_rc_name(ML_AGAIN), "again");
  assert_string_equal(ml_rc_name(ML_RC_COUNT), "?");
  assert_string_equal(ml_rc_name((ml_rc)-1), "?");
  for (int i = 0; i < ML_RC_COUNT; i++)
    for (int k = 0; k < i; k++)
      assert_string_not_equal(ml_rc_name((ml_rc)i), ml_rc_name((ml_rc)k));
}

static void err_set(void **state) {
  ml_err e;

  (void)state;
  assert_int_equal(ml_err_set(&e, ML_LIMIT, "/a/b", "%d of %s", 3, "x"),
                   ML_LIMIT);
  assert_int_equal(e.rc, ML_LIMIT);
  assert_string_equal(e.text, "3 of x");
  assert_string_equal(e.at, "/a/b");
  ml_err_set(&e, ML_IO, e.at, "while: %s", e.text);   /* wraps itself */
  assert_string_equal(e.text, "while: 3 of x");
  assert_string_equal(e.at, "/a/b");
  ml_err_set(&e, ML_IO, NULL, "z");
  assert_string_equal(e.at, "");
  assert_int_equal(ml_err_set(NULL, ML_IO, NULL, "z"), ML_IO);
}

/* However the cut falls within characters of 2, 3 and 4 bytes, what is left
** is valid, and no more than one character is given up. */
static void err_cut_at_character(void **state) {
  static const char *const letters[] = {
    "x", "\xC3\xA9", "\xE6\xA5\xAD", "\xF0\x9F\x98\x80",
  };
  char in[1200];
  ml_err e;

  (void)state;
  for (size_t l = 0; l < LEN(letters); l++) {
    for (size_t shift = 0; shift < 4; shift++) {
      memset(in, 'a', shift);
      in[shift] = '\0';
      while (strlen(in) < 600)
        strcat(in, letters[l]);
      ml_err_set(&e, ML_INVALID, in, "%s", in);
      assert_true(ml_text_utf8(ml_str_of(e.text)));
      assert_true(ml_text_utf8(ml_str_of(e.at)));
      assert_in_range(strlen(e.text), sizeof e.text - 4, sizeof e.text - 1);
      assert_in_range(strlen(e.at), sizeof e.at - 4, sizeof e.at - 1);
      assert_memory_equal(e.text, in, strlen(e.text));
    }
  }
}

/* ---- log ---- */

/* What the log wrote into the pipe; free it. */
static char *drain(int fd) {
  ml_buf b = {0};
  char chunk[4096];
  ssize_t n;

  while ((n = read(fd, chunk, sizeof chunk)) > 0)
    ml_buf_put(&b, chunk, (size_t)n);
  assert_int_equal(n, 0);
  ml_buf_puts(&b, "");
  return b.p;
}

static void log_record(void **state) {
  static const char hostile[] =
      "a\r\n{\"level\":\"error\"}\x1B[31m\x7F\"\\\xE2\x80\xA8\xE2\x80\xAE"
      "\xC2\x9B\xEF\xBB\xBF\xFF\xE6\xA5\xAD";
  static const char back[] =
      "a\r\n{\"level\":\"error\"}\x1B[31m\x7F\"\\\xE2\x80\xA8\xE2\x80\xAE"
      "\xC2\x9B\xEF\xBB\xBF\xEF\xBF\xBD\xE6\xA5\xAD";
  int fd[2];
  char *text, *line;
  ml_arena a = {0};
  ml_json *v;
  int64_t at;

  (void)state;
  assert_int_equal(pipe(fd), 0);
  ml_log_to(fd[1], ML_INFO);
  ml_log(ML_DEBUG, "hidden", NULL);
  ml_log(ML_WARN, "bad-token", "peer", hostile, "none", NULL, NULL);
  ml_log_to(2, ML_INFO);
  close(fd[1]);
  text = drain(fd[0]);
  close(fd[0]);

  line = strchr(text, '\n');
  assert_non_null(line);
  assert_string_equal(line, "\n");   /* one record, one line, at the end */
  for (const char *p = text; p < line; p++)
    assert_true((unsigned char)*p >= 0x20 && *p != 0x7F);
  assert_true(ml_text_printable((ml_str){text, (size_t)(line - text)}));
  assert_non_null(strstr(text, "\\u2028\\u202e\\u009b\\ufeff\xEF\xBF\xBD"
                               "\xE6\xA5\xAD"));
  assert_int_equal(ml_json_parse(&a, text, strlen(text), NULL, &v, NULL), ML_OK);
  assert_int_equal(v->count, 5);
  assert_true(ml_str_is(v->obj[0].key, "at"));
  assert_int_equal(ml_text_moment(v->obj[0].value.s, &at, NULL), ML_OK);
  assert_true(ml_str_is(ml_json_str(v, "level"), "warn"));
  assert_true(ml_str_is(ml_json_str(v, "what"), "bad-token"));
  assert_true(ml_str_is(ml_json_str(v, "peer"), back));
  assert_int_equal(ml_json_get(v, "none")->type, ML_JNULL);
  ml_arena_free(&a);
  ml_mem_free(text);
}

static void log_without_memory(void **state) {
  int fd[2];
  char *text;

  (void)state;
  assert_int_equal(pipe(fd), 0);
  ml_log_to(fd[1], ML_INFO);
  ml_mem_fail_at(1, 1);
  ml_log(ML_INFO, "x", "k", "v", NULL);
  ml_mem_fail_at(0, 0);
  ml_log_to(2, ML_INFO);
  close(fd[1]);
  text = drain(fd[0]);
  close(fd[0]);
  assert_string_equal(text, "{\"level\":\"error\",\"what\":\"log-nomem\"}\n");
  ml_mem_free(text);
}

/* Nobody can be told, so nothing happens; above all it does not wait. */
static void log_to_nowhere(void **state) {
  uint64_t before = ml_mem_count();

  (void)state;
  ml_log_to(-1, ML_INFO);
  ml_log(ML_INFO, "x", NULL);
  ml_log_to(2, ML_INFO);
  assert_true(ml_mem_count() > before);   /* it did try */
}

static void *log_many(void *name) {
  for (int i = 0; i < 100; i++)
    ml_log(ML_INFO, name, "text", "0123456789012345678901234567890123", NULL);
  return NULL;
}

static void log_from_threads(void **state) {
  pthread_t t[3];
  int fd[2], lines = 0;
  char *text, *p;

  (void)state;
  assert_int_equal(pipe(fd), 0);   /* 300 records fit a pipe's 64 KiB */
  ml_log_to(fd[1], ML_INFO);
  for (size_t i = 0; i < LEN(t); i++)
    assert_int_equal(pthread_create(&t[i], NULL, log_many, "thread"), 0);
  for (size_t i = 0; i < LEN(t); i++)
    assert_int_equal(pthread_join(t[i], NULL), 0);
  ml_log_to(2, ML_INFO);
  close(fd[1]);
  text = drain(fd[0]);
  close(fd[0]);
  for (p = text; *p != '\0'; lines++) {
    char *end = strchr(p, '\n');
    ml_arena a = {0};
    ml_json *v;

    assert_non_null(end);
    assert_int_equal(ml_json_parse(&a, p, (size_t)(end - p), NULL, &v, NULL),
                     ML_OK);
    ml_arena_free(&a);
    p = end + 1;
  }
  assert_int_equal(lines, 300);
  ml_mem_free(text);
}

/* ---- crypto ---- */

/* Bytes of a hex text; the caller frees. */
static ml_str unhex(const char *hex) {
  ml_str s = {NULL, strlen(hex) / 2};
  char *p = ml_mem_alloc(s.n + 1);

  assert_non_null(p);
  assert_int_equal(ml_text_hex(p, s.n, ml_str_of(hex)), ML_OK);
  s.p = p;
  return s;
}

static void expect_hex(const void *p, size_t n, const char *hex) {
  ml_buf b = {0};

  ml_text_put_hex(&b, p, n);
  ml_buf_puts(&b, "");
  assert_string_equal(b.p, hex);
  ml_buf_free(&b);
}

/* FIPS 180-2, appendix B, and the empty text. */
static void sha256(void **state) {
  static const struct { const char *in, *out; } rows[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
  };
  uint8_t out[ML_SHA256_LEN];
  char chunk[1000];
  ml_sha *h;

  (void)state;
  for (size_t i = 0; i < LEN(rows); i++) {
    assert_int_equal(ml_sha256(rows[i].in, strlen(rows[i].in), out), ML_OK);
    expect_hex(out, sizeof out, rows[i].out);
  }
  memset(chunk, 'a', sizeof chunk);
  h = ml_sha_open();
  assert_non_null(h);
  for (int i = 0; i < 1000; i++)
    ml_sha_add(h, chunk, sizeof chunk);
  assert_int_equal(ml_sha_close(h, out), ML_OK);
  expect_hex(out, sizeof out,
             "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  ml_mem_fail_at(1, 0);
  assert_int_equal(ml_sha256("x", 1, out), ML_NOMEM);
  ml_mem_fail_at(0, 0);
  ml_sha_add(NULL, "x", 1);
  assert_int_equal(ml_sha_close(NULL, out), ML_NOMEM);
  assert_int_equal(ml_sha_close(ml_sha_open(), NULL), ML_OK);
}

/* RFC 4231, cases 1, 2, 6 and 7; and a key of 0 bytes. */
static void hmac(void **state) {
  static const struct { char key; int keylen; const char *text, *out; } rows[] = {
    {0x0B, 20, "Hi There",
     "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
    {(char)0xAA, 131, "Test Using Larger Than Block-Size Key - Hash Key First",
     "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
    {(char)0xAA, 131, "This is a test using a larger than block-size key and a "
     "larger than block-size data. The key needs to be hashed before being "
     "used by the HMAC algorithm.",
     "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
    {0, 0, "", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"},
  };
  uint8_t out[ML_SHA256_LEN];
  char key[131];

  (void)state;
  for (size_t i = 0; i < LEN(rows); i++) {
    memset(key, rows[i].key, sizeof key);
    assert_int_equal(ml_hmac_sha256(key, (size_t)rows[i].keylen, rows[i].text,
                                    strlen(rows[i].text), out), ML_OK);
    expect_hex(out, sizeof out, rows[i].out);
  }
  assert_int_equal(ml_hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28,
                                  out), ML_OK);
  expect_hex(out, sizeof out,
             "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  for (uint64_t n = 1; n <= 2; n++) {
    ml_mem_fail_at(n, 0);
    assert_int_equal(ml_hmac_sha256("k", 1, "m", 1, out), ML_NOMEM);
    ml_mem_fail_at(0, 0);
  }
}

static void comparing(void **state) {
  char secret[] = "abc";

  (void)state;
  assert_true(ml_crypto_eq("abc", "abc", 3));
  assert_false(ml_crypto_eq("abc", "abd", 3));
  assert_false(ml_crypto_eq("abc", "bbc", 3));
  assert_true(ml_crypto_eq(NULL, NULL, 0));
  assert_true(ml_crypto_str_eq(ML_STR("abc"), ML_STR("abc")));
  assert_false(ml_crypto_str_eq(ML_STR("abc"), ML_STR("ab")));
  assert_true(ml_crypto_str_eq(ML_STR(""), ML_STR("")));
  assert_false(ml_crypto_str_eq(ML_NOSTR, ML_NOSTR));
  assert_false(ml_crypto_str_eq(ML_STR(""), ML_NOSTR));
  ml_crypto_wipe(secret, sizeof secret);
  assert_memory_equal(secret, "\0\0\0\0", 4);
}

/* McGrew and Viega, "The Galois/Counter Mode of Operation", cases 13, 14
** and 16. */
static const struct { const char *key, *nonce, *more, *plain, *sealed; } gcm[] = {
  {"0000000000000000000000000000000000000000000000000000000000000000",
   "000000000000000000000000", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
  {"0000000000000000000000000000000000000000000000000000000000000000",
   "000000000000000000000000", "", "00000000000000000000000000000000",
   "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
  {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
   "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
   "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
   "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
   "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
   "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
   "76fc6ece0f4e1768cddf8853bb2d551b"},
};

static void aes_gcm_vectors(void **state) {
  (void)state;
  for (size_t i = 0; i < LEN(gcm); i++) {
    ml_str key = unhex(gcm[i].key), nonce = unhex(gcm[i].nonce);
    ml_str more = unhex(gcm[i].more), plain = unhex(gcm[i].plain);
    const uint8_t *k = (const uint8_t *)key.p;
    const uint8_t *o = (const uint8_t *)nonce.p;
    ml_buf sealed = {0}, opened = {0};

    ml_buf_puts(&sealed, "<");
    ml_buf_puts(&opened, "<");
    assert_int_equal(ml_aes_gcm_seal(&sealed, k, o, more, plain), ML_OK);
    expect_hex(sealed.p + 1, sealed.len - 1, gcm[i].sealed);
    assert_int_equal(ml_aes_gcm_open(&opened, k, o, more,
                     (ml_str){sealed.p + 1, sealed.len - 1}), ML_OK);
    expect_hex(opened.p + 1, opened.len - 1, gcm[i].plain);
    assert_int_equal(opened.p[opened.len], '\0');
    ml_buf_free(&sealed);
    ml_buf_free(&opened);
    ml_mem_free((char *)key.p);
    ml_mem_free((char *)nonce.p);
    ml_mem_free((char *)more.p);
    ml_mem_free((char *)plain.p);
  }
}

/* A change of any one bit, of the key, nonce or additional data, and any
** cut: nothing opens, nothing is appended. */
static void aes_gcm_refuses(void **state) {
  uint8_t key[ML_AES_KEY_LEN] = {1}, nonce[ML_AES_NONCE_LEN] = {2};
  ml_buf s = {0}, out = {0};

  (void)state;
  assert_int_equal(ml_aes_gcm_seal(&s, key, nonce, ML_STR("id 7"),
                                   ML_STR("secret")), ML_OK);
  assert_int_equal(s.len, 6 + ML_AES_TAG_LEN);
#define OPEN(n, what) \
  ml_aes_gcm_open(&out, key, nonce, what, (ml_str){s.p, n})
  for (size_t bit = 0; bit < s.len * 8; bit++) {
    s.p[bit / 8] = (char)(s.p[bit / 8] ^ (1 << bit % 8));
    assert_int_equal(OPEN(s.len, ML_STR("id 7")), ML_CORRUPT);
    s.p[bit / 8] = (char)(s.p[bit / 8] ^ (1 << bit % 8));
  }
  for (size_t n = 0; n < s.len; n++)
    assert_int_equal(OPEN(n, ML_STR("id 7")), ML_CORRUPT);
  assert_int_equal(OPEN(s.len, ML_STR("id 8")), ML_CORRUPT);
  assert_int_equal(OPEN(s.len, ML_NOSTR), ML_CORRUPT);
  key[31] ^= 1;
  assert_int_equal(OPEN(s.len, ML_STR("id 7")), ML_CORRUPT);
  key[31] ^= 1;
  nonce[11] ^= 1;
  assert_int_equal(OPEN(s.len, ML_STR("id 7")), ML_CORRUPT);
  nonce[11] ^= 1;
  assert_int_equal(out.len, 0);
  ml_buf_free(&out);
  ml_mem_fail_at(1, 1);
  assert_int_equal(OPEN(s.len, ML_STR("id 7")), ML_NOMEM);
  assert_int_equal(ml_aes_gcm_seal(&out, key, nonce, ML_NOSTR, ML_NOSTR),
                   ML_NOMEM);
  ml_mem_fail_at(0, 0);
  ml_buf_free(&out);
  assert_int_equal(OPEN(INT_MAX, ML_STR("id 7")), ML_LIMIT);
  assert_int_equal(ml_aes_gcm_seal(&out, key, nonce, ML_NOSTR,
                                   (ml_str){s.p, INT_MAX}), ML_LIMIT);
  assert_int_equal(OPEN(s.len, ML_STR("id 7")), ML_OK);
  assert_string_equal(out.p, "secret");
#undef OPEN
  ml_buf_free(&s);
  ml_buf_free(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(fault_counter),
    cmocka_unit_test(empty_sizes),
    cmocka_unit_test(dup_copies),
    cmocka_unit_test(arena),
    cmocka_unit_test(arena_large_and_short),
    cmocka_unit_test(buf),
    cmocka_unit_test(buf_bad_sticks),
    cmocka_unit_test(str),
    cmocka_unit_test(packed_comes_back),
    cmocka_unit_test(small_stays_small),
    cmocka_unit_test(hostile_packs),
    cmocka_unit_test(unpack_of_nothing),
    cmocka_unit_test(random_packs),
    cmocka_unit_test(clocks),
    cmocka_unit_test(published_random),
    cmocka_unit_test(seeded_repeats),
    cmocka_unit_test(between),
    cmocka_unit_test(system_random),
    cmocka_unit_test(rc_names),
    cmocka_unit_test(err_set),
    cmocka_unit_test(err_cut_at_character),
    cmocka_unit_test(log_record),
    cmocka_unit_test(log_without_memory),
    cmocka_unit_test(log_to_nowhere),
    cmocka_unit_test(log_from_threads),
    cmocka_unit_test(sha256),
    cmocka_unit_test(hmac),
    cmocka_unit_test(comparing),
    cmocka_unit_test(aes_gcm_vectors),
    cmocka_unit_test(aes_gcm_refuses),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
