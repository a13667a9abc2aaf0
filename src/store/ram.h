/*
** ram.h - files in memory that keep what was flushed when they are cut off.
**
** For `moonlane test --torture`: an engine is killed at a chosen commit and a
** new one is started on what the store held.  A file has two states: what was
** written, and what was flushed.  A flush of the log is a commit; before each
** one `gate` is asked, and may cut the files off before or after it: then
** nothing can be read or written any more until ml_ram_back(), which leaves of
** each file what had been flushed.
**
** One thread: the store on it is not threaded.
*/
#ifndef ML_STORE_RAM_H
#define ML_STORE_RAM_H

#include <stdbool.h>

#include "base/rc.h"

typedef struct ml_ram ml_ram;

typedef enum ml_ram_cut { ML_RAM_GO, ML_RAM_BEFORE, ML_RAM_AFTER } ml_ram_cut;
typedef ml_ram_cut ml_ram_gate(void *arg);

/* gate: asked at each flush of a log; NULL: never cut by itself. */
ml_rc ml_ram_new(ml_ram_gate *gate, void *arg, ml_ram **out);
void ml_ram_free(ml_ram *m);               /* its stores are closed; or NULL */

/* For ml_store_conf.vfs. */
const char *ml_ram_name(const ml_ram *m);

void ml_ram_off(ml_ram *m);                /* as a kill, now */
bool ml_ram_is_off(const ml_ram *m);
/* What was flushed is there again; its stores have been closed. */
void ml_ram_back(ml_ram *m);

#endif
