/* Counts: `count` rows of one column, `n`. */
#include "lumos_helpers.h"

enum { BATCH_ROWS = 65536 };

typedef struct {
  int64_t next, count;
} state;

static int32_t open_(const lumos_host *host, int32_t kind, const char *options, void **out, lumos_error *error) {
  char count[32] = "3";
  state *self = calloc(1, sizeof *self);
  (void)host, (void)kind;
  if (!self) return lumos_fail(error, LUMOS_FATAL, "out of memory");
  *out = self; /* given to the calls below, and to close */
  lumos_option(options, "count", count, sizeof count);
  self->count = strtoll(count, NULL, 10);
  return 0;
}

static int on_schema(void *data, struct ArrowSchema *schema, lumos_error *error) {
  (void)data;
  if (lumos_schema(schema, "", "+s", 1) || lumos_schema(schema->children[0], "n", "l", 0))
    return lumos_fail(error, LUMOS_FATAL, "out of memory");
  return 0;
}

static int on_batch(void *data, struct ArrowArray *batch, lumos_error *error) {
  state *self = data;
  int64_t rows = self->count - self->next < BATCH_ROWS ? self->count - self->next : BATCH_ROWS;
  if (rows <= 0) return 0; /* the batch was left empty: that was all */
  int64_t *numbers = malloc((size_t)rows * sizeof *numbers);
  if (!numbers) return lumos_fail(error, LUMOS_FATAL, "out of memory");
  for (int64_t row = 0; row < rows; row++) numbers[row] = ++self->next;
  void *no_nulls[] = {NULL}, *buffers[] = {NULL, numbers};
  if (lumos_array(batch, rows, 1, no_nulls, 1) || lumos_array(batch->children[0], rows, 2, buffers, 0))
    return lumos_fail(error, LUMOS_FATAL, "out of memory");
  return 0;
}

static int32_t extract(void *self, struct ArrowArrayStream *out, lumos_error *error) {
  return lumos_stream(NULL, out, self, on_schema, on_batch, error);
}

static const lumos_plugin plugin = {
    .struct_size = sizeof(lumos_plugin),
    .abi_major = LUMOS_ABI_MAJOR,
    .abi_minor = LUMOS_ABI_MINOR,
    .metadata_json =
        "{\"name\": \"@name@\", \"options\": {\"type\": \"object\", \"properties\": {"
        "\"count\": {\"type\": \"integer\", \"minimum\": 0, \"default\": 3, \"description\": \"How far\"}}}}",
    .open = open_,
    .extract = extract,
    .close = free,
};

const lumos_plugin *lumos_plugin_entry(uint32_t host_abi_major) {
  return host_abi_major == LUMOS_ABI_MAJOR ? &plugin : NULL;
}
