/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hello [WORD...]: says who it is. */
#include "libc.h"

int main(int argc, char **argv)
{
    printf("hello from process %ld", getpid());
    for (int i = 1; i < argc; i++) {
        printf(" %s", argv[i]);
    }
    printf("\n");
    return 0;
}
