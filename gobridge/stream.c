#include "stream.h"

#include <stdlib.h>
#include <unistd.h>

#include "wait.h"

flightrec_stream *flightrec_stream_new(int wake) {
    flightrec_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL) {
        return NULL;
    }
    flightrec_wait_init(&stream->changed);
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
