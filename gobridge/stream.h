/* A stream of complete generations, and the windows of the sessions that take it. Go writes the
 * stream: one for the runtime's tracer, one for each replay. All of this is C's, so that no thread
 * has to enter Go to take, hold or evict a generation: a thread that enters Go waits for a P, and
 * beside goroutines that use all of them it does so for tens of milliseconds. */
#ifndef FLIGHTREC_STREAM_H
#define FLIGHTREC_STREAM_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "include/gobridge.h"

/* How many generations a consumer is given at a time. */
#define FLIGHTREC_LENT 64

/* Lock order: a stream's mutex, then the registry's or the pool's. */
typedef struct {
    pthread_mutex_t mutex;  /* for flush_done and wake, and for the windows of this stream */
    pthread_cond_t changed; /* a generation came, a consumer is done, a flush is done, a session ended */
    uint64_t references;    /* Go's, and one of each window */
    int wake;
    uint64_t flush_done; /* the number of the latest flush that was answered */
    /* Read and written atomically. C writes these two, */
    uint64_t requests;     /* how often Go was asked for something: a flush, the end of a session */
    uint64_t flush_wanted; /* the number of the latest flush */
    /* and Go those, which are as in flightrec_session_statistics. */
    uint64_t total_bytes;
    uint64_t total_batches;
    uint64_t total_generations;
    uint64_t early_advances;
    uint64_t advance_bytes;
    uint64_t overhead_bytes;
} flightrec_stream;

typedef struct flightrec_window {
    flightrec_stream *stream;
    uint64_t references; /* Go's, the registry's, and one of each call that runs */
    uint64_t session;    /* its handle */
    struct flightrec_window *next; /* the registry's */
    uint64_t max_bytes, ceiling; /* its session's options */
    int strict;
    int ended;
    int closed;
    uint64_t leaving; /* the session is to end; Go reads it atomically */
    int32_t status;   /* how it ended */
    flightrec_error why;

    const flightrec_generation **generations; /* the ring, oldest first */
    size_t count, capacity;
    size_t waiting; /* how many of the newest the consumer was not given */
    uint64_t added; /* how many there ever were */
    uint64_t kept;  /* bytes of all */
    uint64_t active;  /* bytes of the active generation, if the window takes part in it */
    uint64_t outside; /* the number of the active generation if it does not, or an older one's */
    uint64_t peak;    /* the most bytes there ever were */
    /* What the consumer looks at, with references of its own. */
    const flightrec_generation *lent[FLIGHTREC_LENT];
    size_t lent_count;
    uint64_t lent_evicted; /* bytes of those that left the ring meanwhile */
    uint64_t elsewhere;     /* bytes that the consumer has copied */

    uint64_t dropped, over_ceiling, deliveries;
} flightrec_window;

/* ---- the stream: what Go does */

/* wake: a descriptor of which Go reads the other end. Each request writes a byte to it. Returns NULL
 * if there is no memory. */
flightrec_stream *flightrec_stream_new(int wake);

/* The flushes up to this number are done: the windows have what they completed. */
void flightrec_stream_flushed(flightrec_stream *stream, uint64_t flush);

/* Go reads no more: from now on nothing is written to the descriptor. */
void flightrec_stream_deaf(flightrec_stream *stream);

/* Gives up Go's reference. */
void flightrec_stream_put(flightrec_stream *stream);

/* ---- a window: what Go does */

/* active: the number of the active generation, in which the window does not take part; 0 if there is
 * none. Returns NULL if there is no memory. The caller and the session that it opens have a
 * reference. */
flightrec_window *flightrec_window_new(flightrec_stream *stream, const flightrec_options *options,
                                       uint64_t active);

/* The active generation, with this number, is to have so many bytes. Evicts the oldest generations
 * until it fits beside the rest below the ceiling, or only the newest is left; with OPTION_STRICT that
 * one too, and then the active one is lost. Returns whether the window takes part in it. */
int flightrec_window_make_room(flightrec_window *window, uint64_t number, uint64_t bytes);

/* Completes the active generation, of which the window takes a reference if it takes part in it.
 * Returns 0, or -1 if there is no memory. */
int flightrec_window_add(flightrec_window *window, const flightrec_generation *generation);

/* Nothing more comes. The first call counts. */
void flightrec_window_end(flightrec_window *window, int32_t status, const flightrec_error *why);

/* Gives up Go's reference. */
void flightrec_window_put(flightrec_window *window);

/* ---- between stream.c, window.c and session.c */

/* Gives a window its handle, and the registry a reference. */
void flightrec_session_register(flightrec_window *window);

/* The rest is called with the stream's mutex held. */

/* flightrec_session_deliver; the mutex is free while the consumer runs. */
int32_t flightrec_window_deliver_locked(flightrec_window *window, flightrec_consumer consumer,
                                        void *context, flightrec_error *error);

/* How the session ended; fills error if it was for one. */
int32_t flightrec_window_outcome_locked(const flightrec_window *window, flightrec_error *error);

/* What the window has beside the active generation, in bytes. */
uint64_t flightrec_window_bytes_locked(const flightrec_window *window);

/* Evicts the oldest count generations. */
void flightrec_window_evict_locked(flightrec_window *window, size_t count);

/* Fills error with a text, and returns status. */
int32_t flightrec_fail(flightrec_error *error, int32_t status, const char *text);

/* Asks Go to end the session, once. */
void flightrec_window_leave_locked(flightrec_window *window);

/* Asks Go to look at what is wanted. */
void flightrec_stream_ask_locked(flightrec_stream *stream);

#endif
