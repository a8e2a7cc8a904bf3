/*
 * The C ABI of the flightrec bridge: how Python drives a flight recorder inside a Go runtime.
 *
 * This file is the contract. flightrec/abi.py mirrors it for ctypes, and a test compares the two. An
 * incompatible change raises FLIGHTREC_ABI_VERSION.
 *
 * In general
 *   - Every function may be called from any thread, unless it says otherwise. None may be called
 *     in a child process after fork: the Go runtime has no threads there, and most would hang.
 *   - Functions that can fail return a flightrec_status. On anything but FLIGHTREC_OK they fill
 *     *error, which the caller owns and which may be NULL. A Go panic never leaves a function: it
 *     becomes FLIGHTREC_PANIC, with the Go stack in the text.
 *   - Texts are UTF-8. Those passed in are read during the call only. Those passed out go into a
 *     buffer that the caller owns: *length is set to the length of the text, and if that is more
 *     than capacity, nothing is written and the result is FLIGHTREC_SHORT.
 *   - Times and frequencies are in units of the trace clock and those per second; durations in ns.
 *   - Handles are small numbers, never 0, and never used twice. An unknown one gives
 *     FLIGHTREC_UNKNOWN.
 */
#ifndef FLIGHTREC_GOBRIDGE_H
#define FLIGHTREC_GOBRIDGE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FLIGHTREC_ABI_VERSION 7

typedef enum {
    FLIGHTREC_OK = 0,
    FLIGHTREC_UNKNOWN = 1,   /* no such handle, workload or generation */
    FLIGHTREC_CONFLICT = 3,  /* someone else traces this runtime, or stopped our trace */
    FLIGHTREC_ENDED = 4,     /* the session has ended */
    FLIGHTREC_BROKEN = 5,    /* the runtime's stream is not a trace; offset and generation say where */
    FLIGHTREC_SHORT = 6,     /* the caller's buffer is too small */
    FLIGHTREC_TIMEOUT = 7,
    FLIGHTREC_FAILED = 8,    /* the workload returned an error */
    FLIGHTREC_PANIC = 9,     /* Go code panicked; it was recovered */
    FLIGHTREC_CANCELLED = 10,/* the workload returned because it was cancelled */
    FLIGHTREC_REFUSED = 11,  /* the consumer's callback returned less than 0 */
    FLIGHTREC_ERROR = 12     /* anything else; the text says what */
} flightrec_status;

typedef struct {
    int64_t offset;      /* of the trouble in the stream, bytes; -1 where there is none */
    uint64_t generation; /* of the trace; 0 where unknown */
    char text[4080];     /* ends with a 0 byte; cut if it has to be */
} flightrec_error;

typedef const char *flightrec_text;

/* ---- the library -------------------------------------------------------------------------- */

/* FLIGHTREC_ABI_VERSION of the library. Never fails. */
int32_t flightrec_abi_version(void);

/* What can be known of the library, as JSON. what is one of
 *   "runtime"    {"go_version", "overlays", "clock_units_per_second"}: runtime.Version(); the names of
 *                the changes of Go's own sources that the library was built with (docs/overlays.md);
 *                and the trace clock's, 0 where only a trace tells (Windows)
 *   "workloads"  the registered workloads, as an array of
 *                {"name", "summary", "arguments": null or [{"name", "type", "default", "help"}]}
 *   "metrics"    all of runtime/metrics, as an array of {"name", "kind" ("uint64", "float64",
 *                "histogram"), "cumulative", "description"}
 *   "open"       the open tasks and regions of runtime/trace that began while flightrec_news_watch asked
 *                for them, at most 1000 of each, as an array of {"kind": "task", "id", "parent", "name",
 *                "start_ns"} and {"kind": "region", "task", "name", "start_ns"}
 * FLIGHTREC_UNKNOWN: it is not. */
int32_t flightrec_describe(flightrec_text what, char *text, size_t capacity, size_t *length,
                           flightrec_error *error);

/* The trace clock (runtime.traceClockNow). Never fails. */
uint64_t flightrec_clock_now(void);

/* os.Setenv. With value NULL, os.Unsetenv. */
int32_t flightrec_setenv(flightrec_text name, flightrec_text value, flightrec_error *error);

/* ---- recording ----------------------------------------------------------------------------
 *
 * A session is one consumer of the runtime's trace, with a window of its own: complete generations,
 * oldest first, and beside them the generation that the runtime is writing, the active one. The
 * runtime has one tracer; all sessions share it, and a generation that several of them have is in
 * memory once. It runs while there is a session.
 *
 * Of these functions only session_open and session_feed enter Go. The others need neither a P nor a
 * running scheduler: they work while the Go runtime is stuck.
 */

#define FLIGHTREC_OPTION_ALLOCFREE 1 /* record the AllocFree experiment (Go 1.23 and later) */
#define FLIGHTREC_OPTION_REPLAY 2    /* no tracer; chunks come from flightrec_session_feed */
#define FLIGHTREC_OPTION_STRICT 4    /* nothing may exceed the ceiling: see ceiling */

typedef struct {
    uint64_t max_bytes; /* end generations early, so that a window of this size has several; 0:
                         * they end when the runtime ends them, about once a second */
    uint64_t ceiling;   /* for all of the window together; 0 for none. The oldest generations
                         * are evicted to stay below it. The newest complete one always stays, and
                         * the active one may outgrow it; with OPTION_STRICT both are dropped then. */
    uint32_t flags;     /* FLIGHTREC_OPTION_* */
    uint32_t reserved;
} flightrec_options;

/* A piece of a generation: batches in order. */
typedef struct {
    const void *data;
    size_t bytes;
} flightrec_segment;

/* A complete generation. It is immutable, and its memory stays where it is until the last reference
 * is released. References do not belong to a session, and outlive it. */
typedef struct {
    uint64_t number;    /* the runtime's */
    uint64_t bytes;     /* batch headers, and from Go 1.26 on the byte that ends it, included */
    uint64_t batches;
    uint64_t min_time;  /* smallest batch time, trace clock units */
    uint64_t end_time;  /* when it was known to be complete, trace clock units */
    uint64_t frequency; /* trace clock units per second, as the generation states it */
    uint8_t header[16]; /* of its trace */
    size_t count;       /* of the segments */
    const flightrec_segment *segments;
} flightrec_generation;

/* Takes generations that are complete, in order: those that it was not given before and that are
 * still in the window, so many at a time. oldest: the number of the window's oldest generation now; those before it
 * were evicted. *elsewhere: how many bytes the consumer has copied, which count as part of the window;
 * it may change that. The generations stay valid during the call. Returns the number of the newest
 * generation that the window may evict, together with all before it (as two's complement); 0: it
 * keeps all; INT64_MIN ends the session. */
typedef int64_t (*flightrec_consumer)(void *context, const flightrec_generation *const *generations,
                                      size_t count, uint64_t oldest, uint64_t *elsewhere);

/* Opens a session. The first one starts the runtime's tracer; for another one the active generation
 * is ended, so that it begins with one of its own. FLIGHTREC_CONFLICT: someone else traces.
 * FLIGHTREC_ERROR: the tracer runs without the experiment that is asked for, or has none. *session is
 * set last. */
int32_t flightrec_session_open(flightrec_options *options, uint64_t *session, flightrec_error *error);

/* Calls the consumer on this thread with each new generation. Returns when the session has ended and
 * everything is delivered, or it is closed. Called once a session, by one thread.
 * FLIGHTREC_OK: it was stopped; FLIGHTREC_CONFLICT, FLIGHTREC_BROKEN, FLIGHTREC_REFUSED,
 * FLIGHTREC_ERROR: its first error. */
int32_t flightrec_session_deliver(uint64_t session, flightrec_consumer consumer, void *context,
                                  flightrec_error *error);

/* A flush on its way; all 0 before the first call. */
typedef struct {
    uint64_t number;    /* of the flush, once it was asked for */
    uint64_t completed; /* how many generations the window has had, once it is done */
} flightrec_flush;

/* Ends the active generation (runtime.traceAdvance: once from Go 1.26 on, twice before) and waits
 * until the consumer is done with it and with all before it. timeout_ns < 0: no limit.
 * FLIGHTREC_TIMEOUT, after which one may wait again with the same flush; FLIGHTREC_ENDED, or the
 * session's first error. Not from the consumer. */
int32_t flightrec_session_flush(uint64_t session, flightrec_flush *flush, int64_t timeout_ns,
                                flightrec_error *error);

/* Takes a reference to each generation in the window, oldest first. *count: how many there are; if that
 * is more than capacity, nothing is taken, and FLIGHTREC_SHORT. */
int32_t flightrec_session_hold(uint64_t session, const flightrec_generation **generations,
                               size_t capacity, size_t *count, flightrec_error *error);

/* Takes another reference to each of count generations, and writes them to to. Never fails. */
void flightrec_generations_hold(const flightrec_generation **generations, size_t count,
                                const flightrec_generation **to);

/* Releases count references and sets them to NULL; those that are NULL are passed over. Several
 * threads may do so with the same array at once. Never fails. */
void flightrec_generations_release(const flightrec_generation **generations, size_t count);

/* With OPTION_REPLAY: hands a chunk to the session as the trace reader would. Not from two threads
 * at a time. FLIGHTREC_BROKEN: this chunk or one before it was refused. */
int32_t flightrec_session_feed(uint64_t session, void *chunk, size_t nbytes, flightrec_error *error);

/* Ends the session, which gets all that was written until then, and waits until nothing more comes
 * into its window. The last session takes the tracer with it. timeout_ns < 0: no limit.
 * FLIGHTREC_TIMEOUT: it goes on ending, and one may wait again. Why it has ended is deliver's result. */
int32_t flightrec_session_stop(uint64_t session, int64_t timeout_ns, flightrec_error *error);

/* Stops the session if necessary, empties its window and forgets it; does not wait. A deliver that
 * runs returns. */
int32_t flightrec_session_close(uint64_t session, flightrec_error *error);

typedef struct {
    uint64_t window_bytes;           /* ring, active generation, and what the consumer has elsewhere */
    uint64_t peak_window_bytes;      /* the most there ever was */
    uint64_t ring_bytes;             /* of complete generations in the window */
    uint64_t generations;            /* how many these are */
    uint64_t oldest_time;            /* smallest batch time in those; 0 if there is none */
    uint64_t queued_bytes;           /* of those that the consumer was not given yet */
    uint64_t active_bytes;
    uint64_t total_bytes;            /* ever written by the tracer, the header included */
    uint64_t total_batches;
    uint64_t total_generations;      /* completed */
    uint64_t early_advances;
    uint64_t advance_bytes;          /* the size at which generations are ended early; 0 for never */
    uint64_t overhead_bytes;         /* what they grow by after that, smoothed */
    uint64_t dropped_generations;    /* evicted before the consumer was given them, or too large */
    uint64_t over_ceiling_generations; /* completed while the window exceeded its ceiling */
    uint64_t deliveries;             /* calls of the consumer */
    uint64_t native_bytes;           /* memory of all sessions, idle blocks included */
} flightrec_session_statistics;

/* total_bytes to overhead_bytes are the tracer's: since it was started, for all its sessions. */
int32_t flightrec_session_stats(uint64_t session, flightrec_session_statistics *out,
                                flightrec_error *error);

/* How many sessions are open. Never fails. */
uint64_t flightrec_session_count(void);

/* How many complete generations are in memory, whoever holds them. Never fails. */
uint64_t flightrec_generation_count(void);

/* ---- workloads ---------------------------------------------------------------------------- */

/* Checks whether a workload accepts arguments, without running it.
 * FLIGHTREC_ERROR: it does not; the text says why.
 * FLIGHTREC_UNKNOWN: no such workload. */
int32_t flightrec_workload_check(flightrec_text name, flightrec_text arguments,
                                 flightrec_error *error);

/* Starts a workload on a goroutine of its own, under a number that the caller chooses: any but 0 that
 * was not used before. So the caller knows it before the workload can finish, which is news: see
 * flightrec_news_next. arguments: JSON. task: its context is that task's, and its goroutine is in a
 * region of that task; 0 for none.
 * FLIGHTREC_UNKNOWN: no such workload. */
int32_t flightrec_workload_start(flightrec_text name, flightrec_text arguments, uint64_t task,
                                 uint64_t workload, flightrec_error *error);

/* Cancels its context. Whether and when it returns is up to the workload. */
int32_t flightrec_workload_cancel(uint64_t workload, flightrec_error *error);

/* What a finished workload returned, as JSON; its handle is gone unless FLIGHTREC_SHORT. With text
 * NULL it is only forgotten.
 * FLIGHTREC_FAILED, FLIGHTREC_CANCELLED: its error is in *error. FLIGHTREC_PANIC: the panic's text
 * is in *error, its stack in text. */
int32_t flightrec_workload_result(uint64_t workload, char *text, size_t capacity, size_t *length,
                                  flightrec_error *error);

/* How many workloads run, or have finished and were not asked for their result. Never fails. */
uint64_t flightrec_workload_count(void);

/* ---- the end of the process ---------------------------------------------------------------- */

/* With watch 0 as before. Else, from now on a goroutine that calls os.Exit, panics with nobody to recover it, or causes a
 * fatal error (a concurrent map write, say) is news (flightrec_news_next), and waits for
 * flightrec_departure_go, but no longer than limit_ns (below 0: no limit); then it says so on
 * standard error and goes on. Others that want to end the process wait for the first to do so.
 * as_program: panics and fatal errors end the process with status 2, as
 * those of an ordinary Go program, and not by SIGABRT, and the workload "main" runs as a program's main
 * function: what it panics with is not recovered. Only in a library from flightrec build, which puts
 * the hooks into the Go runtime. */
int32_t flightrec_departure_watch(int32_t watch, int32_t as_program, int64_t limit_ns);

/* Lets that goroutine go on, which ends the process. */
int32_t flightrec_departure_go(void);

/* ---- annotations (runtime/trace) ----------------------------------------------------------
 *
 * The caller numbers tasks, regions and threads: any number but 0 that was not used before for the
 * same. To begin what has begun does nothing, so a call that was interrupted can be repeated.
 * Texts must not be longer than 1024 bytes: Go cuts longer ones, and ends the process for a name of
 * 64 KiB. */

/* Begins a task under parent, 0 for none. */
int32_t flightrec_task_begin(uint64_t task, uint64_t parent, flightrec_text name, flightrec_error *error);
int32_t flightrec_task_end(uint64_t task, flightrec_error *error);

/* A message, in a task or, with 0, in none. */
int32_t flightrec_log(uint64_t task, flightrec_text category, flightrec_text message, flightrec_error *error);

/* Begins a region in a task or, with 0, in none. thread is the number of the calling thread; with 0
 * the region is a task in the trace, for one that may not nest. Regions may end in any order, on any
 * thread: one that does not nest goes on as a task, and one that is left on another thread ends when
 * its own next begins or ends a region. */
int32_t flightrec_region_begin(uint64_t region, uint64_t thread, uint64_t task, flightrec_text name,
                               flightrec_error *error);
int32_t flightrec_region_end(uint64_t region, uint64_t thread, flightrec_error *error);

/* From one region to the next in one call, for those that follow each other on a thread under one
 * number: ends the region, if it goes on, and the task ended_task; begins the task, unless task_name
 * is NULL, and the region in it, unless name is NULL. Each task may be 0. With nests 0 the region is a
 * task in the trace. */
int32_t flightrec_region_next(uint64_t region, uint64_t thread, uint64_t ended_task, uint64_t task, uint64_t parent,
                              flightrec_text task_name, flightrec_text name, int32_t nests, flightrec_error *error);

/* A thread that began regions has ended. Never fails. */
int32_t flightrec_thread_end(uint64_t thread);

/* Names the threads: lines of a native thread id, a space and a name. With each flush, and
 * when a session begins, the bridge logs each line in the category flightrec.thread. Copied; replaces
 * what an earlier call said. Does not enter Go, and never fails: without memory it does nothing. */
void flightrec_thread_names(flightrec_text names);

/* ---- metrics (runtime/metrics) -------------------------------------------------------------- */

/* Reads metrics at one time. names: a JSON array. text gets a JSON array with a number for each, null
 * if it has none, and for a histogram {"counts": […]}; with buckets not 0 also {"buckets": […]}, one
 * more than counts, null where infinite; they stay the same while the program runs.
 * FLIGHTREC_UNKNOWN: there is no such metric. */
int32_t flightrec_metrics_read(flightrec_text names, int32_t buckets, char *text, size_t capacity,
                               size_t *length, flightrec_error *error);

/* ---- news from Go ---------------------------------------------------------------------------- */

#define FLIGHTREC_NEWS_TASK 1      /* a task of runtime/trace has ended (libraries of flightrec build) */
#define FLIGHTREC_NEWS_HTTP 2      /* a net/http server has answered (built with --instrument) */
#define FLIGHTREC_NEWS_REQUEST 4   /* gobridge.RequestSnapshot was called */
#define FLIGHTREC_NEWS_WORKLOAD 8  /* a workload has finished */
#define FLIGHTREC_NEWS_EXIT 16     /* a goroutine is about to call os.Exit */
#define FLIGHTREC_NEWS_PANIC 32    /* a panic or fatal error is about to end the process */
#define FLIGHTREC_NEWS_MARK 64     /* flightrec_news_mark was called */

typedef struct {
    uint32_t kind; /* FLIGHTREC_NEWS_* */
    uint32_t reserved;
    int64_t status;    /* of an HTTP answer, -1: none, or unknown; of an exit */
    uint64_t number;   /* of a workload, or a mark */
    uint64_t start_ns; /* of a task, an answer or a request, on the trace clock, in ns */
    uint64_t end_ns;
    char name[512]; /* of the task, method and route, or the reason; ends with a 0 byte; cut if necessary */
} flightrec_news;

/* Sets what news of tasks, answers and requests is wanted, in place of earlier wishes. wishes: a JSON
 * object with "tasks": whether open tasks are kept, to be listed and timed, and "wishes": an array of
 * objects {kind, glob, longer_than (ns, below 0 for never), status_from, status_to, any}. Whatever
 * matches one of them is news. At most 256 pieces of these kinds wait; further ones are dropped. */
int32_t flightrec_news_watch(flightrec_text wishes, flightrec_error *error);

/* Waits for the next piece of news of these kinds (FLIGHTREC_NEWS_* ORed); each is given once. The
 * thread waits in C, and neither holds nor needs any of Go's Ps. *dropped: how many ever were.
 * FLIGHTREC_ENDED: there is none, and flightrec_news_close was called. */
int32_t flightrec_news_next(uint32_t kinds, flightrec_news *news, uint64_t *dropped);

/* Puts a mark in, with a number of the caller's: who takes it has been given all that was news before,
 * if it takes that too. Returns 0 if nobody will be given it. Does not enter Go. */
int32_t flightrec_news_mark(uint64_t number);

/* For the end of the process: nothing becomes news any more, and no goroutine waits for the caller.
 * Never fails. Does not enter Go. */
void flightrec_news_close(void);

#ifdef __cplusplus
}
#endif

#endif
