/* ABI lumos-core/1: WebAssembly core modules as plugins of Lumos DataFlow.
 *
 * A module exports its `memory` and these functions. Every argument and result is an i64 that names a piece of that
 * memory: the address in its upper 32 bits, the length in bytes in its lower 32.
 *
 *   alloc(size: i32) -> i32           room for an argument; the host writes there before it calls
 *   dealloc(address: i32, size: i32)  optional: called for every result once it is read, and for every argument
 *   get_metadata() -> i64             JSON, see below
 *   extract(options) -> i64           rows; where `next` is exported, the first of them
 *   next() -> i64                     optional: more rows; a length of 0 ends it (so it does for extract)
 *   transform(rows[, options]) -> i64 rows; called once for each batch, also for one without rows
 *   load(rows, options) -> i64        JSON: how many rows were taken, which must be all; called once for each batch
 *   commit() -> i64, abort() -> i64   optional: after the last batch; after a failure elsewhere
 *   _initialize()                     optional: called once, first
 *
 * One of extract, transform and load is enough. `options` is a JSON object. `rows` is a JSON array of one object a row,
 * or, where the metadata says so, an Arrow IPC stream of one batch: text with 32-bit offsets, no dictionaries at the
 * top level, nothing compressed. A result may be either, whatever went in.
 *
 * In JSON, integers, floats and booleans are themselves; decimals, dates, times and timestamps (ISO 8601) are texts;
 * durations integers of their unit; binary is base64; maps are lists of {key, value}; NaN and the infinities are the
 * texts "NaN", "Infinity", "-Infinity". A column keeps its type if it comes back under its name and its values fit.
 *
 * Instead of a result, any function may give {"error": {"kind": K, "message": text}}, where K is config (an option is
 * wrong), transient (it may pass, and is retried), data (a row does not fit) or fatal.
 *
 * Metadata: {"name", "version", "description", "author", "license": texts, "kinds": of extractor, transformer, loader
 * (default: what is exported), "encoding": "json" (default) or "arrow", "options": a JSON Schema, or one for each kind}.
 *
 * Imports: `lumos.log(level: i32, address: i32, size: i32)`, level 0 debug to 3 error; `env.abort` as AssemblyScript
 * calls it; and WASI preview 1 without arguments, environment, files or network, where what is printed becomes log.
 * Any other import is refused.
 */
#ifndef LUMOS_CORE_H
#define LUMOS_CORE_H

#include "lumos_guest.h"

typedef uint64_t lumos_slice;

LUMOS_IMPORT("lumos", "log") void lumos_core_log(int32_t level, const char *text, size_t size);

static inline void lumos_log(lumos_level level, lumos_text text) { lumos_core_log((int32_t)level, text.data, text.size); }

static inline lumos_text lumos_argument(lumos_slice slice) {
  return (lumos_text){(const char *)(size_t)(slice >> 32), (size_t)(slice & 0xffffffff)};
}

/* The arena is empty again once everything was given back that the host took or was given. */
static size_t lumos_held;

LUMOS_EXPORT("alloc") void *lumos_core_alloc(size_t size) {
  lumos_held++;
  return lumos_alloc(size);
}

LUMOS_EXPORT("dealloc") void lumos_core_dealloc(void *address, size_t size) {
  (void)address, (void)size;
  if (lumos_held && --lumos_held == 0) lumos_top = (size_t)&__heap_base;
}

static inline lumos_slice lumos_result(lumos_text text) {
  lumos_held++;
  return (uint64_t)(size_t)text.data << 32 | text.size;
}

static inline lumos_slice lumos_failure(lumos_status status, lumos_text message) {
  static const char *const kinds[] = {"ok", "config", "transient", "data", "fatal"};
  lumos_buffer out = {0};
  const char *kind = kinds[status];
  lumos_put(&out, "{\"error\":{\"kind\":\"", 18);
  while (*kind) lumos_put_char(&out, *kind++);
  lumos_put(&out, "\",\"message\":", 12);
  lumos_put_text(&out, message);
  lumos_put(&out, "}}", 2);
  return lumos_result((lumos_text){out.data, out.size});
}

#endif
