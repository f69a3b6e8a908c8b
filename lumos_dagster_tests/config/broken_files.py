"""Files with mistakes outside their entries, and what is told of each: line, column, path and the rest."""

HEAD = "version: 1\nname: Orders\n"
READ = "{type: extractor, extractor_type: csv, options: {file_path: a}}"
KNOWN = (
    "version, name, description, vars, jobs, dag, schedule, schedules, sensors, partitions, execution, executor, tags, "
    "owners, plugins, wasm_plugins, as_assets"
)
A = f"{HEAD}jobs:\n  a: {READ}\n"

Expected = tuple[int, int, str, str]
"""Line, column, path, and the rest of the text."""

TABLE: dict[str, tuple[str, list[Expected]]] = {
    # the top level
    "nothing required is there": (
        "description: x",
        [
            (1, 1, "", "the required key 'version' is missing"),
            (1, 1, "", "the required key 'name' is missing"),
            (1, 1, "", "the required key 'jobs' is missing"),
        ],
    ),
    "empty keys": (
        "description: x\nversion:\nname: ~\njobs:",
        [
            (2, 1, "version", "the required key 'version' is missing"),
            (3, 1, "name", "the required key 'name' is missing"),
            (4, 1, "jobs", "the required key 'jobs' is missing"),
        ],
    ),
    "blank version and name, no jobs": (
        "version: ''\nname: ' '\njobs: {}",
        [
            (1, 1, "version", "must be 1 or 1.x; found ''"),
            (2, 1, "name", "must not be blank; found ' '"),
            (3, 1, "jobs", "there are no jobs. A job file has at least one."),
        ],
    ),
    "no jobs in a list": ("version: 1\nname: x\njobs: []", [(3, 1, "jobs", "there are no jobs. A job file has at least one.")]),
    "jobs of another form": (
        "version: 1\nname: x\njobs: extract",
        [(3, 1, "jobs", "must be a mapping of jobs by name, or a list of jobs; found 'extract'")],
    ),
    "another version": (f"{A}".replace("version: 1", "version: 2.0"), [(1, 1, "version", "must be 1 or 1.x; found 2.0")]),
    "a version that is a word": (A.replace("version: 1", "version: true"), [(1, 1, "version", "must be 1 or 1.x; found true")]),
    "a key in two places": (
        f"{A}name: Again",
        [(5, 1, "name", "duplicate key 'name'. It stands on line 2 already.")],
    ),
    "an unknown key": (
        f"{A}excecution: streaming\ndags: {{}}",
        [
            (5, 1, "excecution", f"unknown key 'excecution'; allowed: {KNOWN}. Did you mean 'execution'?"),
            (6, 1, "dags", f"unknown key 'dags'; allowed: {KNOWN}. Did you mean 'dag'?"),
        ],
    ),
    "keys a level too high": (
        f"{A}on_error: reject\ncron: '@daily'",
        [
            (5, 1, "on_error", f"unknown key 'on_error'; allowed: {KNOWN}. Did you mean 'dag.on_error'?"),
            (6, 1, "cron", f"unknown key 'cron'; allowed: {KNOWN}. Did you mean 'schedule.cron'?"),
        ],
    ),
    "values that are none": (
        f"{A}execution: stream\nexecutor: celery\nowners: [me]\ntags: [x]\nvars: 1\nas_assets: maybe\ndescription: {{}}",
        [
            (5, 1, "execution", "not an allowed value; found 'stream'; allowed: staged, streaming. Did you mean 'streaming'?"),
            (6, 1, "executor", "not an allowed value; found 'celery'; allowed: auto, in_process, multiprocess"),
            (7, 10, "owners.0", "must be an e-mail address or team:name; found 'me'"),
            (8, 1, "tags", 'must be a mapping; found ["x"]'),
            (9, 1, "vars", "must be a mapping; found 1"),
            (10, 1, "as_assets", "must be true or false; found 'maybe'"),
            (11, 1, "description", "must be text; found {}"),
        ],
    ),
    "the wasm section": (
        f"{A}wasm_plugins: {{enabled: true, plugin_dir: x}}",
        [(5, 31, "wasm_plugins.plugin_dir", "unknown key 'plugin_dir'; allowed: enabled, plugins_dir, auto_load. "
          "Did you mean 'plugins_dir'?")],
    ),
    "a placeholder where it is too early": (
        f"{A}execution: ${{MODE}}\ntags: {{a: [x, '$NOW']}}\n",
        [
            (5, 1, "execution", "this value must be known when the file is read; found '${MODE}'. "
             "A placeholder stands in options or vars, whose values may be known only when an op runs."),
            (6, 8, "tags.a", 'must be text; found ["x", "$NOW"]'),
            (6, 15, "tags.a.1", "this value must be known when the file is read; found '$NOW'. "
             "A placeholder stands in options or vars, whose values may be known only when an op runs."),
        ],
    ),
    "placeholders without a value": (
        f"{HEAD}vars: {{day: 1, week: '${{vars.dya}}', x: '${{a b}}'}}\njobs:\n"
        "  a: {type: extractor, extractor_type: csv, options: {file_path: ['x', 'in-${vars.dy}.csv']}}\n",
        [
            (3, 16, "vars.week", "${vars.dya} is not under vars: (known: day, week, x); did you mean ${vars.day}?"),
            (3, 37, "vars.x", "${a b} is not a placeholder; allowed: ${NAME}, ${NAME:-default}, ${vars.x}, ${sensor.x}, "
             "${partition}, $NOW, $TODAY, $RUN_ID, $JOB; write $${ for a plain ${"),
            (5, 72, "jobs.a.options.file_path.1", "${vars.dy} is not under vars: (known: day, week, x); did you mean ${vars.day}?"),
        ],
    ),
    "variables that need each other": (
        f"{A}vars:\n  a: x\n  b: '${{vars.c}}-'\n  c: ['${{vars.b}}']\n",
        [(7, 3, "vars.b", "the variables use each other in a circle: b -> c -> b")],
    ),
    # schedules, sensors, partitions
    "schedules": (
        f"{A}schedule: {{timezone: Asia/Shangai, status: on}}\nschedules:\n  - {{cron: '0 24 * * *'}}\n  - {{cron: daily}}",
        [
            (5, 1, "schedule", "the required key 'cron' is missing"),
            (5, 12, "schedule.timezone", "must be a time zone of the IANA list; found 'Asia/Shangai'. Did you mean 'Asia/Shanghai'?"),
            (5, 36, "schedule.status", "not an allowed value; found 'on'; allowed: running, stopped"),
            (7, 6, "schedules.0.cron", "the hour '24' must be from 0 to 23; found '0 24 * * *'"),
            (8, 6, "schedules.1.cron", "must have 5 fields (minute hour day month weekday), not 1; found 'daily'"),
        ],
    ),
    "sensors and partitions": (
        f"{A}sensors:\n  - {{type: file, paths: x}}\n  - {{path: x}}\n  - {{type: http}}\npartitions: {{type: yearly}}",
        [
            (6, 5, "sensors.0", "the required key 'path' is missing"),
            (6, 18, "sensors.0.paths", "unknown key 'paths'; allowed: status, interval_seconds, type, path, min_age_seconds. Did you mean 'path'?"),
            (7, 5, "sensors.1", "the required key 'type' is missing"),
            (8, 5, "sensors.2", "not an allowed value; found 'http'; allowed: file, job, sql"),
            (9, 14, "partitions.type", "not an allowed value; found 'yearly'; allowed: hourly, daily, weekly, monthly, static"),
        ],
    ),
    "a sensor after its own job": (
        f"{A}sensors: [{{type: job, after: orders}}]",
        [(5, 23, "sensors.0.after", "a job cannot start after itself; found 'orders'")],
    ),
    "a sensor that never looks": (
        f"{A}sensors: [{{type: job, after: other, interval_seconds: 0}}]",
        [(5, 37, "sensors.0.interval_seconds", "must be greater than 0; found 0")],
    ),
    "partitions without a start": (
        f"{A}partitions: {{type: daily, keys: [a]}}",
        [
            (5, 1, "partitions", "daily partitions need a start. Write it as 2026-01-31."),
            (5, 27, "partitions.keys", "daily partitions have no keys. Or say type: static."),
        ],
    ),
    "partitions that end before they start": (
        f"{A}partitions: {{type: monthly, start: 2026-02-01, end: 2026-01-01}}",
        [(5, 48, "partitions.end", "must come after start; found '2026-01-01T00:00:00'")],
    ),
    "partitions with a time that is none": (
        f"{A}partitions: {{type: hourly, start: yesterday, end: '2026-01-01T00:00+02:00'}}",
        [
            (5, 28, "partitions.start", "must be a date or a time, as 2026-01-31 or 2026-01-31T12:00; found 'yesterday'"),
            (5, 46, "partitions.end", "must not name a time zone; found '2026-01-01T00:00+02:00'. Say which one is meant under timezone."),
        ],
    ),
    "static partitions": (
        f"{A}partitions: {{type: static, keys: [a, b, a, ' '], start: 2026-01-01}}",
        [
            (5, 41, "partitions.keys.2", "stands twice; found 'a'"),
            (5, 44, "partitions.keys.3", "a key is some text without '...'; found ' '"),
            (5, 50, "partitions.start", "static partitions are named by keys, not by a time"),
        ],
    ),
    "static partitions without keys": (
        f"{A}partitions: {{type: static}}",
        [(5, 1, "partitions", "static partitions need keys. List them: keys: [north, south].")],
    ),
    "a partition in a job without": (
        A.replace("file_path: a", "file_path: '${partition}.csv'"),
        [(4, 55, "jobs.a.options.file_path", "${partition} has no value in this job. Say what the parts are under partitions.")],
    ),
    "the start of a static partition": (
        A.replace("file_path: a", "file_path: '${partition_start}.csv'") + "partitions: {type: static, keys: [a]}",
        [(4, 55, "jobs.a.options.file_path", "${partition_start} has no value in this job. Static partitions have no start and end.")],
    ),
}  # fmt: skip
