/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * callstorm CALLS: null calls, whatever becomes of the other side meanwhile;
 * each returns once, with its result or with an error.
 */
#include "libc.h"

#define PAUSE           1000000         /* ns, behind an error */

int main(int argc, char **argv)
{
    long calls = argc > 1 ? number(argv[1]) : 1000, good = 0, failed = 0;
    long last = 0;

    for (long i = 0; i < calls; i++) {
        long result = null_call();

        good += result == 0;
        if (result < 0) {
            failed++;
            last = -result;
            sleep_for(PAUSE);
        }
    }
    printf("RESULT callstorm calls %ld good %ld failed %ld last error %ld\n",
           calls, good, failed, last);
    return good + failed != calls;
}
