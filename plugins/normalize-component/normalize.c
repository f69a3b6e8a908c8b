/* normalize: a text column in lower case and without spaces around it, as a component over JSON. */
#define LUMOS_TRANSFORMER
#include "lumos_component.h"

const lumos_metadata lumos_plugin = {
    .name = LUMOS_TEXT("normalize-component"),
    .version = LUMOS_TEXT("1.0.0"),
    .description = LUMOS_TEXT("Writes a text column, ASCII letters in lower case and spaces around it trimmed, to another."),
    .license = LUMOS_TEXT("MIT"),
    .options_schema = LUMOS_TEXT(
        "{\"type\": \"object\", \"required\": [\"field\", \"to\"], \"additionalProperties\": false,"
        " \"properties\": {\"field\": {\"type\": \"string\", \"description\": \"The text column.\"},"
        " \"to\": {\"type\": \"string\", \"description\": \"The column to write.\"}}}"),
};

static lumos_text field, to;
static lumos_buffer label; /* `to` and its colon, as they stand in every row */

lumos_status transformer_open(lumos_text options, lumos_text *error) {
  field = lumos_json_member(options, LUMOS_TEXT("field"));
  to = lumos_json_member(options, LUMOS_TEXT("to"));
  if (!field.data || !to.data) return *error = LUMOS_TEXT("the options field and to are needed"), LUMOS_CONFIG;
  field = lumos_keep(field), to = lumos_keep(to);
  lumos_put_text(&label, to);
  lumos_put_char(&label, ':');
  return LUMOS_OK;
}

static lumos_text normalized(lumos_text value) {
  const char *at = value.data, *stop = value.data + value.size;
  while (at < stop && *at == ' ') at++;
  while (at < stop && stop[-1] == ' ') stop--;
  size_t size = (size_t)(stop - at);
  char *restrict changed = lumos_alloc(size);
  for (size_t place = 0; place < size; place++)
    changed[place] = at[place] >= 'A' && at[place] <= 'Z' ? at[place] + 32 : at[place];
  return (lumos_text){changed, size};
}

/* Members of an object as they are written, which begins at `begin` of `out`. */
static void pass(lumos_buffer *out, size_t begin, const char *from, const char *stop) {
  if (out->size == begin && from < stop && *from == ',') from++;
  if (from < stop && out->size == begin) lumos_put_char(out, '{');
  lumos_put(out, from, (size_t)(stop - from));
}

lumos_status transformer_apply(lumos_text rows, lumos_text *changed, lumos_text *error) {
  lumos_json json = lumos_json_of(rows);
  lumos_buffer out = {0};
  lumos_more(&out, rows.size * 2 + 64), out.size = 0;
  lumos_json_is(&json, '[');
  lumos_put_char(&out, '[');
  while (lumos_json_item(&json)) {
    if (out.size > 1) lumos_put_char(&out, ',');
    lumos_json_is(&json, '{');
    lumos_text name, value = {0};
    bool found = false;
    size_t mark = lumos_mark(), begin = out.size;
    const char *from = json.at, *before = json.at;
    for (; lumos_json_name(&json, &name); before = json.at) {
      const char *behind = json.at;
      lumos_text raw = lumos_json_raw(&json);
      if (lumos_same(name, field)) {
        found = true;
        if (raw.data[0] != '"' && raw.data[0] != 'n') return *error = LUMOS_TEXT("field is no text column"), LUMOS_CONFIG;
        lumos_json again = {behind, json.at};
        value = raw.data[0] == '"' ? lumos_json_text(&again) : value;
      }
      if (lumos_same(name, to)) {
        pass(&out, begin, from, before);
        from = json.at;
      }
    }
    if (!found) return *error = LUMOS_TEXT("field names no column"), LUMOS_CONFIG;
    pass(&out, begin, from, before);
    lumos_put_char(&out, out.size == begin ? '{' : ',');
    lumos_put(&out, label.data, label.size);
    if (value.data) {
      lumos_put_text(&out, normalized(value));
    } else {
      lumos_put(&out, "null", 4);
    }
    lumos_put_char(&out, '}');
    lumos_top = mark;
  }
  lumos_put_char(&out, ']');
  *changed = (lumos_text){out.data, out.size};
  return LUMOS_OK;
}

void transformer_close(void) {}
