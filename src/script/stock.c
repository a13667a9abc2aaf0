/* stock.c - the bundles that the core knows. */
#include "script/stock.h"

#include <string.h>

bool ml_stock_named(const uint8_t hash[32]) {
  static const uint8_t zero[32];

  return memcmp(hash, zero, sizeof zero) != 0;
}

/* The link that points at the item, or at the list's end. */
static ml_stock_item **link_of(ml_stock *s, const uint8_t hash[32]) {
  ml_stock_item **p = &s->head;

  while (*p != NULL && memcmp((*p)->hash, hash, 32) != 0)
    p = &(*p)->next;
  return p;
}

ml_stock_item *ml_stock_find(const ml_stock *s, const uint8_t hash[32]) {
  return *link_of((ml_stock *)s, hash);
}

static void item_free(ml_stock_item *it) {
  if (it == NULL)
    return;
  ml_buf_free(&it->frame);
  ml_mem_free(it);
}

static void drop(ml_stock_item **link) {
  ml_stock_item *it = *link;

  if (it == NULL)
    return;
  *link = it->next;
  item_free(it);
}

ml_rc ml_stock_put(ml_stock *s, const uint8_t hash[32], const ml_source *src,
                   size_t n) {
  ml_stock_item **link = link_of(s, hash);
  ml_stock_item *it;
  ml_ask q = {.kind = ML_ASK_BUNDLE, .sources = src, .source_count = n};
  size_t bytes = 0, i;

  if (n == 0) {
    drop(link);
    return ML_OK;
  }
  if (*link != NULL)
    return ML_OK;
  for (i = 0; i < n; i++)
    bytes += src[i].name.n + src[i].text.n + 32;
  if (n > ML_SOURCES_MAX || bytes > ML_FRAME_USUAL - 4096)
    return ML_LIMIT;
  it = ml_mem_zero(sizeof *it);
  if (it == NULL)
    return ML_NOMEM;
  memcpy(it->hash, hash, 32);
  memcpy(q.bundle, hash, 32);
  ml_ask_pack(&it->frame, &q);
  if (it->frame.bad) {
    item_free(it);
    return ML_NOMEM;
  }
  it->next = s->head;
  s->head = it;
  return ML_OK;
}

void ml_stock_unsent(ml_stock *s, int worker) {
  ml_stock_item *it;

  for (it = s->head; it != NULL; it = it->next)
    it->sent &= ~(UINT64_C(1) << worker);
}

void ml_stock_free(ml_stock *s) {
  while (s->head != NULL)
    drop(&s->head);
}
