// Answers NAME.hello. How often somebody was greeted stands in a file: what is opened as `/`
// is this handler's own directory of the calling tenant.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/handler.h"
#include "json.h"

#define ANSWER_BYTES_MAX 4096

static const char MANIFEST[] =
    "{\"family\":\"NAME\",\"version\":\"0.1.0\",\"description\":\"Greets people, and remembers how often.\","
    "\"methods\":[{\"name\":\"NAME.hello\",\"summary\":\"Says hello.\",\"scope\":\"write\","
    "\"params\":{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"name\"],"
    "\"properties\":{\"name\":{\"type\":\"string\",\"pattern\":\"^[A-Za-z]{1,100}$\"}}},"
    "\"result\":{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"text\",\"times\"],"
    "\"properties\":{\"text\":{\"type\":\"string\"},\"times\":{\"type\":\"integer\",\"minimum\":1}}}}]}";

typedef exports_openclaw_gateway_component_error_t error_t;

// Hands what `malloc` gave to the host, which has it freed once it is read.
static void answer_with(handler_list_u8_t *answer, char *json) {
    answer->ptr = (uint8_t *)json;
    answer->len = strlen(json);
}

// How often this name was greeted, this time among them; 0 where it cannot be written down.
static unsigned long count(const char *name) {
    char path[128];
    snprintf(path, sizeof path, "/%s", name);
    unsigned long times = 0;
    FILE *file = fopen(path, "r");
    if (file) {
        if (fscanf(file, "%lu", &times) != 1) {
            times = 0;
        }
        fclose(file);
    }
    times++;
    file = fopen(path, "w");
    if (!file) {
        return 0;
    }
    bool written = fprintf(file, "%lu", times) > 0;
    // What is buffered may fail only here.
    return fclose(file) == 0 && written ? times : 0;
}

static bool hello(const char *name, handler_list_u8_t *answer, error_t *error) {
    unsigned long times = count(name);
    if (times == 0) {
        memset(error, 0, sizeof *error);
        handler_string_dup(&error->code, "UNAVAILABLE");
        handler_string_dup(&error->message, "the greeting could not be written down");
        return false;
    }
    char *json = malloc(ANSWER_BYTES_MAX);
    if (!json) {
        abort();
    }
    snprintf(json, ANSWER_BYTES_MAX, "{\"text\":\"Hello, %s!\",\"times\":%lu}", name, times);
    answer_with(answer, json);
    return true;
}

void exports_openclaw_gateway_component_manifest(handler_list_u8_t *answer) {
    char *json = strdup(MANIFEST);
    if (!json) {
        abort();
    }
    answer_with(answer, json);
}

// The manifest has one method, so it is the one that is called. Parameters come as its schema wants them.
bool exports_openclaw_gateway_component_handle(exports_openclaw_gateway_component_borrow_call_t call,
                                               handler_list_u8_t *params, handler_list_u8_t *answer, error_t *error) {
    char *name = json_member((const char *)params->ptr, params->len, "name");
    bool answered = hello(name, answer, error);
    free(name);
    handler_list_u8_free(params);
    openclaw_gateway_calls_call_drop_borrow(call);
    return answered;
}
