/* Many threads put news in the queue and take it at once, without Go: what a sanitizer then finds is
 * a fault. Exits with 1 if a piece was lost, came twice, or came to who did not ask for its kind. */
#include <pthread.h>
#include <stdio.h>

#include "news.h"

#define THREADS 4
#define EACH 500
#define ROOM 256 /* of the queue, for what may be dropped */

static int seen[THREADS * EACH];
static int wrong;
static uint64_t taken_of_tasks;

static void expect(int right, const char *what) {
    if (!right) {
        puts(what);
        __atomic_store_n(&wrong, 1, __ATOMIC_SEQ_CST);
    }
}

static void *put(void *argument) {
    uint64_t part = (uint64_t)(uintptr_t)argument;
    for (uint64_t i = 0; i < EACH; i++) {
        flightrec_news finished = {.kind = FLIGHTREC_NEWS_WORKLOAD, .number = part * EACH + i};
        flightrec_news task = {.kind = FLIGHTREC_NEWS_TASK, .name = "task"};
        expect(flightrec_news_put(&finished), "a workload was dropped");
        flightrec_news_put(&task);
    }
    return NULL;
}

static void *take_workloads(void *argument) {
    flightrec_news news;
    uint64_t dropped;
    (void)argument;
    while (flightrec_news_next(FLIGHTREC_NEWS_WORKLOAD, &news, &dropped) == FLIGHTREC_OK) {
        expect(news.kind == FLIGHTREC_NEWS_WORKLOAD, "another kind came");
        int before = __atomic_fetch_add(&seen[news.number], 1, __ATOMIC_SEQ_CST);
        expect(before == 0, "a workload came twice");
    }
    return NULL;
}

static void *take_tasks(void *argument) {
    flightrec_news news;
    uint64_t dropped;
    (void)argument;
    while (flightrec_news_next(FLIGHTREC_NEWS_TASK | FLIGHTREC_NEWS_HTTP, &news, &dropped) ==
           FLIGHTREC_OK) {
        expect(news.kind == FLIGHTREC_NEWS_TASK, "another kind came");
        taken_of_tasks++;
    }
    /* Two requests were refused as well. */
    expect(taken_of_tasks + dropped == THREADS * EACH + 2, "a task is neither taken nor dropped");
    return NULL;
}

int main(void) {
    pthread_t putters[THREADS], takers[THREADS], of_tasks;
    for (int i = 0; i < THREADS; i++) {
        pthread_create(&takers[i], NULL, take_workloads, NULL);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_create(&putters[i], NULL, put, (void *)(uintptr_t)i);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(putters[i], NULL);
    }
    flightrec_news request = {.kind = FLIGHTREC_NEWS_REQUEST};
    int room = ROOM; /* but for the tasks that wait */
    while (flightrec_news_put(&request)) {
        expect(room-- > 0, "the queue takes more than it has room for");
    }
    flightrec_news_close();
    expect(!flightrec_news_put(&request), "a closed queue takes news");
    pthread_create(&of_tasks, NULL, take_tasks, NULL); /* what waited is still given */
    pthread_join(of_tasks, NULL);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(takers[i], NULL);
    }
    for (int i = 0; i < THREADS * EACH; i++) {
        expect(seen[i] == 1, "a workload was lost");
    }
    return wrong;
}
