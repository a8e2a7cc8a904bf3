/* A stream of complete generations, and the windows of the sessions that take it. Go writes the
 * stream: one for the runtime's tracer, one for each replay. All of this is C's, so that no thread
 * has to enter Go to take, hold or evict a generation: a thread that enters Go waits for a P, and
 * beside goroutines that use all of them it does so for tens of milliseconds. */
#ifndef FLIGHTREC_STREAM_H
#define FLIGHTREC_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "include/gobridge.h"

typedef struct flightrec_stream flightrec_stream;
typedef struct flightrec_window flightrec_window;

/* Words that C and Go read and write atomically; each has one writer. */
typedef struct {
    uint64_t requests;     /* C: how often Go was asked for something: a flush, the end of a session */
    uint64_t flush_wanted; /* C: the number of the latest flush */
    /* Go: as in flightrec_session_statistics */
    uint64_t active_bytes;
    uint64_t total_bytes;
    uint64_t total_batches;
    uint64_t total_generations;
    uint64_t early_advances;
    uint64_t advance_bytes;
    uint64_t overhead_bytes;
} flightrec_stream_words;

typedef struct {
    uint64_t kept;    /* C: bytes of complete generations: the window's, what the consumer reads, and
                       * what it has elsewhere */
    uint64_t leaving; /* C: the session is to end */
    uint64_t peak;    /* Go: the most that window and active generation had together */
    uint64_t joined;  /* Go: the active generation is the window's too */
} flightrec_window_words;

/* ---- the stream: what Go does */

/* wake: a descriptor of which Go reads the other end. Each request writes a byte to it. Returns NULL
 * if there is no memory. */
flightrec_stream *flightrec_stream_new(int wake);
flightrec_stream_words *flightrec_stream_shared(flightrec_stream *stream);

/* The flushes up to this number are done: the windows have what they completed. */
void flightrec_stream_flushed(flightrec_stream *stream, uint64_t flush);

/* Go reads no more: from now on nothing is written to the descriptor. */
void flightrec_stream_deaf(flightrec_stream *stream);

/* Gives up Go's reference. */
void flightrec_stream_put(flightrec_stream *stream);

/* ---- a window: what Go does */

/* Returns NULL if there is no memory. The caller and the session that it opens have a reference. */
flightrec_window *flightrec_window_new(flightrec_stream *stream, uint64_t ceiling, int strict);
uint64_t flightrec_window_session(flightrec_window *window);
flightrec_window_words *flightrec_window_shared(flightrec_window *window);

/* Evicts the oldest generations until so many bytes fit beside the rest below the ceiling, or only
 * the newest is left; with OPTION_STRICT that one too. */
void flightrec_window_make_room(flightrec_window *window, uint64_t active);

/* Adds a complete generation, of which the window takes a reference. Returns 0, or -1 if there is no
 * memory. */
int flightrec_window_add(flightrec_window *window, const flightrec_generation *generation);

/* Counts a generation that was lost before it was complete. */
void flightrec_window_lose(flightrec_window *window);

/* Nothing more comes. The first call counts. */
void flightrec_window_end(flightrec_window *window, int32_t status, const flightrec_error *why);

/* Gives up Go's reference. */
void flightrec_window_put(flightrec_window *window);

#endif
