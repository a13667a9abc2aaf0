/*
** hook.h - webhook notifications (KINTONE.md 9).
**
** Sent for changes of one record by REST or at the screen; each once, within
** 10 s, never again.  60 a minute for all apps together; what is more is
** dropped for good.
*/
#ifndef KS_HOOK_H
#define KS_HOOK_H

#include "sim.h"

#define KS_HOOK_PER_MINUTE 60
#define KS_HOOK_BODY_MAX (1024 * 1024)
#define KS_HOOK_TIMEOUT_MS 10000
#define KS_HOOK_TARGETS 10        /* of one app */

/* Note what happened; nothing leaves before ks_hook_flush(). */
void ks_hook_record(ks_call *c, const char *type, const ks_app *app,
                    const ks_record *r);
void ks_hook_delete(ks_call *c, const ks_app *app, int64_t record);
void ks_hook_comment(ks_call *c, const ks_app *app, int64_t record,
                     const ks_comment *comment);

/* In the transaction of the change: write the notices down. */
void ks_hook_store(ks_call *c);
/* After its commit: send them. */
void ks_hook_send(ks_call *c);

/* Where to: replaces all targets.  {"url","app"?,"events"?} or a list of
** them under "targets"; an url of "" or null: nowhere. */
ml_rc ks_hook_aim(ks_sim *sim, const ml_json *o, ml_err *e);
size_t ks_hook_waiting(const ks_sim *sim);   /* sent, not answered */

void ks_hook_init(ks_sim *sim);              /* also reads the stored target */
void ks_hook_done(ks_sim *sim);

#endif
