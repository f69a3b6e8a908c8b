/* Counts from one number to another. */
#define LUMOS_EXTRACTOR
#include "lumos_component.h"

const lumos_metadata lumos_plugin = {
    .name = LUMOS_TEXT("@name@"),
    .version = LUMOS_TEXT("0.1.0"),
    .description = LUMOS_TEXT("Counts from one number to another."),
    .options_schema = LUMOS_TEXT(
        "{\"type\": \"object\", \"required\": [\"to\"], \"additionalProperties\": false, \"properties\": {"
        "\"from\": {\"type\": \"integer\", \"minimum\": 0, \"default\": 1, \"description\": \"The first number.\"},"
        "\"to\": {\"type\": \"integer\", \"minimum\": 0, \"description\": \"The last one.\"}}}"),
};

static uint64_t at, last;

static uint64_t number(lumos_text digits, uint64_t otherwise) {
  uint64_t value = 0;
  if (!digits.data) return otherwise;
  for (size_t place = 0; place < digits.size; place++) value = value * 10 + (uint64_t)(digits.data[place] - '0');
  return value;
}

static void put_number(lumos_buffer *out, uint64_t value) {
  char digits[20];
  size_t place = sizeof(digits);
  do digits[--place] = (char)('0' + value % 10);
  while (value /= 10);
  lumos_put(out, digits + place, sizeof(digits) - place);
}

lumos_status extractor_open(lumos_text options, lumos_text *error) {
  at = number(lumos_json_member(options, LUMOS_TEXT("from")), 1);
  last = number(lumos_json_member(options, LUMOS_TEXT("to")), 0);
  return LUMOS_OK;
}

/* The next rows as a JSON array, at most `most` of them; nothing when there are no more. */
lumos_status extractor_next(uint32_t most, lumos_text *rows, lumos_text *error) {
  if (at > last) return LUMOS_OK;
  lumos_buffer out = {0};
  for (uint32_t row = 0; row < most && at <= last; row++) {
    if (row) {
      lumos_put(&out, ",{\"number\":", 11);
    } else {
      lumos_put(&out, "[{\"number\":", 11);
    }
    put_number(&out, at++);
    lumos_put_char(&out, '}');
  }
  lumos_put_char(&out, ']');
  *rows = (lumos_text){out.data, out.size};
  return LUMOS_OK;
}

void extractor_close(void) {}
