/* Gives a column of text in lower case, without the spaces around it: `field` is read, `to` is written. */
#include "lumos_helpers.h"

typedef struct {
  char field[256], to[256];
  int64_t from_index, to_index;
  int wide;
} state;

static int32_t open_(const lumos_host *host, int32_t kind, const char *options, void **out, lumos_error *error) {
  state *self = calloc(1, sizeof *self);
  (void)host, (void)kind;
  if (!self) return lumos_fail(error, LUMOS_FATAL, "out of memory");
  *out = self;
  if (lumos_option(options, "field", self->field, sizeof self->field))
    return lumos_fail(error, LUMOS_CONFIG, "the option field is missing, or longer than 255 bytes");
  if (lumos_option(options, "to", self->to, sizeof self->to))
    return lumos_fail(error, LUMOS_CONFIG, "the option to is missing, or longer than 255 bytes");
  return 0;
}

static int on_schema(void *data, struct ArrowSchema *schema, lumos_error *error) {
  state *self = data;
  self->from_index = lumos_column(schema, self->field);
  if (self->from_index < 0) return lumos_fail(error, LUMOS_CONFIG, "field: there is no column '%s'", self->field);
  const struct ArrowSchema *column = schema->children[self->from_index];
  if (!lumos_is_text(column)) return lumos_fail(error, LUMOS_CONFIG, "field: the column '%s' is no text", self->field);
  self->wide = column->format[0] == 'U';
  if (lumos_schema_set(schema, self->to, "u", &self->to_index)) return lumos_fail(error, LUMOS_FATAL, "out of memory");
  return 0;
}

/* The rows' validity, a bit each, shifted to begin with the first one. */
static uint8_t *validity_of(const struct ArrowArray *text) {
  uint8_t *copy = calloc((size_t)text->length / 8 + 1, 1);
  for (int64_t row = 0; copy && row < text->length; row++)
    if (!lumos_is_null(text, row)) copy[row >> 3] |= (uint8_t)(1 << (row & 7));
  return copy;
}

static int on_batch(void *data, struct ArrowArray *batch, lumos_error *error) {
  state *self = data;
  const struct ArrowArray *text = batch->children[self->from_index];
  int64_t rows = text->length, first = rows ? lumos_text_start(text, self->wide, 0) : 0;
  int64_t size = rows ? lumos_text_start(text, self->wide, rows) - first : 0;
  if (size > INT32_MAX) return lumos_fail(error, LUMOS_DATA, "more than 2 GiB of text in a batch");
  uint8_t *valid = text->buffers[0] ? validity_of(text) : NULL;
  int32_t *offsets = malloc(((size_t)rows + 1) * sizeof *offsets);
  char *lower = malloc((size_t)size + 1);
  struct ArrowArray column;
  void *buffers[] = {valid, offsets, lower};
  if ((text->buffers[0] && !valid) || !offsets || !lower || lumos_array(&column, rows, 3, buffers, 0)) {
    free(valid), free(offsets), free(lower);
    return lumos_fail(error, LUMOS_FATAL, "out of memory");
  }

  const char *given = size ? (const char *)text->buffers[2] + first : "";
  for (int64_t i = 0; i < size; i++) { /* at once, so that the compiler makes it many bytes a step */
    uint8_t byte = (uint8_t)given[i];
    lower[i] = (char)(byte | ((uint8_t)(byte - 'A') < 26 ? 32 : 0));
  }
  int64_t written = 0, start = 0;
  for (int64_t row = 0; row < rows; row++) {
    int64_t next = lumos_text_start(text, self->wide, row + 1) - first, end = next;
    while (start < end && lower[start] == ' ') start++;
    while (end > start && lower[end - 1] == ' ') end--;
    offsets[row] = (int32_t)written;
    if (start != written) memmove(lower + written, lower + start, (size_t)(end - start));
    written += end - start;
    start = next;
  }
  offsets[rows] = (int32_t)written;
  if (lumos_batch_set(batch, self->to_index, &column)) return lumos_fail(error, LUMOS_FATAL, "out of memory");
  return 0;
}

static int32_t transform(void *self, struct ArrowArrayStream *in, struct ArrowArrayStream *out, lumos_error *error) {
  return lumos_stream(in, out, self, on_schema, on_batch, error);
}

static const lumos_plugin plugin = {
    .struct_size = sizeof(lumos_plugin),
    .abi_major = LUMOS_ABI_MAJOR,
    .abi_minor = LUMOS_ABI_MINOR,
    .metadata_json =
        "{\"name\": \"normalize-native\", \"version\": \"1.0.0\", \"license\": \"MIT\","
        " \"description\": \"Text in lower case, without the spaces around it\","
        " \"options\": {\"type\": \"object\", \"required\": [\"field\", \"to\"], \"additionalProperties\": false,"
        "   \"properties\": {"
        "     \"field\": {\"type\": \"string\", \"description\": \"The column of text that is read\"},"
        "     \"to\": {\"type\": \"string\", \"description\": \"The column that is written\"}}}}",
    .open = open_,
    .transform = transform,
    .close = free,
};

const lumos_plugin *lumos_plugin_entry(uint32_t host_abi_major) {
  return host_abi_major == LUMOS_ABI_MAJOR ? &plugin : NULL;
}
