// As much JSON as this handler needs. The gateway has checked the params against
// the schemas of the manifest: an object whose members are all strings.

#ifndef JSON_H
#define JSON_H

#include <stddef.h>

// The string member `name` of the object in `json`, unescaped and ended by NUL;
// NULL when there is none. The caller frees it.
char *json_member(const char *json, size_t length, const char *name);

// `text` as a JSON string with its quotes. The caller frees it.
char *json_string(const char *text);

#endif
