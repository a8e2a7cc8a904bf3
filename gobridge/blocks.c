#include "blocks.h"

#include <pthread.h>
#include <string.h>

#ifdef _WIN32
#include <windows.h>
static void *map(size_t nbytes) {
    return VirtualAlloc(NULL, nbytes, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);
}
static void unmap(void *memory, size_t nbytes) {
    (void)nbytes;
    VirtualFree(memory, 0, MEM_RELEASE);
}
#else
#include <sys/mman.h>
#ifndef MAP_ANONYMOUS
#define MAP_ANONYMOUS MAP_ANON
#endif
static void *map(size_t nbytes) {
    void *memory = mmap(NULL, nbytes, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}
static void unmap(void *memory, size_t nbytes) { munmap(memory, nbytes); }
#endif

#define IDLE_BLOCKS 24 /* the most that idle blocks may hold: 6 MiB */
#define PAGE_BYTES ((size_t)4 << 10)

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static void *idle[IDLE_BLOCKS];
static size_t idle_count;
static uint64_t mapped;

static void *map_locked(size_t nbytes) {
    void *memory = map(nbytes);
    if (memory != NULL) {
        mapped += nbytes;
    }
    return memory;
}

static void unmap_locked(void *memory, size_t nbytes) {
    mapped -= nbytes;
    unmap(memory, nbytes);
}

void *flightrec_block_get(void) {
    pthread_mutex_lock(&mutex);
    void *block = idle_count > 0 ? idle[--idle_count] : map_locked(FLIGHTREC_BLOCK_BYTES);
    pthread_mutex_unlock(&mutex);
    return block;
}

void flightrec_block_put(void *block, size_t capacity) {
    pthread_mutex_lock(&mutex);
    if (capacity == FLIGHTREC_BLOCK_BYTES && idle_count < IDLE_BLOCKS) {
        idle[idle_count++] = block;
    } else {
        unmap_locked(block, capacity);
    }
    pthread_mutex_unlock(&mutex);
}

/* A generation of an idle process is a few KiB, and a long window has hundreds of them. */
void *flightrec_block_shrink(void *block, size_t used, size_t *capacity) {
    *capacity = FLIGHTREC_BLOCK_BYTES;
    size_t want = (used + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
    if (want == 0) {
        want = PAGE_BYTES;
    }
    if (want > FLIGHTREC_BLOCK_BYTES / 2) {
        return block;
    }
    pthread_mutex_lock(&mutex);
    void *small = map_locked(want);
    pthread_mutex_unlock(&mutex);
    if (small == NULL) {
        return block; /* only a saving is lost */
    }
    memcpy(small, block, used);
    flightrec_block_put(block, FLIGHTREC_BLOCK_BYTES);
    *capacity = want;
    return small;
}

void flightrec_blocks_trim(void) {
    pthread_mutex_lock(&mutex);
    while (idle_count > 0) {
        unmap_locked(idle[--idle_count], FLIGHTREC_BLOCK_BYTES);
    }
    pthread_mutex_unlock(&mutex);
}

uint64_t flightrec_blocks_mapped(void) {
    pthread_mutex_lock(&mutex);
    uint64_t nbytes = mapped;
    pthread_mutex_unlock(&mutex);
    return nbytes;
}
