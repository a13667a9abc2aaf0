/*
** template.h - texts of mails with places to fill in.
**
**   Subject: {{transaction.type}} of {{tenant}}
**
**   Dear {{user.name}}, ...
**
** A template is a text whose first line is "Subject: ..." and whose second one
** is empty.  {{a.b}} stands for a value of the data by its path: letters,
** digits, '_' and '.', nothing else; it never runs code, and what is filled in
** is not looked at again.  A text goes in as it is (a mail is plain text, and in
** the subject line breaks become blanks), a number or a truth as JSON writes
** it, a list or an object as JSON, null and missing as nothing.  {{{{ stands for
** two braces.
*/
#ifndef ML_MODEL_TEMPLATE_H
#define ML_MODEL_TEMPLATE_H

#include "base/buf.h"
#include "base/json.h"
#include "base/rc.h"

/* Is it one?  ML_INVALID: e->text says what, e->at is "line 3". */
ml_rc ml_template_check(ml_str text, ml_err *e);

/* Fill in.  The text was checked; data may be NULL.  Either buffer may turn
** bad. */
void ml_template_fill(ml_str text, const ml_json *data, ml_buf *subject,
                      ml_buf *body);

#endif
