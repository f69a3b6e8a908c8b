/* Logs the first rows, and how many there are. */
#define LUMOS_LOADER
#include "lumos_component.h"

const lumos_metadata lumos_plugin = {
    .name = LUMOS_TEXT("@name@"),
    .version = LUMOS_TEXT("0.1.0"),
    .description = LUMOS_TEXT("Logs the first rows, and how many there are."),
    .options_schema = LUMOS_TEXT(
        "{\"type\": \"object\", \"properties\": {"
        "\"title\": {\"type\": \"string\", \"default\": \"rows\", \"description\": \"What to call them.\"}}}"),
};

static lumos_text title;
static uint64_t rows;

lumos_status loader_open(lumos_text options, lumos_text *error) {
  title = lumos_keep(lumos_json_member(options, LUMOS_TEXT("title")));
  rows = 0;
  return LUMOS_OK;
}

/* A JSON array of one object a row; all of them must be taken. */
lumos_status loader_write(lumos_text batch, uint64_t *taken, lumos_text *error) {
  lumos_json json = lumos_json_of(batch);
  lumos_json_is(&json, '[');
  for (*taken = 0; lumos_json_item(&json); ++*taken) {
    lumos_text row = lumos_json_raw(&json);
    if (rows++ < 3) lumos_log(LUMOS_INFO, row);
  }
  return LUMOS_OK;
}

/* All rows were given: what is kept until here counts from here on. */
lumos_status loader_commit(lumos_text *error) {
  lumos_buffer line = {0};
  char digits[20];
  size_t place = sizeof(digits);
  uint64_t value = rows;
  do digits[--place] = (char)('0' + value % 10);
  while (value /= 10);
  lumos_put(&line, digits + place, sizeof(digits) - place);
  lumos_put_char(&line, ' ');
  lumos_put(&line, title.data, title.size);
  lumos_log(LUMOS_INFO, (lumos_text){line.data, line.size});
  return LUMOS_OK;
}

/* The load has failed: forget what is kept. */
void loader_abort(void) {}
