/* process.c - a process in memory: its lists, its moments, its ids. */
#include "model/process.h"

#include <string.h>

#include "base/text.h"

ml_process *ml_process_new(const ml_flow *f) {
  ml_process *p = ml_mem_zero(sizeof *p);

  if (p == NULL)
    return NULL;
  p->next_no = 1;
  p->field_count = f->field_count;
  p->data = ml_mem_zero(sizeof *p->data * f->field_count);
  if (p->data == NULL) {
    ml_process_free(p);
    return NULL;
  }
  return p;
}

void ml_process_free(ml_process *p) {
  if (p == NULL)
    return;
  for (uint32_t i = 0; i < p->strand_count; i++)
    ml_mem_free(p->strands[i].entered);
  for (uint32_t i = 0; i < p->act_count; i++)
    ml_mem_free(p->acts[i].asked);
  ml_mem_free(p->data);
  ml_mem_free(p->strands);
  ml_mem_free(p->acts);
  ml_mem_free(p->tasks);
  ml_mem_free(p->people);
  ml_mem_free(p->outs);
  ml_mem_free(p->mails);
  ml_arena_free(&p->arena);
  ml_mem_free(p);
}

ml_str ml_process_text(ml_process *p, ml_str s, bool *ok) {
  ml_str copy = ML_NOSTR;

  if (s.p == NULL)
    return copy;
  copy.p = ml_arena_dup(&p->arena, s.p, s.n);
  copy.n = s.n;
  if (copy.p == NULL) {
    *ok = false;
    copy.n = 0;
  }
  return copy;
}

/* ---- lists: grown one by one, kept dense and in order ---- */

/* Room for one more element of `size` bytes behind `count`; cleared.  Lists
** double at powers of two, so that no capacity need be kept. */
static void *grow(void *list, uint32_t count, size_t size) {
  if ((count & (count - 1)) == 0 || count == 0) {
    size_t cap = count == 0 ? 1 : (size_t)count * 2;

    list = ml_mem_realloc(list, cap * size);
    if (list == NULL)
      return NULL;
  }
  memset((char *)list + count * size, 0, size);
  return list;
}

#define ADD(type, list, count)                            \
  do {                                                    \
    type *bigger = grow(p->list, p->count, sizeof(type)); \
    if (bigger == NULL)                                   \
      return NULL;                                        \
    p->list = bigger;                                     \
  } while (0)

ml_act *ml_process_add_act(ml_process *p) {
  ADD(ml_act, acts, act_count);
  return &p->acts[p->act_count++];
}

ml_task *ml_process_add_task(ml_process *p) {
  ADD(ml_task, tasks, task_count);
  return &p->tasks[p->task_count++];
}

ml_outgoing *ml_process_add_out(ml_process *p) {
  ADD(ml_outgoing, outs, out_count);
  return &p->outs[p->out_count++];
}

ml_mail *ml_process_add_mail(ml_process *p) {
  ADD(ml_mail, mails, mail_count);
  return &p->mails[p->mail_count++];
}

ml_strand *ml_process_add_strand(ml_process *p, const ml_flow *f,
                                 uint16_t list) {
  uint16_t *entered;

  ADD(ml_strand, strands, strand_count);
  entered = ml_mem_zero(sizeof *entered * f->lists[list].phase_count);
  if (entered == NULL)
    return NULL;
  p->strands[p->strand_count].list = list;
  p->strands[p->strand_count].entered = entered;
  return &p->strands[p->strand_count++];
}

bool ml_process_add_person(ml_process *p, int16_t lane, ml_str who) {
  ml_lane_person *bigger = grow(p->people, p->people_count, sizeof *bigger);
  bool ok = bigger != NULL;

  if (!ok)
    return false;
  p->people = bigger;
  bigger[p->people_count].lane = lane;
  bigger[p->people_count].person = ml_process_text(p, who, &ok);
  if (ok)
    p->people_count++;
  return ok;
}

ml_str ml_process_person(const ml_process *p, int16_t lane) {
  for (uint32_t i = 0; i < p->people_count; i++)
    if (p->people[i].lane == lane)
      return p->people[i].person;
  return ML_NOSTR;
}

#define FIND(list, count)                     \
  for (uint32_t i = 0; i < p->count; i++)     \
    if (p->list[i].no == no)                  \
      return &p->list[i];                     \
  return NULL

ml_act *ml_process_act(const ml_process *p, uint32_t no) {
  FIND(acts, act_count);
}

ml_task *ml_process_task(const ml_process *p, uint32_t no) {
  FIND(tasks, task_count);
}

ml_strand *ml_process_strand(const ml_process *p, uint32_t no) {
  FIND(strands, strand_count);
}

#define DROP(list, count)                                           \
  for (uint32_t i = 0; i < p->count; i++)                           \
    if (p->list[i].no == no) {                                      \
      memmove(&p->list[i], &p->list[i + 1],                         \
              (p->count - i - 1) * sizeof p->list[i]);              \
      p->count--;                                                   \
      return;                                                       \
    }

void ml_process_drop_act(ml_process *p, uint32_t no) {
  ml_act *a = ml_process_act(p, no);

  if (a != NULL)
    ml_mem_free(a->asked);
  DROP(acts, act_count)
}

void ml_process_drop_task(ml_process *p, uint32_t no) {
  DROP(tasks, task_count)
}

void ml_process_drop_strand(ml_process *p, uint32_t no) {
  ml_strand *s = ml_process_strand(p, no);

  if (s != NULL)
    ml_mem_free(s->entered);
  DROP(strands, strand_count)
}

void ml_process_drop_out(ml_process *p, uint32_t no) {
  DROP(outs, out_count)
}

void ml_process_drop_mail(ml_process *p, uint32_t no) {
  DROP(mails, mail_count)
}

/* ---- moments ---- */

bool ml_process_in_flight(const ml_process *p) {
  for (uint32_t i = 0; i < p->strand_count; i++)
    if (p->strands[i].judging)
      return true;
  for (uint32_t i = 0; i < p->act_count; i++) {
    const ml_act *a = &p->acts[i];

    if (!a->aside && (a->wait == ML_WAIT_SCRIPT || a->wait == ML_WAIT_CALL ||
                      a->mail != 0))
      return true;
  }
  for (uint32_t i = 0; i < p->out_count; i++)
    if (p->outs[i].due_ms == 0)
      return true;
  return false;
}

static void earlier(int64_t *min, int64_t ms) {
  if (ms > 0 && (*min == 0 || ms < *min))
    *min = ms;
}

int64_t ml_process_next_ms(const ml_process *p) {
  int64_t min = 0;

  if (p->deleted)
    return 0;
  for (uint32_t i = 0; i < p->act_count; i++)
    if (!p->acts[i].aside) {
      earlier(&min, p->acts[i].due_ms);
      earlier(&min, p->acts[i].limit_ms);
      earlier(&min, p->acts[i].give_up_ms);
    }
  for (uint32_t i = 0; i < p->task_count; i++) {
    if (!p->tasks[i].overdue)
      earlier(&min, p->tasks[i].due_ms);
    earlier(&min, p->tasks[i].remind_ms);
    earlier(&min, p->tasks[i].escalate_ms);
  }
  for (uint32_t i = 0; i < p->out_count; i++)
    earlier(&min, p->outs[i].due_ms);
  earlier(&min, p->next_action_ms);
  if (p->run == ML_RUN_NEW && p->status == ML_OPEN)
    earlier(&min, p->created_ms);           /* it has yet to begin */
  return min;
}

int64_t ml_process_due(const ml_process *p, int64_t lease_end_ms) {
  int64_t next = ml_process_next_ms(p);

  if (p->deleted)                 /* what was under way begins anew when it is
                                     restored */
    return 0;
  if (!ml_process_in_flight(p))
    return next;
  return next > 0 && next < lease_end_ms ? -next : -lease_end_ms;
}

/* ---- ids ---- */

void ml_process_make_id(uint8_t id[16], int64_t ms, int64_t n,
                        uint64_t random) {
  uint64_t num = (uint64_t)n & 0xFFFFFFFFFFu;          /* 40 bits */
  uint64_t high = ((uint64_t)ms << 16) | 0x7000u | (num >> 28);
  uint64_t low = ((uint64_t)2 << 62) | ((num & 0xFFFFFFFu) << 34) |
                 (random & 0x3FFFFFFFFu);

  for (int i = 0; i < 8; i++) {
    id[i] = (uint8_t)(high >> (56 - 8 * i));
    id[8 + i] = (uint8_t)(low >> (56 - 8 * i));
  }
}

int64_t ml_process_id_n(const uint8_t id[16]) {
  uint64_t high = 0, low = 0;

  for (int i = 0; i < 8; i++) {
    high = high << 8 | id[i];
    low = low << 8 | id[8 + i];
  }
  if ((high & 0xF000u) != 0x7000u || low >> 62 != 2)
    return 0;
  return (int64_t)((high & 0xFFFu) << 28 | ((low >> 34) & 0xFFFFFFFu));
}

void ml_id_text(char out[ML_ID_MAX], const uint8_t id[16], uint32_t no) {
  static const char hex[] = "0123456789abcdef";
  char digits[10];
  size_t at = 0, n = 0;

  for (int i = 0; i < 16; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10)
      out[at++] = '-';
    out[at++] = hex[id[i] >> 4];
    out[at++] = hex[id[i] & 15];
  }
  if (no > 0) {
    out[at++] = '-';
    for (; no > 0; no /= 10)
      digits[n++] = (char)('0' + no % 10);
    while (n > 0)
      out[at++] = digits[--n];
  }
  out[at] = '\0';
}

bool ml_id_of(ml_str s, uint8_t id[16], uint32_t *no) {
  int64_t v = 0;

  if (s.p == NULL || s.n < 36 || !ml_text_uuid((ml_str){s.p, 36}, id))
    return false;
  if (s.n > 36) {
    if (s.p[36] != '-' || s.n < 38 || s.p[37] == '0' ||
        !ml_text_int((ml_str){s.p + 37, s.n - 37}, &v) || v <= 0 ||
        v > UINT32_MAX)
      return false;
  }
  *no = (uint32_t)v;
  return true;
}
