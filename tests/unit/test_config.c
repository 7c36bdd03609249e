/* SPDX-License-Identifier: BSD-3-Clause */
/* test_config.c -- the environment, as it is read, judged and printed. */
#include "core/base/config.h"

#include "core/base/log.h"

#include "capture.h"
#include "tap.h"

#include <errno.h>
#include <stdint.h>

/* Read an environment of at most one variable of ours; what was said about it is in said. */
static const char *said;

static int read_with(const char *variable, const char *value)
{
    if (variable != NULL)
        setenv(variable, value, 1);
    capture_begin();
    int result = shmi_config_read();
    said = capture_end();
    if (variable != NULL)
        unsetenv(variable);
    return result;
}

static void test_sizes(void)
{
    static const struct {
        const char *text;
        size_t size;
    } good[] = {
        {"0", 0},
        {"1", 1},
        {"20k", 20480},
        {"20K", 20480},
        {"20kk", 20480},
        {"20kb per PE", 20480},
        {".5m", 524288},
        {"3.1M", 3250586},
        {"1.", 1},
        {"1.5", 2},
        {"0.0009765625k", 1},
        {"0.00097656250000000000000000001k", 2},
        {"1g", 1 << 30},
        {"1.5T", 1649267441664},
        {"18446744073709551615", SIZE_MAX},
        {"16777215.9999t", 18446744073599600454u},
    };
    static const char *const bad[] = {
        "",
        " ",
        "k",
        ".",
        ".k",
        "-1",
        "1e6",
        "12q",
        "1 k",
        "0x10",
        "nonsense",
        "16777216t",
        "18446744073709551616",
        "99999999999999999999999999",
    };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        size_t size = 99;

        int result = shmi_config_parse_size(good[i].text, &size);
        ok(result == 0 && size == good[i].size, "\"%s\" is %zu (got %zu)", good[i].text,
           good[i].size, size);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        size_t size = 99;

        ok(shmi_config_parse_size(bad[i], &size) == -EINVAL && size == 99, "\"%s\" is no size",
           bad[i]);
    }
}

static void test_values(void)
{
    char text[64];

    is(read_with(NULL, NULL), 0, "an empty environment is fine");
    is((long long)shmi_config.symmetric_size, 512 << 20, "the default size");
    is_text(shmi_config.transport, "auto", "the default choice is its first word");
    is(shmi_config.node_sharing, true, "a default of yes");
    is(shmi_config.check, false, "a default of no");
    is(shmi_config.spin, -1, "a negative default");
    is(shmi_config_is_set("transport"), false, "nothing is set");

    is(read_with("SHMEM_TRANSPORT", "OFI"), 0, "a choice");
    is_text(shmi_config.transport, "ofi", "in lower case");
    is(shmi_config_is_set("transport"), true, "is set");
    is(read_with("SHMEM_NODE_SHARING", "Off"), 0, "a switch");
    is(shmi_config.node_sharing, false, "is off");
    is_text(shmi_config.transport, "auto", "what was read before is forgotten");
    is(read_with("SHMEM_DEBUG", ""), 0, "a flag without value");
    is(shmi_config.debug && shmi_debugging, true, "is a flag, and turns debugging on");
    is(read_with("SHMEM_DEBUG", "0"), 0, "a flag of value 0");
    is(shmi_config.debug, true, "is set all the same");
    is_text(shmi_config_text("no_such_row", text, sizeof(text)), NULL,
            "rows that are not, are not");
    is(read_with("SHMEM_SPIN", "-1"), 0, "a number at its limit");

    is(read_with("SMA_SYMMETRIC_SIZE", "2m"), 0, "the old prefix");
    is((long long)shmi_config.symmetric_size, 2 << 20, "is honoured");
    setenv("SMA_SYMMETRIC_SIZE", "2m", 1);
    is(read_with("SHMEM_SYMMETRIC_SIZE", "3m"), 0, "both prefixes");
    unsetenv("SMA_SYMMETRIC_SIZE");
    is((long long)shmi_config.symmetric_size, 3 << 20, "the new one wins");
}

static void test_bad_values(void)
{
    static const struct {
        const char *variable, *value, *says;
    } bad[] = {
        {"SHMEM_SYMMETRIC_SIZE", "lots", "SHMEM_SYMMETRIC_SIZE is \"lots\", which is not a size"},
        {"SMA_SYMMETRIC_SIZE", "", "SMA_SYMMETRIC_SIZE is \"\", which is not a size"},
        {"SHMEM_TEAMS_MAX", "3", "which is not a whole number from 4 to 1000000"},
        {"SHMEM_TEAMS_MAX", "1000001", "from 4 to 1000000"},
        {"SHMEM_TEAMS_MAX", "12x", "from 4 to 1000000"},
        {"SHMEM_SPIN", "99999999999999999999", "whole number"},
        {"SHMEM_CHECK", "maybe", "which is not yes or no"},
        {"SHMEM_TRANSPORT", "veb", "which is not one of auto|verbs|ofi|cma|loop|none"},
        {"SHMEM_TRANSPORT", "verbs|ofi", "which is not one of"},
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int result = read_with(bad[i].variable, bad[i].value);

        ok(result == -EINVAL && strstr(said, bad[i].says) != NULL, "%s=%s is refused",
           bad[i].variable, bad[i].value);
    }
    is_text(shmi_config.transport, "auto", "a refused value leaves the default");
}

static const char *judgement(const char *variable)
{
    setenv(variable, "1", 1);
    capture_begin();
    shmi_config_report_unknown();
    unsetenv(variable);
    return capture_end();
}

static void test_unknown(void)
{
    is_text(judgement("SHMEM_SYMETRIC_SIZE"),
            "npushmem: warning: SHMEM_SYMETRIC_SIZE is not a variable of npushmem; "
            "did you mean SHMEM_SYMMETRIC_SIZE?\n",
            "a letter is missing");
    ok(strstr(judgement("SHMEM_STAATS"), "mean SHMEM_STATS?") != NULL, "a letter too many");
    ok(strstr(judgement("SHMEM_DEBGU"), "mean SHMEM_DEBUG?") != NULL, "letters swapped");
    ok(strstr(judgement("SMA_SYMMETRIC_SIZ"), "mean SHMEM_SYMMETRIC_SIZE?") != NULL,
       "the old prefix");
    ok(strstr(judgement("SHMEM_QUARTZ"), "SHMEM_INFO=1 lists") != NULL, "nothing is near");
    is_text(judgement("SHMEM_TEAMS_MAX"), "", "a known one");
    is_text(judgement("SMA_DEBUG"), "", "a known old one");
    is_text(judgement("SHMEMX_ANYTHING"), "", "another prefix");
    is_text(judgement("SHMEM_HOME"), "", "where somebody installed a library");
}

static int lines_of(void (*print)(FILE *out), const char *wanted, bool *has_it)
{
    char line[256];
    int lines = 0;
    FILE *file = tmpfile();

    print(file);
    rewind(file);
    *has_it = false;
    for (; fgets(line, sizeof(line), file) != NULL; lines++)
        *has_it = *has_it || strstr(line, wanted) == line;
    fclose(file);
    return lines;
}

#define ONE(...) +1

static void test_print(void)
{
    int rows = SHMI_CONFIG(ONE, ONE, ONE, ONE, ONE, ONE);
    bool has_it;

    read_with("SHMEM_TEAMS_MAX", "77");
    is(lines_of(shmi_config_print, "SHMEM_TEAMS_MAX            77           set ", &has_it), rows,
       "a line for each variable");
    ok(has_it, "with its value");
    is(lines_of(shmi_config_document, "    SHMEM_TEAMS_MAX=4096", &has_it), 2 * rows,
       "two lines of documentation for each");
    ok(has_it, "with its default");
}

int main(void)
{
    test_sizes();
    test_values();
    test_bad_values();
    test_unknown();
    test_print();
    read_with(NULL, NULL);
    return done();
}
