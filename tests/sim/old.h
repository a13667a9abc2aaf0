/*
** old.h - a store as an older program left it: schema version 1, with processes
** at work, asleep, with a person, waiting for a message.
**
** It is made by the program of today; then what the versions since then added
** is taken away again (tables, indexes, columns), until its schema is that of
** version 1, word for word of each name.
*/
#ifndef SIM_OLD_H
#define SIM_OLD_H

#include "sim/world.h"

bool old_make(const char *flows);      /* once; false, and why on stderr */
/* Put it on the disk; the world knows what its clients did before. */
void old_put(world *w);
/* The store is of today's version, and the copy made before is whole. */
void old_check(world *w);
void old_free(void);

#endif
