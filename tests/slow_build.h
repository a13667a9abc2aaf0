/*
** slow_build.h - how many times longer than the plain build one with a sanitizer
** may take, for the few tests that hold a promise about time.
*/
#ifndef ML_TESTS_SLOW_BUILD_H
#define ML_TESTS_SLOW_BUILD_H

#if defined __SANITIZE_THREAD__
enum { SLOW_BUILD = 25 };
#elif defined __SANITIZE_ADDRESS__
enum { SLOW_BUILD = 10 };
#else
enum { SLOW_BUILD = 1 };
#endif

#endif
