/*
** sqlite_jobs.c - batches and read jobs on their way to the store's threads
** and back to the owner.
**
** What is handed over belongs to the store until it is reaped.  Finished jobs
** come back through one list, in the order in which they were finished; the
** owner is notified when that list stops being empty.
*/
#include "store/sqlite.h"

void ml_jobs_put(ml_jobs *q, ml_job *j) {
  j->next = NULL;
  if (q->tail != NULL)
    q->tail->next = j;
  else
    q->head = j;
  q->tail = j;
}

ml_job *ml_jobs_take(ml_jobs *q) {
  ml_job *j = q->head;

  if (j == NULL)
    return NULL;
  q->head = j->next;
  if (q->head == NULL)
    q->tail = NULL;
  j->next = NULL;
  return j;
}

void ml_store_finished(ml_store *s, ml_jobs *jobs) {
  bool first;
  ml_job *j;

  pthread_mutex_lock(&s->mu);
  first = s->done.head == NULL;
  while ((j = ml_jobs_take(jobs)) != NULL)
    ml_jobs_put(&s->done, j);
  pthread_cond_signal(&s->to_owner);
  pthread_mutex_unlock(&s->mu);
  if (first && s->notify != NULL)
    s->notify(s->notify_arg);
}

void ml_store_submit(ml_store *s, ml_batch *b, ml_batch_fn *done, void *arg) {
  if (b == NULL) {               /* there was not even memory for a batch */
    if (done != NULL)
      done(arg, NULL, ML_NOMEM);
    return;
  }
  ml_batch_seal(b);
  b->done = done;
  b->arg = arg;
  b->rc = ML_OK;
  s->batches_out++;
  if (s->read_only) {
    ml_jobs one = {NULL, NULL};

    b->rc = ML_REFUSED;
    ml_jobs_put(&one, &b->job);
    ml_store_finished(s, &one);
  } else if (!s->threaded) {
    ml_writer_run(s, b);
  } else {
    pthread_mutex_lock(&s->mu);
    ml_jobs_put(&s->writes, &b->job);
    pthread_cond_signal(&s->to_write);
    pthread_mutex_unlock(&s->mu);
  }
}

size_t ml_store_pending(const ml_store *s) {
  return s->batches_out;
}

static void batch_done(ml_store *s, ml_batch *b) {
  s->batches_out--;
  if (b->rc == ML_OK && b->last_n > s->last_n)
    s->last_n = b->last_n;
  if (b->done != NULL)
    b->done(b->arg, b, b->rc);
}

void ml_store_reap(ml_store *s) {
  for (;;) {
    ml_job *j;

    pthread_mutex_lock(&s->mu);
    j = ml_jobs_take(&s->done);
    pthread_mutex_unlock(&s->mu);
    if (j == NULL)
      return;
    if (j->is_backup)
      ml_backup_reaped(s, j);
    else if (j->is_read)
      ml_read_done(s, j);
    else
      batch_done(s, (ml_batch *)j);
  }
}

void ml_store_wait(ml_store *s) {
  for (;;) {
    ml_store_reap(s);
    if (s->batches_out == 0 && s->reads_out == 0 && !s->backup)
      return;
    pthread_mutex_lock(&s->mu);
    while (s->done.head == NULL)
      pthread_cond_wait(&s->to_owner, &s->mu);
    pthread_mutex_unlock(&s->mu);
  }
}
