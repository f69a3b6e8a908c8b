/* Writes the length of the text column `field`, in bytes, to the column `to`. */
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
  *out = self; /* given to the calls below, and to close */
  if (lumos_option(options, "field", self->field, sizeof self->field) ||
      lumos_option(options, "to", self->to, sizeof self->to))
    return lumos_fail(error, LUMOS_CONFIG, "the options field and to are needed, each of at most 255 bytes");
  return 0;
}

static int on_schema(void *data, struct ArrowSchema *schema, lumos_error *error) {
  state *self = data;
  self->from_index = lumos_column(schema, self->field);
  if (self->from_index < 0) return lumos_fail(error, LUMOS_CONFIG, "there is no column '%s'", self->field);
  const struct ArrowSchema *column = schema->children[self->from_index];
  if (!lumos_is_text(column)) return lumos_fail(error, LUMOS_CONFIG, "the column '%s' is no text", self->field);
  self->wide = column->format[0] == 'U';
  if (lumos_schema_set(schema, self->to, "l", &self->to_index)) return lumos_fail(error, LUMOS_FATAL, "out of memory");
  return 0;
}

static int on_batch(void *data, struct ArrowArray *batch, lumos_error *error) {
  state *self = data;
  const struct ArrowArray *text = batch->children[self->from_index];
  int64_t *lengths = calloc((size_t)text->length + 1, sizeof *lengths);
  uint8_t *valid = calloc((size_t)text->length / 8 + 1, 1);
  void *buffers[] = {valid, lengths};
  struct ArrowArray column;
  if (!lengths || !valid || lumos_array(&column, text->length, 2, buffers, 0)) {
    free(lengths), free(valid);
    return lumos_fail(error, LUMOS_FATAL, "out of memory");
  }
  for (int64_t row = 0; row < text->length; row++) {
    if (lumos_is_null(text, row)) continue;
    lumos_text(text, self->wide, row, &lengths[row]);
    valid[row / 8] |= (uint8_t)(1 << row % 8);
  }
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
        "{\"name\": \"@name@\", \"options\": {\"type\": \"object\", \"required\": [\"field\", \"to\"], \"properties\": {"
        "\"field\": {\"type\": \"string\", \"description\": \"The column of text that is read\"},"
        "\"to\": {\"type\": \"string\", \"description\": \"The column that is written\"}}}}",
    .open = open_,
    .transform = transform,
    .close = free,
};

const lumos_plugin *lumos_plugin_entry(uint32_t host_abi_major) {
  return host_abi_major == LUMOS_ABI_MAJOR ? &plugin : NULL;
}
