/*
** place.h - where a script's author wrote a call.
*/
#ifndef ML_SCRIPT_PLACE_H
#define ML_SCRIPT_PLACE_H

#include <lua.h>

/*
** Lua: placed(f) -> a function that calls f(place, ...), place being
** "file:line" of the author's call.  It is a C function for a reason: a tail
** call (`return ml.activity { ... }`) takes its caller's frame away when a
** Lua function is called, but not for a C function.  Frames of the library
** itself (moonlane/...) are passed over.  "?" when there is no author.
*/
int ml_place_placed(lua_State *L);

#endif
