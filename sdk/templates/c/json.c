#include "json.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    const char *at;
    const char *end;
};

static uint32_t read_hex4(struct reader *in) {
    char digits[5] = {0};
    if (in->end - in->at < 4) {
        return 0xfffd;
    }
    memcpy(digits, in->at, 4);
    in->at += 4;
    return (uint32_t)strtoul(digits, NULL, 16);
}

// What follows `\u`: two of them where the first is half of a pair.
static uint32_t read_code_point(struct reader *in) {
    uint32_t first = read_hex4(in);
    if (first < 0xd800 || first > 0xdbff || in->end - in->at < 6 || in->at[0] != '\\' || in->at[1] != 'u') {
        return first;
    }
    in->at += 2;
    return 0x10000 + ((first - 0xd800) << 10) + (read_hex4(in) - 0xdc00);
}

static char *write_utf8(char *out, uint32_t code) {
    if (code < 0x80) {
        *out++ = (char)code;
    } else if (code < 0x800) {
        *out++ = (char)(0xc0 | code >> 6);
        *out++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *out++ = (char)(0xe0 | code >> 12);
        *out++ = (char)(0x80 | (code >> 6 & 0x3f));
        *out++ = (char)(0x80 | (code & 0x3f));
    } else {
        *out++ = (char)(0xf0 | code >> 18);
        *out++ = (char)(0x80 | (code >> 12 & 0x3f));
        *out++ = (char)(0x80 | (code >> 6 & 0x3f));
        *out++ = (char)(0x80 | (code & 0x3f));
    }
    return out;
}

static char *write_escape(char *out, struct reader *in) {
    static const char names[] = "bfnrt";
    static const char values[] = "\b\f\n\r\t";
    char name = *in->at++;
    if (name == 'u') {
        return write_utf8(out, read_code_point(in));
    }
    const char *named = strchr(names, name);
    *out++ = named && name ? values[named - names] : name;
    return out;
}

// The string whose opening quote is next; unescaped, it is never longer.
static char *read_string(struct reader *in) {
    char *text = malloc((size_t)(in->end - in->at) + 1);
    if (!text) {
        abort();
    }
    char *out = text;
    in->at++;
    while (in->at < in->end && *in->at != '"') {
        if (*in->at == '\\' && in->end - in->at > 1) {
            in->at++;
            out = write_escape(out, in);
        } else {
            *out++ = *in->at++;
        }
    }
    in->at++;
    *out = '\0';
    return text;
}

char *json_member(const char *json, size_t length, const char *name) {
    struct reader in = {json, json + length};
    // The strings of such an object are a name, its value, a name, its value, …
    char *key = NULL;
    while (in.at < in.end) {
        if (*in.at != '"') {
            in.at++;
            continue;
        }
        char *text = read_string(&in);
        if (!key) {
            key = text;
            continue;
        }
        bool found = strcmp(key, name) == 0;
        free(key);
        key = NULL;
        if (found) {
            return text;
        }
        free(text);
    }
    free(key);
    return NULL;
}

char *json_string(const char *text) {
    char *json = malloc(strlen(text) * 6 + 3);
    if (!json) {
        abort();
    }
    char *out = json;
    *out++ = '"';
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte == '"' || byte == '\\') {
            *out++ = '\\';
            *out++ = *text;
        } else if (byte < 0x20) {
            out += sprintf(out, "\\u%04x", byte);
        } else {
            *out++ = *text;
        }
    }
    *out++ = '"';
    *out = '\0';
    return json;
}
