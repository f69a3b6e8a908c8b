/* JSON to BSON: objects, arrays, texts, booleans, null, integers of 64 bits, and floats to the last digit. */
#ifndef BSON_H
#define BSON_H

#include "lumos_guest.h"

#define PUT(out, type, value)                      \
  do {                                             \
    type put_value = (type)(value);                \
    lumos_put(out, (char *)&put_value, sizeof(type)); \
  } while (0)

static inline size_t bson_begin(lumos_buffer *out) {
  PUT(out, int32_t, 0);
  return out->size - 4;
}

static inline void bson_end(lumos_buffer *out, size_t from) {
  lumos_put_char(out, 0);
  int32_t size = (int32_t)(out->size - from);
  memcpy(out->data + from, &size, 4);
}

static inline void bson_name(lumos_buffer *out, char type, lumos_text name) {
  lumos_put_char(out, type);
  lumos_put(out, name.data, name.size);
  lumos_put_char(out, 0);
}

static inline void bson_text(lumos_buffer *out, lumos_text name, lumos_text value) {
  bson_name(out, 2, name);
  PUT(out, int32_t, value.size + 1);
  lumos_put(out, value.data, value.size);
  lumos_put_char(out, 0);
}

static inline void bson_true(lumos_buffer *out, lumos_text name) {
  bson_name(out, 8, name);
  lumos_put_char(out, 1);
}

/* digits * 10^power as the nearest double, ties to even: a long integer, multiplied or divided by tens, then rounded. */
static double nearest(uint64_t digits, int power) {
  enum { WORDS = 76, SHIFT = 36 }; /* room for 10^310 on either side */
  static uint32_t word[WORDS];
  if (!digits || power < -400) return 0;
  if (power > 310) return __builtin_inf();
  memset(word, 0, sizeof(word));
  word[SHIFT] = (uint32_t)digits, word[SHIFT + 1] = (uint32_t)(digits >> 32);
  bool rest = false;
  for (; power > 0; power--) {
    uint64_t carry = 0;
    for (int at = 0; at < WORDS; at++) carry += (uint64_t)word[at] * 10, word[at] = (uint32_t)carry, carry >>= 32;
  }
  for (; power < 0; power++) {
    uint64_t left = 0;
    for (int at = WORDS - 1; at >= 0; at--) left = left << 32 | word[at], word[at] = (uint32_t)(left / 10), left %= 10;
    rest |= left != 0;
  }
  int top = WORDS - 1;
  while (top > 1 && !word[top]) top--;
  int bits = 32 - (word[top] ? __builtin_clz(word[top]) : 32), exponent = 32 * (top - SHIFT) + bits - 1;
  if (exponent > 1023) return __builtin_inf();
  int keep = exponent < -1022 ? 53 - (-1022 - exponent) : 53; /* fewer digits where the double is subnormal */
  if (keep < 0) return 0;
  uint64_t mantissa = 0;
  int position = 32 * top + bits - 1;
  for (int at = 0; at < keep; at++, position--) mantissa = mantissa << 1 | (word[position >> 5] >> (position & 31) & 1);
  bool half = word[position >> 5] >> (position & 31) & 1;
  for (int at = 0; at < position >> 5; at++) rest |= word[at] != 0;
  rest |= (word[position >> 5] & ((1u << (position & 31)) - 1)) != 0;
  mantissa += half && (rest || (mantissa & 1));
  uint64_t raw = exponent < -1022 ? mantissa : mantissa + ((uint64_t)(exponent + 1022) << 52);
  double value;
  memcpy(&value, &raw, 8);
  return value;
}

static inline void bson_number(lumos_buffer *out, lumos_text name, lumos_text text) {
  uint64_t digits = 0;
  int power = 0, dropped = 0, at = 0, size = (int)text.size;
  bool minus = text.data[0] == '-', whole = true, behind = false, fits = true;
  for (at = minus; at < size && (text.data[at] | 32) != 'e'; at++) {
    if (text.data[at] == '.') {
      behind = true, whole = false;
      continue;
    }
    uint64_t digit = (uint64_t)(text.data[at] - '0');
    fits = fits && digits <= (UINT64_MAX - digit) / 10;
    if (fits) digits = digits * 10 + digit, power -= behind;
    else dropped += !behind;
  }
  if (at < size) {
    int exponent = 0;
    bool down = text.data[++at] == '-';
    for (at += down || text.data[at] == '+'; at < size; at++) exponent = exponent * 10 + text.data[at] - '0';
    power += down ? -exponent : exponent, whole = false;
  }
  power += dropped;
  if (whole && fits && digits <= (uint64_t)INT64_MAX + minus) {
    bson_name(out, 18, name);
    PUT(out, uint64_t, minus ? 0 - digits : digits);
  } else {
    bson_name(out, 1, name);
    double value = nearest(digits, power);
    PUT(out, double, minus ? -value : value);
  }
}

static void bson_members(lumos_buffer *out, lumos_json *json, bool array);

/* Whatever stands there, as the element of that name. */
static inline void bson_element(lumos_buffer *out, lumos_text name, lumos_json *json) {
  switch (lumos_json_peek(json)) {
    case '{':
    case '[': {
      bool array = *json->at == '[';
      bson_name(out, array ? 4 : 3, name);
      bson_members(out, json, array);
      return;
    }
    case '"':
      bson_text(out, name, lumos_json_text(json));
      return;
    case 'n':
      bson_name(out, 10, name);
      break;
    case 't':
    case 'f':
      bson_name(out, 8, name);
      lumos_put_char(out, *json->at == 't');
      break;
    default:
      bson_number(out, name, lumos_json_raw(json));
      return;
  }
  lumos_json_raw(json);
}

/* The members of an object, or the items of an array by their numbers. */
static void bson_members(lumos_buffer *out, lumos_json *json, bool array) {
  size_t from = bson_begin(out);
  json->at++;
  for (uint32_t number = 0;; number++) {
    char digits[10];
    lumos_text name;
    if (array) {
      size_t at = sizeof(digits);
      uint32_t value = number;
      do digits[--at] = (char)('0' + value % 10);
      while (value /= 10);
      name = (lumos_text){digits + at, sizeof(digits) - at};
    }
    if (array ? !lumos_json_item(json) : !lumos_json_name(json, &name)) break;
    bson_element(out, name, json);
  }
  bson_end(out, from);
}

/* The value of an element of a document, NULL where there is none of that name; `*type` is its type. */
static inline const char *bson_find(const char *document, lumos_text wanted, char *type) {
  const char *at = document + 4, *end = document + *(const int32_t *)document - 1;
  while (at < end) {
    *type = *at++;
    lumos_text name = {at, 0};
    while (at[name.size]) name.size++;
    at += name.size + 1;
    if (lumos_same(name, wanted)) return at;
    switch (*type) {
      case 1: case 9: case 17: case 18: at += 8; break;
      case 2: at += 4 + *(const int32_t *)at; break;
      case 3: case 4: at += *(const int32_t *)at; break;
      case 5: at += 5 + *(const int32_t *)at; break;
      case 7: at += 12; break;
      case 8: at += 1; break;
      case 10: break;
      case 16: at += 4; break;
      case 19: at += 16; break;
      default: return NULL;
    }
  }
  return NULL;
}

#endif
