#include <stdlib.h>
#include <string.h>

#include "blocks.h"
#include "generation.h"
#include "stream.h"
#include "wait.h"

flightrec_window *flightrec_window_new(flightrec_stream *stream, const flightrec_options *options,
                                       uint64_t active) {
    flightrec_window *window = calloc(1, sizeof *window);
    if (window == NULL) {
        return NULL;
    }
    window->stream = stream;
    window->references = 1;
    window->max_bytes = options->max_bytes;
    window->ceiling = options->ceiling;
    window->strict = (options->flags & FLIGHTREC_OPTION_STRICT) != 0;
    window->outside = active;
    __atomic_add_fetch(&stream->references, 1, __ATOMIC_RELAXED);
    flightrec_session_register(window);
    return window;
}

void flightrec_window_put(flightrec_window *window) {
    if (__atomic_sub_fetch(&window->references, 1, __ATOMIC_ACQ_REL) != 0) {
        return;
    }
    flightrec_generations_release(window->generations, window->count);
    free(window->generations);
    flightrec_stream_put(window->stream);
    free(window);
    if (flightrec_session_count() == 0 && flightrec_generation_count() == 0) {
        flightrec_blocks_trim();
    }
}

/* ---- the ring */

uint64_t flightrec_window_bytes_locked(const flightrec_window *window) {
    return window->kept + window->lent_evicted + window->elsewhere;
}

void flightrec_window_evict_locked(flightrec_window *window, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const flightrec_generation *each = window->generations[i];
        window->kept -= each->bytes;
        for (size_t j = 0; j < window->lent_count; j++) {
            if (window->lent[j] == each) { /* its memory is not free before the consumer is done */
                window->lent_evicted += each->bytes;
            }
        }
    }
    flightrec_generations_release(window->generations, count);
    window->count -= count;
    if (count > 0) {
        memmove(window->generations, window->generations + count,
                window->count * sizeof *window->generations);
    }
    if (window->waiting > window->count) {
        window->waiting = window->count;
    }
}

/* Gives the active generation its bytes, and evicts what they leave no room for. Returns whether they
 * fit. */
static int make_room_locked(flightrec_window *window, uint64_t active) {
    size_t least = window->strict ? 0 : 1;
    int fits;
    while (!(fits = window->ceiling == 0 ||
                    flightrec_window_bytes_locked(window) + active <= window->ceiling) &&
           window->count > least) {
        window->dropped += window->waiting == window->count;
        flightrec_window_evict_locked(window, 1);
    }
    window->active = fits || !window->strict ? active : 0;
    return fits;
}

int flightrec_window_make_room(flightrec_window *window, uint64_t number, uint64_t bytes) {
    pthread_mutex_lock(&window->stream->mutex);
    if (number != window->outside && !make_room_locked(window, bytes) && window->strict) {
        window->outside = number;
        window->dropped++;
    }
    int takes_part = number != window->outside;
    uint64_t all = flightrec_window_bytes_locked(window) + window->active;
    if (all > window->peak) {
        window->peak = all;
    }
    pthread_mutex_unlock(&window->stream->mutex);
    return takes_part;
}

/* Makes room in the ring for another generation. Returns 0, or -1 if there is no memory. */
static int reserve_locked(flightrec_window *window) {
    if (window->count == window->capacity) {
        size_t capacity = 2 * window->capacity + 16;
        const flightrec_generation **ring =
            realloc(window->generations, capacity * sizeof *window->generations);
        if (ring == NULL) {
            return -1;
        }
        window->generations = ring;
        window->capacity = capacity;
    }
    return 0;
}

int flightrec_window_add(flightrec_window *window, const flightrec_generation *generation) {
    int failed = 0;
    pthread_mutex_lock(&window->stream->mutex);
    if (!window->closed && generation->number != window->outside) {
        failed = reserve_locked(window);
        if (!failed) {
            flightrec_generations_hold(&generation, 1, &window->generations[window->count++]);
            window->waiting++;
            window->added++;
            window->kept += generation->bytes;
            window->over_ceiling += !make_room_locked(window, 0);
        }
    }
    pthread_mutex_unlock(&window->stream->mutex);
    pthread_cond_broadcast(&window->stream->changed); /* its first want is the mutex */
    return failed;
}

static void end_locked(flightrec_window *window, int32_t status, const flightrec_error *why) {
    if (window->ended) {
        return;
    }
    window->ended = 1;
    window->active = 0;
    window->status = status;
    if (why != NULL) {
        window->why = *why;
    }
}

void flightrec_window_end(flightrec_window *window, int32_t status, const flightrec_error *why) {
    pthread_mutex_lock(&window->stream->mutex);
    end_locked(window, status, why);
    pthread_mutex_unlock(&window->stream->mutex);
    pthread_cond_broadcast(&window->stream->changed);
}

/* ---- delivery */

/* Gives the consumer references to the oldest that it was not given. */
static void lend_locked(flightrec_window *window) {
    const flightrec_generation **newer = window->generations + window->count - window->waiting;
    window->lent_count = window->waiting < FLIGHTREC_LENT ? window->waiting : FLIGHTREC_LENT;
    window->waiting -= window->lent_count;
    flightrec_generations_hold(newer, window->lent_count, window->lent);
}

static void take_back_locked(flightrec_window *window) {
    size_t count = window->lent_count;
    window->lent_count = 0;
    window->lent_evicted = 0;
    flightrec_generations_release(window->lent, count);
}

int32_t flightrec_window_outcome_locked(const flightrec_window *window, flightrec_error *error) {
    if (window->status != FLIGHTREC_OK && error != NULL) {
        *error = window->why;
    }
    return window->status;
}

void flightrec_window_leave_locked(flightrec_window *window) {
    if (!window->ended && !window->leaving) {
        __atomic_store_n(&window->leaving, 1, __ATOMIC_SEQ_CST);
        flightrec_stream_ask_locked(window->stream);
    }
}

int32_t flightrec_window_deliver_locked(flightrec_window *window, flightrec_consumer consumer,
                                        void *context, flightrec_error *error) {
    flightrec_stream *stream = window->stream;
    while (!window->closed && window->status != FLIGHTREC_REFUSED) {
        if (window->waiting == 0) {
            if (window->ended) {
                break;
            }
            flightrec_wait(&stream->changed, &stream->mutex, -1);
            continue;
        }
        lend_locked(window);
        window->deliveries++;
        uint64_t oldest = window->generations[0]->number;
        uint64_t elsewhere = window->elsewhere;
        pthread_mutex_unlock(&stream->mutex);
        int64_t answer =
            consumer(context, window->lent, window->lent_count, oldest, &elsewhere);
        pthread_mutex_lock(&stream->mutex);
        take_back_locked(window);
        window->elsewhere = elsewhere;
        if (answer == INT64_MIN) {
            flightrec_error why;
            flightrec_window_leave_locked(window);
            flightrec_fail(&why, FLIGHTREC_REFUSED, "the consumer refused a delivery");
            end_locked(window, FLIGHTREC_REFUSED, &why);
            pthread_cond_broadcast(&stream->changed);
            break; /* also where it had ended in the meantime, which leaves its status */
        }
        for (size_t i = 0; i < window->count; i++) { /* nothing, if it has been evicted already */
            if (window->generations[i]->number == (uint64_t)answer) {
                flightrec_window_evict_locked(window, i + 1);
                break;
            }
        }
        pthread_cond_broadcast(&stream->changed);
    }
    return flightrec_window_outcome_locked(window, error);
}
