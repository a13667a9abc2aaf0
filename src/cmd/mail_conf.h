/*
** mail_conf.h - the mail server as it is configured: mail_url, mail_from,
** mail_user, mail_password or mail_password_file, mail_tls (require, try, none),
** mail_ca_file, mail_timeout.
*/
#ifndef ML_CMD_MAIL_CONF_H
#define ML_CMD_MAIL_CONF_H

#include "cmd/args.h"
#include "net/mail.h"

typedef struct ml_mail_conf {
  ml_mail_server server;         /* url none: no mail is sent */
  ml_str from;
  ml_arena arena;
} ml_mail_conf;

/* Checked whole: ML_INVALID says which key is wrong.  `allow` is borrowed. */
ml_rc ml_mail_conf_read(ml_mail_conf *m, const ml_args *a, const ml_str *allow,
                        size_t allow_count, ml_err *e);
void ml_mail_conf_done(ml_mail_conf *m);     /* the password is wiped */

#endif
