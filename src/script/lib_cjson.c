#include "script/box_private.h"
void ml_lib_cjson(lua_State *L) { (void)L; }
