/* Everybody does everything to the C half of the bridge at once, without Go: what a sanitizer then
 * finds is a fault. Usage: stress ROUNDS. Prints what was done; exits with 1 if anything is left. */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "blocks.h"
#include "generation.h"
#include "stream.h"

#define WINDOWS 2
#define HOLDERS 3

typedef struct {
    flightrec_stream *stream;
    flightrec_window *windows[WINDOWS];
    uint64_t sessions[WINDOWS];
    int over; /* read and written atomically */
    uint64_t generations, held, deliveries, flushes;
} round_state;

static unsigned next_random(unsigned *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 16;
}

static void count(uint64_t *counter) { __atomic_add_fetch(counter, 1, __ATOMIC_RELAXED); }

static int is_over(round_state *state) { return __atomic_load_n(&state->over, __ATOMIC_SEQ_CST); }

/* What Go does: writes generations, evicts, answers flushes, and ends sessions that are to end. */
static void *write_generations(void *argument) {
    round_state *state = argument;
    unsigned seed = 1;
    int ended[WINDOWS] = {0};
    for (uint64_t number = 1; number < 400; number++) {
        size_t blocks = 1 + next_random(&seed) % 3;
        flightrec_segment segments[3];
        uint64_t bytes = 0;
        for (size_t i = 0; i < blocks; i++) {
            void *block = flightrec_block_get();
            size_t used = 1 + next_random(&seed) % (i + 1 < blocks ? 200000 : 3000);
            memset(block, (int)(number & 0xff), used);
            segments[i] = (flightrec_segment){block, used};
            bytes += used;
            for (int w = 0; w < WINDOWS; w++) {
                if (!ended[w]) {
                    flightrec_window_make_room(state->windows[w], number, bytes);
                }
            }
        }
        flightrec_generation facts = {
            .number = number, .bytes = bytes, .batches = 1, .min_time = number, .frequency = 1};
        const flightrec_generation *made = flightrec_generation_new(&facts, segments, blocks);
        uint64_t wanted = __atomic_load_n(&state->stream->flush_wanted, __ATOMIC_SEQ_CST);
        for (int w = 0; w < WINDOWS; w++) {
            if (ended[w]) {
                continue;
            }
            flightrec_window_add(state->windows[w], made);
            if (__atomic_load_n(&state->windows[w]->leaving, __ATOMIC_SEQ_CST)) {
                flightrec_window_end(state->windows[w], FLIGHTREC_OK, NULL);
                ended[w] = 1;
            }
        }
        flightrec_generations_release(&made, 1);
        flightrec_stream_flushed(state->stream, wanted);
        count(&state->generations);
        usleep(200);
    }
    for (int w = 0; w < WINDOWS; w++) {
        flightrec_window_end(state->windows[w], FLIGHTREC_OK, NULL);
    }
    __atomic_store_n(&state->over, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static int64_t consume(void *context, const flightrec_generation *const *generations, size_t many,
                       uint64_t oldest, uint64_t *elsewhere) {
    round_state *state = context;
    count(&state->deliveries);
    const flightrec_generation *newest = generations[many - 1];
    for (size_t i = 0; i < many; i++) {
        const unsigned char *first = generations[i]->segments[0].data;
        if (*first != (generations[i]->number & 0xff)) {
            abort();
        }
    }
    if (newest->number % 397 == 0) {
        return INT64_MIN;
    }
    (void)oldest;
    *elsewhere = newest->number * 100;
    return newest->number > 5 ? (int64_t)newest->number - 5 : 0;
}

typedef struct {
    round_state *state;
    uint64_t session;
    unsigned seed;
} caller;

static void *deliver(void *argument) {
    caller *self = argument;
    flightrec_error error;
    flightrec_session_deliver(self->session, consume, self->state, &error);
    return NULL;
}

typedef struct {
    const flightrec_generation **references;
    size_t count;
} releasing;

static void *release(void *argument) {
    releasing *self = argument;
    flightrec_generations_release(self->references, self->count);
    return NULL;
}

/* What Python's threads do. */
static void *call(void *argument) {
    caller *self = argument;
    const flightrec_generation *held[64], *part[64];
    flightrec_error error;
    while (!is_over(self->state)) {
        size_t many = 0;
        memset(held, 0, sizeof held);
        if (flightrec_session_hold(self->session, held, 64, &many, &error) == FLIGHTREC_OK) {
            count(&self->state->held);
            flightrec_generations_hold(held, many, part);
            flightrec_generations_release(held, 64);
            for (size_t i = 0; i < many; i++) {
                const flightrec_segment *last = &part[i]->segments[part[i]->count - 1];
                if (((const unsigned char *)last->data)[last->bytes - 1] != (part[i]->number & 0xff)) {
                    abort();
                }
            }
            pthread_t other; /* two threads release the same references */
            releasing both = {part, many};
            pthread_create(&other, NULL, release, &both);
            flightrec_generations_release(part, many);
            pthread_join(other, NULL);
        }
        flightrec_flush flush = {0};
        flightrec_session_flush(self->session, &flush, next_random(&self->seed) % 300000, &error);
        count(&self->state->flushes);
        flightrec_session_statistics statistics;
        flightrec_session_stats(self->session, &statistics, &error);
        if (next_random(&self->seed) % 2000 == 0) {
            flightrec_session_stop(self->session, 100000, &error);
        }
        if (next_random(&self->seed) % 4000 == 0) {
            flightrec_session_close(self->session, &error);
        }
    }
    return NULL;
}

int main(int argc, char **argv) {
    int rounds = argc > 1 ? atoi(argv[1]) : 10;
    for (int round = 0; round < rounds; round++) {
        int pipes[2];
        if (pipe(pipes) != 0) {
            return 2;
        }
        round_state state = {.stream = flightrec_stream_new(pipes[1])};
        pthread_t writer, consumers[WINDOWS], callers[WINDOWS * HOLDERS];
        caller selves[WINDOWS * HOLDERS], takers[WINDOWS];
        for (int w = 0; w < WINDOWS; w++) {
            flightrec_options options = {
                .ceiling = 1 << 20, .flags = w == 1 ? FLIGHTREC_OPTION_STRICT : 0};
            state.windows[w] = flightrec_window_new(state.stream, &options, 0);
            state.sessions[w] = state.windows[w]->session;
            takers[w] = (caller){&state, state.sessions[w], 0};
            pthread_create(&consumers[w], NULL, deliver, &takers[w]);
        }
        for (int i = 0; i < WINDOWS * HOLDERS; i++) {
            selves[i] = (caller){&state, state.sessions[i % WINDOWS], (unsigned)(round * 31 + i)};
            pthread_create(&callers[i], NULL, call, &selves[i]);
        }
        pthread_create(&writer, NULL, write_generations, &state);
        char buffer[4096]; /* Go reads the requests */
        while (!is_over(&state)) {
            struct pollfd readable = {.fd = pipes[0], .events = POLLIN};
            if (poll(&readable, 1, 10) > 0 && read(pipes[0], buffer, sizeof buffer) <= 0) {
                break;
            }
        }
        flightrec_stream_deaf(state.stream);
        pthread_join(writer, NULL);
        for (int i = 0; i < WINDOWS * HOLDERS; i++) {
            pthread_join(callers[i], NULL);
        }
        for (int w = 0; w < WINDOWS; w++) {
            flightrec_session_close(state.sessions[w], NULL);
            pthread_join(consumers[w], NULL);
            flightrec_window_put(state.windows[w]);
        }
        flightrec_stream_put(state.stream);
        close(pipes[0]);
        close(pipes[1]);
        printf("%llu generations, %llu deliveries, %llu holds, %llu flushes\n",
               (unsigned long long)state.generations, (unsigned long long)state.deliveries,
               (unsigned long long)state.held, (unsigned long long)state.flushes);
    }
    printf("left: %llu sessions, %llu generations, %llu bytes\n",
           (unsigned long long)flightrec_session_count(),
           (unsigned long long)flightrec_generation_count(),
           (unsigned long long)flightrec_blocks_mapped());
    return flightrec_session_count() || flightrec_generation_count() || flightrec_blocks_mapped();
}
