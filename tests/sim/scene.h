/*
** scene.h - short runs of the world: a start, a timer, a task, a restart ...
**
** Each can be gone through again from the top after it was cut short: what was
** acknowledged is not asked again.
*/
#ifndef SIM_SCENE_H
#define SIM_SCENE_H

#include "sim/world.h"

typedef struct scene {
  const char *name;
  bool from_nothing;             /* no store yet, definitions come in */
  uint64_t log_max;
  void (*act)(world *w);
  bool old;                      /* on a store of an older program (old.h) */
  bool clocked;                  /* schedules start what they start */
} scene;

enum { SCENES = 17 };
extern const scene scenes[SCENES];

/* "/unready" is not ready twice, then all is good. */
peer_way scene_way(world *w, const char *url, uint32_t before,
                   int64_t *delay_ms);
/* -1, and a list of them on standard error. */
int scene_named(const char *name, size_t n);

#endif
