/* synthetic: made-up customers, the same ones every time for the same seed. */
#define LUMOS_EXTRACTOR
#include "lumos_component.h"

const lumos_metadata lumos_plugin = {
    .name = LUMOS_TEXT("synthetic"),
    .version = LUMOS_TEXT("1.0.0"),
    .description = LUMOS_TEXT("Makes up customers; the same seed gives the same ones."),
    .license = LUMOS_TEXT("MIT"),
    .options_schema = LUMOS_TEXT(
        "{\"type\": \"object\", \"additionalProperties\": false, \"properties\": {"
        "\"rows\": {\"type\": \"integer\", \"minimum\": 0, \"default\": 100, \"description\": \"How many.\"},"
        "\"seed\": {\"type\": \"integer\", \"minimum\": 0, \"default\": 1, \"description\": \"Which ones.\"}}}"),
};

static const char *const first[] = {"Ada", "Bela", "Chen", "Dora", "Emeka", "Fatima", "Grace", "Hiro"};
static const char *const last[] = {"Abara", "Bauer", "Costa", "Dubois", "Evans", "Fischer", "Garcia", "Huang"};

static uint64_t rows, given, state;

static uint64_t number(lumos_text options, lumos_text name, uint64_t otherwise) {
  lumos_text digits = lumos_json_member(options, name);
  uint64_t value = 0;
  if (!digits.data) return otherwise;
  for (size_t at = 0; at < digits.size && digits.data[at] >= '0' && digits.data[at] <= '9'; at++)
    value = value * 10 + (uint64_t)(digits.data[at] - '0');
  return value;
}

static uint32_t chance(uint32_t sides) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(state >> 33) % sides;
}

static void put(lumos_buffer *out, const char *text) {
  while (*text) lumos_put_char(out, *text++);
}

static void put_number(lumos_buffer *out, uint64_t value) {
  char digits[20];
  size_t at = sizeof(digits);
  do digits[--at] = (char)('0' + value % 10);
  while (value /= 10);
  lumos_put(out, digits + at, sizeof(digits) - at);
}

lumos_status extractor_open(lumos_text options, lumos_text *error) {
  rows = number(options, LUMOS_TEXT("rows"), 100);
  state = number(options, LUMOS_TEXT("seed"), 1) * 2654435761u + 1;
  given = 0;
  return LUMOS_OK;
}

lumos_status extractor_next(uint32_t most, lumos_text *next, lumos_text *error) {
  if (given == rows) return LUMOS_OK;
  lumos_buffer out = {0};
  for (uint32_t row = 0; row < most && given < rows; row++) {
    const char *name = first[chance(8)], *family = last[chance(8)];
    put(&out, row ? ",{\"id\":" : "[{\"id\":");
    put_number(&out, ++given);
    put(&out, ",\"name\":\""), put(&out, name), put(&out, " "), put(&out, family);
    put(&out, "\",\"email\":");
    if (chance(10)) {
      put(&out, chance(4) ? "\"" : "\"  "), put(&out, name), put(&out, "."), put(&out, family);
      put(&out, "@Example.COM\"");
    } else {
      put(&out, "null");
    }
    put(&out, ",\"balance\":\"");
    put_number(&out, chance(100000));
    put(&out, "."), put_number(&out, 10 + chance(90)), put(&out, "\"}");
  }
  put(&out, "]");
  *next = (lumos_text){out.data, out.size};
  return LUMOS_OK;
}

void extractor_close(void) {}
