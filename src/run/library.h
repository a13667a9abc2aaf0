/*
** library.h - the Lua files of lua/moonlane/, built into the program.
**
** contrib/embed.lua makes the C source at build time.  Names are as bundles
** hold them: "moonlane/init.lua", in byte order.
*/
#ifndef ML_RUN_LIBRARY_H
#define ML_RUN_LIBRARY_H

#include <stddef.h>

#include "model/attempt.h"

extern const ml_source ml_library[];
extern const size_t ml_library_count;

#endif
