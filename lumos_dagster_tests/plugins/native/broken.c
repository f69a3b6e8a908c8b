/* A library that breaks the ABI in the way that a macro names. */
#include <stdlib.h>
#include <unistd.h>

#include "lumos_plugin.h"

static int32_t transform(void *state, struct ArrowArrayStream *in, struct ArrowArrayStream *out, lumos_error *error) {
  (void)state, (void)in, (void)out, (void)error;
  return 1;
}

#ifndef METADATA
#define METADATA "{\"name\": \"broken\"}"
#endif
#ifndef SIZE
#define SIZE sizeof(lumos_plugin)
#endif
#ifndef MAJOR
#define MAJOR LUMOS_ABI_MAJOR
#endif
#ifndef TRANSFORM
#define TRANSFORM transform
#endif
#ifndef ENTRY
#define ENTRY &plugin
#endif
#ifndef NAME
#define NAME lumos_plugin_entry
#endif
#ifndef AT_LOAD
#define AT_LOAD (void)transform
#endif

static const lumos_plugin plugin = {
    .struct_size = SIZE, .abi_major = MAJOR, .metadata_json = METADATA, .transform = TRANSFORM};

__attribute__((constructor)) static void loaded(void) { AT_LOAD; }

const lumos_plugin *NAME(uint32_t host_abi_major) {
  (void)host_abi_major, (void)plugin;
  return ENTRY;
}
