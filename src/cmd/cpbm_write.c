/* cpbm_write.c - a set as XML, in one layout. */
#include "cmd/cpbm_inside.h"

static const char head[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/* As it may stand between quotes and between tags.  What XML would turn into
** a blank or a line end is written as a reference. */
void cpbm_put_xml(ml_buf *b, ml_str s, bool attribute) {
  for (size_t i = 0; i < s.n; i++) {
    char c = s.p[i];

    if (c == '&')
      ml_buf_puts(b, "&amp;");
    else if (c == '<')
      ml_buf_puts(b, "&lt;");
    else if (c == '>')
      ml_buf_puts(b, "&gt;");
    else if (c == '"' && attribute)
      ml_buf_puts(b, "&quot;");
    else if (c == '\r' || (attribute && (c == '\n' || c == '\t')))
      ml_buf_printf(b, "&#%d;", c);
    else
      ml_buf_putc(b, c);
  }
}

void cpbm_put_attribute(ml_buf *b, const char *name, ml_str value) {
  ml_buf_printf(b, " %s=\"", name);
  cpbm_put_xml(b, value, true);
  ml_buf_putc(b, '"');
}

void ml_cpbm_put_map(ml_buf *b, const ml_cpbm *c) {
  ml_buf_puts(b, head);
  ml_buf_puts(b, "<TransactionWorkflowMap>\n");
  for (uint32_t i = 0; i < c->rule_count; i++) {
    const ml_cpbm_rule *r = &c->rules[i];

    ml_buf_puts(b, "  <Match");
    cpbm_put_attribute(b, "type", r->spelling);
    cpbm_put_attribute(b, "workflow", c->workflows[r->workflow].name);
    ml_buf_puts(b, ">\n    <Rule>");
    cpbm_put_xml(b, r->text, false);
    ml_buf_puts(b, "</Rule>\n  </Match>\n");
  }
  ml_buf_puts(b, "</TransactionWorkflowMap>\n");
}

static void put_bucket(ml_buf *b, const ml_cpbm_bucket *k) {
  ml_buf_puts(b, "    <Bucket");
  if (k->name.p != NULL)
    cpbm_put_attribute(b, "name", k->name);
  ml_buf_printf(b, " order=\"%d\"", (int)k->order);
  if (k->activity_count == 0) {
    ml_buf_puts(b, "/>\n");
    return;
  }
  ml_buf_puts(b, ">\n");
  for (uint32_t i = 0; i < k->activity_count; i++) {
    ml_buf_puts(b, "      <Activity");
    cpbm_put_attribute(b, "name", k->activities[i].name);
    cpbm_put_attribute(b, "ref", k->activities[i].ref);
    ml_buf_puts(b, "/>\n");
  }
  ml_buf_puts(b, "    </Bucket>\n");
}

void ml_cpbm_put_workflows(ml_buf *b, const ml_cpbm *c) {
  ml_buf_puts(b, head);
  ml_buf_puts(b, "<Workflows>\n");
  for (uint32_t i = 0; i < c->workflow_count; i++) {
    const ml_cpbm_workflow *w = &c->workflows[i];

    ml_buf_puts(b, "  <Workflow");
    cpbm_put_attribute(b, "name", w->name);
    ml_buf_puts(b, ">\n");
    for (uint32_t k = 0; k < w->bucket_count; k++)
      put_bucket(b, &w->buckets[k]);
    ml_buf_puts(b, "  </Workflow>\n");
  }
  ml_buf_puts(b, "</Workflows>\n");
}

void ml_cpbm_put_beans(ml_buf *b, const ml_cpbm *c) {
  ml_buf_puts(b, head);
  ml_buf_puts(b, "<beans>\n");
  for (uint32_t i = 0; i < c->bean_count; i++) {
    ml_buf_puts(b, "  <bean");
    cpbm_put_attribute(b, "id", c->beans[i].ref);
    ml_buf_puts(b, ">\n");
    for (uint32_t k = 0; k < c->beans[i].setting_count; k++) {
      ml_buf_puts(b, "    <property");
      cpbm_put_attribute(b, "name", c->beans[i].settings[k].name);
      cpbm_put_attribute(b, "value", c->beans[i].settings[k].value);
      ml_buf_puts(b, "/>\n");
    }
    ml_buf_puts(b, "  </bean>\n");
  }
  ml_buf_puts(b, "</beans>\n");
}
