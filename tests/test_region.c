/*
** test_region.c - an image comes back byte for byte, and a restore copies what
** was written to and little else.
*/
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "script/region.h"

enum { PIECES = 400, PIECE = 700, PAGE = 4096, ROUNDS = 300, ANEW = 5000 };

typedef struct world {
  ml_region *r;
  char *piece[PIECES];
  ml_buf frozen, now;
  uint64_t seed;
} world;

/* The system's, but that the calls `refuse` has a bit for (the next is bit 0) are
** refused; with `partly` they have shut or opened what they were asked to but the
** last page. */
static volatile uint64_t refuse;
static bool partly;
static volatile int asked;

int mprotect(void *p, size_t n, int way) {
  bool no = (refuse & 1) != 0;

  refuse >>= 1;
  asked++;
  if (!no)
    return (int)syscall(SYS_mprotect, p, n, way);
  if (partly && n > PAGE)
    syscall(SYS_mprotect, p, n - PAGE, way);
  errno = ENOMEM;
  return -1;
}

static uint32_t roll(world *w, uint32_t n) {
  w->seed = w->seed * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(w->seed >> 33) % n;
}

static size_t size_of(int i) {
  return (size_t)(i % 7 == 0 ? 40 : PIECE);
}

static int begin(void **state) {
  world *w = ml_mem_zero(sizeof *w);

  assert_non_null(w);
  w->seed = 7;
  ml_region_trap();
  assert_int_equal(ml_region_new(8 << 20, &w->r), ML_OK);
  for (int i = 0; i < PIECES; i++) {
    w->piece[i] = ml_region_alloc(w->r, NULL, 0, size_of(i));
    assert_non_null(w->piece[i]);
    memset(w->piece[i], i, size_of(i));
  }
  for (int i = 0; i < PIECES; i += 5) {         /* holes and free cells */
    ml_region_alloc(w->r, w->piece[i], size_of(i), 0);
    w->piece[i] = NULL;
  }
  assert_int_equal(ml_region_freeze(w->r), ML_OK);
  assert_int_equal(ml_region_park(w->r, &w->frozen), ML_OK);
  *state = w;
  return 0;
}

static int end(void **state) {
  world *w = *state;

  ml_buf_free(&w->frozen);
  ml_buf_free(&w->now);
  ml_region_free(w->r);
  ml_mem_free(w);
  return 0;
}

static void is_as_frozen(world *w) {
  ml_buf_reset(&w->now);
  assert_int_equal(ml_region_park(w->r, &w->now), ML_OK);
  assert_int_equal(w->now.len, w->frozen.len);
  assert_memory_equal(w->now.p, w->frozen.p, w->frozen.len);
}

/* The test frame takes the signal for itself before each test. */
static world *trapped(void **state) {
  ml_region_trap();
  return *state;
}

static void whatever_is_written_is_undone(void **state) {
  world *w = trapped(state);

  for (int round = 0; round < ROUNDS; round++) {
    bool gone[PIECES] = {false};

    for (uint32_t n = roll(w, 20); n > 0; n--) {
      int i = (int)roll(w, PIECES);
      void *made = ml_region_alloc(w->r, NULL, 0, 16 + roll(w, 9000));

      assert_non_null(made);
      memset(made, 0xAA, 16);
      if (w->piece[i] == NULL || gone[i])
        continue;
      gone[i] = roll(w, 3) == 0;
      if (gone[i])
        ml_region_alloc(w->r, w->piece[i], size_of(i), 0);
      else
        w->piece[i][roll(w, (uint32_t)size_of(i))] ^= 0x55;
    }
    ml_region_restore(w->r);
    is_as_frozen(w);
  }
}

static void only_what_was_written_to_is_copied(void **state) {
  world *w = trapped(state);
  size_t image = ml_region_image(w->r);

  assert_true(image > 40 * PAGE);
  assert_int_equal(ml_region_copied(w->r), PAGE);      /* the allocator's head */
  w->piece[201][0] ^= 1;
  w->piece[399][0] ^= 1;
  assert_int_equal(ml_region_copied(w->r), 3 * PAGE);
  ml_region_restore(w->r);
  is_as_frozen(w);
  w->piece[201][0] ^= 1;                               /* does not fault again */
  assert_int_equal(ml_region_copied(w->r), 3 * PAGE);
  ml_region_restore(w->r);
  is_as_frozen(w);
}

static void what_cooled_down_is_left_alone_again(void **state) {
  world *w = trapped(state);

  for (int i = 0; i < PIECES; i++)
    if (w->piece[i] != NULL)
      w->piece[i][0] ^= 1;
  assert_true(ml_region_copied(w->r) > ml_region_image(w->r) * 9 / 10);
  for (int i = 0; i < ANEW; i++) {
    w->piece[201][0] ^= 1;
    ml_region_restore(w->r);
  }
  assert_int_equal(ml_region_copied(w->r), 2 * PAGE);
  is_as_frozen(w);
}

static void new_pieces_share_no_page_with_the_image(void **state) {
  world *w = trapped(state);

  for (int i = 0; i < 100; i++)
    memset(ml_region_alloc(w->r, NULL, 0, 24 + (size_t)i * 3), 0x5A, 24);
  assert_int_equal(ml_region_copied(w->r), PAGE);
  ml_region_restore(w->r);
  is_as_frozen(w);
}

/* What is made after _gather shares one page, and what is the owner's is
** copied in any case. */
static void what_is_gathered_is_one_page(void **state) {
  world *w = trapped(state);
  unsigned char *small[9], *large, *own = ml_region_own(w->r);

  assert_true(ml_region_gather(w->r));
  for (int i = 0; i < 9; i++)
    small[i] = ml_region_alloc(w->r, NULL, 0, 200);
  large = ml_region_alloc(w->r, NULL, 0, 1500);
  assert_int_equal(ml_region_freeze(w->r), ML_OK);
  ml_buf_reset(&w->frozen);
  assert_int_equal(ml_region_park(w->r, &w->frozen), ML_OK);
  assert_int_equal(ml_region_copied(w->r), PAGE);
  for (int i = 0; i < 9; i++)
    memset(small[i], 0x77, 200);
  memset(large, 0x77, 1500);
  memset(own, 0x77, ML_REGION_OWN);
  assert_int_equal(ml_region_copied(w->r), 2 * PAGE);
  ml_region_restore(w->r);
  for (int i = 0; i < ML_REGION_OWN; i++)
    assert_int_equal(own[i], 0);
  assert_int_not_equal(large[1499], 0x77);
  is_as_frozen(w);
}

static void a_second_freeze_takes_what_is_there(void **state) {
  world *w = trapped(state);
  char *more = ml_region_alloc(w->r, NULL, 0, 3000);

  memset(more, 0x11, 3000);
  w->piece[201][5] = 0x22;
  assert_int_equal(ml_region_freeze(w->r), ML_OK);
  ml_buf_reset(&w->frozen);
  assert_int_equal(ml_region_park(w->r, &w->frozen), ML_OK);
  more[7] = 0x33;
  w->piece[201][5] = 0x44;
  ml_region_restore(w->r);
  assert_int_equal(more[7], 0x11);
  assert_int_equal(w->piece[201][5], 0x22);
  is_as_frozen(w);
}

/* Write to every page and have it undone. */
static void write_everywhere(world *w) {
  for (int i = 0; i < PIECES; i++)
    if (w->piece[i] != NULL)
      w->piece[i][0] ^= 1;
  ml_region_restore(w->r);
  is_as_frozen(w);
}

/* A freeze protects the image, its copy and the pages: any of those calls fails,
** wholly or in part, and so does what then opens them, once or twice. */
static void a_refused_protection_is_only_slower(void **state) {
  world *w = trapped(state);

  for (int part = 0; part < 2; part++)
    for (uint64_t bits = 0; bits < 64; bits++) {
      partly = part == 1;
      refuse = bits << 1;          /* the first opens what was frozen before */
      asked = 0;
      assert_int_equal(ml_region_freeze(w->r), ML_OK);
      assert_true(asked >= 3);
      refuse = 0;
      write_everywhere(w);
      write_everywhere(w);
    }
}

/* So is that of one page when it is written to, and of all when they are shut
** again. */
static void a_refused_opening_is_only_slower(void **state) {
  world *w = trapped(state);

  for (int i = 0; i < 3; i++) {
    assert_int_equal(ml_region_freeze(w->r), ML_OK);
    w->piece[201][0] ^= 1;
    refuse = 1;
    *(volatile char *)w->piece[399] ^= 1;
    assert_int_equal(refuse, 0);
    assert_int_equal(ml_region_copied(w->r), ml_region_image(w->r));
    write_everywhere(w);
  }
  for (int part = 0; part < 2; part++) {
    partly = part == 1;
    for (int i = 0; i < ANEW; i++) {
      refuse = 3;                  /* to shut them; to open them again */
      ml_region_restore(w->r);
    }
    assert_int_equal(ml_region_copied(w->r), ml_region_image(w->r));
    refuse = 0;
    write_everywhere(w);
  }
  for (int i = 0; i < ANEW; i++)
    ml_region_restore(w->r);
  assert_int_equal(ml_region_copied(w->r), PAGE);      /* and it learns again */
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(whatever_is_written_is_undone, begin, end),
    cmocka_unit_test_setup_teardown(only_what_was_written_to_is_copied, begin,
                                    end),
    cmocka_unit_test_setup_teardown(what_cooled_down_is_left_alone_again,
                                    begin, end),
    cmocka_unit_test_setup_teardown(new_pieces_share_no_page_with_the_image,
                                    begin, end),
    cmocka_unit_test_setup_teardown(what_is_gathered_is_one_page, begin, end),
    cmocka_unit_test_setup_teardown(a_second_freeze_takes_what_is_there, begin,
                                    end),
    cmocka_unit_test_setup_teardown(a_refused_protection_is_only_slower, begin,
                                    end),
    cmocka_unit_test_setup_teardown(a_refused_opening_is_only_slower, begin,
                                    end),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
