/* api_query.c - the query parameters that routes may name. */
#include <string.h>

#include "api/api_call.h"

static const ml_param params[] = {
  {"limit", 'i', 1, 200, "how many items a page holds; 50"},
  {"cursor", 't', 0, 0, "\"next\" of the page before"},
  {"workflow", 't', 0, 0, "a workflow's name"},
  {"status", 't', 0, 0, "only these"},
  {"run", 't', 0, 0, "only those whose run goes so"},
  {"state", 't', 0, 0, "only those in this business state"},
  {"assigned_to", 't', 0, 0, "only those assigned to this person"},
  {"parent", 't', 0, 0, "only those started by this process"},
  {"where", 't', 0, 0, "a filter: score >= 50 and source = 'web-form'"},
  {"order", 't', 0, 0, "a field, or -field for the greatest first"},
  {"skip", 'i', 0, 10000, "leave out so many of the first"},
  {"explain", 'b', 0, 1, "1: tell how the list was found"},
  {"entity", 't', 0, 0, "only those of this entity"},
  {"record", 't', 0, 0, "only those about this record"},
  {"belongs_to", 't', 0, 0, "only those that belong to this"},
  {"booking", 't', 0, 0, "only those with this primary booking"},
  {"deleted", 'b', 0, 1, "1: deleted ones too"},
  {"aside", 'b', 0, 1, "1: only those that were given up"},
  {"all", 'b', 0, 1, "1: past and future activities too"},
  {"sealed", 'b', 0, 1, "1: show sealed values (scope operate)"},
  {"wait", 'b', 0, 1, "1: answer when the process rests, or after 1 s"},
  {"next", 'b', 0, 1, "1: answer with the person's next task too"},
  {"mine", 'b', 0, 1, "1: only what the caller (or ?as=) may do"},
  {"as", 't', 0, 0, "act as this member (scope operate)"},
  {"type", 't', 0, 0, "only transactions of this type"},
  {"tenant", 't', 0, 0, "only those of this tenant"},
  {"lane", 't', 0, 0, "only tasks of this lane: WORKFLOW/LANE"},
  {"after", 'i', 0, INT64_MAX, "only what comes after this number"},
  {"activity", 't', 0, 0, "an activity's id, or its number"}};

const ml_param *ml_param_find(ml_str name) {
  for (size_t i = 0; i < sizeof params / sizeof *params; i++)
    if (ml_str_is(name, params[i].name))
      return &params[i];
  return NULL;
}
