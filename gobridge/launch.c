/* What a Go program that is loaded takes for its arguments and its executable.
 *
 * The Go runtime starts on a thread of its own when the library is loaded, and runs the program's
 * init functions at once: later is too late. So Python says it before, in the environment:
 * FLIGHTREC_EXECUTABLE is the path; FLIGHTREC_ARGS is the address of an array of C strings that ends
 * with NULL, behind the process id, so that a child that inherits it does not follow the address.
 * Both are removed. The overlay program-args has the runtime read flightrec_launch; in other builds
 * nobody does. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#ifndef _WIN32
#include <string.h>
#include <unistd.h>

struct flightrec_launch {
    char **argv;      /* NULL: the process's */
    char *executable; /* NULL: the process's */
};

struct flightrec_launch flightrec_launch;

/* The priority puts it before the Go runtime's own constructor. */
__attribute__((constructor(101))) static void take_launch(void) {
    const char *executable = getenv("FLIGHTREC_EXECUTABLE");
    const char *args = getenv("FLIGHTREC_ARGS");
    long process;
    unsigned long long address;
    if (executable != NULL)
        flightrec_launch.executable = strdup(executable);
    if (args != NULL && sscanf(args, "%ld:%llu", &process, &address) == 2 && process == (long)getpid())
        flightrec_launch.argv = (char **)(uintptr_t)address;
    unsetenv("FLIGHTREC_EXECUTABLE");
    unsetenv("FLIGHTREC_ARGS");
}
#endif
