// normalize: a text column in lower case and without spaces around it, as a core module over JSON.

const METADATA =
  '{"name": "normalize-assemblyscript", "version": "1.0.0", "license": "MIT", "encoding": "json",' +
  ' "description": "Writes a text column, ASCII letters in lower case and spaces around it trimmed, to another.",' +
  ' "options": {"type": "object", "required": ["field", "to"], "additionalProperties": false,' +
  ' "properties": {"field": {"type": "string", "description": "The text column."},' +
  ' "to": {"type": "string", "description": "The column to write."}}}}';

const QUOTE: u8 = 0x22, BACKSLASH: u8 = 0x5c, COMMA: u8 = 0x2c, COLON: u8 = 0x3a, SPACE: u8 = 0x20;

// What the host puts in and reads is pinned, so that the collector leaves it alone until the host gives it back.
export function alloc(size: i32): usize {
  return __pin(__new(size, idof<ArrayBuffer>()));
}

export function dealloc(address: usize, size: i32): void {
  __unpin(address);
}

function give(bytes: ArrayBuffer, size: i32): u64 {
  return ((__pin(changetype<usize>(bytes)) as u64) << 32) | size;
}

function giveText(text: string): u64 {
  const bytes = String.UTF8.encode(text);
  return give(bytes, bytes.byteLength);
}

function refuse(message: string): u64 {
  return giveText('{"error": {"kind": "config", "message": "' + message + '"}}');
}

export function get_metadata(): u64 {
  return giveText(METADATA);
}

// A cursor over JSON that the host wrote, so that it is known to be well formed and without blanks between its parts.
class Json {
  constructor(public at: usize, public end: usize) {}

  is(byte: u8): bool {
    if (this.at >= this.end || load<u8>(this.at) != byte) return false;
    this.at++;
    return true;
  }

  blank(): void {
    while (this.at < this.end && load<u8>(this.at) <= SPACE) this.at++;
  }

  // Pass whatever stands here.
  pass(): void {
    let depth = 0;
    do {
      const byte = load<u8>(this.at);
      if (byte == QUOTE) {
        for (this.at++; load<u8>(this.at) != QUOTE; this.at++) if (load<u8>(this.at) == BACKSLASH) this.at++;
        this.at++;
      } else if (byte == 0x5b || byte == 0x7b) {
        depth++;
        this.at++;
      } else if (byte == 0x5d || byte == 0x7d) {
        if (!depth) return;
        depth--;
        this.at++;
      } else if (depth) {
        this.at++;
      } else {
        while (this.at < this.end && load<u8>(this.at) != COMMA && load<u8>(this.at) != 0x7d && load<u8>(this.at) != 0x5d) this.at++;
      }
    } while (depth);
  }
}

// The member of an object, as it is written; empty where there is none. Names are compared as they are written.
function member(options: u64, name: string): string {
  const json = new Json((options >> 32) as usize, ((options >> 32) + (options & 0xffffffff)) as usize);
  json.blank();
  json.is(0x7b);
  while (true) {
    json.blank();
    json.is(COMMA);
    json.blank();
    if (json.at >= json.end || json.is(0x7d)) return "";
    const from = json.at;
    json.pass();
    const found = String.UTF8.decodeUnsafe(from, json.at - from);
    json.blank();
    json.is(COLON);
    json.blank();
    const value = json.at;
    json.pass();
    if (found == '"' + name + '"') return String.UTF8.decodeUnsafe(value, json.at - value);
  }
}

function same(at: usize, size: usize, text: ArrayBuffer): bool {
  return size == text.byteLength && memory.compare(at, changetype<usize>(text), size) == 0;
}

// Write what stands between two quotes changed, its escapes as they are; returns where it ends. The host escapes no letters.
function normalized(from: usize, stop: usize, to: usize): usize {
  while (from < stop && load<u8>(from) == SPACE) from++;
  while (stop > from && load<u8>(stop - 1) == SPACE) stop--;
  for (; from < stop; from++, to++) {
    const byte = load<u8>(from);
    store<u8>(to, byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte);
    if (byte == BACKSLASH) store<u8>(++to, load<u8>(++from));
  }
  return to;
}

export function transform(rows: u64, options: u64): u64 {
  const field = member(options, "field"), to = member(options, "to");
  if (!field.length || !to.length) return refuse("the options field and to are needed");
  const fieldName = String.UTF8.encode(field), toName = String.UTF8.encode(to);
  const size = (rows & 0xffffffff) as i32, start = (rows >> 32) as usize;
  const json = new Json(start, start + size);
  let count = 0;
  for (let at = start; at < json.end; at++) count += load<u8>(at) == 0x7b ? 1 : 0;
  const result = new ArrayBuffer(size * 2 + count * (toName.byteLength + 8) + 16);
  let out = changetype<usize>(result);
  json.is(0x5b);
  store<u8>(out++, 0x5b);
  while (json.is(0x7b)) {
    let from: usize = 0, stop: usize = 0, found = false;
    store<u8>(out++, 0x7b);
    while (!json.is(0x7d)) {
      const name = json.at;
      json.pass();
      const length = json.at - name;
      json.is(COLON);
      const value = json.at;
      json.pass();
      if (same(name, length, fieldName)) {
        const first = load<u8>(value);
        if (first != QUOTE && first != 0x6e) return refuse("field names no text column");
        found = true;
        from = first == QUOTE ? value + 1 : 0;
        stop = json.at - 1;
      }
      if (!same(name, length, toName)) {
        memory.copy(out, name, json.at - name);
        out += json.at - name;
        store<u8>(out++, COMMA);
      }
      json.is(COMMA);
    }
    if (!found) return refuse("field names no column");
    memory.copy(out, changetype<usize>(toName), toName.byteLength);
    out += toName.byteLength;
    store<u8>(out++, COLON);
    if (from) {
      store<u8>(out++, QUOTE);
      out = normalized(from, stop, out);
      store<u8>(out++, QUOTE);
    } else {
      store<u32>(out, 0x6c6c756e);
      out += 4;
    }
    store<u8>(out++, 0x7d);
    if (json.is(COMMA)) store<u8>(out++, COMMA);
  }
  store<u8>(out++, 0x5d);
  return give(result, (out - changetype<usize>(result)) as i32);
}
