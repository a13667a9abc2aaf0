/* api_export.c - GET /v1/history: everything that happened, page by page. */
#include "api/api_call.h"
#include "run/export.h"

typedef struct page {
  ml_export x;
  ml_buf items;                  /* objects, parted by commas */
} page;

static void add_item(void *to, ml_str json) {
  page *p = to;

  if (p->items.len > 0)
    ml_buf_putc(&p->items, ',');
  ml_buf_put(&p->items, json.p, json.n);
}

static ml_rc read_page(ml_call *c, ml_read *r) {
  page *p = c->state;
  ml_rc rc = ml_export_piece(&p->x, r, &c->arena);

  if (rc == ML_OK && p->items.bad)
    rc = ML_NOMEM;
  if (rc != ML_OK)
    ml_buf_free(&p->items);
  return rc;
}

static void send_page(ml_call *c) {
  page *p = c->state;

  ml_list_begin(c);
  if (p->items.len > 0)
    ml_jw_raw(&c->w, (ml_str){p->items.p, p->items.len});
  ml_buf_free(&p->items);
  if (p->x.over)
    ml_list_last(c);
  else
    ml_cursor_put(c, 'E', p->x.at.n, (int64_t)p->x.at.seq, ML_NOSTR);
  ml_list_send(c);
}

static void history(ml_call *c) {
  page *p = ml_call_sees_all(c) ? ml_call_alloc(c, sizeof *p) : NULL;
  int64_t seq;
  ml_str none;

  if (p == NULL || !ml_cursor_get(c, 'E', &p->x.at.n, &seq, &none))
    return;
  p->x.at.seq = seq > 0 ? (uint64_t)seq : 0;
  p->x.flow = ml_run_flow_in;
  p->x.arg = ml_run_flow_list(c->run, &c->arena);
  p->x.item = add_item;
  p->x.to = p;
  if (p->x.arg == NULL) {
    ml_call_refuse(c, ML_NOMEM, NULL);
    return;
  }
  c->state = p;
  ml_call_read(c, read_page, send_page);
}

static const ml_route rows[] = {
  {"GET", "/v1/history", ML_SCOPE_OPERATE | ML_SCOPE_ADMIN, 0, history, "cursor",
   NULL, "200 [HistoryLine]", "exportHistory",
   "Everything that happened, for a judge outside (contrib/history.md)"}};

static const char shapes[] =
  "HistoryLine { kind:process|transition|call|task|signal|activity|timer,"
  " process:str, number?:int, workflow?:str?, status?:any, run?:str, seq?:int,"
  " created?:int?, completed?:int?, cancelled?:int?, deleted?:bool, parent?:int?,"
  " due?:int?, inFlight?:bool, at?:int, told?:str, no?:int?, name?:str?,"
  " who?:str?, text?:str?, data?:any, activity?:str, key?:str, call?:str,"
  " attempt?:int, place?:int, request?:str, task?:str, label?:str?,"
  " assignee?:str?, outcome?:str?, ended?:int?, waits?:str, aside?:bool,"
  " began?:int?, open?:str?, message?:str?, what?:str }";

const ml_routes ml_routes_export = {rows, sizeof rows / sizeof *rows, shapes};
