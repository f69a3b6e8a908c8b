/* Logs how many rows there were, and stores nothing. */
#include "lumos_helpers.h"

static int32_t open_(const lumos_host *host, int32_t kind, const char *options, void **out, lumos_error *error) {
  (void)kind, (void)options, (void)error;
  *out = (void *)host; /* given to the calls below */
  return 0;
}

static int32_t load(void *data, struct ArrowArrayStream *in, uint64_t *rows, lumos_error *error) {
  const lumos_host *host = data;
  struct ArrowArray batch;
  char line[64];
  int code;
  while ((code = in->get_next(in, &batch)) == 0 && batch.release) {
    *rows += (uint64_t)batch.length; /* batch.children[i] is the i-th column */
    batch.release(&batch);
  }
  if (code) lumos_fail(error, LUMOS_FATAL, "the input failed: %s", in->get_last_error(in));
  in->release(in);
  if (code) return code;
  snprintf(line, sizeof line, "%llu rows", (unsigned long long)*rows);
  host->log(host, LUMOS_INFO, line);
  return 0;
}

static const lumos_plugin plugin = {
    .struct_size = sizeof(lumos_plugin),
    .abi_major = LUMOS_ABI_MAJOR,
    .abi_minor = LUMOS_ABI_MINOR,
    .metadata_json = "{\"name\": \"@name@\", \"options\": {\"type\": \"object\", \"properties\": {}}}",
    .open = open_,
    .load = load,
};

const lumos_plugin *lumos_plugin_entry(uint32_t host_abi_major) {
  return host_abi_major == LUMOS_ABI_MAJOR ? &plugin : NULL;
}
