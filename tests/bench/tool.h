/*
** tool.h - what every file of the benchmark uses: the clock, samples, text,
** and what the kernel says a process has used.
**
** A benchmark that cannot go on ends at once, with a sentence: die().
*/
#ifndef BENCH_TOOL_H
#define BENCH_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"

_Noreturn void die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void *need(void *p);             /* p, or die: out of memory */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
                                 /* progress, on stderr */

int64_t now_us(void);            /* monotonic */
int64_t wall_ms(void);
double own_cpu_us(void);         /* user+sys of this process so far */
void pause_us(int64_t us);
/* Share of the machine's CPU, 0 to 1, that others have used since the first
** call, which gives 0.  Ours: this process, and what was told to ours(). */
double others_share(void);
void ours(pid_t pid);            /* before it ends: it and all below it */

/* Numbers of which a quantile is asked. */
typedef struct samples {
  double *v;
  size_t n, cap;
  bool sorted;
} samples;
void samples_add(samples *s, double v);
double samples_at(samples *s, double quantile);   /* 0.5: the median; none: 0 */
void samples_free(samples *s);

/* What a process has used; pids that are gone count nothing. */
typedef struct usage {
  double core_cpu_us, worker_cpu_us;
  double rss_kib, pss_kib;       /* core and workers */
  double core_pss_kib;
  double core_own_kib;           /* of it what no file stands behind */
  double written;                /* bytes handed to the disk by the core */
} usage;
void usage_of(pid_t core, bool with_memory, usage *u);

void read_file(const char *path, ml_buf *out);    /* appends; dies */
double file_bytes(const char *path);              /* blocks it holds; none: 0 */

#endif
