/* A bounded queue of news from Go code to Python. Whoever takes from it waits in C, and so needs
 * none of Go's Ps; whoever puts never waits. */
#ifndef FLIGHTREC_NEWS_H
#define FLIGHTREC_NEWS_H

#include "include/gobridge.h"

/* Puts a copy in the queue; returns 0 if it is full, and the news is dropped and counted. */
int flightrec_news_put(const flightrec_news *news);

#endif
