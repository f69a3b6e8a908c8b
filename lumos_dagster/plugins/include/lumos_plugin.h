/* The ABI between Lumos DataFlow and a native plugin, version 1.0.
 *
 * A plugin is a shared library (.so, .dylib, .dll) that exports one symbol, lumos_plugin_entry. Rows cross
 * as Arrow C streams (https://arrow.apache.org/docs/format/CStreamInterface.html); nothing is copied on the
 * plugin's side, and nothing but this header is needed to build one. lumos_helpers.h, beside it, saves typing.
 *
 * The library runs in a process of its own, one for each attempt of an op, and everything is called from
 * one thread. Printed lines and those given to `log` become lines of the run's log.
 */
#ifndef LUMOS_PLUGIN_H
#define LUMOS_PLUGIN_H

#include <stdint.h>

#define LUMOS_ABI_MAJOR 1
#define LUMOS_ABI_MINOR 0

#ifdef __cplusplus
extern "C" {
#endif

/* Arrow's own structures, as its specification has every user define them. */
#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

struct ArrowSchema {
  const char *format;
  const char *name;
  const char *metadata;
  int64_t flags;
  int64_t n_children;
  struct ArrowSchema **children;
  struct ArrowSchema *dictionary;
  void (*release)(struct ArrowSchema *);
  void *private_data;
};

struct ArrowArray {
  int64_t length;
  int64_t null_count;
  int64_t offset;
  int64_t n_buffers;
  int64_t n_children;
  const void **buffers;
  struct ArrowArray **children;
  struct ArrowArray *dictionary;
  void (*release)(struct ArrowArray *);
  void *private_data;
};
#endif /* ARROW_C_DATA_INTERFACE */

#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE

struct ArrowArrayStream {
  int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
  int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out);
  const char *(*get_last_error)(struct ArrowArrayStream *);
  void (*release)(struct ArrowArrayStream *);
  void *private_data;
};
#endif /* ARROW_C_STREAM_INTERFACE */

/* What a plugin may be asked to be. */
enum { LUMOS_EXTRACTOR = 1, LUMOS_TRANSFORMER = 2, LUMOS_LOADER = 3 };

/* What the user should do about an error. Only a transient one is tried again. */
enum {
  LUMOS_FATAL = 0,     /* the outside world refuses for good, or a bug */
  LUMOS_TRANSIENT = 1, /* a passing trouble: connection lost, server busy */
  LUMOS_CONFIG = 2,    /* an option is wrong */
  LUMOS_DATA = 3       /* the rows do not fit */
};

enum { LUMOS_DEBUG = 0, LUMOS_INFO = 1, LUMOS_WARNING = 2, LUMOS_ERROR = 3 };

/* Why a call failed; the host's memory, filled by the plugin before it returns something other than 0.
 * It stays valid until `close`, so that a stream given as `out` may fill it when its get_next fails. */
typedef struct lumos_error {
  uint32_t struct_size;
  int32_t kind;
  char message[2048]; /* UTF-8, ends with 0; never a secret */
} lumos_error;

/* What the host offers; valid until `close` returns. */
typedef struct lumos_host {
  uint32_t struct_size;
  /* Becomes other than 0 when the op is to end; the process is killed about a second later. */
  const volatile int32_t *cancelled;
  /* A line for the run's log; may be called from any thread. */
  void (*log)(const struct lumos_host *host, int32_t level, const char *message);
} lumos_host;

/* What a plugin is. It grows only at the end; entries that it does not have are NULL.
 * The functions return 0, or something else after filling `error`. */
typedef struct lumos_plugin {
  uint32_t struct_size; /* sizeof(lumos_plugin) */
  uint32_t abi_major;   /* LUMOS_ABI_MAJOR */
  uint32_t abi_minor;   /* LUMOS_ABI_MINOR */
  uint32_t reserved;    /* 0 */

  /* A JSON object: name and version; description, author, license if you like; and options, the JSON
   * Schema of an object, or one for each of "extractor", "transformer", "loader". */
  const char *metadata_json;

  /* `options_json` is a JSON object. What is put into `*state` is given to the calls that follow. */
  int32_t (*open)(const lumos_host *host, int32_t kind, const char *options_json, void **state, lumos_error *error);

  /* Fill `out` with a stream of the rows that are read. */
  int32_t (*extract)(void *state, struct ArrowArrayStream *out, lumos_error *error);

  /* Fill `out` with a stream of what becomes of the rows of `in`, which is the plugin's to release.
   * Text comes in the formats "u" and "U", never as a view or a dictionary; batches have offset 0. */
  int32_t (*transform)(void *state, struct ArrowArrayStream *in, struct ArrowArrayStream *out, lumos_error *error);

  /* Put all rows of `in` in their place, commit, and say how many. All or nothing, if you can. A loader's options
   * hold "lumos": {"load", "job", "op"}: a load that is tried again has the same, and changes nothing if it was done. */
  int32_t (*load)(void *state, struct ArrowArrayStream *in, uint64_t *rows, lumos_error *error);

  void (*close)(void *state);
} lumos_plugin;

#ifdef _WIN32
#define LUMOS_EXPORT __declspec(dllexport)
#else
#define LUMOS_EXPORT __attribute__((visibility("default")))
#endif

/* The one exported symbol: the plugin, which lives as long as the library; NULL for a major version it does not know. */
LUMOS_EXPORT const lumos_plugin *lumos_plugin_entry(uint32_t host_abi_major);

#ifdef __cplusplus
}
#endif
#endif /* LUMOS_PLUGIN_H */
