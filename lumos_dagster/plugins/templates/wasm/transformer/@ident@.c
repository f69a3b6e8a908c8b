/* Writes the length of a text column, in bytes, to another column. */
#define LUMOS_TRANSFORMER
#include "lumos_component.h"

const lumos_metadata lumos_plugin = {
    .name = LUMOS_TEXT("@name@"),
    .version = LUMOS_TEXT("0.1.0"),
    .description = LUMOS_TEXT("Writes the length of a text column to another column."),
    .options_schema = LUMOS_TEXT(
        "{\"type\": \"object\", \"required\": [\"field\", \"to\"], \"additionalProperties\": false, \"properties\": {"
        "\"field\": {\"type\": \"string\", \"description\": \"The text column.\"},"
        "\"to\": {\"type\": \"string\", \"description\": \"The new column.\"}}}"),
};

static lumos_text field, to;

static void put_number(lumos_buffer *out, size_t value) {
  char digits[10];
  size_t place = sizeof(digits);
  do digits[--place] = (char)('0' + value % 10);
  while (value /= 10);
  lumos_put(out, digits + place, sizeof(digits) - place);
}

lumos_status transformer_open(lumos_text options, lumos_text *error) {
  field = lumos_json_member(options, LUMOS_TEXT("field"));
  to = lumos_json_member(options, LUMOS_TEXT("to"));
  if (!field.data || !to.data) return *error = LUMOS_TEXT("the options field and to are needed"), LUMOS_CONFIG;
  field = lumos_keep(field), to = lumos_keep(to); /* the options are gone when this call is over */
  return LUMOS_OK;
}

/* A JSON array of one object a row comes in, and one goes out: here each row as it is, and the new column behind it. */
lumos_status transformer_apply(lumos_text rows, lumos_text *changed, lumos_text *error) {
  lumos_json json = lumos_json_of(rows);
  lumos_buffer out = {0};
  lumos_json_is(&json, '[');
  while (lumos_json_item(&json)) {
    lumos_text row = lumos_json_raw(&json), value = lumos_json_member(row, field);
    lumos_put_char(&out, out.size ? ',' : '[');
    lumos_put(&out, row.data, row.size - 1); /* all but the closing brace */
    if (row.size > 2) lumos_put_char(&out, ',');
    lumos_put_text(&out, to);
    lumos_put_char(&out, ':');
    if (value.data) {
      put_number(&out, value.size);
    } else {
      lumos_put(&out, "null", 4);
    }
    lumos_put_char(&out, '}');
  }
  lumos_put(&out, out.size ? "]" : "[]", out.size ? 1 : 2);
  *changed = (lumos_text){out.data, out.size};
  return LUMOS_OK;
}

void transformer_close(void) {}
