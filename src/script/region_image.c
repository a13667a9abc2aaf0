/*
** region_image.c - what a region was when frozen, and becomes again.
**
** Most of an image is never written to: the libraries, the author's functions,
** names.  Which pages are is learnt from the hardware.  After the freeze all are
** write-protected but the first, which has the allocator's head; a write to
** another one faults, and on_fault() opens that page and calls it hot.  A
** restore copies the hot pages: of W1's 32 there are 5, as what slices write to
** is gathered on one (ml_region_gather); after the first slices nothing faults.  A page that was written to is hot without exception,
** so what is copied is all that can differ.
**
** A collection marks every object and heats every page; each RELEARN restores
** all are shut again.  Where the trap is not set (ml_region_trap), all pages
** are hot from the start.
**
** A kernel may refuse to protect pages, for each stretch of them costs it a
** mapping, and may then have protected some.  All are opened then, which needs
** none, and all are hot: slower, and right.  If that is refused too, it is asked
** for again at the write that faults.
*/
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "base/mem.h"
#include "script/region_inside.h"

#define RELEARN 4096u     /* restores; a dozen faults in so many cost nothing */

/* ---- the trap ---- */

static ml_region *shut_list;
static struct sigaction before_us;
static bool trapping;

/* All pages are open, or at least to be opened when written to. */
static bool open_all(ml_region *r) {
  r->unsure = mprotect(r->base, r->image_size, PROT_READ | PROT_WRITE) != 0;
  memset(r->hot, 1, r->image_size / PAGE);
  r->heated = true;
  return !r->unsure;
}

/* Open the page of p, if it is shut.  Runs in the signal's handler. */
static bool heat(ml_region *r, const char *p) {
  size_t page;

  if (p < r->base || p >= r->base + r->image_size)
    return false;
  page = (size_t)(p - r->base) / PAGE;
  if (r->unsure)
    return open_all(r);
  if (r->hot[page])
    return false;
  if (mprotect(r->base + page * PAGE, PAGE, PROT_READ | PROT_WRITE) != 0)
    return open_all(r);
  r->hot[page] = 1;
  r->heated = true;
  return true;
}

static void on_fault(int sig, siginfo_t *info, void *context) {
  int saved = errno;

  for (ml_region *r = shut_list; r != NULL; r = r->next_shut)
    if (heat(r, info->si_addr)) {
      errno = saved;
      return;
    }
  if ((before_us.sa_flags & SA_SIGINFO) != 0)
    before_us.sa_sigaction(sig, info, context);
  else                    /* a real fault.  A jail lets us restore nothing; one
                             more in here ends the process by this signal */
    *(volatile char *)(uintptr_t)on_fault = 0;
}

void ml_region_trap(void) {
  struct sigaction act = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
  struct sigaction old;

  if (sigaction(SIGSEGV, &act, &old) != 0)
    return;
  if ((old.sa_flags & SA_SIGINFO) == 0 || old.sa_sigaction != on_fault)
    before_us = old;
  trapping = true;
}

static void enlist(ml_region *r) {
  r->next_shut = shut_list;
  r->prev_shut = &shut_list;
  if (shut_list != NULL)
    shut_list->prev_shut = &r->next_shut;
  shut_list = r;
  r->shut = true;
}

static void unlist(ml_region *r) {
  if (!r->shut)
    return;
  *r->prev_shut = r->next_shut;
  if (r->next_shut != NULL)
    r->next_shut->prev_shut = r->prev_shut;
  r->shut = false;
}

/* ---- what is copied ---- */

static void list_hot(ml_region *r) {
  size_t n = 0;

  for (size_t at = 0; at < r->image_size; at += PAGE) {
    stretch *last = n > 0 ? &r->stretches[n - 1] : NULL;

    if (!r->hot[at / PAGE])
      continue;
    if (last != NULL && last->from + last->n == at)
      last->n += PAGE;
    else
      r->stretches[n++] = (stretch){at, PAGE};
  }
  r->stretch_count = n;
  r->heated = false;
}

/* Shut all pages that equal the image: all but the first, which is never shut. */
static void learn(ml_region *r) {
  bool cold = trapping && mprotect(r->base + PAGE, r->image_size - PAGE,
                                   PROT_READ) == 0;

  memset(r->hot, cold ? 0 : 1, r->image_size / PAGE);
  r->hot[0] = 1;
  r->unsure = false;
  if (trapping && !cold)
    open_all(r);
  r->restores = 0;
  list_hot(r);
  if (trapping && !r->shut)
    enlist(r);
}

void ml_region_image_drop(ml_region *r) {
  unlist(r);
  if (r->image != NULL)
    munmap(r->image, r->image_size);
  ml_mem_free(r->stretches);
  ml_mem_free(r->hot);
  r->image = NULL;
  r->stretches = NULL;
  r->hot = NULL;
  r->image_size = r->stretch_count = 0;
}

static bool make_room(ml_region *r, size_t n) {
  void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                 -1, 0);

  r->stretches = ml_mem_alloc((n / PAGE / 2 + 1) * sizeof *r->stretches);
  r->hot = ml_mem_zero(n / PAGE);
  if (p != MAP_FAILED) {
    r->image = p;
    r->image_size = n;
  }
  if (p != MAP_FAILED && r->stretches != NULL && r->hot != NULL)
    return true;
  ml_region_image_drop(r);
  return false;
}

ml_rc ml_region_freeze(ml_region *r) {
  if (r->image != NULL &&
      mprotect(r->base, r->image_size, PROT_READ | PROT_WRITE) != 0)
    return ML_NOMEM;
  ml_region_image_drop(r);
  if (!ml_region_seal(r) || !make_room(r, ml_region_extent(r)))
    return ML_NOMEM;
  memcpy(r->image, r->base, r->image_size);
  /* fences: where one fails, it is still a copy, and still only read */
  mprotect(r->image, r->image_size, PROT_READ);
  if (r->code != NULL)
    mprotect(r->code, CODE, PROT_READ);
  r->high = head_of(r)->top;
  learn(r);
  return ML_OK;
}

/* Give back the pages between what stays and what was used at most. */
static void give_back(ml_region *r, size_t keep) {
  size_t from = round_up(keep > KEEP ? keep : KEEP, PAGE);
  size_t to = round_up((size_t)r->high * GRAIN, PAGE);

  if (to > r->size)
    to = r->size;
  if (to > from)
    madvise(r->base + from, to - from, MADV_DONTNEED);
}

void ml_region_restore(ml_region *r) {
  if (r->image == NULL)
    return;
  give_back(r, r->image_size);
  if (r->heated)
    list_hot(r);
  for (size_t i = 0; i < r->stretch_count; i++)
    memcpy(r->base + r->stretches[i].from, r->image + r->stretches[i].from,
           r->stretches[i].n);
  r->high = head_of(r)->top;
  r->asked = 0;
  if (r->shut && ++r->restores >= RELEARN)
    learn(r);
}

size_t ml_region_image(const ml_region *r) {
  return r->image_size;
}

size_t ml_region_copied(const ml_region *r) {
  size_t n = 0;

  for (size_t i = 0; i < r->image_size / PAGE; i++)
    n += r->hot[i] * PAGE;
  return n;
}

/* ---- parking ---- */

ml_rc ml_region_park(const ml_region *r, ml_buf *out) {
  ml_buf_put(out, r->base, ml_region_extent(r));
  return out->bad ? ML_NOMEM : ML_OK;
}

ml_rc ml_region_unpark(ml_region *r, ml_str bytes) {
  head h;

  if (bytes.n < sizeof h || bytes.n > r->size)
    return ML_INVALID;
  memcpy(&h, bytes.p, sizeof h);
  if (h.magic != MAGIC || (size_t)h.top * GRAIN != bytes.n)
    return ML_INVALID;
  give_back(r, bytes.n);
  memcpy(r->base, bytes.p, bytes.n);
  r->high = h.top;
  r->asked = 0;
  return ML_OK;
}
