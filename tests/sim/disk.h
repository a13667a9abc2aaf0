/*
** disk.h - a simulated disk: files in memory behind a SQLite VFS named "sim".
**
** What is written is seen at once and is durable only after a flush of its
** file.  A crash keeps what was flushed and, as asked, nothing more, a random
** part of the rest (512-byte pieces, so writes tear and change places), or
** all of it (the program was killed, the machine went on; what was not flushed
** can still be lost by a power cut later).  A flush that
** failed is never made good by a later one: what it should have written stays
** unsure.  Names are durable when the folder was flushed, which the first flush
** of a new file does.
**
** Every operation has a number, from 1.  The disk can die before or after
** operation k (then nothing has an effect any more), or fail operations.
** There is one such disk; it is the default VFS, so that SQLite's own random
** numbers come from here too.
*/
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rand.h"

typedef enum disk_op { DISK_CREATE, DISK_READ, DISK_WRITE, DISK_TRUNCATE,
                       DISK_SYNC, DISK_DELETE, DISK_OPS } disk_op;
typedef enum disk_file { DISK_MAIN, DISK_LOG, DISK_JOURNAL, DISK_OTHER,
                         DISK_FILES } disk_file;
typedef enum disk_keep { DISK_SYNCED, DISK_SOME, DISK_ALL,
                         DISK_KEEPS } disk_keep;
typedef enum disk_error { DISK_EIO, DISK_FULL, DISK_ERRORS } disk_error;

/* Where an operation happened.  part: 0 header or whole file, 1 frame header,
** 2 page, 3 frame header of a commit; page: its number, 0 none. */
typedef struct disk_site {
  disk_op op;
  disk_file file;
  uint8_t part;
  uint32_t page;
  uint64_t state;              /* disk.state then */
} disk_site;

typedef struct disk_conf {
  uint64_t state;              /* the world's word for what it is doing */
  uint64_t ops;                /* so far */
  uint64_t stop_at;            /* 0: never */
  bool stop_after;             /* with its effect, before its answer */
  uint64_t fail_at;            /* 0: never */
  bool fail_on;                /* from then on, else once */
  disk_error error;
  bool full;                   /* no room, until further notice */
  bool dead;                   /* stopped: nothing has an effect */
  bool aside;                  /* a look of the test's own: not counted, no
                                  faults */
  uint64_t failed[DISK_ERRORS][DISK_OPS];   /* faults that fired */
  void (*seen)(void *arg, const disk_site *site);    /* each operation */
  void *seen_arg;
} disk_conf;

extern disk_conf disk;

void disk_register(void);
void disk_reset(uint64_t seed);            /* empty, healthy */
/* Power cut or kill: what is left.  The disk is alive again after it; what
** is armed stays armed. */
void disk_crash(disk_keep keep, ml_rand *rand);
void disk_heal(void);                      /* nothing armed, room again */
/* What is there now, taken and put back (both durable). */
typedef struct disk_image disk_image;
disk_image *disk_take(void);
void disk_put(const disk_image *image);
void disk_image_free(disk_image *image);
size_t disk_open_files(void);

const char *disk_op_name(disk_op op);
const char *disk_file_name(disk_file file);
const char *disk_keep_name(disk_keep keep);
const char *disk_error_name(disk_error error);

#endif
