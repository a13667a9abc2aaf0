/* form.c - app/form/fields.json and app.json. */
#include <string.h>

#include "api.h"
#include "value.h"

static void put_options(ml_jw *w, const ks_field *f) {
  size_t i;

  ml_jw_key(w, "options");
  ml_jw_obj(w);
  for (i = 0; i < f->option_count; i++) {
    ml_jw_keyn(w, f->options[i]);
    ml_jw_obj(w);
    ml_jw_kstr(w, "label", f->options[i]);
    ks_put_int(w, "index", (int64_t)i);
    ml_jw_end(w);
  }
  ml_jw_end(w);
}

static void put_limit(ml_jw *w, const char *key, int64_t n) {
  if (n < 0)
    ml_jw_kstr(w, key, ML_STR(""));
  else
    ks_put_int(w, key, n);
}

static void put_settings(ml_jw *w, const ks_field *f) {
  const ml_json *no_label = ml_json_get(f->def, "noLabel");
  const ml_json *dflt = f->dflt;

  ml_jw_kbool(w, "noLabel", no_label != NULL && no_label->type == ML_JBOOL &&
              no_label->b);
  if (f->type->shape == KS_TABLE)
    return;
  ml_jw_kbool(w, "required", f->required);
  if (f->type->keyed || strcmp(f->type->name, "LINK") == 0)
    ml_jw_kbool(w, "unique", f->unique);
  if (f->type->shape == KS_TEXT) {
    put_limit(w, "maxLength", f->max_length);
    put_limit(w, "minLength", f->min_length);
  }
  if (f->type->shape == KS_NUMBER) {
    ml_jw_kstr(w, "maxValue", f->max_value.p != NULL ? f->max_value : ML_STR(""));
    ml_jw_kstr(w, "minValue", f->min_value.p != NULL ? f->min_value : ML_STR(""));
  }
  if (f->option_count > 0)
    put_options(w, f);
  if (f->type->shape == KS_DATE || f->type->shape == KS_TIME ||
      f->type->shape == KS_MOMENT)
    ml_jw_kbool(w, "defaultNowValue", f->dflt_now);
  ml_jw_key(w, "defaultValue");
  if (dflt->type == ML_JNULL)       /* in the form an empty text */
    ml_jw_str(w, ML_STR(""));
  else
    ml_jw_json(w, dflt);
}

static void put_property(ml_jw *w, const ks_field *f) {
  ml_str label = ml_json_str(f->def, "label");
  size_t i;

  ml_jw_keyn(w, f->code);
  ml_jw_obj(w);
  ml_jw_kstrz(w, "type", f->type->name);
  ml_jw_kstr(w, "code", f->code);
  ml_jw_kstr(w, "label", label.p != NULL ? label : f->code);
  if (f->type->shape == KS_OFF)
    ml_jw_kbool(w, "enabled", false);
  else if (f->type->system)
    ml_jw_kbool(w, "noLabel", false);
  else
    put_settings(w, f);
  if (f->type->shape == KS_TABLE) {
    ml_jw_key(w, "fields");
    ml_jw_obj(w);
    for (i = 0; i < f->cell_count; i++)
      put_property(w, &f->cells[i]);
    ml_jw_end(w);
  }
  ml_jw_end(w);
}

void ks_get_form(ks_call *c) {
  ml_jw *w = &c->w;
  size_t i;

  if (!ks_call_app(c, 0))
    return;
  ml_jw_obj(w);
  ml_jw_key(w, "properties");
  ml_jw_obj(w);
  for (i = 0; i < c->app->field_count; i++)
    put_property(w, &c->app->fields[i]);
  ml_jw_end(w);
  ks_put_int(w, "revision", c->app->revision);
  ml_jw_end(w);
}

void ks_get_app(ks_call *c) {
  int64_t id = 0;
  ks_app *app;

  ks_param_int(c, c->param, "id", ML_STR("id"), true, 1, INT64_MAX, &id);
  if (!ks_call_sound(c))
    return;
  app = ks_sim_app(c->sim, id);
  if (app == NULL) {
    ks_fail(c, "GAIA_AP01", ks_fmt(c->a, "%lld", (long long)id), ML_STR(""));
    return;
  }
  if (!ks_call_use(c, app, 0))
    return;
  ml_jw_obj(&c->w);
  ks_put_int(&c->w, "appId", app->id);
  ml_jw_kstr(&c->w, "code", app->code);
  ml_jw_kstr(&c->w, "name", app->name);
  ml_jw_kstr(&c->w, "description", app->description);
  ml_jw_kstr(&c->w, "spaceId", app->space);
  ml_jw_kstr(&c->w, "threadId", app->space);
  ml_jw_end(&c->w);
}
