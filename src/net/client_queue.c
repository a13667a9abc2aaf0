/* client_queue.c - queues of a host, lines of all hosts. */
#include "net/client_queue.h"

#include "base/plant.h"

void ml_client_list_add(ml_client_call **first, ml_client_call **last,
                        ml_client_call *k) {
  k->next = NULL;
  k->prev = *last;
  if (*last != NULL)
    (*last)->next = k;
  else
    *first = k;
  *last = k;
}

void ml_client_list_remove(ml_client_call **first, ml_client_call **last,
                           ml_client_call *k) {
  if (k->prev != NULL)
    k->prev->next = k->next;
  else
    *first = k->next;
  if (k->next != NULL)
    k->next->prev = k->prev;
  else
    *last = k->prev;
}

/* ---- lines ---- */

/* The line of that key, made when there is none. */
static ml_client_line *line_get(ml_client_line **lines, uint32_t key) {
  ml_client_line *l = *lines;

  while (l != NULL && l->key != key)
    l = l->next;
  if (l != NULL || (l = ml_mem_zero(sizeof *l)) == NULL)
    return l;
  l->key = key;
  l->next = *lines;
  *lines = l;
  return l;
}

static void line_put(ml_client_line **lines, ml_client_line *l) {
  if (l->calls > 0)
    return;
  while (*lines != l)
    lines = &(*lines)->next;
  *lines = l->next;
  ml_mem_free(l);
}

static bool full(const ml_client_line *l) {
  return l != NULL && l->running >= l->most && !ML_PLANTED(line_open);
}

bool ml_client_line_full(const ml_client_call *k) {
  return full(k->line);
}

void ml_client_line_leave(ml_client_line **lines, ml_client_call *k) {
  ml_client_line *l = k->line;

  k->line = NULL;
  if (l == NULL)
    return;
  l->calls--;
  line_put(lines, l);
}

/* ---- queues ---- */

static ml_client_queue *queue_get(ml_client_queue **queues,
                                  ml_client_line *line) {
  ml_client_queue *q = *queues;

  while (q != NULL && q->line != line)
    q = q->next;
  if (q != NULL || (q = ml_mem_zero(sizeof *q)) == NULL)
    return q;
  q->line = line;
  q->next = *queues;
  *queues = q;
  return q;
}

bool ml_client_queue_put(ml_client_queue **queues, ml_client_line **lines,
                         ml_client_call *k) {
  bool alone = k->ask.line == 0 || k->ask.line_most == 0;
  ml_client_line *line = alone ? NULL : line_get(lines, k->ask.line);
  ml_client_queue *q;

  if (!alone && line == NULL)
    return false;
  q = queue_get(queues, line);
  if (q == NULL) {
    if (line != NULL)
      line_put(lines, line);
    return false;
  }
  if (line != NULL) {
    line->most = k->ask.line_most;          /* as it was said last */
    line->calls++;
  }
  k->line = line;
  k->queue = q;
  ml_client_list_add(&q->first, &q->last, k);
  return true;
}

void ml_client_queue_take(ml_client_queue **queues, ml_client_call *k) {
  ml_client_queue *q = k->queue;

  ml_client_list_remove(&q->first, &q->last, k);
  k->queue = NULL;
  if (q->first != NULL)
    return;
  while (*queues != q)
    queues = &(*queues)->next;
  *queues = q->next;
  ml_mem_free(q);
}

ml_client_call *ml_client_queue_first(const ml_client_queue *queues) {
  ml_client_call *best = NULL;

  for (const ml_client_queue *q = queues; q != NULL; q = q->next)
    if (!full(q->line) && (best == NULL || q->first->seq < best->seq))
      best = q->first;
  return best;
}
