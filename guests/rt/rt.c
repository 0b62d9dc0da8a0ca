/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "archive.h"
#include "kernel.h"
#include "memmap.h"
#include "remote.h"
#include "rt.h"

void rt_start(void)
{
    static bool started;

    if (started) {
        kernel_cpu();
        return;
    }
    started = true;
    kernel_start(RT_FRAMES, RT_FRAMES_END);
    kernel_window(WINDOW, WINDOW_FRAMES_END);
    threads_start(PRIORITIES - 1);
    remote_start();
}

bool program_find(const char *name, const void **image, size_t *size)
{
    for (const struct archived *a = archive; a->name[0]; a++) {
        if (!strcmp(a->name, name)) {
            *image = (const void *)a->at;
            *size = a->size;
            return true;
        }
    }
    return false;
}

int rt_run(const char *command)
{
    int pid = process_spawn(command, PRIORITY_USUAL), status = 0;
    int gone = pid < 0 ? pid : process_wait(&kernel_process, pid, &status,
                                            true);

    return gone < 0 ? gone : status;
}

/* Whatever takes long lets others run between two pages. */
void space_pause(void)
{
    thread_pause();
}
