/*
** plant.h - bugs that are put in on purpose, to see that the tests find them.
**
**   if (ML_PLANTED(ack_early))
**     ...
**
** is the constant 0 in a plain build, so that nothing of it is left, and 1 in a
** build with -DML_PLANT_ack_early.  The line stands where the bug would be made
** by mistake.  `make check-planted` builds the program once a bug and runs the
** tests that are meant to catch it (tests/planted lists both); a test that
** never failed has proved nothing.
*/
#ifndef ML_BASE_PLANT_H
#define ML_BASE_PLANT_H

#define ML_PLANTED(name) ML_PLANT_SET(ML_PLANT_##name)

/* ML_PLANT_x is defined as 1, or not at all: only 1 makes a second argument. */
#define ML_PLANT_SET(value) ML_PLANT_SET_(value)
#define ML_PLANT_SET_(value) ML_PLANT_PICK(ML_PLANT_HIT_##value)
#define ML_PLANT_HIT_1 0,
#define ML_PLANT_PICK(junk) ML_PLANT_SECOND(junk 1, 0, 0)
#define ML_PLANT_SECOND(first, second, ...) second

#endif
