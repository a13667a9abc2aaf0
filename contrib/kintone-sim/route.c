/* route.c - the table of API calls (KINTONE.md 2). */
#include <string.h>

#include "api.h"

static const ks_route routes[] = {
  {"GET", "record.json", ks_get_record, false, false},
  {"POST", "record.json", ks_post_record, true, false},
  {"PUT", "record.json", ks_put_record_call, true, false},
  {"GET", "records.json", ks_get_records, false, false},
  {"POST", "records.json", ks_post_records, true, false},
  {"PUT", "records.json", ks_put_records, true, false},
  {"DELETE", "records.json", ks_delete_records, true, false},
  {"POST", "records/cursor.json", ks_post_cursor, false, false},
  {"GET", "records/cursor.json", ks_get_cursor, false, false},
  {"DELETE", "records/cursor.json", ks_delete_cursor, false, false},
  {"POST", "bulkRequest.json", ks_post_bulk, false, false},
  {"POST", "record/comment.json", ks_post_comment, false, false},
  {"DELETE", "record/comment.json", ks_delete_comment, false, false},
  {"GET", "record/comments.json", ks_get_comments, false, false},
  {"PUT", "record/status.json", ks_put_status, true, false},
  {"PUT", "records/status.json", ks_put_statuses, true, false},
  {"PUT", "record/assignees.json", ks_put_assignees, true, false},
  {"POST", "file.json", ks_post_file, false, true},
  {"GET", "file.json", ks_get_file, false, false},
  {"GET", "app/form/fields.json", ks_get_form, false, false},
  {"GET", "app/status.json", ks_get_app_status, false, false},
  {"GET", "app.json", ks_get_app, false, false},
};

bool ks_route_path(ml_str path, ml_str *name, ml_str *space) {
  const char *p = path.p, *end = path.p + path.n, *slash;

  *space = ML_NOSTR;
  if (ks_begins(path, "/k/guest/")) {
    p += strlen("/k/guest/");
    slash = memchr(p, '/', (size_t)(end - p));
    if (slash == NULL)
      return false;
    *space = (ml_str){p, (size_t)(slash - p)};
    p = slash;
  } else if (ks_begins(path, "/k/")) {
    p += 2;
  } else {
    return false;
  }
  if (!ks_begins((ml_str){p, (size_t)(end - p)}, "/v1/"))
    return false;
  p += 4;
  *name = (ml_str){p, (size_t)(end - p)};
  return true;
}

const ks_route *ks_route_of(ml_str method, ml_str name) {
  size_t i;

  for (i = 0; i < sizeof routes / sizeof *routes; i++)
    if (ml_str_is(name, routes[i].name) && ml_str_is(method, routes[i].method))
      return &routes[i];
  return NULL;
}
