/* SPDX-License-Identifier: BSD-3-Clause */
/* find.c -- where programs and the library are. */
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Debian's Open MPI brings an oshrun of its own, a link to its mpirun; ours may be installed under
 * any name.  What counts is the file. */
static bool is_myself(const struct stat *file)
{
    struct stat me;

    return stat("/proc/self/exe", &me) == 0 && me.st_dev == file->st_dev &&
           me.st_ino == file->st_ino;
}

static int try_program(const char *path)
{
    struct stat file;

    if (stat(path, &file) != 0)
        return -errno;
    if (S_ISDIR(file.st_mode))
        return -EISDIR;
    if (access(path, X_OK) != 0)
        return -errno;
    return is_myself(&file) ? -ELOOP : 0;
}

int find_program(const char *name, char path[PATH_MAX])
{
    const char *dirs = getenv("PATH");
    int worst = -ENOENT;

    if (strchr(name, '/') != NULL) {
        snprintf(path, PATH_MAX, "%s", name);
        return try_program(path);
    }
    for (const char *dir = dirs != NULL ? dirs : "/bin:/usr/bin"; *dir != '\0';) {
        size_t len = strcspn(dir, ":");
        snprintf(path, PATH_MAX, "%.*s/%s", len > 0 ? (int)len : 1, len > 0 ? dir : ".", name);
        int rc = try_program(path);
        if (rc == 0)
            return 0;
        if (rc == -EACCES)
            worst = rc;
        dir += len;
        if (*dir == ':')
            dir++;
    }
    return worst;
}

enum launcher find_kind(const char *path, bool *is_known)
{
    /* Open MPI 4 links ORTE's library; Open MPI 5's mpirun starts prterun. */
    static const struct {
        const char *mark;
        enum launcher launcher;
    } marks[] = {
        {"libopen-rte", LAUNCH_MPIRUN},
        {"orterun", LAUNCH_MPIRUN},
        {"prterun", LAUNCH_PRTERUN},
        {"libprrte", LAUNCH_PRTERUN},
    };
    enum launcher kind = LAUNCH_MPIRUN;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat file;
    void *text = MAP_FAILED;

    *is_known = false;
    if (fd >= 0 && fstat(fd, &file) == 0 && file.st_size > 0)
        text = mmap(NULL, (size_t)file.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (fd >= 0)
        close(fd);
    if (text == MAP_FAILED)
        return kind;
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]) && !*is_known; i++) {
        if (memmem(text, (size_t)file.st_size, marks[i].mark, strlen(marks[i].mark)) == NULL)
            continue;
        kind = marks[i].launcher;
        *is_known = true;
    }
    munmap(text, (size_t)file.st_size);
    return kind;
}

/* The directory this program lies in, or "". */
static void own_dir(char dir[PATH_MAX])
{
    ssize_t len = readlink("/proc/self/exe", dir, PATH_MAX - 1);

    dir[len > 0 ? len : 0] = '\0';
    char *slash = strrchr(dir, '/');
    if (slash != NULL)
        *slash = '\0';
}

/* Is the library there?  dir is written only if it is. */
static bool has_library(const char *place, char dir[PATH_MAX])
{
    char library[PATH_MAX + 128];

    snprintf(library, sizeof(library), "%s/libnpushmem.so.0", place);
    return access(library, R_OK) == 0 && realpath(place, dir) != NULL;
}

void find_library(char dir[PATH_MAX])
{
    /* In the build tree; in an installation that was moved; in the one that was configured. */
    static const char *const beside[] = {"../.libs", OSHRUN_LIBDIR_BESIDE};
    char here[PATH_MAX], place[PATH_MAX + 64];
    bool is_found = false;

    own_dir(here);
    dir[0] = '\0';
    for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]) && !is_found; i++) {
        snprintf(place, sizeof(place), "%s/%s", here, beside[i]);
        is_found = has_library(place, dir);
    }
    if (!is_found)
        has_library(OSHRUN_LIBDIR, dir);
    if (strcmp(dir, "/usr/lib") == 0 || strcmp(dir, "/lib") == 0)
        dir[0] = '\0';
}

void find_library_export(void)
{
    const char *old = getenv("LD_LIBRARY_PATH");
    char dir[PATH_MAX], *paths;

    find_library(dir);
    if (dir[0] == '\0')
        return;
    if (asprintf(&paths, "%s%s%s", old != NULL ? old : "", old != NULL && *old != '\0' ? ":" : "",
                 dir) < 0)
        give_up("out of memory");
    setenv("LD_LIBRARY_PATH", paths, 1);
    free(paths);
}
