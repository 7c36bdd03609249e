/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * heap.c -- which bytes of a symmetric heap are in use.
 *
 * The range is cut without gaps into blocks, allocated and free ones, and no two free blocks are
 * neighbours.  Each block has a record, which stands in two structures: a list in the order of
 * offsets, for the neighbours, and a treap: a search tree by offset that is kept shallow by giving
 * each record a random priority, no record's being above its parent's.  Each record in the tree
 * also knows the largest free block below it, which leads first fit past whatever is too small.
 *
 * The tree's shape never shows: the lowest offset that fits is the same in any tree.
 */
#include "core/heap.h"

#include "core/base/util.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

struct block {
    size_t offset;
    size_t len;   /* whole cache lines */
    size_t asked; /* of an allocated block: what the caller wanted; 0 says it is free */
    long hints;
    size_t largest; /* free block in the tree from here down */
    uint64_t priority;
    struct block *left;
    struct block *right;
    struct block *parent;
    struct block *prev; /* neighbour in the range */
    struct block *next;
};

struct shmi_heap {
    struct block *root;
    size_t base_align;
    size_t capacity;
    size_t used;
    size_t peak;
    size_t blocks;
    size_t fragments;
    uint64_t random;
};

/* ---- the tree -------------------------------------------------------------------------------- */

/* Put right what a record knows of those below it, and they of it. */
static void renew(struct block *tree)
{
    tree->largest = tree->asked == 0 ? tree->len : 0;
    if (tree->left != NULL) {
        tree->left->parent = tree;
        tree->largest = shmi_max(tree->largest, tree->left->largest);
    }
    if (tree->right != NULL) {
        tree->right->parent = tree;
        tree->largest = shmi_max(tree->largest, tree->right->largest);
    }
}

/* After a change of this record, or below it: renew upwards as far as that makes a difference. */
static void renew_path(struct block *block)
{
    while (block != NULL) {
        size_t before = block->largest;
        renew(block);
        if (block->largest == before)
            break;
        block = block->parent;
    }
}

/* Part a tree into what lies below this offset and what lies above. */
static void part(struct block *tree, size_t offset, struct block **below, struct block **above)
{
    if (tree == NULL) {
        *below = NULL;
        *above = NULL;
        return;
    }
    if (tree->offset < offset) {
        part(tree->right, offset, &tree->right, above);
        *below = tree;
    } else {
        part(tree->left, offset, below, &tree->left);
        *above = tree;
    }
    renew(tree);
}

/* Make one tree of two, of which the first lies below the second. */
static struct block *unite(struct block *below, struct block *above)
{
    if (below == NULL)
        return above;
    if (above == NULL)
        return below;
    if (below->priority > above->priority) {
        below->right = unite(below->right, above);
        renew(below);
        return below;
    }
    above->left = unite(below, above->left);
    renew(above);
    return above;
}

static void tree_add(struct shmi_heap *heap, struct block *block)
{
    struct block **link = &heap->root;
    while (*link != NULL && (*link)->priority >= block->priority) {
        block->parent = *link;
        link = block->offset < (*link)->offset ? &(*link)->left : &(*link)->right;
    }
    part(*link, block->offset, &block->left, &block->right);
    *link = block;
    renew(block);
    renew_path(block->parent);
}

static void tree_remove(struct shmi_heap *heap, const struct block *block)
{
    struct block *parent = block->parent;
    struct block *rest = unite(block->left, block->right);
    if (rest != NULL)
        rest->parent = parent;
    if (parent == NULL)
        heap->root = rest;
    else if (parent->left == block)
        parent->left = rest;
    else
        parent->right = rest;
    renew_path(parent);
}

/* The block that covers this offset, allocated or free. */
static struct block *tree_find(const struct shmi_heap *heap, size_t offset)
{
    struct block *block = heap->root;
    while (block != NULL && (offset < block->offset || offset - block->offset >= block->len))
        block = offset < block->offset ? block->left : block->right;
    return block;
}

static bool fits(const struct block *block, size_t len, size_t align)
{
    size_t pad = shmi_round_up(block->offset, align) - block->offset;
    return block->asked == 0 && pad < block->len && block->len - pad >= len;
}

/* The lowest free block with room for this.  It is found on the first descent, except where a block
 * is long enough but for its alignment. */
static struct block *tree_first_fit(struct block *tree, size_t len, size_t align)
{
    if (tree == NULL || tree->largest < len)
        return NULL;

    struct block *lower = tree_first_fit(tree->left, len, align);
    if (lower != NULL)
        return lower;
    return fits(tree, len, align) ? tree : tree_first_fit(tree->right, len, align);
}

/* ---- blocks ---------------------------------------------------------------------------------- */

/* A sequence that looks random and is the same everywhere: a counter, scrambled by Steele, Lea and
 * Flood's splitmix64. */
static uint64_t next_priority(struct shmi_heap *heap)
{
    uint64_t x = heap->random += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

static size_t end_of(const struct block *block)
{
    return block->offset + block->len;
}

static bool is_free(const struct block *block)
{
    return block != NULL && block->asked == 0;
}

/* A record for a free block that begins where prev ends; NULL if there is no memory for it. */
static struct block *block_add(struct shmi_heap *heap, struct block *prev, size_t offset,
                               size_t len)
{
    struct block *block = malloc(sizeof(*block));
    if (block == NULL)
        return NULL;
    *block = (struct block){
        .offset = offset,
        .len = len,
        .priority = next_priority(heap),
        .prev = prev,
        .next = prev == NULL ? NULL : prev->next,
    };
    if (block->prev != NULL)
        block->prev->next = block;
    if (block->next != NULL)
        block->next->prev = block;
    tree_add(heap, block);
    heap->fragments++;
    return block;
}

/* Cut a block in two and return the upper part, which is free; NULL if there is no memory for its
 * record, and nothing has changed. */
static struct block *block_cut(struct shmi_heap *heap, struct block *block, size_t at)
{
    struct block *upper = block_add(heap, block, at, end_of(block) - at);
    if (upper == NULL)
        return NULL;
    block->len = at - block->offset;
    renew_path(block);
    return upper;
}

/* Move the border between a block and the free one behind it, which vanishes when nothing is
 * left. */
static void block_set_end(struct shmi_heap *heap, struct block *block, size_t end)
{
    struct block *next = block->next;
    if (end == end_of(next)) {
        tree_remove(heap, next);
        block->next = next->next;
        if (block->next != NULL)
            block->next->prev = block;
        free(next);
        heap->fragments--;
    } else {
        next->len = end_of(next) - end;
        next->offset = end;
        renew_path(next);
    }
    block->len = end - block->offset;
    renew_path(block);
}

static void block_join_next(struct shmi_heap *heap, struct block *block)
{
    block_set_end(heap, block, end_of(block->next));
}

static struct block *find_start(const struct shmi_heap *heap, size_t offset)
{
    struct block *block = tree_find(heap, offset);
    return block != NULL && block->asked != 0 && block->offset == offset ? block : NULL;
}

static void count_used(struct shmi_heap *heap, size_t used)
{
    heap->used = used;
    heap->peak = shmi_max(heap->peak, used);
}

/* ---- the contract ---------------------------------------------------------------------------- */

int shmi_heap_init(struct shmi_heap **heap, size_t len, size_t base_align)
{
    /* No object of C is longer than PTRDIFF_MAX; below it, sums of two lengths cannot overflow. */
    if (len > PTRDIFF_MAX || !shmi_is_power_of_two(base_align) || base_align < SHMI_LINE)
        return -EINVAL;

    struct shmi_heap *new = calloc(1, sizeof(*new));
    if (new == NULL)
        return -ENOMEM;
    new->base_align = base_align;
    new->capacity = len - len % SHMI_LINE;
    if (new->capacity != 0 && block_add(new, NULL, 0, new->capacity) == NULL) {
        free(new);
        return -ENOMEM;
    }
    *heap = new;
    return 0;
}

void shmi_heap_destroy(struct shmi_heap *heap)
{
    if (heap == NULL)
        return;
    struct block *next;
    for (struct block *block = tree_find(heap, 0); block != NULL; block = next) {
        next = block->next;
        free(block);
    }
    free(heap);
}

int shmi_heap_alloc(struct shmi_heap *heap, size_t len, size_t align, long hints, size_t *offset)
{
    if (len == 0 || !shmi_is_power_of_two(align) || align > heap->base_align)
        return -EINVAL;
    if (len > heap->capacity)
        return -ENOMEM;
    align = shmi_max(align, SHMI_LINE);
    size_t need = shmi_round_up(len, SHMI_LINE);
    struct block *fit = tree_first_fit(heap->root, need, align);
    if (fit == NULL)
        return -ENOMEM;

    struct block *block = fit;
    size_t start = shmi_round_up(fit->offset, align);
    if (start != fit->offset)
        block = block_cut(heap, fit, start);
    if (block == NULL)
        return -ENOMEM;
    if (block->len != need && block_cut(heap, block, start + need) == NULL) {
        if (block != fit)
            block_join_next(heap, fit);
        return -ENOMEM;
    }

    block->asked = len;
    block->hints = hints;
    renew_path(block);
    heap->fragments--;
    heap->blocks++;
    count_used(heap, heap->used + need);
    *offset = start;
    return 0;
}

int shmi_heap_free(struct shmi_heap *heap, size_t offset)
{
    struct block *block = find_start(heap, offset);
    if (block == NULL)
        return -EINVAL;

    count_used(heap, heap->used - block->len);
    heap->blocks--;
    heap->fragments++;
    block->asked = 0;
    renew_path(block);
    if (is_free(block->next))
        block_join_next(heap, block);
    if (is_free(block->prev))
        block_join_next(heap, block->prev);
    return 0;
}

int shmi_heap_resize(struct shmi_heap *heap, size_t offset, size_t len)
{
    struct block *block = find_start(heap, offset);
    if (block == NULL || len == 0)
        return -EINVAL;
    size_t old = block->len;
    size_t room = is_free(block->next) ? old + block->next->len : old;
    if (len > room)
        return -ENOSPC;

    size_t need = shmi_round_up(len, SHMI_LINE);
    if (is_free(block->next))
        block_set_end(heap, block, offset + need);
    else if (need != old && block_cut(heap, block, offset + need) == NULL)
        return -ENOMEM;
    block->asked = len;
    count_used(heap, heap->used - old + need);
    return 0;
}

bool shmi_heap_find(const struct shmi_heap *heap, size_t offset, size_t *start, size_t *len,
                    long *hints)
{
    const struct block *block = tree_find(heap, offset);
    if (block == NULL || offset - block->offset >= block->asked)
        return false;
    if (start != NULL)
        *start = block->offset;
    if (len != NULL)
        *len = block->asked;
    if (hints != NULL)
        *hints = block->hints;
    return true;
}

void shmi_heap_stats(const struct shmi_heap *heap, struct shmi_heap_stats *stats)
{
    *stats = (struct shmi_heap_stats){
        .capacity = heap->capacity,
        .used = heap->used,
        .free = heap->capacity - heap->used,
        .largest = heap->root == NULL ? 0 : heap->root->largest,
        .peak = heap->peak,
        .blocks = heap->blocks,
        .fragments = heap->fragments,
    };
}
