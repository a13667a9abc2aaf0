/*
** config.h - the values that stay the same from call to call.
**
** From moonlane.lua (literal.h) and from the environment, MOONLANE_* in
** capitals; the environment wins, an option of the command line wins over
** both.  A key is the option's name with '_' for '-'.  All values are kept as
** the texts an option would have.
*/
#ifndef ML_CMD_CONFIG_H
#define ML_CMD_CONFIG_H

#include <stddef.h>

#include "base/mem.h"
#include "base/rc.h"

#define ML_CONFIG_FILE "moonlane.lua"

typedef struct ml_config {
  ml_arena arena;
  struct ml_config_value {
    const char *const *texts;      /* count of them */
    size_t count;
  } *values;                       /* one a known key */
} ml_config;

/*
** Read `path`, or when it is NULL the file MOONLANE_CONFIG names, or
** moonlane.lua when there is one here; then `env` (as environ).  ML_INVALID
** with where and what in *e; an unknown key names the known ones.  A
** MOONLANE_* that is no key is left alone: other programs may use such names.
*/
ml_rc ml_config_read(ml_config *c, const char *path, char *const *env,
                     ml_err *e);
void ml_config_done(ml_config *c);

/* Texts of a key, 0 when not set; an option's name will do. */
size_t ml_config_get(const ml_config *c, const char *key,
                     const char *const **texts);

#endif
