/* SPDX-License-Identifier: BSD-3-Clause */
/* options.c -- the command line of oshrun. */
#include "options.h"

#include "build.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "Usage: oshrun [options] program [arguments] [: [options] program [arguments]]...\n"
    "Start an OpenSHMEM program on several processing elements (PEs).\n"
    "\n"
    "  -n, -np N             start N PEs; without it, one per usable CPU, or as many as the\n"
    "                        hosts and --ppn say\n"
    "  -H, --hosts H:N,...   run on these hosts, with N PEs on each (1 where no N is given)\n"
    "      --hostfile FILE   the same from a file: a line is HOST, HOST:N or HOST slots=N\n"
    "      --ppn K           K PEs on each host\n"
    "  -x VAR[=VALUE]        pass an environment variable on to the PEs; SHMEM_ and SMA_\n"
    "                        variables and the library's path are passed on unasked\n"
    "      --wdir DIR        start the PEs in this directory\n"
    "      --tag             begin each line of output with the number of its PE\n"
    "      --timeout S       end the job after S seconds, with status 124\n"
    "      --launcher L      auto, mpirun, prterun, srun or own (default: SHMEM_LAUNCHER, auto)\n"
    "      --pass ARG        give ARG, as it is, to the launcher\n"
    "      --verbose         say which launcher was chosen, and how it is called\n"
    "      --help, --version\n"
    "\n"
    "Several names that mpirun and srun give to these are known too (-np, --host, --npernode,\n"
    "--ntasks, --label ...); --oversubscribe and --allow-run-as-root are so without being said.\n"
    "\n"
    "The launcher \"own\" is oshrun itself: it starts the PEs on this machine and serves PMIx to\n"
    "them.  The others are used where they are installed: srun inside an allocation, Open MPI's\n"
    "mpirun, prterun.\n"
    "\n"
    "oshrun's exit status is 0 if every PE ended well; else the status of the first that did not,\n"
    "or 128 and the signal that ended it; what shmem_global_exit() was given; 124 after a "
    "time-out.\n";

void say(const char *format, ...)
{
    char line[1024] = "oshrun: ";
    size_t len = strlen(line);
    va_list args;

    va_start(args, format);
    int text = vsnprintf(line + len, sizeof(line) - len - 1, format, args);
    va_end(args);
    len += (size_t)text < sizeof(line) - len - 1 ? (size_t)text : sizeof(line) - len - 2;
    line[len++] = '\n';
    if (write(STDERR_FILENO, line, len) < 0)
        return;
}

void give_up(const char *format, ...)
{
    char text[1000];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    say("%s", text);
    exit(1);
}

int usable_cpus(void)
{
    /* The kernel refuses a set smaller than its own: room for 8192 CPUs. */
    cpu_set_t *set = CPU_ALLOC(8192);
    int n = 0;

    if (set != NULL && sched_getaffinity(0, CPU_ALLOC_SIZE(8192), set) == 0)
        n = CPU_COUNT_S(CPU_ALLOC_SIZE(8192), set);
    CPU_FREE(set);
    return n > 0 ? n : 1;
}

int options_total(const struct options *options)
{
    int total = 0;

    for (int i = 0; i < options->n_apps; i++)
        total += options->apps[i].n_pes;
    return total;
}

static int positive(const char *option, const char *text)
{
    char *end;

    errno = 0;
    long number = strtol(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || number < 1 || number > 1000000)
        give_up("%s wants a number from 1 up, not \"%s\"", option, text);
    return (int)number;
}

static double seconds(const char *text)
{
    char *end;
    double number = strtod(text, &end);

    if (end == text || *end != '\0' || !(number > 0 && number < 1e9))
        give_up("--timeout wants a number of seconds, not \"%s\"", text);
    return number;
}

/* A list that ends with NULL grows by one. */
static void append(char ***list, char *word)
{
    size_t n = 0;

    while (*list != NULL && (*list)[n] != NULL)
        n++;
    char **longer = realloc(*list, (n + 2) * sizeof(*longer));
    if (longer == NULL)
        give_up("out of memory");
    longer[n] = word;
    longer[n + 1] = NULL;
    *list = longer;
}

/* Turn the lines of a host file into the list that --hosts takes. */
static char *hosts_of_file(const char *path)
{
    FILE *file = fopen(path, "r");
    char line[1024], *hosts = NULL;

    if (file == NULL)
        give_up("cannot read the host file %s: %m", path);
    while (fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "#\n")] = '\0';
        char *host = strtok(line, " \t");
        if (host == NULL)
            continue;
        const char *slots = NULL;
        for (char *word = strtok(NULL, " \t"); word != NULL; word = strtok(NULL, " \t"))
            if (strncmp(word, "slots=", 6) == 0)
                slots = word + 6;
        char *longer;
        if (asprintf(&longer, "%s%s%s%s%s", hosts != NULL ? hosts : "", hosts != NULL ? "," : "",
                     host, slots != NULL ? ":" : "", slots != NULL ? slots : "") < 0)
            give_up("out of memory");
        free(hosts);
        hosts = longer;
    }
    fclose(file);
    if (hosts == NULL)
        give_up("the host file %s names no host", path);
    return hosts;
}

/* How many PEs the hosts hold: --ppn on each, or what stands behind the colons. */
static int slots_of_hosts(const char *hosts, int per_node)
{
    int total = 0;
    char *copy = strdup(hosts), *rest;

    for (char *host = strtok_r(copy, ",", &rest); host; host = strtok_r(NULL, ",", &rest)) {
        char *colon = strrchr(host, ':');
        if (per_node > 0)
            total += per_node;
        else
            total += colon != NULL ? positive("--hosts, after the colon,", colon + 1) : 1;
    }
    free(copy);
    if (total == 0)
        give_up("--hosts names no host");
    return total;
}

enum {
    OPT_HOSTFILE = 256,
    OPT_PPN,
    OPT_WDIR,
    OPT_TAG,
    OPT_TIMEOUT,
    OPT_LAUNCHER,
    OPT_PASS,
    OPT_VERBOSE,
    OPT_GIVEN,
    OPT_HELP,
    OPT_VERSION
};

static const struct option long_options[] = {
    {"n", required_argument, NULL, 'n'},
    {"np", required_argument, NULL, 'n'},
    {"hosts", required_argument, NULL, 'H'},
    {"host", required_argument, NULL, 'H'},
    {"hostfile", required_argument, NULL, OPT_HOSTFILE},
    {"machinefile", required_argument, NULL, OPT_HOSTFILE},
    {"ppn", required_argument, NULL, OPT_PPN},
    {"npernode", required_argument, NULL, OPT_PPN},
    {"x", required_argument, NULL, 'x'},
    {"wdir", required_argument, NULL, OPT_WDIR},
    {"wd", required_argument, NULL, OPT_WDIR},
    {"tag", no_argument, NULL, OPT_TAG},
    {"tag-output", no_argument, NULL, OPT_TAG},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"launcher", required_argument, NULL, OPT_LAUNCHER},
    {"pass", required_argument, NULL, OPT_PASS},
    {"verbose", no_argument, NULL, OPT_VERBOSE},
    /* As users of srun and mpirun write it; the last two say what is so anyway. */
    {"ntasks", required_argument, NULL, 'n'},
    {"ntasks-per-node", required_argument, NULL, OPT_PPN},
    {"chdir", required_argument, NULL, OPT_WDIR},
    {"label", no_argument, NULL, OPT_TAG},
    {"oversubscribe", no_argument, NULL, OPT_GIVEN},
    {"allow-run-as-root", no_argument, NULL, OPT_GIVEN},
    {"h", no_argument, NULL, OPT_HELP},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

static void read_option(struct options *options, struct app *app, int option, const char *word)
{
    switch (option) {
    case 'n':
        app->n_pes = positive("-n", optarg);
        break;
    case 'x':
        append(&app->exports, optarg);
        break;
    case 'H':
        options->hosts = optarg;
        break;
    case OPT_HOSTFILE:
        options->hosts = hosts_of_file(optarg);
        break;
    case OPT_PPN:
        options->per_node = positive("--ppn", optarg);
        break;
    case OPT_WDIR:
        options->dir = optarg;
        break;
    case OPT_TAG:
        options->tag = true;
        break;
    case OPT_TIMEOUT:
        options->timeout = seconds(optarg);
        break;
    case OPT_LAUNCHER:
        options->launcher = optarg;
        break;
    case OPT_PASS:
        append(&options->pass, optarg);
        break;
    case OPT_VERBOSE:
        options->verbose = true;
        break;
    case OPT_GIVEN:
        break;
    case OPT_HELP:
        fputs(help, stdout);
        exit(0);
    case OPT_VERSION:
        puts("oshrun (" PACKAGE_NAME ") " PACKAGE_VERSION);
        exit(0);
    case ':':
        give_up("the option %s wants a value; see oshrun --help", word);
    default:
        give_up("there is no option %s (see oshrun --help; --pass hands options to the launcher)",
                word);
    }
}

/* One program: its options, its name, its arguments.  argv[0] is not looked at. */
static void read_app(struct options *options, struct app *app, int argc, char **argv)
{
    int option;

    *app = (struct app){.n_pes = 0};
    append(&app->exports, NULL);
    optind = 0; /* getopt starts anew */
    opterr = 0;
    for (;;) {
        int at = optind > 0 ? optind : 1;
        option = getopt_long_only(argc, argv, "+:n:H:x:", long_options, NULL);
        if (option == -1)
            break;
        read_option(options, app, option, at < argc ? argv[at] : "");
    }
    if (optind >= argc)
        give_up("which program? (oshrun [-n N] program [arguments]; see oshrun --help)");
    app->argv = argv + optind;
}

/* Numbers of PEs that the user did not give. */
static void fill_in(struct options *options)
{
    int unknown = 0;

    for (int i = 0; i < options->n_apps; i++)
        if (options->apps[i].n_pes == 0)
            unknown++;
    if (unknown == 0)
        return;
    if (options->n_apps > 1)
        give_up("with several programs, each wants its -n");
    if (options->hosts != NULL)
        options->apps[0].n_pes = slots_of_hosts(options->hosts, options->per_node);
    else if (options->per_node > 0)
        options->apps[0].n_pes = options->per_node;
    else if (getenv("SLURM_NTASKS") != NULL)
        options->apps[0].n_pes = positive("SLURM_NTASKS", getenv("SLURM_NTASKS"));
    else
        options->apps[0].n_pes = usable_cpus();
}

void options_read(struct options *options, int argc, char **argv)
{
    *options = (struct options){.launcher = getenv("SHMEM_LAUNCHER")};
    append(&options->pass, NULL);
    options->apps = calloc((size_t)argc, sizeof(*options->apps));
    if (options->apps == NULL)
        give_up("out of memory");
    for (int first = 0, i = 1; i <= argc; i++) {
        if (i < argc && strcmp(argv[i], ":") != 0)
            continue;
        argv[i] = NULL;
        read_app(options, &options->apps[options->n_apps++], i - first, argv + first);
        first = i;
    }
    if (options->launcher == NULL || options->launcher[0] == '\0')
        options->launcher = "auto";
    fill_in(options);
}
