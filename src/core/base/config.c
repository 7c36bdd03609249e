/* SPDX-License-Identifier: BSD-3-Clause */
/* config.c -- the table of variables as an array, and the loops over it. */
#include "core/base/config.h"

#include "core/base/log.h"
#include "core/base/util.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum kind { FLAG, BOOL, LONG, SIZE, TEXT, CHOICE };
enum { NAME_LEN = 64, VALUE_LEN = 256, CHOICES = 16 };

struct option {
    const char *name; /* lower case, without SHMEM_ */
    enum kind kind;
    size_t offset;        /* of its value in shmi_config */
    const char *fallback; /* the default as a user would write it; NULL for a FLAG */
    long min, max;        /* of a LONG */
    const char *words;    /* of a CHOICE */
    const char *help;
};

/* clang-format off */
#define AT(name) #name, .offset = offsetof(struct shmi_config, name)
#define ROW_FLAG(name_, help_) \
    { .name = AT(name_), .kind = FLAG, .help = help_ },
#define ROW_BOOL(name_, default_, help_) \
    { .name = AT(name_), .kind = BOOL, .fallback = #default_, .help = help_ },
#define ROW_LONG(name_, default_, min_, max_, help_) \
    { .name = AT(name_), .kind = LONG, .fallback = #default_, .min = min_, .max = max_, \
      .help = help_ },
#define ROW_SIZE(name_, default_, help_) \
    { .name = AT(name_), .kind = SIZE, .fallback = default_, .help = help_ },
#define ROW_TEXT(name_, default_, help_) \
    { .name = AT(name_), .kind = TEXT, .fallback = default_, .help = help_ },
#define ROW_CHOICE(name_, words_, help_) \
    { .name = AT(name_), .kind = CHOICE, .fallback = NULL, .words = words_, .help = help_ },
/* clang-format on */

static const struct option options[] = {
    SHMI_CONFIG(ROW_FLAG, ROW_BOOL, ROW_LONG, ROW_SIZE, ROW_TEXT, ROW_CHOICE)};

/* Not ours, and not misspelt: what module files and build scripts call where a library lies. */
static const char *const foreign[] = {"home", "dir",  "root", "path",   "prefix", "inc",
                                      "lib",  "libs", "cc",   "cflags", "cxx",    "ldflags"};

struct shmi_config shmi_config;

/* What was found in the environment: own copies, since the environment may change under us. */
static struct {
    char *text[SHMI_COUNT(options)]; /* the value in use; NULL for a FLAG that is absent */
    bool is_set[SHMI_COUNT(options)];
} found;

/* The variable of a name under a prefix: SHMEM_TEAMS_MAX. */
static const char *variable_of(const char *prefix, const char *name, char text[NAME_LEN])
{
    int len = snprintf(text, NAME_LEN, "%s_%s", prefix, name);

    for (int i = 0; i < len && i < NAME_LEN; i++)
        text[i] = (char)toupper((unsigned char)text[i]);
    return text;
}

static const struct option *find_option(const char *name, size_t len)
{
    for (size_t i = 0; i < SHMI_COUNT(options); i++)
        if (strlen(options[i].name) == len && strncasecmp(options[i].name, name, len) == 0)
            return &options[i];
    return NULL;
}

/* The word of a list separated by | that equals text in either case. */
static bool find_word(const char *words, const char *text)
{
    size_t len = strlen(text);

    for (const char *word = words; len > 0; word++) {
        size_t word_len = strcspn(word, "|");

        if (word_len == len && strncasecmp(word, text, len) == 0)
            return true;
        word += word_len;
        if (*word == '\0')
            break;
    }
    return false;
}

static int parse_bool(const char *text, bool *value)
{
    bool yes = find_word("yes|y|on|true|1", text);

    if (!yes && !find_word("no|n|off|false|0", text))
        return -EINVAL;
    *value = yes;
    return 0;
}

static int parse_long(const char *text, long min, long max, long *value)
{
    char *end;

    errno = 0;
    long number = strtol(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || number < min || number > max)
        return -EINVAL;
    *value = number;
    return 0;
}

/* The power of two that a letter stands for; an end of the text stands for 1. */
static int parse_suffix(char letter, int *shift)
{
    static const char letters[] = "kmgt";
    const char *at = strchr(letters, tolower((unsigned char)letter));

    if (at == NULL)
        return -EINVAL;
    *shift = letter == '\0' ? 0 : 10 * (int)(at - letters + 1);
    return 0;
}

/* Exact, in integers: a whole part, and a fraction of at most 18 digits with a remark whether any
 * further digit is not zero, which is all that rounding up needs to know. */
int shmi_config_parse_size(const char *text, size_t *size)
{
    unsigned __int128 whole = 0, fraction = 0, unit = 1;
    bool more = false;
    int digits = 0;
    int shift;

    for (; isdigit((unsigned char)*text); text++, digits++) {
        whole = whole * 10 + (unsigned)(*text - '0');
        if (whole > SIZE_MAX)
            return -EINVAL;
    }
    if (*text == '.')
        for (text++; isdigit((unsigned char)*text); text++, digits++) {
            if (unit < 1000000000000000000) {
                fraction = fraction * 10 + (unsigned)(*text - '0');
                unit *= 10;
            } else {
                more = more || *text != '0';
            }
        }
    if (digits == 0 || parse_suffix(*text, &shift) != 0)
        return -EINVAL;

    unsigned __int128 scaled = fraction << shift;
    unsigned __int128 bytes = (whole << shift) + scaled / unit + (scaled % unit != 0 || more);
    if (bytes > SIZE_MAX)
        return -EINVAL;
    *size = (size_t)bytes;
    return 0;
}

static int parse_choice(const struct option *option, char *text)
{
    if (!find_word(option->words, text))
        return -EINVAL;
    for (; *text != '\0'; text++)
        *text = (char)tolower((unsigned char)*text);
    return 0;
}

/* Store the value of text, which stays where it is while the value is in use. */
static int store(const struct option *option, char *text)
{
    void *value = (char *)&shmi_config + option->offset;

    switch (option->kind) {
    case FLAG:
        *(bool *)value = text != NULL;
        return 0;
    case BOOL:
        return parse_bool(text, value);
    case LONG:
        return parse_long(text, option->min, option->max, value);
    case SIZE:
        return shmi_config_parse_size(text, value);
    case CHOICE:
        if (parse_choice(option, text) != 0)
            return -EINVAL;
        break;
    case TEXT:
        break;
    }
    *(const char **)value = text;
    return 0;
}

/* What an option accepts, as the end of "which is not ...". */
static const char *syntax_of(const struct option *option, char text[VALUE_LEN])
{
    switch (option->kind) {
    case BOOL:
        return "yes or no (y, n, on, off, true, false, 1, 0)";
    case LONG:
        snprintf(text, VALUE_LEN, "a whole number from %ld to %ld", option->min, option->max);
        return text;
    case SIZE:
        return "a size: a number, fraction allowed, and an optional letter k, m, g or t (512M, "
               "1.5g)";
    case CHOICE:
        snprintf(text, VALUE_LEN, "one of %s", option->words);
        return text;
    default:
        return "text";
    }
}

static const char *default_of(const struct option *option, char text[VALUE_LEN])
{
    if (option->kind == CHOICE)
        snprintf(text, VALUE_LEN, "%.*s", (int)strcspn(option->words, "|"), option->words);
    else
        snprintf(text, VALUE_LEN, "%s", option->fallback);
    return text;
}

static char *copy_of(const char *text)
{
    char *copy = strdup(text);

    if (copy == NULL)
        shmi_fatal("no memory to read the environment");
    return copy;
}

/* Take the value of one option from the environment or its default. */
static int read_option(const struct option *option)
{
    size_t i = (size_t)(option - options);
    char variable[NAME_LEN], fallback[VALUE_LEN], syntax[VALUE_LEN];
    const char *value = getenv(variable_of("SHMEM", option->name, variable));

    if (value == NULL) {
        char old[NAME_LEN];

        value = getenv(variable_of("SMA", option->name, old));
        if (value != NULL)
            strcpy(variable, old);
    }
    free(found.text[i]);
    found.text[i] = value == NULL ? NULL : copy_of(value);
    found.is_set[i] = value != NULL;
    if (value != NULL && store(option, found.text[i]) == 0)
        return 0;

    free(found.text[i]);
    found.text[i] = option->kind == FLAG ? NULL : copy_of(default_of(option, fallback));
    store(option, found.text[i]);
    if (value == NULL)
        return 0;
    shmi_error("%s is \"%s\", which is not %s", variable, value, syntax_of(option, syntax));
    return -EINVAL;
}

int shmi_config_read(void)
{
    int result = 0;

    for (size_t i = 0; i < SHMI_COUNT(options); i++)
        if (read_option(&options[i]) != 0)
            result = -EINVAL;
    shmi_debugging = shmi_config.debug;
    return result;
}

bool shmi_config_is_set(const char *name)
{
    const struct option *option = find_option(name, strlen(name));

    return option != NULL && found.is_set[option - options];
}

static const char *value_of(const struct option *option, char *text, size_t len)
{
    const void *value = (const char *)&shmi_config + option->offset;

    switch (option->kind) {
    case FLAG:
    case BOOL:
        snprintf(text, len, "%s", *(const bool *)value ? "yes" : "no");
        break;
    case LONG:
        snprintf(text, len, "%ld", *(const long *)value);
        break;
    case SIZE:
        snprintf(text, len, "%zu", *(const size_t *)value);
        break;
    case TEXT:
    case CHOICE:
        snprintf(text, len, "%s", *(const char *const *)value);
        break;
    }
    return text;
}

const char *shmi_config_text(const char *name, char *buffer, size_t len)
{
    const struct option *option = find_option(name, strlen(name));

    return option == NULL ? NULL : value_of(option, buffer, len);
}

/* Insertions, deletions, replacements and swaps of neighbours that lead from word to word. */
static int edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    int row[3][NAME_LEN + 1]; /* the last three rows of the table of prefixes' distances */

    if (a_len > NAME_LEN || b_len > NAME_LEN)
        return NAME_LEN;
    for (size_t i = 0; i <= a_len; i++) {
        int *now = row[i % 3], *before = row[(i + 2) % 3], *earlier = row[(i + 1) % 3];

        now[0] = (int)i;
        for (size_t j = 1; j <= b_len; j++) {
            if (i == 0) {
                now[j] = (int)j;
                continue;
            }
            bool same = tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);
            int best = before[j - 1] + !same;

            if (before[j] + 1 < best)
                best = before[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            if (i > 1 && j > 1 && tolower((unsigned char)a[i - 1]) == b[j - 2] &&
                tolower((unsigned char)a[i - 2]) == b[j - 1] && earlier[j - 2] + 1 < best)
                best = earlier[j - 2] + 1;
            now[j] = best;
        }
    }
    return row[a_len % 3][b_len];
}

/* The option whose name is nearest, if it is near enough to be what was meant. */
static const struct option *nearest_option(const char *name, size_t len)
{
    const struct option *nearest = NULL;
    int least = 2 + (int)len / 4;

    for (size_t i = 0; i < SHMI_COUNT(options); i++) {
        int distance = edit_distance(name, len, options[i].name, strlen(options[i].name));

        if (distance < least) {
            least = distance;
            nearest = &options[i];
        }
    }
    return nearest;
}

static bool is_foreign(const char *name, size_t len)
{
    for (size_t i = 0; i < SHMI_COUNT(foreign); i++)
        if (strlen(foreign[i]) == len && strncasecmp(foreign[i], name, len) == 0)
            return true;
    return false;
}

/* entry is "SHMEM_NAME=value", name points behind the prefix. */
static void judge(const char *entry, const char *name)
{
    size_t len = strcspn(name, "=");
    int variable_len = (int)(name + len - entry);
    const struct option *nearest;
    char variable[NAME_LEN];

    if (find_option(name, len) != NULL || is_foreign(name, len))
        return;
    nearest = nearest_option(name, len);
    if (nearest == NULL)
        shmi_warn("%.*s is not a variable of npushmem; SHMEM_INFO=1 lists those that are",
                  variable_len, entry);
    else
        shmi_warn("%.*s is not a variable of npushmem; did you mean %s?", variable_len, entry,
                  variable_of("SHMEM", nearest->name, variable));
}

void shmi_config_report_unknown(void)
{
    for (char **entry = environ; *entry != NULL; entry++) {
        if (strncmp(*entry, "SHMEM_", 6) == 0)
            judge(*entry, *entry + 6);
        else if (strncmp(*entry, "SMA_", 4) == 0)
            judge(*entry, *entry + 4);
    }
}

void shmi_config_print(FILE *out)
{
    for (size_t i = 0; i < SHMI_COUNT(options); i++) {
        char variable[NAME_LEN], value[VALUE_LEN];

        fprintf(out, "%-26s %-12s %-8s %s\n", variable_of("SHMEM", options[i].name, variable),
                value_of(&options[i], value, sizeof(value)), found.is_set[i] ? "set" : "default",
                options[i].help);
    }
}

void shmi_config_document(FILE *out)
{
    for (size_t i = 0; i < SHMI_COUNT(options); i++) {
        const struct option *option = &options[i];
        char variable[NAME_LEN], fallback[VALUE_LEN];

        fprintf(out, "    %s", variable_of("SHMEM", option->name, variable));
        if (option->kind == FLAG)
            fprintf(out, ", any value");
        else if (option->kind == CHOICE)
            fprintf(out, "=%s", option->words);
        else if (option->fallback[0] != '\0')
            fprintf(out, "=%s", default_of(option, fallback));
        fprintf(out, "\n        %s\n", option->help);
    }
}
