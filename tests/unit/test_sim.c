/* SPDX-License-Identifier: BSD-3-Clause */
/* test_sim.c -- the software NPU through its table, without the library above it. */
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "capture.h"
#include "core/base/atomic.h"
#include "core/base/config.h"
#include "core/base/log.h"
#include "core/base/util.h"
#include "device/device.h"
#include "tap.h"

enum { N = 10000, BLOCKS = 7 };

static const struct shmi_device *dev;
static struct shmi_npu *npu;
static struct shmi_device_facts facts;

__attribute__((format(printf, 4, 5))) static void say(int level, const char *file, int line,
                                                      const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    shmi_log((enum shmi_level)level, file, line, "%s", text);
}

static bool was_forked;

static void forked(void)
{
    was_forked = true;
    shmi_log_set_abort(_exit);
}

static const struct shmi_services services = {
    .log = say,
    .config = shmi_config_text,
    .debugging = &shmi_debugging,
    .forked = forked,
};

static void open_device(void)
{
    shmi_config_read();
    int rc = dev->open(&npu, &services, &facts);
    rc = rc == 0 ? dev->start(npu, 0, 0, 1, &facts) : rc;
    if (rc != 0) {
        printf("Bail out! the device does not open: %d, %s\n", rc, facts.what);
        _exit(1);
    }
}

static void *device_memory(size_t len)
{
    void *addr = NULL;
    int rc = dev->alloc(npu, len, 64, &addr);
    if (rc != 0) {
        printf("Bail out! no device memory: %d\n", rc);
        _exit(1);
    }
    return addr;
}

static void launch(shmi_kernel_fn *fn, unsigned n_blocks, const void *args, size_t len)
{
    struct shmi_kernel kernel = {fn, "the test's", n_blocks, args, len};
    int rc = dev->launch(npu, NULL, &kernel);
    if (rc != 0) {
        printf("Bail out! no launch: %d\n", rc);
        _exit(1);
    }
}

/* ---- memory ---------------------------------------------------------------------------------- */

static void test_copies(void)
{
    static const size_t lens[] = {0, 1, 7, 8, 63, 64, 4095, 4097, 1 << 20, (3 << 20) + 5};
    char *a = device_memory(4 << 20);
    char *b = device_memory(4 << 20);
    char *from = malloc(4 << 20);
    char *to = malloc(4 << 20);
    bool same = true;
    for (size_t i = 0; i < SHMI_COUNT(lens); i++) {
        for (size_t k = 0; k < lens[i]; k++) {
            from[k] = (char)(k * 31 + i);
        }
        memset(to, 0, 4 << 20);
        dev->copy(npu, a + 3, from, lens[i]);
        dev->copy(npu, b, a + 3, lens[i]);
        dev->copy(npu, to, b, lens[i]);
        same = same && memcmp(from, to, lens[i]) == 0;
    }
    ok(same, "bytes come back from the device as they went");
    dev->copy(npu, to, device_memory(4096), 4096);
    ok(to[0] == 0 && memcmp(to, to + 1, 4095) == 0, "fresh memory is zero");
    ok(dev->owns(npu, a) && dev->owns(npu, b + 1000) && !dev->owns(npu, to) &&
           !dev->owns(npu, &npu) && !dev->owns(npu, NULL),
       "the device knows its own addresses");
    ok((uintptr_t)a % 64 == 0, "memory is aligned");
    dev->free(npu, a);
    dev->free(npu, b);
    void *none = NULL;
    capture_begin();
    int rc = dev->alloc(npu, (size_t)1 << 50, 64, &none);
    capture_end();
    is(rc, -ENOMEM, "more memory than there is is refused");
    free(from);
    free(to);
}

static void test_atomics(void)
{
    uint64_t *word = device_memory(64);
    uint64_t old = 77;
    uint32_t old4 = 77;
    struct shmi_amo add = {.op = SHMI_AMO_ADD, .size = 8, .value = 5, .fetch = &old};
    struct shmi_amo swap = {.op = SHMI_AMO_CSWAP, .size = 4, .value = 9, .expected = 10};
    swap.fetch = &old4;
    ok(dev->amo(npu, word, &add) && old == 0, "an atomic on device memory gives the old value");
    dev->amo(npu, word, &add);
    is((long long)old, 5, "and leaves the new one");
    ok(dev->amo(npu, word, &swap) && old4 == 10, "a compare-and-swap of four bytes");
    dev->copy(npu, &old, word, 8);
    is((long long)old, 9, "writes");
    dev->free(npu, word);
}

/* ---- kernels and streams --------------------------------------------------------------------- */

struct square {
    const int *in;
    int *out;
    size_t n;
};

static int a_variable_of_the_host;

static void square(void *args, unsigned block, unsigned n_blocks)
{
    const struct square *job = args;
    for (size_t i = block; i < job->n; i += n_blocks) {
        job->out[i] = job->in[i] * job->in[i] + a_variable_of_the_host;
    }
}

static void test_kernels(void)
{
    int *in = device_memory(N * sizeof(int));
    int *out = device_memory(N * sizeof(int));
    static int numbers[N];
    for (int i = 0; i < N; i++) {
        numbers[i] = i % 1000;
    }
    a_variable_of_the_host = 1; /* the device has its own, as it was before */
    dev->copy(npu, in, numbers, sizeof(numbers));
    struct square job = {in, out, N};
    launch(square, BLOCKS, &job, sizeof(job));
    memset(&job, 0, sizeof(job)); /* the arguments were copied */
    dev->stream_sync(npu, NULL);
    dev->copy(npu, numbers, out, sizeof(numbers));
    int wrong = 0;
    for (int i = 0; i < N; i++) {
        wrong += numbers[i] != (i % 1000) * (i % 1000);
    }
    is(wrong, 0, "a kernel of more blocks than cores computes in device memory");
    ok(!dev->busy(npu), "nothing runs after a synchronisation");
    struct shmi_kernel nothing = {NULL, "nothing", 1, NULL, 0};
    struct shmi_kernel no_blocks = {square, "square", 0, &job, sizeof(job)};
    capture_begin();
    int rc = dev->launch(npu, NULL, &nothing);
    int rc2 = dev->launch(npu, NULL, &no_blocks);
    capture_end();
    ok(rc == -EINVAL && rc2 == -EINVAL, "no function, no blocks: refused");
    dev->free(npu, in);
    dev->free(npu, out);
}

/* word = word * 3 + 1 */
static void step(void *args, unsigned block, unsigned n_blocks)
{
    uint64_t *word = *(uint64_t **)args;
    (void)block;
    (void)n_blocks;
    *word = *word * 3 + 1;
}

static uint64_t seen_by_call;

static void look(void *word)
{
    dev->copy(npu, &seen_by_call, word, sizeof(seen_by_call));
}

static void test_order(void)
{
    uint64_t *word = device_memory(64);
    uint64_t expected = 0;
    uint64_t start = 2;
    uint64_t end = 0;
    dev->stream_copy(npu, NULL, word, &start, sizeof(start));
    expected = 2;
    for (int i = 0; i < 20; i++) {
        launch(step, 1, &word, sizeof(word));
        expected = expected * 3 + 1;
    }
    dev->stream_call(npu, NULL, look, word);
    uint64_t at_call = expected;
    launch(step, 1, &word, sizeof(word));
    expected = expected * 3 + 1;
    dev->stream_copy(npu, NULL, &end, word, sizeof(end));
    dev->stream_sync(npu, NULL);
    ok(end == expected, "copies and kernels happen in stream order");
    ok(seen_by_call == at_call, "and so do calls on the host");
    dev->free(npu, word);
}

static void test_events(void)
{
    enum { ROUNDS = 20 };
    struct shmi_stream *one = NULL;
    struct shmi_stream *two = NULL;
    struct shmi_event *event = NULL;
    uint64_t *word = device_memory(128);
    uint64_t *flag = word + 8;
    bool good = dev->stream_create(npu, &one) == 0 && dev->stream_create(npu, &two) == 0 &&
                dev->event_create(npu, &event) == 0;
    ok(good, "streams and events are created");
    dev->event_wait(npu, event, two); /* never recorded: does not wait */
    uint64_t expected = 0;
    for (int i = 0; i < ROUNDS; i++) {
        struct shmi_kernel kernel = {step, "step", 1, &word, sizeof(word)};
        struct shmi_stream *first = i % 2 == 0 ? one : two;
        struct shmi_stream *then = i % 2 == 0 ? two : one;
        dev->launch(npu, first, &kernel);
        dev->event_record(npu, event, first);
        dev->event_wait(npu, event, then);
        expected = expected * 3 + 1;
    }
    dev->stream_wait(npu, two, flag, SHMI_VALUE_GE, 5);
    dev->stream_copy(npu, two, &seen_by_call, word, sizeof(seen_by_call));
    dev->event_destroy(npu, event);
    dev->stream_sync(npu, one);
    seen_by_call = 0;
    dev->stream_write(npu, one, flag, 4);
    dev->stream_write(npu, one, flag, 5);
    dev->stream_sync(npu, two);
    ok(seen_by_call == expected, "events order streams; a value written on one frees the other");
    dev->stream_destroy(npu, one);
    dev->stream_destroy(npu, two);
    dev->free(npu, word);
}

static void use_streams(void *stream)
{
    struct shmi_kernel kernel = {step, "step", 1, NULL, 0};
    seen_by_call = dev->stream_sync(npu, stream) == -EDEADLK &&
                   dev->stream_destroy(npu, stream) == -EDEADLK &&
                   dev->launch(npu, stream, &kernel) == -EDEADLK;
}

static void test_misuse(void)
{
    struct shmi_stream *stream = NULL;
    dev->stream_create(npu, &stream);
    ok(dev->event_record(npu, NULL, stream) == -EINVAL, "no event cannot be recorded");
    seen_by_call = 0;
    dev->stream_call(npu, stream, use_streams, stream);
    bool ended = dev->stream_destroy(npu, stream) == 0;
    ok(seen_by_call == 1, "what a stream calls may not use streams");
    ok(ended && dev->stream_destroy(npu, stream) == -EINVAL, "a stream ends once");
}

struct meeting {
    uint64_t *host; /* as kernels call it */
    uint64_t *device;
};

/* Wait for the host's word, answer it, and keep both. */
static void converse(void *args, unsigned block, unsigned n_blocks)
{
    const struct meeting *meeting = args;
    (void)block;
    (void)n_blocks;
    while (shmi_load_acquire(&meeting->host[0]) != 41) {
        shmi_pause();
    }
    *meeting->device = 43;
    shmi_store_release(&meeting->host[8], 42);
}

static void test_host_memory(void)
{
    uint64_t *host = NULL;
    uint64_t *kernels = NULL;
    int rc = dev->alloc_host(npu, 4096, (void **)&host, (void **)&kernels);
    is(rc, 0, "host memory that kernels reach");
    ok(host[0] == 0 && !dev->owns(npu, host), "is zero, and the host's");
    struct meeting meeting = {kernels, device_memory(64)};
    launch(converse, 1, &meeting, sizeof(meeting));
    ok(dev->busy(npu), "a kernel that waits is running");
    shmi_store_release(&host[0], 41);
    while (shmi_load_acquire(&host[8]) != 42) {
        usleep(100);
    }
    dev->stream_sync(npu, NULL);
    uint64_t kept = 0;
    dev->copy(npu, &kept, meeting.device, sizeof(kept));
    is((long long)kept, 43, "both sides see each other's stores while a kernel runs");
    dev->free_host(npu, host);
    dev->free(npu, meeting.device);
}

/* ---- between PEs ----------------------------------------------------------------------------- */

static struct board {
    struct shmi_share share;
    uint32_t step;
    uint64_t got;
} * board;

static void meet(uint32_t number)
{
    __atomic_add_fetch(&board->step, 1, __ATOMIC_SEQ_CST);
    for (int i = 0; i < 20000 && shmi_load_acquire(&board->step) < 2 * number; i++) {
        usleep(1000);
    }
}

static void a_peer(void)
{
    open_device();
    meet(1);
    uint64_t *theirs = NULL;
    int rc = dev->map(npu, &board->share, (void **)&theirs);
    if (rc == 0) {
        launch(step, 1, &theirs, sizeof(theirs));
        dev->stream_sync(npu, NULL);
        dev->copy(npu, &board->got, theirs, sizeof(board->got));
        dev->unmap(npu, theirs);
    }
    meet(2);
    dev->close(npu);
    _exit(rc == 0 ? 0 : 1);
}

static void test_sharing(void)
{
    fflush(NULL);
    board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child = fork();
    if (child == 0) {
        a_peer();
    }
    open_device();
    uint64_t *mine = device_memory(1 << 20);
    uint64_t value = 10;
    dev->copy(npu, mine, &value, sizeof(value));
    is(dev->share(npu, mine, 1 << 20, &board->share), 0, "memory can be shared");
    meet(1);
    meet(2);
    dev->copy(npu, &value, mine, sizeof(value));
    is((long long)value, 31, "another device's kernel stores here");
    is((long long)board->got, 31, "and its process copies from here");
    int status = 0;
    waitpid(child, &status, 0);
    is(status, 0, "the other process has no complaint");
    setenv("SHMEM_SIM_P2P", "no", 1);
    struct shmi_npu *open = npu;
    open_device();
    void *addr = NULL;
    is(dev->map(npu, &board->share, &addr), -ENOTSUP, "SHMEM_SIM_P2P=no forbids it");
    dev->close(npu);
    unsetenv("SHMEM_SIM_P2P");
    npu = open;
    dev->close(npu);
}

static void test_adapters(void)
{
    open_device();
    void *mine = device_memory(1 << 20);
    struct shmi_nic how;
    dev->nic(npu, mine, 1 << 20, &how);
    ok(how.way == SHMI_NIC_ADDRESS && how.addr != mine, "adapters register an address of its own");
    uint64_t value = 5;
    dev->copy(npu, mine, &value, sizeof(value));
    ok(how.host_loads && *(uint64_t *)how.addr == 5, "which is the same memory");
    dev->close(npu);
    setenv("SHMEM_SIM_NIC", "none", 1);
    open_device();
    mine = device_memory(1 << 20);
    dev->nic(npu, mine, 1 << 20, &how);
    is(how.way, SHMI_NIC_NONE, "SHMEM_SIM_NIC=none forbids it");
    dev->close(npu);
    unsetenv("SHMEM_SIM_NIC");
}

/* ---- faults ---------------------------------------------------------------------------------- */

/* A sanitizer that sees the null pointer would be ahead of the device. */
__attribute__((no_sanitize("undefined"))) static void crash(void *args, unsigned block,
                                                            unsigned n_blocks)
{
    (void)n_blocks;
    if (block == 2) {
        **(volatile int **)args = 1;
    }
}

static void give_up(void *args, unsigned block, unsigned n_blocks)
{
    (void)args;
    (void)n_blocks;
    if (block == 1) {
        abort();
    }
}

static void never_end(void *args, unsigned block, unsigned n_blocks)
{
    (void)args;
    (void)n_blocks;
    while (block == 0) {
        usleep(1000);
    }
}

static void leave(void *args, unsigned block, unsigned n_blocks)
{
    (void)args;
    (void)block;
    (void)n_blocks;
    _exit(3);
}

static int victim; /* a variable of the host: of no use as an address in a kernel's arguments */

static void run_crash(void)
{
    open_device();
    void *freed = device_memory(4096);
    dev->free(npu, freed);
    launch(crash, 4, &freed, sizeof(freed));
    dev->stream_sync(npu, NULL);
}

static void run_crash_null(void)
{
    open_device();
    void *nowhere = NULL;
    launch(crash, 4, &nowhere, sizeof(nowhere));
    dev->stream_sync(npu, NULL);
}

static void run_abort(void)
{
    open_device();
    launch(give_up, 2, NULL, 0);
    dev->stream_sync(npu, NULL);
}

static void run_data(void)
{
    open_device();
    struct shmi_kernel kernel = {.n_blocks = 1};
    void *data = &victim;
    memcpy(&kernel.fn, &data, sizeof(data));
    dev->launch(npu, NULL, &kernel);
    dev->stream_sync(npu, NULL);
}

static void run_endless(void)
{
    setenv("SHMEM_SIM_TIMEOUT", "1", 1);
    open_device();
    launch(never_end, 3, NULL, 0);
    dev->stream_sync(npu, NULL);
}

static void run_leave(void)
{
    open_device();
    launch(leave, 1, NULL, 0);
    dev->stream_sync(npu, NULL);
}

static void run_touch(void)
{
    open_device();
    volatile int *mine = device_memory(4096);
    *mine = 1;
}

static void check_fault(const char *what, void (*run)(void), int status, const char *text,
                        const char *more)
{
    capture_begin();
    int got = in_child(run);
    const char *said = capture_end();
    bool good =
        ok(got == status && strstr(said, text) != NULL && strstr(said, more) != NULL, "%s", what);
    if (!good) {
        printf("# status %d, not %d; said: %s\n", got, status, said);
    }
}

static void test_faults(void)
{
    check_fault("a kernel that stores into freed memory", run_crash, 1,
                "kernel the test's, block 2 of 4: Segmentation fault", "no memory is allocated");
    check_fault("a kernel that follows a null pointer", run_crash_null, 1, "block 2 of 4",
                "null pointer");
    check_fault("a kernel that aborts", run_abort, 1, "block 1 of 2: Aborted", "device fault");
    check_fault("a kernel that is no function", run_data, 1, "device fault: kernel",
                "block 0 of 1: Segmentation fault");
    check_fault("a kernel that does not end", run_endless, 1, "has not ended after 1 s: 2 of its 3",
                "running: 0");
    check_fault("a kernel that ends the device", run_leave, 1, "has ended while kernel",
                "the test's");
    struct sigaction now;
    if (sigaction(SIGSEGV, NULL, &now) == 0 && now.sa_handler == SIG_DFL) {
        check_fault("the host touches device memory", run_touch, 128 + SIGSEGV, "device memory",
                    "shmem_get");
    } else {
        skip("a sanitizer handles what touching device memory is told by");
    }
}

/* The device process goes with its PE, however that goes, and whatever it is doing. */
static void test_death(void)
{
    int pipe_ends[2];
    fflush(NULL);
    if (pipe(pipe_ends) != 0) {
        return;
    }
    pid_t child = fork();
    if (child == 0) {
        open_device();
        launch(never_end, 1, NULL, 0);
        if (write(pipe_ends[1], facts.what, sizeof(facts.what)) < 0) {
            _exit(1);
        }
        pause();
    }
    char what[sizeof(facts.what)] = "";
    int pid = 0;
    ssize_t got = read(pipe_ends[0], what, sizeof(what));
    const char *at = strstr(what, "process ");
    if (got > 0 && at != NULL) {
        pid = atoi(at + strlen("process "));
    }
    ok(pid > 0 && kill(pid, 0) == 0, "a device process runs");
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    struct pollfd event = {.fd = pidfd, .events = POLLIN};
    ok(pidfd >= 0 && poll(&event, 1, 5000) == 1, "and ends when its PE is killed");
    close(pidfd);
}

int main(void)
{
    void *handle = dlopen(".libs/sim.so", RTLD_NOW | RTLD_LOCAL);
    dev = handle == NULL ? NULL : dlsym(handle, "shmi_device_sim");
    if (dev == NULL || dev->abi != SHMI_DEVICE_ABI) {
        printf("Bail out! .libs/sim.so: %s\n", handle == NULL ? dlerror() : "of another ABI");
        return 1;
    }
    test_death();
    test_faults();
    test_sharing();
    test_adapters();
    open_device();
    ok(facts.launches && !facts.host_loads && facts.cores == 4, "what the device is: %s",
       facts.what);
    test_copies();
    test_atomics();
    test_kernels();
    test_order();
    test_events();
    test_misuse();
    test_host_memory();
    dev->close(npu);
    return done();
}
