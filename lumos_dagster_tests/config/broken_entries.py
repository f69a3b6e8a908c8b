"""Files with mistakes in their entries and edges, and what is told of each."""

from lumos_dagster_tests.config.broken_files import HEAD, READ, A, Expected

SHOW = "type: loader, loader_type: console"
DB = "connection_string: '${DB}'"

TABLE: dict[str, tuple[str, list[Expected]]] = {
    "an entry that is no mapping": (f"{HEAD}jobs:\n  a: csv", [(4, 3, "jobs.a", "must be a mapping")]),
    "no type and no component": (
        f"{HEAD}jobs:\n  a: {{options: {{}}}}\n  b: {{type: loader, depends_on: a}}",
        [
            (4, 3, "jobs.a", "the required key 'type' is missing"),
            (5, 3, "jobs.b", "the required key 'loader_type' is missing; allowed: jdbc, console"),
        ],
    ),
    "options are checked even where the type is missing": (
        f"{HEAD}jobs:\n  a: {{extractor_type: csv, options: {{file_path: a, limit: 1}}}}",
        [
            (4, 3, "jobs.a", "the required key 'type' is missing"),
            (4, 52, "jobs.a.options.limit", "unknown key 'limit'; allowed: file_path, has_header, delimiter. "
             "Did you mean 'delimiter'?"),
        ],
    ),
    "types that nobody knows": (
        f"{HEAD}jobs:\n  a: {{type: extract, extractor_type: csv, options: {{file_path: a}}}}\n"
        f"  b: {{type: loader, loader_type: jdcb, depends_on: a}}\n"
        f"  c: {{type: loader, loader_type: plugin:mongo, depends_on: a}}\n"
        f"  d: {{type: loader, loader_type: plugin:jdbc, depends_on: a}}\n",
        [
            (4, 7, "jobs.a.type", "not an allowed value; found 'extract'; allowed: extractor, transformer, loader. "
             "Did you mean 'extractor'?"),
            (5, 21, "jobs.b.loader_type", "unknown loader type 'jdcb'; allowed: jdbc, console. Did you mean 'jdbc'?"),
            (6, 21, "jobs.c.loader_type", "no plugin gives the loader 'mongo'; none is installed"),
            (7, 21, "jobs.d.loader_type", "no plugin gives the loader 'jdbc'; none is installed. "
             "'jdbc' is built in: write it without plugin:."),
        ],
    ),
    "a type under the wrong key": (
        f"{HEAD}jobs:\n  a: {{type: extractor, loader_type: csv}}\n"
        f"  b: {{{SHOW}, extractor_type: csv, depends_on: a}}\n  c: {{type: loader, transformer_type: json, depends_on: a}}",
        [
            (4, 24, "jobs.a.loader_type", "loader_type is not for extractors. Write extractor_type."),
            (5, 43, "jobs.b.extractor_type", "extractor_type is not for loaders. Write loader_type."),
            (6, 21, "jobs.c.transformer_type", "transformer_type is not for loaders. Write loader_type."),
        ],
    ),
    "keys and values of an entry": (
        f"""\
{HEAD}jobs:
  a:
    type: extractor
    extractor_type: csv
    option: {{}}
    options: [file_path]
    timeout: 0
    enabled: perhaps
    retry:
      count: -1
      delays: 5
      backoff_factor: true
    failure_policy: ignore
    on_error: rejct
    max_rejects: 101%
    next: {{b: c}}
""",
        [
            (7, 5, "jobs.a.option", "unknown key 'option'; allowed: type, extractor_type, transformer_type, loader_type, options, "
             "description, depends_on, next, timeout, retry, failure_policy, on_error, max_rejects, enabled, pool, asset. "
             "Did you mean 'options'?"),
            (8, 5, "jobs.a.options", 'must be a mapping; found ["file_path"]'),
            (9, 5, "jobs.a.timeout", "must be greater than 0; found 0"),
            (10, 5, "jobs.a.enabled", "must be true or false; found 'perhaps'"),
            (12, 7, "jobs.a.retry.count", "must be greater than or equal to 0; found -1"),
            (13, 7, "jobs.a.retry.delays", "unknown key 'delays'; allowed: count, delay, backoff_factor, max_delay, jitter. "
             "Did you mean 'delay'?"),
            (14, 7, "jobs.a.retry.backoff_factor", "must be a number; found true"),
            (15, 5, "jobs.a.failure_policy", "not an allowed value; found 'ignore'; allowed: fail, continue, retry"),
            (16, 5, "jobs.a.on_error", "not an allowed value; found 'rejct'; allowed: fail, null, reject, skip. Did you mean 'reject'?"),
            (17, 5, "jobs.a.max_rejects", "must be a number of rows, or a share such as 1%; found '101%'"),
            (18, 5, "jobs.a.next", """must be a job's name or a list of them; found {"b": "c"}"""),
        ],
    ),
    "duplicate options": (
        f"{HEAD}jobs:\n  a:\n    type: extractor\n    extractor_type: csv\n    options:\n      file_path: a\n      file_path: b\n",
        [(9, 7, "jobs.a.options.file_path", "duplicate key 'file_path'. It stands on line 8 already.")],
    ),
    "options of all sorts": (
        f"""\
{A}  edit:
    type: transformer
    transformer_type: json
    depends_on: a
    options:
      transforms:
        - {{operation: upper, field: [x]}}
        - operation: uper
          fields: x
        - {{operation: lower, filed: [y], on_error: drop}}
  load:
    type: loader
    loader_type: jdbc
    depends_on: edit
    options:
      connection_string: [s3cret]
      load_mode: insert
      mode: upsert
      batch_size: 0
      table: orders
""",
        [
            (12, 11, "jobs.edit.options.transforms.1.operation", "not an allowed value; found 'uper'; allowed: upper, lower. "
             "Did you mean 'upper'?"),
            (13, 11, "jobs.edit.options.transforms.1.fields", "must be a list; found 'x'"),
            (14, 11, "jobs.edit.options.transforms.2", "the required key 'field' is missing"),
            (14, 30, "jobs.edit.options.transforms.2.filed", "unknown key 'filed'; allowed: operation, field, on_error. "
             "Did you mean 'field'?"),
            (14, 42, "jobs.edit.options.transforms.2.on_error", "not an allowed value; found 'drop'; "
             "allowed: fail, null, reject, skip"),
            (20, 7, "jobs.load.options.connection_string", "must be text"),
            (22, 7, "jobs.load.options.mode", "'load_mode' and 'mode' are two spellings of one option. Keep one of them."),
            (23, 7, "jobs.load.options.batch_size", "must be greater than 0; found 0"),
            (24, 7, "jobs.load.options.table", "unknown key 'table'; allowed: connection_string, table_name, query, load_mode, "
             "batch_size. Did you mean 'table_name'?"),
        ],
    ),
    "bad rows among the options": (
        f"{HEAD}jobs:\n  a: {{type: extractor, extractor_type: csv, options: {{file_path: a, on_error: drop, max_rejects: -1}}}}",
        [
            (4, 69, "jobs.a.options.on_error", "not an allowed value; found 'drop'; allowed: fail, null, reject, skip"),
            (4, 85, "jobs.a.options.max_rejects", "must be a number of rows, or a share such as 1%; found -1"),
        ],
    ),
    "what the options say together": (
        f"{A}  b: {{type: loader, loader_type: jdbc, depends_on: a, options: {{{DB}, table_name: x, query: y}}}}\n"
        "  c: {type: loader, loader_type: jdbc, depends_on: a}",
        [
            (5, 55, "jobs.b.options", "takes table_name or query, not both"),
            (6, 3, "jobs.c.options", "the required key 'connection_string' is missing"),
        ],
    ),
    # names
    "names": (
        f"{HEAD}jobs:\n  a.b: {READ}\n  '': {READ}\n  提取: {READ}\n  a b: {READ}\n  x-y: {READ}\n  x_y: {READ}\n",
        [
            *(
                (line, 3, f"jobs.{name}", f"not a name for a job; found '{name}'; "
                 "allowed: letters A to Z and a to z, digits, _, -. `description` takes any text.")
                for line, name in ((4, "a.b"), (5, ""), (6, "提取"), (7, "a b"))
            ),
            (9, 3, "jobs.x_y", "'x-y' and 'x_y' are one name for Dagster (x_y). Rename one of them."),
        ],
    ),
    "names in a list": (
        f"{HEAD}jobs:\n  - {{name: a, {READ[1:]}\n  - {{name: a, {READ[1:]}\n  - {READ}\n  - {{id: b/c, {READ[1:]}\n  - text\n",
        [
            (5, 6, "jobs.1.name", "the name 'a' is taken. The entry on line 4 has it already."),
            (6, 5, "jobs.2", "the entry has no name. Give it a name: or an id:."),
            (7, 6, "jobs.3.id", "not a name for a job; found 'b/c'; "
             "allowed: letters A to Z and a to z, digits, _, -. `description` takes any text."),
            (8, 5, "jobs.4", "must be a mapping"),
        ],
    ),
    "a mistake in a list stands under the entry's name": (
        f"{HEAD}jobs:\n  - name: csv-extract\n    type: extractor\n    extractor_type: csv\n    options:\n      file: x\n",
        [
            (7, 5, "jobs.csv-extract.options", "the required key 'file_path' is missing"),
            (8, 7, "jobs.csv-extract.options.file", "unknown key 'file'; allowed: file_path, has_header, delimiter. "
             "Did you mean 'file_path'?"),
        ],
    ),
    # edges
    "edges to nowhere": (
        f"{HEAD}jobs:\n  extract: {READ[:-1]}, next: [lod]}}\n  load: {{{SHOW}, depends_on: [extarct]}}\n"
        f"dag:\n  dependencies:\n    load: [extract, edit]\n    laod: [extrct]\n",
        [
            (4, 83, "jobs.extract.next.0", "unknown job 'lod'; allowed: extract, load. Did you mean 'load'?"),
            (5, 59, "jobs.load.depends_on.0", "unknown job 'extarct'; allowed: extract, load. Did you mean 'extract'?"),
            (8, 21, "dag.dependencies.load.1", "unknown job 'edit'; allowed: extract, load"),
            (9, 5, "dag.dependencies.laod", "unknown job 'laod'; allowed: extract, load. Did you mean 'load'?"),
            (9, 12, "dag.dependencies.laod.0", "unknown job 'extrct'; allowed: extract, load. Did you mean 'extract'?"),
        ],
    ),
    "no input": (
        f"{A}  b: {{type: transformer, transformer_type: json}}\n  c: {{{SHOW}, depends_on: []}}\n",
        [
            (5, 3, "jobs.b", "the transformer has no input. "
             "Name its parents under dag.dependencies or depends_on, or name it as another job's next."),
            (6, 3, "jobs.c", "the loader has no input. "
             "Name its parents under dag.dependencies or depends_on, or name it as another job's next."),
        ],
    ),
    "circles": (
        f"{A}  b: {{{SHOW}, depends_on: [a, d]}}\n  c: {{{SHOW}, depends_on: b}}\n  d: {{{SHOW}, depends_on: c}}\n"
        f"  x: {{{SHOW}, depends_on: y}}\n  y: {{{SHOW}, depends_on: x}}\n  z: {{{SHOW}, depends_on: [z, a]}}\n",
        [
            (5, 59, "jobs.b.depends_on.1", "the jobs wait for each other in a circle: b -> c -> d -> b. Leave one of these edges out."),
            (8, 43, "jobs.x.depends_on", "the jobs wait for each other in a circle: x -> y -> x. Leave one of these edges out."),
            (10, 56, "jobs.z.depends_on.0", "'z' waits for itself. Leave it out."),
        ],
    ),
    "the dag section": (
        f"{A}dag:\n  dependencies: {{a: 1.5}}\n  failure_policy: stop\n  max_retries: three\n  retry_delay_seconds: -1\n"
        "  retry_delay: 5\n  on_error: fial\n  max_rejects: 1.5\n",
        [
            (6, 18, "dag.dependencies.a", "must be a job's name or a list of them; found 1.5"),
            (7, 3, "dag.failure_policy", "not an allowed value; found 'stop'; allowed: fail, continue, retry"),
            (8, 3, "dag.max_retries", "must be a whole number; found 'three'"),
            (9, 3, "dag.retry_delay_seconds", "must be greater than or equal to 0; found -1"),
            (10, 3, "dag.retry_delay", "unknown key 'retry_delay'; allowed: dependencies, failure_policy, max_retries, "
             "retry_delay_seconds, on_error, max_rejects. Did you mean 'retry_delay_seconds'?"),
            (11, 3, "dag.on_error", "not an allowed value; found 'fial'; allowed: fail, null, reject, skip. Did you mean 'fail'?"),
            (12, 3, "dag.max_rejects", "must be a number of rows, or a share such as 1%; found 1.5"),
        ],
    ),
    "a dag that is none": (f"{A}  b: {{{SHOW}}}\ndag: [a, b]", [(6, 1, "dag", "must be a mapping")]),
    # pipelines
    "pipelines": (
        f"""\
{HEAD}jobs:
  - id: one
    timout: 5
    pipeline:
      extractor: {{extractor_type: cvs, options: {{}}}}
      transformer: []
      transformers:
        - {{transformer_type: json, options: {{transform: []}}}}
        - {{options: {{}}}}
        - json
  - id: two
    next: one
    pipeline:
      extractor: {{extractor_type: csv}}
      loader: {{loader_type: console, extractor_type: csv, limits: 5}}
  - id: three
    depends_on: [one, four]
    pipeline: ~
""",
        [
            (5, 5, "jobs.one.timout", "unknown key 'timout'; allowed: id, name, description, depends_on, next, timeout, retry, "
             "failure_policy, on_error, max_rejects, enabled, pool, asset, pipeline. Did you mean 'timeout'?"),
            (6, 5, "jobs.one.pipeline", "the required key 'loader' is missing"),
            (7, 19, "jobs.one.pipeline.extractor.extractor_type", "unknown extractor type 'cvs'; allowed: csv. Did you mean 'csv'?"),
            (8, 7, "jobs.one.pipeline.transformer", "unknown key 'transformer'; allowed: id, extractor, transformers, loader. "
             "Did you mean 'transformers'?"),
            (10, 46, "jobs.one.pipeline.transformers.0.options.transform", "unknown key 'transform'; allowed: transforms. "
             "Did you mean 'transforms'?"),
            (11, 11, "jobs.one.pipeline.transformers.1", "the required key 'transformer_type' is missing; allowed: json, basic"),
            (12, 11, "jobs.one.pipeline.transformers.2", "must be a mapping; found 'json'"),
            (16, 7, "jobs.two.pipeline.extractor.options", "the required key 'file_path' is missing"),
            (17, 38, "jobs.two.pipeline.loader.extractor_type", "extractor_type is not for loaders. Write loader_type."),
            (17, 59, "jobs.two.pipeline.loader.limits", "unknown key 'limits'; allowed: extractor_type, transformer_type, "
             "loader_type, options"),
            (19, 23, "jobs.three.depends_on.1", "unknown job 'four'; allowed: one, three, two"),
            (20, 5, "jobs.three.pipeline", "the required key 'pipeline' is missing"),
        ],
    ),
    "a pipeline in a mapping": (
        f"{HEAD}jobs:\n  a: {{pipeline: {{}}}}",
        [
            (4, 3, "jobs.a", "the required key 'type' is missing"),
            (4, 7, "jobs.a.pipeline", "unknown key 'pipeline'; allowed: type, extractor_type, transformer_type, loader_type, "
             "options, description, depends_on, next, timeout, retry, failure_policy, on_error, max_rejects, enabled, pool, asset"),
        ],
    ),
}  # fmt: skip
