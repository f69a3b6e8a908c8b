/* normalize: a text column in lower case and without spaces around it, as a core module over Arrow. */
#include "lumos_core.h"
#include "lumos_arrow.h"

LUMOS_EXPORT("get_metadata") lumos_slice get_metadata(void) {
  return lumos_result(LUMOS_TEXT(
      "{\"name\": \"normalize-core\", \"version\": \"1.0.0\", \"license\": \"MIT\", \"encoding\": \"arrow\","
      " \"description\": \"Writes a text column, ASCII letters in lower case and spaces around it trimmed, to another.\","
      " \"options\": {\"type\": \"object\", \"required\": [\"field\", \"to\"], \"additionalProperties\": false,"
      " \"properties\": {\"field\": {\"type\": \"string\", \"description\": \"The text column.\"},"
      " \"to\": {\"type\": \"string\", \"description\": \"The column to write.\"}}}}"));
}

static lumos_table table;

/* As many letters as the compiler has one instruction for; memory behind a text may be read, as it is the arena's. */
enum { STEP = 16 };

static inline void lower(char *restrict to, const char *restrict from) {
  for (int at = 0; at < STEP; at++) to[at] = from[at] >= 'A' && from[at] <= 'Z' ? from[at] + 32 : from[at];
}

LUMOS_EXPORT("transform") lumos_slice transform(lumos_slice rows, lumos_slice options) {
  lumos_text field = lumos_json_member(lumos_argument(options), LUMOS_TEXT("field"));
  lumos_text to = lumos_json_member(lumos_argument(options), LUMOS_TEXT("to"));
  if (!field.data || !to.data) return lumos_failure(LUMOS_CONFIG, LUMOS_TEXT("the options field and to are needed"));
  lumos_text wrong = lumos_table_read(&table, lumos_argument(rows));
  if (wrong.data) return lumos_failure(LUMOS_DATA, wrong);
  int32_t column = lumos_table_find(&table, field);
  if (column < 0 || table.column[column].type != LUMOS_TYPE_UTF8)
    return lumos_failure(LUMOS_CONFIG, LUMOS_TEXT("the option field names no text column"));

  lumos_texts from = lumos_table_texts(&table, (uint32_t)column);
  size_t count = (size_t)table.rows;
  int32_t *ends = lumos_alloc((count + 1) * sizeof(int32_t));
  char *bytes = lumos_alloc((size_t)from.ends[count] + STEP), *end = bytes;
  ends[0] = 0;
  for (size_t row = 0; row < count; row++) {
    const char *at = from.bytes + from.ends[row], *stop = from.bytes + from.ends[row + 1];
    while (at < stop && *at == ' ') at++;
    while (at < stop && stop[-1] == ' ') stop--;
    for (; at < stop; at += STEP, end += STEP) lower(end, at);
    end -= at - stop; /* what is behind the last letter is written over by the next row */
    ends[row + 1] = (int32_t)(end - bytes);
  }
  lumos_table_put(&table, to, (uint32_t)column, ends, bytes);
  return lumos_result(lumos_table_write(&table));
}
