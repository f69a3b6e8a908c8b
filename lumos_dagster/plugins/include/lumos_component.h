/* Components of lumos:plugin@2.0.0 in C: the canonical ABI between the functions below and the plugin's own.
 *
 * Define what the plugin is before including this, one or more of LUMOS_EXTRACTOR, LUMOS_TRANSFORMER, LUMOS_LOADER, and
 * LUMOS_TCP where it uses the network; then write `lumos_plugin` and the functions that are declared for it. Each gives
 * a status, and for one that is not LUMOS_OK a text in `*error`. Texts that it gives may be anywhere in memory; what was
 * taken by lumos_alloc in `open` stays until the end, what other calls take is given back when they are over.
 *
 * Build: clang, then `wasm-tools component embed` and `wasm-tools component new`; see the examples.
 */
#ifndef LUMOS_COMPONENT_H
#define LUMOS_COMPONENT_H

#include "lumos_guest.h"

typedef struct {
  lumos_text name, version, description, author, license, options_schema;
} lumos_metadata;

/* What the plugin says of itself; options_schema is a JSON Schema, or empty. */
extern const lumos_metadata lumos_plugin;

#ifdef LUMOS_EXTRACTOR
lumos_status extractor_open(lumos_text options, lumos_text *error);
/* Some rows as a JSON array, at most so many; rows->data NULL where there are no more. */
lumos_status extractor_next(uint32_t most, lumos_text *rows, lumos_text *error);
void extractor_close(void);
#endif

#ifdef LUMOS_TRANSFORMER
lumos_status transformer_open(lumos_text options, lumos_text *error);
lumos_status transformer_apply(lumos_text rows, lumos_text *changed, lumos_text *error);
void transformer_close(void);
#endif

#ifdef LUMOS_LOADER
lumos_status loader_open(lumos_text options, lumos_text *error);
lumos_status loader_write(lumos_text rows, uint64_t *taken, lumos_text *error);
lumos_status loader_commit(lumos_text *error);
void loader_abort(void);
#endif

/* ---- what the host gives ---- */

LUMOS_IMPORT("lumos:plugin/logging@2.0.0", "log") void lumos_component_log(int32_t level, const char *text, size_t size);

static inline void lumos_log(lumos_level level, lumos_text text) {
  lumos_component_log((int32_t)level, text.data, text.size);
}

#ifdef LUMOS_TCP
typedef struct {
  uint8_t failed;
  union {
    uint32_t connection;
    lumos_text text;
  };
} lumos_tcp_result;

LUMOS_IMPORT("lumos:cap/tcp@1.0.0", "connect")
void lumos_tcp_import_connect(const char *host, size_t size, int32_t port, lumos_tcp_result *result);
LUMOS_IMPORT("lumos:cap/tcp@1.0.0", "read")
void lumos_tcp_import_read(uint32_t connection, uint32_t most, lumos_tcp_result *result);
LUMOS_IMPORT("lumos:cap/tcp@1.0.0", "write")
void lumos_tcp_import_write(uint32_t connection, const char *data, size_t size, lumos_tcp_result *result);
LUMOS_IMPORT("lumos:cap/tcp@1.0.0", "close") void lumos_tcp_close(uint32_t connection);

/* A connection to a place that was granted; LUMOS_TRANSIENT where there is none now. */
static inline lumos_status lumos_tcp_connect(lumos_text host, uint16_t port, uint32_t *connection, lumos_text *error) {
  lumos_tcp_result result;
  lumos_tcp_import_connect(host.data, host.size, port, &result);
  if (result.failed) return *error = result.text, LUMOS_TRANSIENT;
  return *connection = result.connection, LUMOS_OK;
}

/* Exactly so many bytes; LUMOS_TRANSIENT where the other side has closed before. */
static inline lumos_status lumos_tcp_read(uint32_t connection, char *data, size_t size, lumos_text *error) {
  while (size) {
    lumos_tcp_result result;
    size_t mark = lumos_mark();
    lumos_tcp_import_read(connection, size, &result);
    if (result.failed) return *error = result.text, LUMOS_TRANSIENT;
    if (!result.text.size) return *error = LUMOS_TEXT("the connection was closed"), LUMOS_TRANSIENT;
    memcpy(data, result.text.data, result.text.size);
    data += result.text.size, size -= result.text.size;
    lumos_top = mark;
  }
  return LUMOS_OK;
}

static inline lumos_status lumos_tcp_write(uint32_t connection, const char *data, size_t size, lumos_text *error) {
  lumos_tcp_result result;
  lumos_tcp_import_write(connection, data, size, &result);
  return result.failed ? (*error = result.text, LUMOS_TRANSIENT) : LUMOS_OK;
}
#endif

/* ---- the canonical ABI: strings are two words, results are written where the returned pointer leads ---- */

LUMOS_EXPORT("cabi_realloc") void *lumos_realloc(void *old, size_t old_size, size_t align, size_t size) {
  (void)align;
  void *room = lumos_alloc(size);
  if (old_size) memcpy(room, old, old_size < size ? old_size : size);
  return room;
}

static size_t lumos_kept;
static inline void lumos_over(void) { lumos_top = lumos_kept; }
static inline void lumos_opened(void) { lumos_kept = lumos_mark(); }

/* result<_, error>, result<string, error>, result<option<string>, error>: the case, then at 4 or 8 what it holds. */
static uint64_t lumos_answer[4];

static inline void *lumos_failed(lumos_status status, lumos_text error, size_t at) {
  uint32_t *word = (uint32_t *)lumos_answer;
  word[0] = 1;
  word[at] = status - 1;
  word[at + 1] = (uint32_t)(size_t)error.data;
  word[at + 2] = error.size;
  return word;
}

static inline void *lumos_done(void) {
  lumos_answer[0] = 0;
  return lumos_answer;
}

static inline void *lumos_done_text(lumos_text text) {
  uint32_t *word = (uint32_t *)lumos_answer;
  word[0] = 0, word[1] = (uint32_t)(size_t)text.data, word[2] = text.size;
  return word;
}

LUMOS_EXPORT("lumos:plugin/plugin@2.0.0#describe") void *lumos_describe(void) {
  static struct {
    lumos_text name, version, description, author, license;
    uint8_t kinds, encodings;
    lumos_text options_schema;
  } said;
  said.name = lumos_plugin.name, said.version = lumos_plugin.version, said.description = lumos_plugin.description;
  said.author = lumos_plugin.author, said.license = lumos_plugin.license;
  said.options_schema = lumos_plugin.options_schema;
  said.encodings = 1;
#ifdef LUMOS_EXTRACTOR
  said.kinds |= 1;
#endif
#ifdef LUMOS_TRANSFORMER
  said.kinds |= 2;
#endif
#ifdef LUMOS_LOADER
  said.kinds |= 4;
#endif
  return &said;
}

#define LUMOS_OPENS(kind)                                                                                    \
  LUMOS_EXPORT("lumos:plugin/" #kind "@2.0.0#open") void *lumos_##kind##_open(const char *data, size_t size) { \
    lumos_text error = {0};                                                                                  \
    lumos_status status = kind##_open((lumos_text){data, size}, &error);                                     \
    lumos_opened();                                                                                          \
    return status ? lumos_failed(status, error, 1) : lumos_done();                                           \
  }

#ifdef LUMOS_EXTRACTOR
LUMOS_OPENS(extractor)

LUMOS_EXPORT("lumos:plugin/extractor@2.0.0#next") void *lumos_extractor_next(uint32_t most) {
  lumos_text rows = {0}, error = {0};
  lumos_status status = extractor_next(most, &rows, &error);
  if (status) return lumos_failed(status, error, 1);
  uint32_t *word = (uint32_t *)lumos_answer;
  word[0] = 0, word[1] = rows.data != NULL, word[2] = (uint32_t)(size_t)rows.data, word[3] = rows.size;
  return word;
}
LUMOS_EXPORT("cabi_post_lumos:plugin/extractor@2.0.0#next") void lumos_extractor_next_over(void *_) { lumos_over(); }
LUMOS_EXPORT("lumos:plugin/extractor@2.0.0#close") void lumos_extractor_close(void) { extractor_close(); }
#endif

#ifdef LUMOS_TRANSFORMER
LUMOS_OPENS(transformer)

LUMOS_EXPORT("lumos:plugin/transformer@2.0.0#apply") void *lumos_transformer_apply(const char *data, size_t size) {
  lumos_text changed = {0}, error = {0};
  lumos_status status = transformer_apply((lumos_text){data, size}, &changed, &error);
  return status ? lumos_failed(status, error, 1) : lumos_done_text(changed);
}
LUMOS_EXPORT("cabi_post_lumos:plugin/transformer@2.0.0#apply") void lumos_transformer_apply_over(void *_) { lumos_over(); }
LUMOS_EXPORT("lumos:plugin/transformer@2.0.0#close") void lumos_transformer_close(void) { transformer_close(); }
#endif

#ifdef LUMOS_LOADER
LUMOS_OPENS(loader)

LUMOS_EXPORT("lumos:plugin/loader@2.0.0#write") void *lumos_loader_write(const char *data, size_t size) {
  lumos_text error = {0};
  uint64_t taken = 0;
  lumos_status status = loader_write((lumos_text){data, size}, &taken, &error);
  if (status) return lumos_failed(status, error, 2);
  lumos_answer[0] = 0, lumos_answer[1] = taken;
  return lumos_answer;
}
LUMOS_EXPORT("cabi_post_lumos:plugin/loader@2.0.0#write") void lumos_loader_write_over(void *_) { lumos_over(); }

LUMOS_EXPORT("lumos:plugin/loader@2.0.0#commit") void *lumos_loader_commit(void) {
  lumos_text error = {0};
  lumos_status status = loader_commit(&error);
  return status ? lumos_failed(status, error, 1) : lumos_done();
}
LUMOS_EXPORT("lumos:plugin/loader@2.0.0#abort") void lumos_loader_abort(void) { loader_abort(); }
#endif

#endif
