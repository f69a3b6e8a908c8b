/* A plugin that does the harm which its option `harm` names. */
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "lumos_helpers.h"

static char harm[64];
static const lumos_host *host;
static lumos_error *kept;

static int is(const char *name) { return strcmp(harm, name) == 0; }

static int deeper(volatile int *at) {
  volatile int here[1024];
  here[0] = at ? *at + 1 : 0;
  return deeper(here) + here[0];
}

static void *from_a_thread(void *nothing) {
  abort();
  return nothing;
}

static void do_harm(void) {
  if (is("segfault")) *(volatile int *)8 = 1;
  if (is("abort")) abort();
  if (is("exit")) exit(0);
  if (is("exit 3")) exit(3);
  if (is("divides by zero")) raise(SIGFPE);
  if (is("recurses")) deeper(NULL);
  if (is("another thread")) {
    pthread_t thread;
    pthread_create(&thread, NULL, from_a_thread, NULL);
    pthread_join(thread, NULL);
  }
  while (is("loops")) {}
  while (is("sleeps")) sleep(1000);
  while (is("heeds") && !*host->cancelled) usleep(1000);
  while (is("leaks")) memset(malloc(1 << 20), 1, 1 << 20); /* writes to NULL in the end */
  while (is("floods")) puts("line");
  while (is("floods by log")) host->log(host, LUMOS_INFO, "line");
  if (is("closes its socket"))
    for (int file = 3; file < 65536; file++) close(file); /* whichever number it has in a process that has many open */
  while (is("closes its socket")) sleep(1000);
}

static int32_t open_(const lumos_host *given, int32_t kind, const char *options, void **state, lumos_error *error) {
  (void)kind, (void)state;
  host = given;
  lumos_option(options, "harm", harm, sizeof harm);
  if (is("no message")) return 1;
  if (is("config")) return lumos_fail(error, LUMOS_CONFIG, "no such place");
  if (is("transient")) return lumos_fail(error, LUMOS_TRANSIENT, "the line is busy");
  if (is("data")) return lumos_fail(error, LUMOS_DATA, "row 7 is too wide");
  if (is("fatal")) return lumos_fail(error, LUMOS_FATAL, "wrong password");
  if (is("an unknown kind")) return lumos_fail(error, 77, "no idea");
  if (is("an endless message")) {
    memset(error->message, 'x', sizeof error->message);
    return 1;
  }
  if (is("bad text in its message")) return lumos_fail(error, LUMOS_DATA, "a \xff b");
  if (is("segfault in open")) *(volatile int *)8 = 1;
  if (is("prints")) puts("printed\nin two lines"), host->log(host, LUMOS_WARNING, "logged"), fflush(stdout);
  return 0;
}

static int on_schema(void *state, struct ArrowSchema *schema, lumos_error *error) {
  (void)state, (void)schema, (void)error;
  if (is("a format that is none")) ((struct ArrowSchema *)schema)->children[0]->format = "?";
  if (is("no schema")) schema->release(schema), memset(schema, 0, sizeof *schema);
  return 0;
}

static int on_batch(void *state, struct ArrowArray *batch, lumos_error *error) {
  (void)state;
  do_harm();
  struct ArrowArray *text = batch->children[0];
  if (is("fails late")) return lumos_fail(error, LUMOS_TRANSIENT, "gone while reading");
  if (is("fails silently")) return EIO;
  if (is("too few columns")) batch->n_children = 0;
  if (is("a batch that is too long")) batch->length = 1000000;
  if (is("offsets out of bounds")) ((int32_t *)text->buffers[1])[1] = 1 << 30;
  if (is("bad UTF-8")) memcpy((char *)text->buffers[2], "\xff\xfe", 2);
  return 0;
}

static const char *own_error(struct ArrowArrayStream *stream) {
  (void)stream;
  return "of its own making";
}

static int fails(struct ArrowArrayStream *stream, struct ArrowSchema *out) {
  (void)stream, (void)out;
  return EIO;
}

static void released(struct ArrowArrayStream *stream) { stream->release = NULL; }

static int32_t transform(void *state, struct ArrowArrayStream *in, struct ArrowArrayStream *out, lumos_error *error) {
  kept = error;
  if (is("no stream")) return 0;
  if (is("a stream of NULLs")) {
    out->release = released;
    return 0;
  }
  if (is("an error of the stream's own")) {
    out->get_schema = fails, out->get_last_error = own_error, out->release = released;
    return 0;
  }
  return lumos_stream(in, out, state, on_schema, on_batch, error);
}

static int32_t load(void *state, struct ArrowArrayStream *in, uint64_t *rows, lumos_error *error) {
  struct ArrowArray batch;
  (void)state;
  while (!in->get_next(in, &batch) && batch.release) {
    *rows += (uint64_t)batch.length;
    batch.release(&batch);
  }
  do_harm();
  if (is("fails late")) return lumos_fail(error, LUMOS_TRANSIENT, "gone while writing");
  in->release(in);
  return 0;
}

static void close_(void *state) {
  (void)state;
  if (is("segfault in close")) *(volatile int *)8 = 1;
}

static const lumos_plugin plugin = {
    .struct_size = sizeof(lumos_plugin),
    .abi_major = LUMOS_ABI_MAJOR,
    .metadata_json = "{\"name\": \"hostile\"}",
    .open = open_,
    .transform = transform,
    .load = load,
    .close = close_,
};

const lumos_plugin *lumos_plugin_entry(uint32_t host_abi_major) {
  (void)host_abi_major;
  return &plugin;
}
