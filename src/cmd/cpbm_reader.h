/*
** cpbm_reader.h - between cpbm_read.c, which walks a file, and cpbm_element.c,
** which knows what each element holds.
*/
#ifndef ML_CMD_CPBM_READER_H
#define ML_CMD_CPBM_READER_H

#include <expat.h>

#include "cmd/cpbm_inside.h"

typedef enum place {
  P_TOP, P_MAP, P_MATCH, P_RULE, P_WORKFLOWS, P_WORKFLOW, P_BUCKET, P_ACTIVITY,
  P_BEANS, P_BEAN, P_PROPERTY, P_NONE
} place;

enum { LEVELS = 6 };

/* From this byte of the rule's text on, the file's line. */
typedef struct piece {
  uint32_t at, line;
} piece;

typedef struct reader {
  draft *d;
  cpbm_kind kind;
  const ml_cpbm_file *f;
  XML_Parser x;
  bool stopped;
  uint32_t depth, skip;          /* skip: depth of the element not read, or 0 */
  place at[LEVELS];              /* the elements read that are open */
  uint32_t level;
  bool text_told;                /* of the text here */
  uint32_t rules_here;           /* Rule elements of the open Match */
  uint32_t rule_line;
  ml_buf rule;
  bool rule_long;
  piece *pieces;
  uint32_t piece_count, piece_cap;
} reader;

uint32_t cpbm_line(reader *r);               /* where the parser stands */
void cpbm_stop(reader *r);                   /* read no more of this file */
ml_str cpbm_trim(ml_str s);                  /* without blanks at its ends */
const char *cpbm_local(const char *name);    /* without its prefix */

/* An element that is read begins, ends; a piece of a rule's text. */
void cpbm_begin(reader *r, place p, const char *name, const XML_Char **atts);
void cpbm_end(reader *r, place p);
void cpbm_rule_text(reader *r, const char *s, size_t n);

#endif
