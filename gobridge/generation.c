#include "generation.h"

#include <stdlib.h>
#include <string.h>

#include "blocks.h"

typedef struct {
    flightrec_generation shown; /* first, so that a pointer to it is one to this */
    uint64_t references;
    size_t last_capacity; /* of the last block; all others are whole */
    flightrec_segment segments[];
} generation;

static uint64_t alive;

const flightrec_generation *flightrec_generation_new(const flightrec_generation *facts,
                                                     const flightrec_segment *segments,
                                                     size_t count) {
    generation *made = malloc(sizeof *made + count * sizeof *segments);
    if (made == NULL) {
        return NULL;
    }
    made->shown = *facts;
    made->shown.count = count;
    made->shown.segments = made->segments;
    made->references = 1;
    memcpy(made->segments, segments, count * sizeof *segments);
    if (count > 0) {
        flightrec_segment *last = &made->segments[count - 1];
        last->data = flightrec_block_shrink((void *)last->data, last->bytes, &made->last_capacity);
    }
    __atomic_add_fetch(&alive, 1, __ATOMIC_RELAXED);
    return &made->shown;
}

static void release(const flightrec_generation *shown) {
    generation *one = (generation *)shown;
    if (__atomic_sub_fetch(&one->references, 1, __ATOMIC_ACQ_REL) != 0) {
        return;
    }
    for (size_t i = 0; i < shown->count; i++) {
        size_t capacity = i + 1 < shown->count ? FLIGHTREC_BLOCK_BYTES : one->last_capacity;
        flightrec_block_put((void *)shown->segments[i].data, capacity);
    }
    free(one);
    if (__atomic_sub_fetch(&alive, 1, __ATOMIC_ACQ_REL) == 0 && flightrec_session_count() == 0) {
        flightrec_blocks_trim();
    }
}

void flightrec_generations_hold(const flightrec_generation **generations, size_t count,
                                const flightrec_generation **to) {
    for (size_t i = 0; i < count; i++) {
        __atomic_add_fetch(&((generation *)generations[i])->references, 1, __ATOMIC_RELAXED);
        to[i] = generations[i];
    }
}

void flightrec_generations_release(const flightrec_generation **generations, size_t count) {
    for (size_t i = 0; i < count; i++) {
        /* Whoever gets the reference releases it: two threads may do so at once. */
        const flightrec_generation *each =
            __atomic_exchange_n(&generations[i], NULL, __ATOMIC_ACQ_REL);
        if (each != NULL) {
            release(each);
        }
    }
}

uint64_t flightrec_generation_count(void) { return __atomic_load_n(&alive, __ATOMIC_ACQUIRE); }
