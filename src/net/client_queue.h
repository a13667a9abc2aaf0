/*
** client_queue.h - the calls that wait for one host, by the line they stand in.
**
** A line is whose calls they are, a workflow say, and how many of those may be
** under way at once, wherever they go.  A host has a queue for each line: so one
** whose calls are all under way holds up neither the others at that host nor,
** by waiting for a slow host, its own calls elsewhere: only those that run count.
*/
#ifndef ML_NET_CLIENT_QUEUE_H
#define ML_NET_CLIENT_QUEUE_H

#include "net/client_call.h"

typedef struct ml_client_line {
  struct ml_client_line *next;
  uint32_t key;
  uint32_t most, running;
  uint32_t calls;                /* of it, that wait or run */
} ml_client_line;

typedef struct ml_client_queue {
  struct ml_client_queue *next;  /* of the same host */
  ml_client_line *line;          /* NULL: calls of none */
  ml_client_call *first, *last;
} ml_client_queue;

/* Behind the others of its line.  False: no memory, nothing is changed. */
bool ml_client_queue_put(ml_client_queue **queues, ml_client_line **lines,
                         ml_client_call *k);
/* Out of its queue; its line knows it still. */
void ml_client_queue_take(ml_client_queue **queues, ml_client_call *k);
/* Which came first, of those whose line has room; NULL: none. */
ml_client_call *ml_client_queue_first(const ml_client_queue *queues);

bool ml_client_line_full(const ml_client_call *k);    /* false: it has none */
void ml_client_line_leave(ml_client_line **lines, ml_client_call *k);

void ml_client_list_add(ml_client_call **first, ml_client_call **last,
                        ml_client_call *k);
void ml_client_list_remove(ml_client_call **first, ml_client_call **last,
                           ml_client_call *k);

#endif
