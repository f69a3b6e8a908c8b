/* Arrow IPC streams of one batch, read in place, and written with some text columns replaced or added.
 *
 * Columns of every type pass through untouched; text columns can be read. See lumos_core.h for what the host sends.
 */
#ifndef LUMOS_ARROW_H
#define LUMOS_ARROW_H

#include "lumos_guest.h"

#define LUMOS_MOST_COLUMNS 2048
#define LUMOS_MOST_PUT 16

enum { LUMOS_TYPE_UTF8 = 5 };

typedef struct {
  lumos_text name;
  uint8_t type;
  uint32_t node, buffer; /* the first of its own among all nodes and buffers */
} lumos_column;

typedef struct {
  int64_t offset, length;
} lumos_place;

typedef struct {
  int64_t length, nulls;
} lumos_node;

typedef struct {
  lumos_text name;
  uint32_t like; /* the column whose nulls it has */
  int32_t column; /* which one it replaces, or -1 */
  const int32_t *ends;
  const char *bytes;
} lumos_new_text;

typedef struct {
  const uint8_t *schema, *body;
  uint32_t schema_size;
  int64_t body_size, rows;
  uint32_t columns, nodes, buffers, new_texts;
  const lumos_node *node;
  const lumos_place *buffer;
  lumos_column column[LUMOS_MOST_COLUMNS];
  lumos_new_text new_text[LUMOS_MOST_PUT];
} lumos_table;

/* The values of a text column: value n is bytes[ends[n] .. ends[n + 1]]. */
typedef struct {
  const int32_t *ends;
  const char *bytes;
} lumos_texts;

/* ---- flatbuffers, as far as Arrow's messages need them ---- */

static inline uint32_t lumos_u32(const uint8_t *at) { return *(const uint32_t *)at; }

/* The place of a table's field, NULL where it has its default. */
static inline const uint8_t *lumos_field(const uint8_t *table, uint32_t number) {
  const uint8_t *vtable = table - *(const int32_t *)table;
  uint16_t size = *(const uint16_t *)vtable, at = 4 + 2 * number;
  uint16_t offset = at < size ? *(const uint16_t *)(vtable + at) : 0;
  return offset ? table + offset : NULL;
}

static inline const uint8_t *lumos_follow(const uint8_t *reference) {
  return reference ? reference + lumos_u32(reference) : NULL;
}

/* How many buffers a type has of its own, -1 for one that is not known here. */
static inline int lumos_buffers_of(uint8_t type) {
  static const int8_t known[] = {-1, 0, 2, 2, 3, 3, 2, 2, 2, 2, 2, 2, 2, 1, -1, 2, 1, 2, 2, 3, 3, 2};
  return type < sizeof(known) ? known[type] : -1;
}

/* Pass a field and its children, counting their nodes and buffers; false where a type is not known. */
static inline bool lumos_count(const uint8_t *field, uint32_t *nodes, uint32_t *buffers) {
  const uint8_t *type = lumos_field(field, 2), *children = lumos_follow(lumos_field(field, 5));
  int own = lumos_buffers_of(type ? *type : 0);
  if (own < 0) return false;
  *nodes += 1;
  *buffers += (uint32_t)own;
  for (uint32_t at = 0; children && at < lumos_u32(children); at++)
    if (!lumos_count(lumos_follow(children + 4 + 4 * at), nodes, buffers)) return false;
  return true;
}

/* The header of the message at `*at`, which is then behind its metadata; NULL at the end of the stream. */
static inline const uint8_t *lumos_message(const uint8_t **at, const uint8_t *end, int64_t *body, const uint8_t **metadata) {
  if (*at + 8 > end || lumos_u32(*at + 4) == 0) return NULL;
  *metadata = *at + 8;
  *at = *metadata + lumos_u32(*metadata - 4);
  const uint8_t *message = lumos_follow(*metadata), *size = lumos_field(message, 3);
  *body = size ? *(const int64_t *)size : 0;
  return lumos_follow(lumos_field(message, 2));
}

/* Read a stream; the text says what is wrong, its data is NULL where nothing is. */
static inline lumos_text lumos_table_read(lumos_table *table, lumos_text stream) {
  const uint8_t *at = (const uint8_t *)stream.data, *end = at + stream.size, *metadata;
  int64_t body = 0;
  *table = (lumos_table){0};
  const uint8_t *schema = lumos_message(&at, end, &body, &table->schema);
  if (!schema) return LUMOS_TEXT("the stream has no schema");
  table->schema_size = (uint32_t)(at - table->schema);
  const uint8_t *fields = lumos_follow(lumos_field(schema, 1));
  table->columns = fields ? lumos_u32(fields) : 0;
  if (table->columns > LUMOS_MOST_COLUMNS) return LUMOS_TEXT("there are more than 2048 columns");
  for (uint32_t number = 0; number < table->columns; number++) {
    const uint8_t *field = lumos_follow(fields + 4 + 4 * number), *name = lumos_follow(lumos_field(field, 0));
    const uint8_t *type = lumos_field(field, 2);
    table->column[number] = (lumos_column){
        name ? (lumos_text){(const char *)name + 4, lumos_u32(name)} : LUMOS_TEXT(""),
        type ? *type : 0, table->nodes, table->buffers};
    if (!lumos_count(field, &table->nodes, &table->buffers)) return LUMOS_TEXT("a column is of a type that is not known here");
  }
  const uint8_t *batch = lumos_message(&at, end, &table->body_size, &metadata);
  if (!batch) return LUMOS_TEXT("the stream has no batch");
  const uint8_t *rows = lumos_field(batch, 0);
  table->rows = rows ? *(const int64_t *)rows : 0;
  const uint8_t *nodes = lumos_follow(lumos_field(batch, 1)), *buffers = lumos_follow(lumos_field(batch, 2));
  table->node = (const lumos_node *)(nodes ? nodes + 4 : NULL);
  table->buffer = (const lumos_place *)(buffers ? buffers + 4 : NULL);
  table->body = at;
  return (lumos_text){NULL, 0};
}

/* The number of the column of that name, -1 where there is none. */
static inline int32_t lumos_table_find(const lumos_table *table, lumos_text name) {
  for (uint32_t at = 0; at < table->columns; at++)
    if (lumos_same(table->column[at].name, name)) return (int32_t)at;
  return -1;
}

/* The values of a column of type LUMOS_TYPE_UTF8; those that are null are of any length. */
static inline lumos_texts lumos_table_texts(const lumos_table *table, uint32_t column) {
  static const int32_t none[2];
  const lumos_place *place = table->buffer + table->column[column].buffer;
  const int32_t *ends = place[1].length ? (const int32_t *)(table->body + place[1].offset) : none;
  return (lumos_texts){ends, (const char *)table->body + place[2].offset};
}

/* A new text column, null where the text column `like` is; it replaces the one of its name, or is the last. */
static inline void lumos_table_put(lumos_table *table, lumos_text name, uint32_t like, const int32_t *ends, const char *bytes) {
  if (table->new_texts == LUMOS_MOST_PUT) __builtin_trap();
  table->new_text[table->new_texts++] = (lumos_new_text){name, like, lumos_table_find(table, name), ends, bytes};
}

/* ---- writing: flatbuffers whose references all lead forward, as the format wants ---- */

static inline void lumos_put_zeros(lumos_buffer *out, size_t multiple, size_t base) {
  while ((out->size - base) % multiple) lumos_put_char(out, 0);
}

#define LUMOS_PUT(out, type, value)              \
  do {                                           \
    type lumos_value = (type)(value);            \
    lumos_put(out, (char *)&lumos_value, sizeof(type)); \
  } while (0)

/* The frame and the first 40 bytes of a message; what its header is comes behind them. Returns where it begins. */
static inline size_t lumos_put_message(lumos_buffer *out, uint8_t type, uint32_t header, int64_t body) {
  const uint16_t vtable[] = {12, 20, 16, 18, 4, 8};
  LUMOS_PUT(out, uint32_t, 0xffffffff);
  LUMOS_PUT(out, uint32_t, 0); /* the size, see lumos_end_message */
  size_t base = out->size;
  LUMOS_PUT(out, uint32_t, 16);
  lumos_put(out, (const char *)vtable, sizeof(vtable));
  LUMOS_PUT(out, int32_t, 12);
  LUMOS_PUT(out, uint32_t, header - 20);
  LUMOS_PUT(out, int64_t, body);
  LUMOS_PUT(out, uint32_t, 4 | type << 16); /* version 5 of the format */
  LUMOS_PUT(out, uint32_t, 0);
  return base;
}

static inline void lumos_end_message(lumos_buffer *out, size_t base) {
  lumos_put_zeros(out, 8, base);
  *(uint32_t *)(out->data + base - 4) = (uint32_t)(out->size - base);
}

/* A schema whose fields are the old ones, left where they are behind the new ones and referred to. */
static inline void lumos_put_schema(lumos_buffer *out, const lumos_table *table, uint32_t added) {
  const uint16_t schema_vtable[] = {10, 12, 0, 4, 8, 0}, field_vtable[] = {16, 20, 4, 17, 16, 8, 0, 12, 4, 4};
  const uint8_t *old = lumos_follow(lumos_field(lumos_follow(table->schema), 2));
  const uint8_t *fields = lumos_follow(lumos_field(old, 1)), *metadata = lumos_follow(lumos_field(old, 2));
  uint32_t count = table->columns + added, new_fields = 68 + 4 * count, blob = new_fields;
  for (uint32_t at = 0; at < table->new_texts; at++)
    if (table->new_text[at].column < 0) blob += 52 + (((uint32_t)table->new_text[at].name.size + 4) & ~3u);
  blob = (blob + 7) & ~7u;
  size_t base = lumos_put_message(out, 1, 52, 0);
  lumos_put(out, (const char *)schema_vtable, sizeof(schema_vtable));
  if (!metadata) *(uint16_t *)(out->data + base + 48) = 0;
  LUMOS_PUT(out, int32_t, 12);
  LUMOS_PUT(out, uint32_t, 64 - 56);
  LUMOS_PUT(out, uint32_t, metadata ? blob + (uint32_t)(metadata - table->schema) - 60 : 0);
  LUMOS_PUT(out, uint32_t, count);
  for (uint32_t at = 0; at < table->columns; at++) {
    uint32_t field = blob + (uint32_t)(lumos_follow(fields + 4 + 4 * at) - table->schema);
    LUMOS_PUT(out, uint32_t, field - (uint32_t)(out->size - base));
  }
  uint32_t next = new_fields;
  for (uint32_t at = 0; at < table->new_texts; at++) {
    if (table->new_text[at].column >= 0) continue;
    LUMOS_PUT(out, uint32_t, next + 20 - (uint32_t)(out->size - base));
    next += 52 + (((uint32_t)table->new_text[at].name.size + 4) & ~3u);
  }
  for (uint32_t at = 0; at < table->new_texts; at++) {
    if (table->new_text[at].column >= 0) continue;
    lumos_text name = table->new_text[at].name;
    lumos_put(out, (const char *)field_vtable, 20); /* its own, and that of its type behind it */
    LUMOS_PUT(out, int32_t, 20);
    LUMOS_PUT(out, uint32_t, 48 - 24);                       /* name */
    LUMOS_PUT(out, uint32_t, 40 - 28);                       /* type */
    LUMOS_PUT(out, uint32_t, 44 - 32);                       /* children */
    LUMOS_PUT(out, uint32_t, LUMOS_TYPE_UTF8 | 1 << 8);      /* text, nullable */
    LUMOS_PUT(out, int32_t, 40 - 16);                        /* the type: a table without fields */
    LUMOS_PUT(out, uint32_t, 0);                             /* no children */
    LUMOS_PUT(out, uint32_t, name.size);
    lumos_put(out, name.data, name.size);
    lumos_put_char(out, 0);
    lumos_put_zeros(out, 4, base);
  }
  lumos_put_zeros(out, 8, base);
  lumos_put(out, (const char *)table->schema, table->schema_size);
  lumos_end_message(out, base);
}

/* The stream of the table with its new columns. */
static inline lumos_text lumos_table_write(const lumos_table *table) {
  lumos_buffer out = {0};
  uint32_t added = 0;
  for (uint32_t at = 0; at < table->new_texts; at++) added += table->new_text[at].column < 0;
  uint32_t nodes = table->nodes + added, buffers = table->buffers + 3 * added;
  lumos_node *node = lumos_alloc(nodes * sizeof(lumos_node));
  lumos_place *place = lumos_alloc(buffers * sizeof(lumos_place));
  const char **from = lumos_alloc(buffers * sizeof(char *));
  memcpy(node, table->node, table->nodes * sizeof(lumos_node));
  memcpy(place, table->buffer, table->buffers * sizeof(lumos_place));
  for (uint32_t at = 0; at < table->buffers; at++) from[at] = (const char *)table->body + place[at].offset;
  for (uint32_t at = 0, next = 0; at < table->new_texts; at++) {
    const lumos_new_text *text = &table->new_text[at];
    uint32_t its_node = text->column < 0 ? table->nodes + next : table->column[text->column].node;
    uint32_t its_place = text->column < 0 ? table->buffers + 3 * next++ : table->column[text->column].buffer;
    const lumos_place *nulls = &table->buffer[table->column[text->like].buffer];
    node[its_node] = table->node[table->column[text->like].node];
    from[its_place] = (const char *)table->body + nulls->offset, place[its_place].length = nulls->length;
    from[its_place + 1] = (const char *)text->ends, place[its_place + 1].length = (table->rows + 1) * 4;
    from[its_place + 2] = text->bytes, place[its_place + 2].length = text->ends[table->rows];
  }
  int64_t body = 0;
  for (uint32_t at = 0; at < buffers; at++) {
    place[at].offset = body;
    body += (place[at].length + 7) & ~(int64_t)7;
  }
  lumos_more(&out, (size_t)body + table->schema_size + 1024 + 32 * (nodes + buffers) + 8 * table->columns);
  out.size = 0;
  if (added) {
    lumos_put_schema(&out, table, added);
  } else {
    lumos_put(&out, (const char *)table->schema - 8, table->schema_size + 8);
  }
  const uint16_t batch_vtable[] = {10, 20, 8, 4, 16, 0, 0, 0};
  size_t base = lumos_put_message(&out, 3, 56, body);
  lumos_put(&out, (const char *)batch_vtable, sizeof(batch_vtable));
  LUMOS_PUT(&out, int32_t, 16);
  LUMOS_PUT(&out, uint32_t, 76 - 60);
  LUMOS_PUT(&out, int64_t, table->rows);
  LUMOS_PUT(&out, uint32_t, 84 + 16 * nodes - 72);
  LUMOS_PUT(&out, uint32_t, nodes);
  lumos_put(&out, (const char *)node, nodes * sizeof(lumos_node));
  LUMOS_PUT(&out, uint32_t, 0);
  LUMOS_PUT(&out, uint32_t, buffers);
  lumos_put(&out, (const char *)place, buffers * sizeof(lumos_place));
  lumos_end_message(&out, base);
  for (uint32_t at = 0; at < buffers; at++) {
    lumos_put(&out, from[at], (size_t)place[at].length);
    lumos_put_zeros(&out, 8, base);
  }
  LUMOS_PUT(&out, uint32_t, 0xffffffff);
  LUMOS_PUT(&out, uint32_t, 0);
  return (lumos_text){out.data, out.size};
}

#endif
