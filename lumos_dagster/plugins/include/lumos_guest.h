/* What WebAssembly guests in C need where there is no C library: memory, texts, and JSON read and written in place.
 *
 * Include one of lumos_core.h (core module) or lumos_component.h (component) instead; each brings this one along.
 * Memory is an arena: lumos_alloc takes, and all that a call of the host took is given back at once when it is over.
 */
#ifndef LUMOS_GUEST_H
#define LUMOS_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LUMOS_EXPORT(name) __attribute__((export_name(name)))
#define LUMOS_IMPORT(module, name) __attribute__((import_module(module), import_name(name)))

typedef struct {
  const char *data;
  size_t size;
} lumos_text;

#define LUMOS_TEXT(literal) ((lumos_text){literal, sizeof(literal) - 1})

typedef enum { LUMOS_OK, LUMOS_CONFIG, LUMOS_TRANSIENT, LUMOS_DATA, LUMOS_FATAL } lumos_status;
typedef enum { LUMOS_DEBUG, LUMOS_INFO, LUMOS_WARN, LUMOS_ERROR } lumos_level;

/* Compiled with -mbulk-memory, these are one instruction each; compilers call them by themselves. */
__attribute__((weak)) void *memcpy(void *to, const void *from, size_t size) { return __builtin_memcpy(to, from, size); }
__attribute__((weak)) void *memmove(void *to, const void *from, size_t size) { return __builtin_memmove(to, from, size); }
__attribute__((weak)) void *memset(void *to, int byte, size_t size) { return __builtin_memset(to, byte, size); }

static inline bool lumos_same(lumos_text a, lumos_text b) {
  if (a.size != b.size || (a.size && *a.data != *b.data)) return false;
  for (size_t at = 1; at < a.size; at++)
    if (a.data[at] != b.data[at]) return false;
  return true;
}

/* ---- memory ---- */

extern unsigned char __heap_base;
static size_t lumos_top;

static inline size_t lumos_mark(void) {
  if (!lumos_top) lumos_top = (size_t)&__heap_base;
  return lumos_top;
}

/* Memory aligned to 16 bytes; ends the guest when its limit is reached. */
static inline void *lumos_alloc(size_t size) {
  size_t at = (lumos_mark() + 15) & ~(size_t)15, end = at + size, have = __builtin_wasm_memory_size(0) << 16;
  if (end < at) __builtin_trap();
  if (end > have && __builtin_wasm_memory_grow(0, (end - have + 65535) >> 16) == (size_t)-1) __builtin_trap();
  lumos_top = end;
  return (void *)at;
}

/* A text that grows: what was written last may be longer in place, so that long results are not copied. */
typedef struct {
  char *data;
  size_t size, room;
} lumos_buffer;

static inline char *lumos_more(lumos_buffer *buffer, size_t size) {
  if (buffer->size + size > buffer->room) {
    size_t room = (buffer->size + size) * 2 + 256;
    if (buffer->data && (size_t)buffer->data + buffer->room == lumos_top) {
      lumos_top = (size_t)buffer->data;
      lumos_alloc(room); /* aligned already, so it begins where it did */
    } else {
      char *moved = lumos_alloc(room);
      if (buffer->size) memcpy(moved, buffer->data, buffer->size);
      buffer->data = moved;
    }
    buffer->room = room;
  }
  buffer->size += size;
  return buffer->data + buffer->size - size;
}

static inline void lumos_put(lumos_buffer *buffer, const char *data, size_t size) {
  char *to = lumos_more(buffer, size);
  size_t at = 0;
  if (size > 512) { /* worth a call of the host's own */
    memcpy(to, data, size);
    return;
  }
  for (; at + 16 <= size; at += 16) __builtin_memcpy(to + at, data + at, 16);
  if (at) {
    __builtin_memcpy(to + size - 16, data + size - 16, 16);
  } else {
    for (; at < size; at++) to[at] = data[at];
  }
}

static inline void lumos_put_char(lumos_buffer *buffer, char c) { *lumos_more(buffer, 1) = c; }

static inline lumos_text lumos_keep(lumos_text text) {
  char *copy = lumos_alloc(text.size + 1);
  memcpy(copy, text.data, text.size);
  copy[text.size] = 0;
  return (lumos_text){copy, text.size};
}

/* ---- JSON: a cursor over a text that the host wrote, so that it is known to be well formed UTF-8 JSON ---- */

typedef struct {
  const char *at, *end;
} lumos_json;

static inline lumos_json lumos_json_of(lumos_text text) { return (lumos_json){text.data, text.data + text.size}; }

/* The next character that is no blank, 0 at the end. */
static inline char lumos_json_peek(lumos_json *json) {
  while (json->at < json->end && (unsigned char)*json->at <= ' ') json->at++;
  return json->at < json->end ? *json->at : 0;
}

/* Whether the next character is `c`; it is passed if so. */
static inline bool lumos_json_is(lumos_json *json, char c) {
  if (lumos_json_peek(json) != c) return false;
  json->at++;
  return true;
}

/* The first quote, backslash or control character; 16 bytes at a time where compiled with -msimd128. */
static inline const char *lumos_json_special(const char *at, const char *end) {
#ifdef __wasm_simd128__
  typedef unsigned char bytes __attribute__((vector_size(16)));
  for (; end - at >= 16; at += 16) {
    bytes here;
    __builtin_memcpy(&here, at, 16);
    uint32_t found = (uint32_t)__builtin_wasm_bitmask_i8x16((bytes)((here == '"') | (here == '\\') | (here < 0x20)));
    if (found) return at + __builtin_ctz(found);
  }
#endif
  while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at >= 0x20) at++;
  return at;
}

/* Where the text ends of which `at` is a part: at its closing quote. */
static inline const char *lumos_json_quote(const char *at, const char *end) {
  for (;;) {
    at = lumos_json_special(at, end);
    if (at >= end) return end;
    if (*at == '"') return at;
    at += *at == '\\' ? 2 : 1;
  }
}

/* What stands there as it is written, whatever it is; passed. */
static inline lumos_text lumos_json_raw(lumos_json *json) {
  char first = lumos_json_peek(json);
  const char *from = json->at;
  if (first == '"') {
    json->at = lumos_json_quote(from + 1, json->end) + 1;
    if (json->at > json->end) json->at = json->end;
    return (lumos_text){from, (size_t)(json->at - from)};
  }
  if (first != '[' && first != '{') {
    while (json->at < json->end && *json->at != ',' && *json->at != '}' && *json->at != ']') json->at++;
    return (lumos_text){from, (size_t)(json->at - from)};
  }
  for (int depth = 0; json->at < json->end;) {
    char c = *json->at;
    if (c == '"') {
      json->at = lumos_json_quote(json->at + 1, json->end);
    } else if (c == '[' || c == '{') {
      depth++;
    } else if (c == ']' || c == '}') {
      depth--;
    }
    if (json->at < json->end) json->at++;
    if (depth == 0) break;
  }
  return (lumos_text){from, (size_t)(json->at - from)};
}

static inline uint32_t lumos_hex(const char *digits) {
  uint32_t value = 0;
  for (int at = 0; at < 4; at++) {
    char c = digits[at];
    value = value * 16 + (uint32_t)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
  }
  return value;
}

/* The text that stands there, its escapes resolved; passed. What is no text gives its JSON. */
static inline lumos_text lumos_json_text(lumos_json *json) {
  if (lumos_json_peek(json) != '"') return lumos_json_raw(json);
  const char *from = json->at + 1, *end = lumos_json_special(from, json->end);
  bool plain = end < json->end && *end == '"';
  if (!plain) end = lumos_json_quote(end, json->end);
  json->at = end < json->end ? end + 1 : end;
  if (plain) return (lumos_text){from, (size_t)(end - from)};
  char *out = lumos_alloc((size_t)(end - from)), *to = out;
  while (from < end) {
    if (*from != '\\') {
      *to++ = *from++;
      continue;
    }
    char c = from[1];
    from += 2;
    if (c != 'u') {
      *to++ = c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c == 'b' ? '\b' : c == 'f' ? '\f' : c;
      continue;
    }
    uint32_t code = lumos_hex(from);
    from += 4;
    if (code >= 0xd800 && code < 0xdc00 && from + 6 <= end) {
      code = 0x10000 + ((code - 0xd800) << 10) + (lumos_hex(from + 2) - 0xdc00);
      from += 6;
    }
    if (code < 0x80) {
      *to++ = (char)code;
    } else if (code < 0x800) {
      *to++ = (char)(0xc0 | code >> 6), *to++ = (char)(0x80 | (code & 63));
    } else if (code < 0x10000) {
      *to++ = (char)(0xe0 | code >> 12), *to++ = (char)(0x80 | (code >> 6 & 63)), *to++ = (char)(0x80 | (code & 63));
    } else {
      *to++ = (char)(0xf0 | code >> 18), *to++ = (char)(0x80 | (code >> 12 & 63));
      *to++ = (char)(0x80 | (code >> 6 & 63)), *to++ = (char)(0x80 | (code & 63));
    }
  }
  return (lumos_text){out, (size_t)(to - out)};
}

/* The next name of an object whose `{` is passed, and its colon; false at the `}`, which is passed too. */
static inline bool lumos_json_name(lumos_json *json, lumos_text *name) {
  lumos_json_is(json, ',');
  if (lumos_json_is(json, '}') || !lumos_json_peek(json)) return false;
  *name = lumos_json_text(json);
  return lumos_json_is(json, ':');
}

/* Whether another item of an array whose `[` is passed is there; false at the `]`, which is passed too. */
static inline bool lumos_json_item(lumos_json *json) {
  lumos_json_is(json, ',');
  return lumos_json_peek(json) && !lumos_json_is(json, ']');
}

/* The text that an object has under a name; its data is NULL where there is none. */
static inline lumos_text lumos_json_member(lumos_text object, lumos_text wanted) {
  lumos_json json = lumos_json_of(object);
  lumos_text name;
  lumos_json_is(&json, '{');
  while (lumos_json_name(&json, &name)) {
    if (lumos_same(name, wanted) && lumos_json_peek(&json) != 'n') return lumos_json_text(&json);
    lumos_json_raw(&json);
  }
  return (lumos_text){NULL, 0};
}

/* Append a text as JSON. */
static inline void lumos_put_text(lumos_buffer *buffer, lumos_text text) {
  static const char hex[] = "0123456789abcdef";
  lumos_put_char(buffer, '"');
  const char *from = text.data, *end = text.data + text.size;
  for (;;) {
    const char *at = lumos_json_special(from, end);
    lumos_put(buffer, from, (size_t)(at - from));
    if (at == end) break;
    from = at + 1;
    unsigned char c = (unsigned char)*at;
    if (c >= 0x20) {
      char escaped[] = {'\\', (char)c};
      lumos_put(buffer, escaped, 2);
    } else {
      char escaped[] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
      lumos_put(buffer, escaped, 6);
    }
  }
  lumos_put_char(buffer, '"');
}

#endif
