/* mongodb-wasm: loads rows into MongoDB from within the sandbox, speaking its wire protocol over the granted connection.
 *
 * Each row becomes a document. Without a column `_id` its id is made of the load and the row's number, and documents are
 * put in place by id, so that a load that is tried again changes nothing. No authentication and no TLS.
 */
#define LUMOS_LOADER
#define LUMOS_TCP
#include "lumos_component.h"
#include "bson.h"

enum { DOCUMENTS = 1000, OP_MSG = 2013 };

const lumos_metadata lumos_plugin = {
    .name = LUMOS_TEXT("mongodb-wasm"),
    .version = LUMOS_TEXT("1.0.0"),
    .description = LUMOS_TEXT("Loads rows into a MongoDB collection, speaking its protocol from within the sandbox."),
    .license = LUMOS_TEXT("MIT"),
    .options_schema = LUMOS_TEXT(
        "{\"type\": \"object\", \"required\": [\"connection_string\", \"database\", \"collection\"], \"properties\": {"
        "\"connection_string\": {\"type\": \"string\", \"description\": \"mongodb://host:port, as it was granted.\"},"
        "\"database\": {\"type\": \"string\", \"minLength\": 1, \"description\": \"The database.\"},"
        "\"collection\": {\"type\": \"string\", \"minLength\": 1, \"description\": \"The collection.\"},"
        "\"mode\": {\"type\": \"string\", \"enum\": [\"insert\", \"replace\"], \"default\": \"insert\","
        " \"description\": \"replace: afterwards the collection holds exactly these rows.\"}}}"),
};

static lumos_text database, collection, target;
static uint32_t connection;
static bool replace;
static uint64_t identity, rows;

static lumos_text joined(lumos_text a, lumos_text b) {
  lumos_buffer out = {0};
  lumos_put(&out, a.data, a.size);
  lumos_put(&out, b.data, b.size);
  return (lumos_text){out.data, out.size};
}

/* What the reply says of the command: whether it did what it should, and if not, whether it may another time. */
static lumos_status verdict(const char *reply, lumos_text *error) {
  char type;
  const char *ok = bson_find(reply, LUMOS_TEXT("ok"), &type);
  bool good = ok && (type == 1 ? *(const double *)ok == 1 : *(const int32_t *)ok == 1);
  const char *errors = bson_find(reply, LUMOS_TEXT("writeErrors"), &type);
  const char *first = errors ? bson_find(errors, LUMOS_TEXT("0"), &type) : NULL;
  if (good && !first) return LUMOS_OK;
  const char *text = bson_find(first ? first : reply, LUMOS_TEXT("errmsg"), &type);
  const char *code = bson_find(first ? first : reply, LUMOS_TEXT("code"), &type);
  int32_t number = code && type == 16 ? *(const int32_t *)code : 0;
  *error = text ? (lumos_text){text + 4, (size_t)*(const int32_t *)text - 1} : LUMOS_TEXT("the server gives no reason");
  if (number == 91 || number == 189 || number == 10107 || number == 11600 || number == 11602 || number == 13435)
    return LUMOS_TRANSIENT; /* shutting down, stepping down, no longer the primary */
  return first ? LUMOS_DATA : LUMOS_FATAL;
}

/* Send a command, with documents beside it where there are some, and read the reply. */
static lumos_status send(lumos_buffer *body, const char *sequence, const lumos_buffer *documents, lumos_text *error) {
  static int32_t number;
  lumos_buffer out = {0};
  int32_t header[] = {0, ++number, 0, OP_MSG, 0};
  lumos_put(&out, (char *)header, sizeof(header));
  lumos_put_char(&out, 0);
  lumos_put(&out, body->data, body->size);
  if (documents) {
    lumos_text name = {sequence, 0};
    while (sequence[name.size]) name.size++;
    lumos_put_char(&out, 1);
    PUT(&out, int32_t, 4 + name.size + 1 + documents->size);
    lumos_put(&out, name.data, name.size + 1);
    lumos_put(&out, documents->data, documents->size);
  }
  int32_t size = (int32_t)out.size;
  memcpy(out.data, &size, 4);
  lumos_status status = lumos_tcp_write(connection, out.data, out.size, error);
  if (status) return status;
  if ((status = lumos_tcp_read(connection, (char *)header, 16, error))) return status;
  if (header[0] < 26 || header[0] > 48000000 || header[3] != OP_MSG)
    return *error = LUMOS_TEXT("the server answers in another protocol"), LUMOS_FATAL;
  char *reply = lumos_alloc((size_t)header[0] - 16);
  if ((status = lumos_tcp_read(connection, reply, (size_t)header[0] - 16, error))) return status;
  return verdict(reply + 5, error);
}

/* A command that is a name, its value, and perhaps one more of each. */
static lumos_status command(lumos_text name, lumos_text value, lumos_text more, lumos_text its, lumos_text *error) {
  lumos_buffer body = {0};
  size_t from = bson_begin(&body);
  bson_text(&body, name, value);
  if (more.size) {
    bson_text(&body, more, its);
    bson_true(&body, LUMOS_TEXT("dropTarget"));
    bson_text(&body, LUMOS_TEXT("$db"), LUMOS_TEXT("admin"));
  } else {
    bson_text(&body, LUMOS_TEXT("$db"), database);
  }
  bson_end(&body, from);
  return send(&body, NULL, NULL, error);
}

static void drop(void) {
  lumos_text ignored; /* there was none */
  command(LUMOS_TEXT("drop"), target, LUMOS_TEXT(""), LUMOS_TEXT(""), &ignored);
}

static lumos_status reach(lumos_text address, lumos_text *error) {
  lumos_text scheme = LUMOS_TEXT("mongodb://");
  if (address.size <= scheme.size || !lumos_same((lumos_text){address.data, scheme.size}, scheme))
    return *error = LUMOS_TEXT("connection_string must be mongodb://host:port"), LUMOS_CONFIG;
  lumos_text host = {address.data + scheme.size, 0};
  const char *end = address.data + address.size, *at;
  for (at = host.data; at < end && *at != '/' && *at != '?'; at++)
    if (*at == '@') return *error = LUMOS_TEXT("connection_string has a user, but this loader knows no authentication"), LUMOS_CONFIG;
  for (end = at, at = host.data; at < end && *at != ':'; at++) host.size++;
  uint32_t port = at < end ? 0 : 27017;
  for (at++; at < end; at++) port = port * 10 + (uint32_t)(*at - '0');
  return lumos_tcp_connect(host, (uint16_t)port, &connection, error);
}

lumos_status loader_open(lumos_text options, lumos_text *error) {
  database = lumos_json_member(options, LUMOS_TEXT("database"));
  collection = lumos_json_member(options, LUMOS_TEXT("collection"));
  replace = lumos_same(lumos_json_member(options, LUMOS_TEXT("mode")), LUMOS_TEXT("replace"));
  target = replace ? joined(LUMOS_TEXT("_lumos_"), collection) : collection;
  lumos_text load = lumos_json_member(options, LUMOS_TEXT("lumos"));
  identity = 14695981039346656037u;
  for (size_t at = 0; at < load.size; at++) identity = (identity ^ (uint8_t)load.data[at]) * 1099511628211u;
  rows = 0;
  lumos_status status = reach(lumos_json_member(options, LUMOS_TEXT("connection_string")), error);
  if (status || !replace) return status;
  drop();
  return command(LUMOS_TEXT("create"), target, LUMOS_TEXT(""), LUMOS_TEXT(""), error);
}

/* One row as {q: {_id}, u: document, upsert: true}. */
static void put_update(lumos_buffer *out, lumos_json *json) {
  lumos_text row = lumos_json_raw(json), name, id = LUMOS_TEXT("_id");
  size_t from = bson_begin(out), inner, own = 0;
  lumos_json key = {NULL, NULL}, members = lumos_json_of(row), whole = members;
  lumos_json_is(&members, '{');
  while (lumos_json_name(&members, &name)) {
    if (lumos_same(name, id) && lumos_json_peek(&members) != 'n') key = members;
    lumos_json_raw(&members);
  }
  rows++;
  bson_name(out, 3, LUMOS_TEXT("q"));
  inner = bson_begin(out);
  if (key.at) {
    bson_element(out, id, &key);
  } else {
    bson_name(out, 7, id); /* 8 bytes of the load and 4 of the row's number, whose first byte is the greatest */
    PUT(out, uint64_t, identity);
    PUT(out, uint32_t, __builtin_bswap32((uint32_t)rows));
  }
  bson_end(out, inner);
  bson_name(out, 3, LUMOS_TEXT("u"));
  own = bson_begin(out);
  lumos_json_is(&whole, '{');
  while (lumos_json_name(&whole, &name)) {
    if (lumos_same(name, id)) lumos_json_raw(&whole);
    else bson_element(out, name, &whole);
  }
  bson_end(out, own);
  bson_true(out, LUMOS_TEXT("upsert"));
  bson_end(out, from);
}

lumos_status loader_write(lumos_text batch, uint64_t *taken, lumos_text *error) {
  lumos_json json = lumos_json_of(batch);
  lumos_json_is(&json, '[');
  lumos_buffer body = {0};
  size_t from = bson_begin(&body);
  bson_text(&body, LUMOS_TEXT("update"), target);
  bson_text(&body, LUMOS_TEXT("$db"), database);
  bson_end(&body, from);
  bool more = lumos_json_item(&json);
  for (*taken = 0; more;) {
    size_t mark = lumos_mark();
    lumos_buffer documents = {0};
    uint64_t before = *taken;
    for (; more && *taken - before < DOCUMENTS && documents.size < 8000000; more = lumos_json_item(&json), ++*taken)
      put_update(&documents, &json);
    lumos_status status = send(&body, "updates", &documents, error);
    if (status) return status;
    lumos_top = mark;
  }
  return LUMOS_OK;
}

lumos_status loader_commit(lumos_text *error) {
  lumos_status status = LUMOS_OK;
  if (replace) {
    lumos_text dot = joined(database, LUMOS_TEXT("."));
    status = command(LUMOS_TEXT("renameCollection"), joined(dot, target), LUMOS_TEXT("to"), joined(dot, collection), error);
  }
  if (!status) lumos_tcp_close(connection);
  return status;
}

void loader_abort(void) {
  if (!connection) return;
  if (replace) drop();
  lumos_tcp_close(connection);
}
