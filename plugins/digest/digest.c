/* digest: counts rows and reckons a checksum that does not depend on their order, which it logs when all are there. */
#define LUMOS_LOADER
#include "lumos_component.h"

const lumos_metadata lumos_plugin = {
    .name = LUMOS_TEXT("digest"),
    .version = LUMOS_TEXT("1.0.0"),
    .description = LUMOS_TEXT("Stores nothing: logs how many rows came and a checksum of them, whatever their order."),
    .license = LUMOS_TEXT("MIT"),
    .options_schema = LUMOS_TEXT(
        "{\"type\": \"object\", \"properties\": {\"expected\": {\"type\": \"string\","
        " \"description\": \"The checksum that the rows must have; else the load fails.\"}}}"),
};

static uint64_t rows, sum;
static lumos_text expected;

lumos_status loader_open(lumos_text options, lumos_text *error) {
  rows = sum = 0;
  expected = lumos_json_member(options, LUMOS_TEXT("expected"));
  if (expected.data) expected = lumos_keep(expected);
  return LUMOS_OK;
}

lumos_status loader_write(lumos_text batch, uint64_t *taken, lumos_text *error) {
  lumos_json json = lumos_json_of(batch);
  lumos_json_is(&json, '[');
  for (*taken = 0; lumos_json_item(&json); ++*taken) {
    lumos_text row = lumos_json_raw(&json);
    uint64_t hash = 14695981039346656037u;
    for (size_t at = 0; at < row.size; at++) hash = (hash ^ (uint8_t)row.data[at]) * 1099511628211u;
    sum += hash;
  }
  rows += *taken;
  return LUMOS_OK;
}

static void put_number(lumos_buffer *out, uint64_t value, uint32_t base, size_t least) {
  char digits[20];
  size_t at = sizeof(digits);
  for (; value || at > sizeof(digits) - least; value /= base) digits[--at] = "0123456789abcdef"[value % base];
  lumos_put(out, digits + at, sizeof(digits) - at);
}

lumos_status loader_commit(lumos_text *error) {
  lumos_buffer line = {0};
  put_number(&line, rows, 10, 1);
  lumos_put(&line, " rows, checksum ", 16);
  size_t from = line.size;
  put_number(&line, sum, 16, 16);
  lumos_log(LUMOS_INFO, (lumos_text){line.data, line.size});
  if (!expected.data || lumos_same(expected, (lumos_text){line.data + from, line.size - from})) return LUMOS_OK;
  *error = LUMOS_TEXT("the rows have another checksum than expected");
  return LUMOS_DATA;
}

void loader_abort(void) {}
