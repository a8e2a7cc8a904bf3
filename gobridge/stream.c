#include "stream.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#ifdef __APPLE__ /* has no clock attribute for conditions */
#define WAIT_CLOCK CLOCK_REALTIME
#else
#define WAIT_CLOCK CLOCK_MONOTONIC
#endif

flightrec_stream *flightrec_stream_new(int wake) {
    flightrec_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL) {
        return NULL;
    }
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
#ifndef __APPLE__
    pthread_condattr_setclock(&attributes, WAIT_CLOCK);
#endif
    pthread_cond_init(&stream->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&stream->mutex, NULL);
    stream->references = 1;
    stream->wake = wake;
    return stream;
}

void flightrec_stream_put(flightrec_stream *stream) {
    if (__atomic_sub_fetch(&stream->references, 1, __ATOMIC_ACQ_REL) == 0) {
        pthread_cond_destroy(&stream->changed);
        pthread_mutex_destroy(&stream->mutex);
        free(stream);
    }
}

void flightrec_stream_flushed(flightrec_stream *stream, uint64_t flush) {
    pthread_mutex_lock(&stream->mutex);
    stream->flush_done = flush;
    pthread_mutex_unlock(&stream->mutex);
    pthread_cond_broadcast(&stream->changed);
}

void flightrec_stream_deaf(flightrec_stream *stream) {
    pthread_mutex_lock(&stream->mutex);
    stream->wake = -1;
    pthread_mutex_unlock(&stream->mutex);
}

/* Two ways lead to Go: the trace reader looks at the word with each chunk, and a goroutine that the
 * network poller wakes reads the descriptor. Either may be late, on an idle trace or on a busy
 * scheduler; hardly ever both. */
void flightrec_stream_ask_locked(flightrec_stream *stream) {
    __atomic_add_fetch(&stream->requests, 1, __ATOMIC_SEQ_CST);
    if (stream->wake >= 0) {
        ssize_t written = write(stream->wake, "", 1); /* a full pipe has woken Go already */
        (void)written;
    }
}

int64_t flightrec_now_ns(void) {
    struct timespec now;
    clock_gettime(WAIT_CLOCK, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int flightrec_stream_wait_locked(flightrec_stream *stream, int64_t until_ns) {
    if (until_ns < 0) {
        return pthread_cond_wait(&stream->changed, &stream->mutex) == 0;
    }
    struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000),
                             .tv_nsec = (long)(until_ns % 1000000000)};
    return pthread_cond_timedwait(&stream->changed, &stream->mutex, &until) != ETIMEDOUT;
}
