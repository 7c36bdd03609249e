/* SPDX-License-Identifier: BSD-3-Clause */
/* program.c -- the executable as it lies in memory. */
#include "core/program.h"

#include <errno.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/util.h"

struct shmi_program shmi_program;

/* Executables of different programs differ in where something begins or how long it is. */
static uint64_t identify(const struct dl_phdr_info *info)
{
    uint64_t sum = 0xcbf29ce484222325; /* by Fowler, Noll and Vo */
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
        const uint64_t numbers[] = {ph->p_type, ph->p_vaddr, ph->p_filesz, ph->p_memsz};
        for (size_t k = 0; k < SHMI_COUNT(numbers); k++) {
            sum = (sum ^ numbers[k]) * 0x100000001b3;
        }
    }
    return sum;
}

static void add_part(uintptr_t start, uintptr_t end, bool is_writable, bool is_code)
{
    if (start < end && shmi_program.n_parts < SHMI_PARTS) {
        shmi_program.part[shmi_program.n_parts++] = (struct shmi_part){
            .start = (char *)start,
            .len = end - start,
            .is_writable = is_writable,
            .is_code = is_code,
        };
    }
}

/* What the loader makes read-only again is a part of its own. */
static int add_parts(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t relro_end = 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
        if (ph->p_type == PT_GNU_RELRO) {
            relro_end = (info->dlpi_addr + ph->p_vaddr + ph->p_memsz) & ~(page - 1);
        }
    }
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
        if (ph->p_type != PT_LOAD || (ph->p_flags & PF_R) == 0) {
            continue;
        }
        uintptr_t start = (info->dlpi_addr + ph->p_vaddr) & ~(page - 1);
        uintptr_t end = shmi_round_up(info->dlpi_addr + ph->p_vaddr + ph->p_memsz, page);
        bool is_writable = (ph->p_flags & PF_W) != 0;
        if (is_writable && relro_end > start && relro_end <= end) {
            add_part(start, relro_end, false, false);
            start = relro_end;
        }
        add_part(start, end, is_writable, (ph->p_flags & PF_X) != 0);
    }
    shmi_program.id = identify(info);
    return 1; /* the first object is the executable, and the only one that is symmetric */
}

/* Does nothing lie in this page, of the program or of anybody else? */
static bool is_empty(char *page, size_t len)
{
    unsigned char unused;
    return mincore(page, len, &unused) != 0 && errno == ENOMEM;
}

static const struct shmi_part *part_of(const char *addr)
{
    for (int i = 0; i < shmi_program.n_parts; i++) {
        const struct shmi_part *part = &shmi_program.part[i];
        if ((uintptr_t)addr - (uintptr_t)part->start < part->len) {
            return part;
        }
    }
    return NULL;
}

/* May all of this become one mapping, with what lies between the writable parts? */
static bool is_joinable(char *start, const char *end)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (char *at = start; at < end;) {
        const struct shmi_part *part = part_of(at);
        if (part == NULL ? !is_empty(at, page) : part->is_code) {
            return false;
        }
        at = part == NULL ? at + page : part->start + part->len;
    }
    return true;
}

void shmi_program_find(bool several_parts)
{
    shmi_program = (struct shmi_program){.n_parts = 0};
    dl_iterate_phdr(add_parts, NULL);
    char *start = NULL;
    char *end = NULL;
    for (int i = 0; i < shmi_program.n_parts; i++) {
        const struct shmi_part *part = &shmi_program.part[i];
        if (!part->is_writable) {
            continue;
        }
        start = start == NULL || part->start < start ? part->start : start;
        end = part->start + part->len > end ? part->start + part->len : end;
        if (part->len > shmi_program.data_len) {
            shmi_program.data = part->start;
            shmi_program.data_len = part->len;
        }
    }
    if (several_parts && is_joinable(start, end)) {
        shmi_program.data = start;
        shmi_program.data_len = (size_t)(end - start);
    }
}

bool shmi_program_is_constant(const void *addr)
{
    const struct shmi_part *part = part_of(addr);
    return part != NULL && !part->is_writable;
}
