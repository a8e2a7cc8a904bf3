/* The recording part of the C ABI, but for what enters Go (exports.go). */
#include <stdio.h>
#include <string.h>

#include "blocks.h"
#include "generation.h"
#include "stream.h"
#include "wait.h"

/* ---- from a handle to a window */

static pthread_mutex_t registering = PTHREAD_MUTEX_INITIALIZER;
static flightrec_window *registered; /* a list */
static uint64_t last_session, session_count;

void flightrec_session_register(flightrec_window *window) {
    pthread_mutex_lock(&registering);
    window->session = ++last_session;
    window->next = registered;
    registered = window;
    session_count++;
    __atomic_add_fetch(&window->references, 1, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&registering);
}

/* Takes a window that is there out of the registry, whose reference is the caller's then. */
static void unregister(flightrec_window *window) {
    pthread_mutex_lock(&registering);
    flightrec_window **at = &registered;
    while (*at != window) {
        at = &(*at)->next;
    }
    *at = window->next;
    session_count--;
    pthread_mutex_unlock(&registering);
}

int32_t flightrec_fail(flightrec_error *error, int32_t status, const char *text) {
    if (error != NULL) {
        error->offset = -1;
        error->generation = 0;
        strncpy(error->text, text, sizeof error->text - 1);
        error->text[sizeof error->text - 1] = 0;
    }
    return status;
}

/* Returns the window of a session with its stream's mutex held, until leave; NULL and an error if
 * there is none. */
static flightrec_window *enter(uint64_t session, flightrec_error *error) {
    pthread_mutex_lock(&registering);
    flightrec_window *found = registered;
    while (found != NULL && found->session != session) {
        found = found->next;
    }
    if (found != NULL) {
        __atomic_add_fetch(&found->references, 1, __ATOMIC_RELAXED);
    }
    pthread_mutex_unlock(&registering);
    if (found == NULL) {
        char text[64];
        snprintf(text, sizeof text, "unknown session %llu", (unsigned long long)session);
        flightrec_fail(error, FLIGHTREC_UNKNOWN, text);
        return NULL;
    }
    pthread_mutex_lock(&found->stream->mutex);
    return found;
}

static void leave(flightrec_window *window) {
    pthread_mutex_unlock(&window->stream->mutex);
    flightrec_window_put(window);
}

uint64_t flightrec_session_count(void) {
    pthread_mutex_lock(&registering);
    uint64_t count = session_count;
    pthread_mutex_unlock(&registering);
    return count;
}

/* ---- what the header declares */

int32_t flightrec_session_deliver(uint64_t session, flightrec_consumer consumer, void *context,
                                  flightrec_error *error) {
    flightrec_window *window = enter(session, error);
    if (window == NULL) {
        return FLIGHTREC_UNKNOWN;
    }
    int32_t status = flightrec_window_deliver_locked(window, consumer, context, error);
    leave(window);
    return status;
}

int32_t flightrec_session_flush(uint64_t session, flightrec_flush *flush, int64_t timeout_ns,
                                flightrec_error *error) {
    flightrec_window *window = enter(session, error);
    if (window == NULL) {
        return FLIGHTREC_UNKNOWN;
    }
    flightrec_stream *stream = window->stream;
    if (flush->number == 0) {
        flush->number = __atomic_add_fetch(&stream->flush_wanted, 1, __ATOMIC_SEQ_CST);
        flightrec_stream_ask_locked(stream);
    }
    int64_t limit = flightrec_wait_limit(timeout_ns);
    int32_t status = FLIGHTREC_TIMEOUT;
    for (int in_time = 1; status == FLIGHTREC_TIMEOUT; ) {
        if (stream->flush_done >= flush->number && flush->completed == 0) {
            flush->completed = window->added;
        }
        uint64_t consumed = window->added - window->waiting - window->lent_count;
        if (window->ended || window->closed) {
            status = flightrec_window_outcome_locked(window, error);
            status = status == FLIGHTREC_OK ? FLIGHTREC_ENDED : status;
        } else if (stream->flush_done >= flush->number && consumed >= flush->completed) {
            status = FLIGHTREC_OK;
        } else if (in_time) {
            in_time = flightrec_wait(&stream->changed, &stream->mutex, limit);
        } else {
            break;
        }
    }
    leave(window);
    return status;
}

int32_t flightrec_session_hold(uint64_t session, const flightrec_generation **generations,
                               size_t capacity, size_t *count, flightrec_error *error) {
    *count = 0;
    flightrec_window *window = enter(session, error);
    if (window == NULL) {
        return FLIGHTREC_UNKNOWN;
    }
    *count = window->count;
    int fits = *count <= capacity;
    if (fits) {
        flightrec_generations_hold(window->generations, *count, generations);
    }
    leave(window);
    return fits ? FLIGHTREC_OK
                : flightrec_fail(error, FLIGHTREC_SHORT, "more generations than capacity");
}

int32_t flightrec_session_stop(uint64_t session, int64_t timeout_ns, flightrec_error *error) {
    flightrec_window *window = enter(session, error);
    if (window == NULL) {
        return FLIGHTREC_UNKNOWN;
    }
    flightrec_window_leave_locked(window);
    int64_t limit = flightrec_wait_limit(timeout_ns);
    for (int in_time = 1; !window->ended && in_time; ) {
        in_time = flightrec_wait(&window->stream->changed, &window->stream->mutex, limit);
    }
    int ended = window->ended;
    leave(window);
    return ended ? FLIGHTREC_OK : flightrec_fail(error, FLIGHTREC_TIMEOUT, "the session has not ended yet");
}

int32_t flightrec_session_close(uint64_t session, flightrec_error *error) {
    flightrec_window *window = enter(session, error);
    if (window == NULL) {
        return FLIGHTREC_UNKNOWN;
    }
    if (!window->closed) { /* nobody else has found it at the same time, and was first */
        window->closed = 1;
        flightrec_window_leave_locked(window);
        flightrec_window_evict_locked(window, window->count);
        pthread_cond_broadcast(&window->stream->changed);
        unregister(window);
        __atomic_sub_fetch(&window->references, 1, __ATOMIC_ACQ_REL); /* leave has another one */
    }
    leave(window);
    return FLIGHTREC_OK;
}

static uint64_t load(const uint64_t *shared) { return __atomic_load_n(shared, __ATOMIC_SEQ_CST); }

int32_t flightrec_session_stats(uint64_t session, flightrec_session_statistics *out,
                                flightrec_error *error) {
    flightrec_window *window = enter(session, error);
    if (window == NULL) {
        return FLIGHTREC_UNKNOWN;
    }
    const flightrec_stream *stream = window->stream;
    *out = (flightrec_session_statistics){
        .window_bytes = flightrec_window_bytes_locked(window) + window->active,
        .peak_window_bytes = window->peak,
        .ring_bytes = window->kept,
        .generations = window->count,
        .active_bytes = window->active,
        .total_bytes = load(&stream->total_bytes),
        .total_batches = load(&stream->total_batches),
        .total_generations = load(&stream->total_generations),
        .early_advances = load(&stream->early_advances),
        .advance_bytes = load(&stream->advance_bytes),
        .overhead_bytes = load(&stream->overhead_bytes),
        .dropped_generations = window->dropped,
        .over_ceiling_generations = window->over_ceiling,
        .deliveries = window->deliveries,
        .native_bytes = flightrec_blocks_mapped(),
    };
    for (size_t i = 0; i < window->count; i++) {
        const flightrec_generation *each = window->generations[i];
        if (out->oldest_time == 0 || each->min_time < out->oldest_time) {
            out->oldest_time = each->min_time;
        }
        out->queued_bytes += i >= window->count - window->waiting ? each->bytes : 0;
    }
    leave(window);
    return FLIGHTREC_OK;
}
