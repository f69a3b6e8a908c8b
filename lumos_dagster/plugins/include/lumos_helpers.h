/* Helpers for native plugins in C: failing, reading options, text columns, and streams made of a function for each batch.
 *
 * All of it is optional, and all of it is static: include it in one source file.
 */
#ifndef LUMOS_HELPERS_H
#define LUMOS_HELPERS_H

#include "lumos_plugin.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__GNUC__)
#define LUMOS_UNUSED __attribute__((unused))
#define LUMOS_PRINTS(text, first) __attribute__((format(printf, text, first)))
#else
#define LUMOS_UNUSED
#define LUMOS_PRINTS(text, first)
#endif

/* ---- errors -------------------------------------------------------------------------------------------------- */

/* Fill the error; what it gives is for `return`. */
LUMOS_UNUSED LUMOS_PRINTS(3, 4) static int lumos_fail(lumos_error *error, int32_t kind, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  error->kind = kind;
  vsnprintf(error->message, sizeof error->message, format, arguments);
  va_end(arguments);
  return EINVAL;
}

/* ---- options: the members of a flat JSON object --------------------------------------------------------------- */

static const char *lumos_json_space(const char *at) {
  while (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r') at++;
  return at;
}

/* Past the value at `at`, whatever it is. */
static const char *lumos_json_skip(const char *at) {
  int depth = 0;
  do {
    if (*at == '"') {
      for (at++; *at && *at != '"'; at++)
        if (*at == '\\' && at[1]) at++;
      if (*at) at++;
    } else if (*at == '{' || *at == '[') {
      depth++, at++;
    } else if (*at == '}' || *at == ']') {
      depth--, at++;
    } else {
      at++;
    }
  } while (*at && (depth > 0 || !strchr(",}]", *at)));
  return at;
}

static unsigned lumos_json_hex(const char *at) {
  unsigned code = 0;
  for (int i = 0; i < 4 && at[i]; i++)
    code = code * 16 + (unsigned)(at[i] <= '9' ? at[i] - '0' : (at[i] | 32) - 'a' + 10);
  return code;
}

/* The text of the JSON string at `at` into `out`; 0, or -1 where it is longer than that. */
static int lumos_json_string(const char *at, char *out, size_t size) {
  char *end = out + size - 1;
  for (at++; *at && *at != '"'; at++) {
    unsigned code = (unsigned char)*at;
    if (*at == '\\') {
      static const char escapes[] = "b\bf\fn\nr\rt\t";
      const char *escape = strchr(escapes, *++at);
      if (*at != 'u') {
        code = (unsigned char)(escape && *at ? escape[1] : *at);
      } else {
        code = lumos_json_hex(at + 1), at += 4;
        if (code >= 0xD800 && code < 0xDC00 && at[1] == '\\' && at[2] == 'u')
          code = 0x10000 + ((code - 0xD800) << 10) + (lumos_json_hex(at + 3) - 0xDC00), at += 6;
        if (end - out < 4) return -1;
        if (code >= 0x10000) {
          *out++ = (char)(0xF0 | code >> 18), *out++ = (char)(0x80 | (code >> 12 & 63));
          *out++ = (char)(0x80 | (code >> 6 & 63)), code = 0x80 | (code & 63);
        } else if (code >= 0x800) {
          *out++ = (char)(0xE0 | code >> 12), *out++ = (char)(0x80 | (code >> 6 & 63)), code = 0x80 | (code & 63);
        } else if (code >= 0x80) {
          *out++ = (char)(0xC0 | code >> 6), code = 0x80 | (code & 63);
        }
      }
    }
    if (out >= end) return -1;
    *out++ = (char)code;
  }
  *out = 0;
  return 0;
}

/* The value of an option as text (a string without its quotes, anything else as JSON) in `out`.
 * 0; 1 where there is no such option or it is null; -1 where it is longer than `size`. */
LUMOS_UNUSED static int lumos_option(const char *options_json, const char *name, char *out, size_t size) {
  const char *at = lumos_json_space(options_json);
  if (*at++ != '{') return 1;
  for (at = lumos_json_space(at); *at == '"'; at = lumos_json_space(at)) {
    char key[256];
    int known = lumos_json_string(at, key, sizeof key) == 0 && strcmp(key, name) == 0;
    for (at++; *at && *at != '"'; at++)
      if (*at == '\\' && at[1]) at++;
    at = lumos_json_space(*at ? at + 1 : at);
    if (*at == ':') at++;
    at = lumos_json_space(at);
    const char *end = lumos_json_skip(at);
    if (known) {
      if (*at == '"') return lumos_json_string(at, out, size);
      while (end > at && strchr(" \n\t\r", end[-1])) end--;
      if ((size_t)(end - at) >= size) return -1;
      memcpy(out, at, (size_t)(end - at));
      out[end - at] = 0;
      return strcmp(out, "null") == 0;
    }
    at = *end == ',' ? end + 1 : end;
  }
  return 1;
}

/* ---- reading columns ------------------------------------------------------------------------------------------ */

/* The index of a column, -1 where there is none. */
LUMOS_UNUSED static int64_t lumos_column(const struct ArrowSchema *schema, const char *name) {
  for (int64_t i = 0; i < schema->n_children; i++)
    if (strcmp(schema->children[i]->name, name) == 0) return i;
  return -1;
}

/* Whether the value in a row of a column is null. */
LUMOS_UNUSED static int lumos_is_null(const struct ArrowArray *column, int64_t row) {
  const uint8_t *valid = (const uint8_t *)column->buffers[0];
  row += column->offset;
  return valid && !(valid[row >> 3] >> (row & 7) & 1);
}

/* Whether a column is text. */
LUMOS_UNUSED static int lumos_is_text(const struct ArrowSchema *column) {
  return strcmp(column->format, "u") == 0 || strcmp(column->format, "U") == 0;
}

/* Where the text of a row begins in the column's data; that of row `length` is where the last one ends. */
static inline int64_t lumos_text_start(const struct ArrowArray *column, int wide, int64_t row) {
  row += column->offset;
  return wide ? ((const int64_t *)column->buffers[1])[row] : ((const int32_t *)column->buffers[1])[row];
}

/* The text in a row of a text column, not ended by 0, and its length in bytes; `wide` for the format "U". */
LUMOS_UNUSED static inline const char *lumos_text(
    const struct ArrowArray *column, int wide, int64_t row, int64_t *length) {
  int64_t start = lumos_text_start(column, wide, row);
  *length = lumos_text_start(column, wide, row + 1) - start;
  return (const char *)column->buffers[2] + start;
}

/* ---- making columns ------------------------------------------------------------------------------------------- */

static void lumos_release_array(struct ArrowArray *array) {
  for (int64_t i = 0; i < array->n_children; i++) {
    if (array->children[i]->release) array->children[i]->release(array->children[i]);
    free(array->children[i]);
  }
  for (int64_t i = 0; i < array->n_buffers; i++) free((void *)array->buffers[i]);
  free(array->children);
  free((void *)array->buffers);
  array->release = NULL;
}

static void lumos_release_schema(struct ArrowSchema *schema) {
  for (int64_t i = 0; i < schema->n_children; i++) {
    if (schema->children[i]->release) schema->children[i]->release(schema->children[i]);
    free(schema->children[i]);
  }
  free(schema->children);
  free((void *)schema->format);
  free((void *)schema->name);
  schema->release = NULL;
}

/* An array over buffers from malloc, which become its own, and room for children. 0, or ENOMEM. */
LUMOS_UNUSED static int lumos_array(
    struct ArrowArray *out, int64_t length, int64_t n_buffers, void *const *buffers, int64_t n_children) {
  memset(out, 0, sizeof *out);
  out->length = length;
  out->null_count = n_buffers && buffers[0] ? -1 : 0;
  out->buffers = (const void **)calloc((size_t)n_buffers + 1, sizeof(void *));
  out->children = (struct ArrowArray **)calloc((size_t)n_children + 1, sizeof(void *));
  out->release = lumos_release_array;
  int failed = !out->buffers || !out->children;
  for (int64_t i = 0; i < n_children && !failed; i++, out->n_children++)
    failed = !(out->children[i] = (struct ArrowArray *)calloc(1, sizeof **out->children));
  if (failed) {
    lumos_release_array(out);
    return ENOMEM;
  }
  for (int64_t i = 0; i < n_buffers; i++) out->buffers[i] = buffers[i];
  out->n_buffers = n_buffers;
  return 0;
}

static char *lumos_copy(const char *text) {
  size_t size = strlen(text) + 1;
  char *copy = (char *)malloc(size);
  return copy ? (char *)memcpy(copy, text, size) : NULL;
}

/* A field: its name and format ("u" text, "l" 64-bit integer, "g" double, "b" boolean, "+s" a row of children). */
LUMOS_UNUSED static int lumos_schema(
    struct ArrowSchema *out, const char *name, const char *format, int64_t n_children) {
  memset(out, 0, sizeof *out);
  out->name = lumos_copy(name);
  out->format = lumos_copy(format);
  out->flags = ARROW_FLAG_NULLABLE;
  out->children = (struct ArrowSchema **)calloc((size_t)n_children + 1, sizeof(void *));
  out->release = lumos_release_schema;
  int failed = !out->name || !out->format || !out->children;
  for (int64_t i = 0; i < n_children && !failed; i++, out->n_children++)
    failed = !(out->children[i] = (struct ArrowSchema *)calloc(1, sizeof **out->children));
  if (failed) {
    lumos_release_schema(out);
    return ENOMEM;
  }
  return 0;
}

/* Give `schema` the column `name`, in the place of one of that name, else at the end; where it is goes to `index`. */
LUMOS_UNUSED static int lumos_schema_set(
    struct ArrowSchema *schema, const char *name, const char *format, int64_t *index) {
  int64_t at = lumos_column(schema, name);
  int64_t n = schema->n_children + (at < 0);
  struct ArrowSchema made;
  *index = at = at < 0 ? n - 1 : at;
  if (lumos_schema(&made, "", "+s", n)) return ENOMEM;
  for (int64_t i = 0; i < n; i++) {
    if (i == at) {
      if (lumos_schema(made.children[i], name, format, 0)) return made.release(&made), ENOMEM;
    } else {
      *made.children[i] = *schema->children[i];
      schema->children[i]->release = NULL; /* moved */
    }
  }
  schema->release(schema);
  *schema = made;
  return 0;
}

/* Put `column` at `index` of a batch: in the place of the one that is there, or at the end. The batch owns it then. */
LUMOS_UNUSED static int lumos_batch_set(struct ArrowArray *batch, int64_t index, struct ArrowArray *column) {
  void *no_nulls[] = {NULL};
  int64_t n = batch->n_children > index ? batch->n_children : index + 1;
  struct ArrowArray made;
  if (lumos_array(&made, batch->length, 1, no_nulls, n)) return column->release(column), ENOMEM;
  for (int64_t i = 0; i < n; i++) {
    if (i == index) {
      *made.children[i] = *column;
    } else {
      *made.children[i] = *batch->children[i];
      batch->children[i]->release = NULL; /* moved */
    }
  }
  batch->release(batch);
  *batch = made;
  return 0;
}

/* ---- streams -------------------------------------------------------------------------------------------------- */

/* What makes the schema of a stream, or changes it: a mapped stream gives both the schema of its input. 0, or an errno. */
typedef int (*lumos_on_schema)(void *state, struct ArrowSchema *schema, lumos_error *error);
/* The same for a batch. One that is left with `release` NULL ends the stream. */
typedef int (*lumos_on_batch)(void *state, struct ArrowArray *batch, lumos_error *error);

struct lumos_stream {
  struct ArrowArrayStream in; /* `release` is NULL where there is no input */
  void *state;
  lumos_on_schema on_schema;
  lumos_on_batch on_batch;
  lumos_error *error;
};

static int lumos_stream_failed(struct lumos_stream *self, int code) {
  const char *text = self->in.get_last_error ? self->in.get_last_error(&self->in) : NULL;
  lumos_fail(self->error, LUMOS_FATAL, "the input failed: %s", text ? text : strerror(code));
  return code;
}

static int lumos_stream_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out) {
  struct lumos_stream *self = (struct lumos_stream *)stream->private_data;
  int code = 0;
  out->release = NULL;
  if (self->in.release && (code = self->in.get_schema(&self->in, out))) return lumos_stream_failed(self, code);
  if ((code = self->on_schema(self->state, out, self->error)) && out->release) out->release(out);
  return code;
}

static int lumos_stream_next(struct ArrowArrayStream *stream, struct ArrowArray *out) {
  struct lumos_stream *self = (struct lumos_stream *)stream->private_data;
  int code = 0;
  out->release = NULL;
  if (self->in.release) {
    if ((code = self->in.get_next(&self->in, out))) return lumos_stream_failed(self, code);
    if (!out->release) return 0;
  }
  if ((code = self->on_batch(self->state, out, self->error)) && out->release) out->release(out);
  return code;
}

static const char *lumos_stream_error(struct ArrowArrayStream *stream) {
  return ((struct lumos_stream *)stream->private_data)->error->message;
}

static void lumos_stream_release(struct ArrowArrayStream *stream) {
  struct lumos_stream *self = (struct lumos_stream *)stream->private_data;
  if (self->in.release) self->in.release(&self->in);
  free(self);
  stream->release = NULL;
}

/* Make `out` a stream of what the two functions make of `in`, or make from nothing where `in` is NULL. */
LUMOS_UNUSED static int lumos_stream(
    struct ArrowArrayStream *in, struct ArrowArrayStream *out, void *state, lumos_on_schema on_schema,
    lumos_on_batch on_batch, lumos_error *error) {
  struct lumos_stream *self = (struct lumos_stream *)calloc(1, sizeof *self);
  if (!self) return lumos_fail(error, LUMOS_FATAL, "out of memory");
  if (in) {
    self->in = *in;
    in->release = NULL; /* moved */
  }
  self->state = state, self->on_schema = on_schema, self->on_batch = on_batch, self->error = error;
  out->get_schema = lumos_stream_schema;
  out->get_next = lumos_stream_next;
  out->get_last_error = lumos_stream_error;
  out->release = lumos_stream_release;
  out->private_data = self;
  return 0;
}

#endif /* LUMOS_HELPERS_H */
