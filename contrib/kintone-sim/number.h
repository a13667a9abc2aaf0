/*
** number.h - decimal numbers as kintone keeps them: exact, as text.
*/
#ifndef KS_NUMBER_H
#define KS_NUMBER_H

#include "util.h"

/* " 42 " -> "42", "1.5e1" -> "15", "007.50" -> "7.50", "-0" -> "0".  None when
** it is no number, or one of more than 100 digits. */
ml_str ks_number_plain(ml_arena *a, ml_str s);

/* Two plain numbers by value: -1, 0, 1.  "1.50" equals "1.5". */
int ks_number_compare(ml_str a, ml_str b);

/* The shortest text of a plain number's value: equal values, equal texts. */
ml_str ks_number_key(ml_str plain);

#endif
