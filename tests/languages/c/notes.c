// A handler in C. It opens files by the C library; what it sees as `/` is the
// directory that the gateway opened for the call. `bindings/` is made from `wit/`
// by wit-bindgen when this is built.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/notes.h"
#include "json.h"

#define FAMILY "notes_c"
#define NOTE_BYTES_MAX (1 << 20)

#define TEXT "{\"type\":\"string\",\"maxLength\":100000}"
#define BYTES "{\"type\":\"integer\",\"minimum\":0}"
#define CLOSED "{\"type\":\"object\",\"additionalProperties\":false,"
#define ONE(name, schema) CLOSED "\"required\":[\"" name "\"],\"properties\":{\"" name "\":" schema "}}"
#define METHOD(name, summary, scope, params, result)                                                                 \
    "{\"name\":\"" FAMILY "." name "\",\"summary\":\"" summary "\",\"scope\":\"" scope "\",\"params\":" params       \
    ",\"result\":" result "}"

static const char MANIFEST[] =
    "{\"family\":\"" FAMILY "\",\"version\":\"0.1.0\",\"description\":\"Greets, and keeps notes in files.\","
    "\"methods\":["
    METHOD("greet", "A greeting.", "read", ONE("name", TEXT), ONE("text", TEXT)) ","
    METHOD("put", "Writes a note.", "write",
           CLOSED "\"required\":[\"path\",\"text\"],\"properties\":{\"path\":" TEXT ",\"text\":" TEXT "}}",
           ONE("bytes", BYTES)) ","
    METHOD("get", "Reads a note.", "read", ONE("path", TEXT), ONE("text", TEXT))
    "]}";

typedef exports_openclaw_gateway_component_error_t error_t;

// Hands what `malloc` gave to the host, which has it freed once it is read.
static void answer_with(notes_list_u8_t *answer, char *json) {
    answer->ptr = (uint8_t *)json;
    answer->len = strlen(json);
}

static char *format(const char *before, const char *middle, const char *after) {
    size_t size = strlen(before) + strlen(middle) + strlen(after) + 1;
    char *text = malloc(size);
    if (!text) {
        abort();
    }
    snprintf(text, size, "%s%s%s", before, middle, after);
    return text;
}

static bool refuse(error_t *error) {
    memset(error, 0, sizeof *error);
    bool missing = errno == ENOENT;
    notes_string_dup(&error->code, missing ? "NOT_FOUND" : "FORBIDDEN");
    notes_string_dup(&error->message, missing ? "there is no such note" : strerror(errno));
    return false;
}

static bool greet(char *name, notes_list_u8_t *answer) {
    char *greeting = format("Hello, ", name, ", from C");
    char *text = json_string(greeting);
    answer_with(answer, format("{\"text\":", text, "}"));
    free(text);
    free(greeting);
    return true;
}

static bool put(char *path, char *text, notes_list_u8_t *answer, error_t *error) {
    FILE *note = fopen(path, "wb");
    if (!note) {
        return refuse(error);
    }
    size_t length = strlen(text);
    bool written = fwrite(text, 1, length, note) == length;
    // What is buffered may fail only here.
    if (fclose(note) != 0 || !written) {
        return refuse(error);
    }
    char bytes[24];
    snprintf(bytes, sizeof bytes, "%zu", length);
    answer_with(answer, format("{\"bytes\":", bytes, "}"));
    return true;
}

static bool get(char *path, notes_list_u8_t *answer, error_t *error) {
    FILE *note = fopen(path, "rb");
    if (!note) {
        return refuse(error);
    }
    char *content = calloc(NOTE_BYTES_MAX + 1, 1);
    if (!content) {
        abort();
    }
    fread(content, 1, NOTE_BYTES_MAX, note);
    bool failed = ferror(note);
    fclose(note);
    if (failed) {
        free(content);
        return refuse(error);
    }
    char *text = json_string(content);
    answer_with(answer, format("{\"text\":", text, "}"));
    free(text);
    free(content);
    return true;
}

void exports_openclaw_gateway_component_manifest(notes_list_u8_t *answer) {
    answer_with(answer, format(MANIFEST, "", ""));
}

static bool is(const notes_string_t *method, const char *name) {
    return method->len == strlen(name) && memcmp(method->ptr, name, method->len) == 0;
}

bool exports_openclaw_gateway_component_handle(exports_openclaw_gateway_component_borrow_call_t call,
                                               notes_list_u8_t *params, notes_list_u8_t *answer, error_t *error) {
    notes_string_t method;
    openclaw_gateway_calls_method_call_method(call, &method);
    const char *json = (const char *)params->ptr;
    char *name = json_member(json, params->len, "name");
    char *path = json_member(json, params->len, "path");
    char *text = json_member(json, params->len, "text");
    bool answered = is(&method, FAMILY ".put")   ? put(path, text, answer, error)
                    : is(&method, FAMILY ".get") ? get(path, answer, error)
                                                 : greet(name, answer);
    free(name);
    free(path);
    free(text);
    notes_string_free(&method);
    notes_list_u8_free(params);
    openclaw_gateway_calls_call_drop_borrow(call);
    return answered;
}
