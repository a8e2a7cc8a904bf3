/* The recording part of the C ABI, but for what enters Go (exports.go): each function finds the
 * session's window by its handle, and has a reference to it for as long as it runs. */
#include <stdio.h>
#include <string.h>

#include "blocks.h"
#include "generation.h"
#include "stream_internal.h"

/* ---- from a handle to a window */

static pthread_mutex_t registering = PTHREAD_MUTEX_INITIALIZER;
static flightrec_window **registered;
static size_t registered_count, registered_capacity;
static uint64_t last_session;

int flightrec_session_register(flightrec_window *window) {
    pthread_mutex_lock(&registering);
    int failed = flightrec_reserve(&registered, &registered_capacity, registered_count + 1);
    if (!failed) {
        window->session = ++last_session;
        registered[registered_count++] = window;
        __atomic_add_fetch(&window->references, 1, __ATOMIC_RELAXED);
    }
    pthread_mutex_unlock(&registering);
    return failed;
}

/* Removes a window, whose reference is the caller's then. Returns whether it was there. */
static int unregister(flightrec_window *window) {
    int found = 0;
    pthread_mutex_lock(&registering);
    for (size_t i = 0; i < registered_count && !found; i++) {
        if (registered[i] == window) {
            registered[i] = registered[--registered_count];
            found = 1;
        }
    }
    pthread_mutex_unlock(&registering);
    return found;
}

static int32_t fail(flightrec_error *error, int32_t status, const char *text) {
    if (error != NULL) {
        error->offset = -1;
        error->generation = 0;
        strncpy(error->text, text, sizeof error->text - 1);
        error->text[sizeof error->text - 1] = 0;
    }
    return status;
}

/* Returns a reference to the window of a session; NULL and an error if there is none. */
static flightrec_window *find(uint64_t session, flightrec_error *error) {
    flightrec_window *found = NULL;
    pthread_mutex_lock(&registering);
    for (size_t i = 0; i < registered_count && found == NULL; i++) {
        if (registered[i]->session == session) {
            found = registered[i];
            __atomic_add_fetch(&found->references, 1, __ATOMIC_RELAXED);
        }
    }
    pthread_mutex_unlock(&registering);
    if (found == NULL) {
        char text[64];
        snprintf(text, sizeof text, "unknown session %llu", (unsigned long long)session);
        fail(error, FLIGHTREC_UNKNOWN, text);
    }
    return found;
}

uint64_t flightrec_session_count(void) {
    pthread_mutex_lock(&registering);
    uint64_t count = registered_count;
    pthread_mutex_unlock(&registering);
    return count;
}

/* ---- what the header declares */

int32_t flightrec_session_deliver(uint64_t session, flightrec_consumer consumer, void *context,
                                  flightrec_error *error) {
    flightrec_window *window = find(session, error);
    if (window == NULL) {
        return FLIGHTREC_UNKNOWN;
    }
    int32_t status = flightrec_window_deliver(window, consumer, context, error);
    flightrec_window_put(window);
    return status;
}

int32_t flightrec_session_reserve(uint64_t session, uint64_t nbytes, flightrec_error *error) {
    flightrec_window *window = find(session, error);
    if (window == NULL) {
        return FLIGHTREC_UNKNOWN;
    }
    pthread_mutex_lock(&window->stream->mutex);
    window->reserving = nbytes;
    pthread_mutex_unlock(&window->stream->mutex);
    flightrec_window_put(window);
    return FLIGHTREC_OK;
}

int32_t flightrec_session_flush(uint64_t session, uint64_t *flush, flightrec_error *error) {
    flightrec_window *window = find(session, error);
    if (window == NULL) {
        return FLIGHTREC_UNKNOWN;
    }
    flightrec_stream *stream = window->stream;
    pthread_mutex_lock(&stream->mutex);
    *flush = __atomic_add_fetch(&stream->words.flush_wanted, 1, __ATOMIC_SEQ_CST);
    flightrec_stream_ask_locked(stream);
    pthread_mutex_unlock(&stream->mutex);
    flightrec_window_put(window);
    return FLIGHTREC_OK;
}

static int64_t limit_of(int64_t timeout_ns) {
    return timeout_ns < 0 ? -1 : flightrec_now_ns() + timeout_ns;
}

int32_t flightrec_session_flush_wait(uint64_t session, uint64_t flush, uint64_t *generation,
                                     int64_t timeout_ns, flightrec_error *error) {
    flightrec_window *window = find(session, error);
    if (window == NULL) {
        return FLIGHTREC_UNKNOWN;
    }
    flightrec_stream *stream = window->stream;
    int64_t limit = limit_of(timeout_ns);
    int32_t status = FLIGHTREC_TIMEOUT;
    int in_time = 1;
    pthread_mutex_lock(&stream->mutex);
    for (;;) {
        int done = stream->flush_done >= flush;
        if (done && *generation == 0) {
            *generation = stream->flush_generation;
        }
        if (window->ended || window->closed) {
            status = window->status != FLIGHTREC_OK ? window->status : FLIGHTREC_ENDED;
            if (error != NULL) {
                *error = window->why;
            }
            break;
        }
        if (done && flightrec_window_settled_locked(window, *generation)) {
            status = FLIGHTREC_OK;
            break;
        }
        if (!in_time) {
            break;
        }
        in_time = flightrec_stream_wait_locked(stream, limit);
    }
    pthread_mutex_unlock(&stream->mutex);
    flightrec_window_put(window);
    return status;
}

int32_t flightrec_session_header(uint64_t session, uint8_t *header, flightrec_error *error) {
    flightrec_window *window = find(session, error);
    if (window == NULL) {
        return FLIGHTREC_UNKNOWN;
    }
    flightrec_stream *stream = window->stream;
    pthread_mutex_lock(&stream->mutex);
    int known = stream->has_header;
    memcpy(header, stream->header, sizeof stream->header);
    pthread_mutex_unlock(&stream->mutex);
    flightrec_window_put(window);
    return known ? FLIGHTREC_OK : fail(error, FLIGHTREC_TIMEOUT, "nothing was traced yet");
}

int32_t flightrec_session_hold(uint64_t session, uint64_t number,
                               const flightrec_generation **generations, size_t capacity,
                               size_t *count, flightrec_error *error) {
    *count = 0;
    flightrec_window *window = find(session, error);
    if (window == NULL) {
        return FLIGHTREC_UNKNOWN;
    }
    pthread_mutex_lock(&window->stream->mutex);
    size_t begin = 0, end = window->count;
    if (number != 0) {
        begin = flightrec_window_index_locked(window, number);
        end = begin < end ? begin + 1 : begin;
    }
    *count = end - begin;
    int fits = *count <= capacity;
    for (size_t i = begin; fits && i < end; i++) {
        generations[i - begin] = window->generations[window->first + i];
        flightrec_generation_hold(generations[i - begin]);
    }
    pthread_mutex_unlock(&window->stream->mutex);
    flightrec_window_put(window);
    return fits ? FLIGHTREC_OK : fail(error, FLIGHTREC_SHORT, "more generations than capacity");
}

/* Asks Go to end the session, once. */
static void leave(flightrec_window *window) {
    pthread_mutex_lock(&window->stream->mutex);
    if (!window->ended && !window->words.leaving) {
        __atomic_store_n(&window->words.leaving, 1, __ATOMIC_SEQ_CST);
        flightrec_stream_ask_locked(window->stream);
    }
    pthread_mutex_unlock(&window->stream->mutex);
}

int32_t flightrec_session_stop(uint64_t session, flightrec_error *error) {
    flightrec_window *window = find(session, error);
    if (window == NULL) {
        return FLIGHTREC_UNKNOWN;
    }
    leave(window);
    flightrec_window_put(window);
    return FLIGHTREC_OK;
}

int32_t flightrec_session_stop_wait(uint64_t session, int64_t timeout_ns, flightrec_error *error) {
    flightrec_window *window = find(session, error);
    if (window == NULL) {
        return FLIGHTREC_UNKNOWN;
    }
    int64_t limit = limit_of(timeout_ns);
    int in_time = 1;
    pthread_mutex_lock(&window->stream->mutex);
    while (!window->ended && in_time) {
        in_time = flightrec_stream_wait_locked(window->stream, limit);
    }
    int ended = window->ended;
    pthread_mutex_unlock(&window->stream->mutex);
    flightrec_window_put(window);
    return ended ? FLIGHTREC_OK : fail(error, FLIGHTREC_TIMEOUT, "the session has not ended yet");
}

int32_t flightrec_session_close(uint64_t session, flightrec_error *error) {
    flightrec_window *window = find(session, error);
    if (window == NULL) {
        return FLIGHTREC_UNKNOWN;
    }
    leave(window);
    pthread_mutex_lock(&window->stream->mutex);
    window->closed = 1;
    flightrec_window_evict_locked(window, window->count);
    pthread_mutex_unlock(&window->stream->mutex);
    pthread_cond_broadcast(&window->stream->changed);
    if (unregister(window)) {
        flightrec_window_put(window);
    }
    flightrec_window_put(window);
    return FLIGHTREC_OK;
}

static uint64_t load(const uint64_t *word) { return __atomic_load_n(word, __ATOMIC_SEQ_CST); }

int32_t flightrec_session_stats(uint64_t session, flightrec_session_statistics *out,
                                flightrec_error *error) {
    flightrec_window *window = find(session, error);
    if (window == NULL) {
        return FLIGHTREC_UNKNOWN;
    }
    flightrec_stream *stream = window->stream;
    const flightrec_stream_words *words = &stream->words;
    pthread_mutex_lock(&stream->mutex);
    /* The active generation becomes part of the window after it is the active one no more. */
    uint64_t active = load(&window->words.joined) ? load(&words->active_bytes) : 0;
    *out = (flightrec_session_statistics){
        .window_bytes = load(&window->words.kept) + active,
        .peak_window_bytes = load(&window->words.peak),
        .kept_bytes = window->kept,
        .kept_generations = window->count,
        .active_generation = load(&words->active_generation),
        .active_bytes = active,
        .active_min_time = load(&words->active_min_time),
        .bytes = load(&words->bytes),
        .batches = load(&words->batches),
        .generations = load(&words->generations),
        .early_advances = load(&words->early_advances),
        .advance_bytes = load(&words->advance_bytes),
        .overhead_bytes = load(&words->overhead_bytes),
        .dropped_generations = window->dropped,
        .over_ceiling_generations = window->over_ceiling,
        .deliveries = window->deliveries,
        .mapped_bytes = flightrec_blocks_mapped(),
    };
    for (size_t i = 0; i < window->count; i++) {
        const flightrec_generation *each = window->generations[window->first + i];
        if (out->oldest_time == 0 || each->min_time < out->oldest_time) {
            out->oldest_time = each->min_time;
        }
        out->waiting_bytes += i >= window->count - window->waiting ? each->bytes : 0;
    }
    pthread_mutex_unlock(&stream->mutex);
    flightrec_window_put(window);
    return FLIGHTREC_OK;
}
