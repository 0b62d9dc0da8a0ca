/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kexec KERNEL INITRAMFS WORDS: that kernel runs instead of this one, without a reset. */
#include <fcntl.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    int kernel = argc == 4 ? open(argv[1], O_RDONLY) : -1;
    int initramfs = argc == 4 ? open(argv[2], O_RDONLY) : -1;

    if (argc != 4 || syscall(SYS_kexec_file_load, kernel, initramfs, strlen(argv[3]) + 1, argv[3], 0)) {
        perror("kexec_file_load");
        return 1;
    }
    syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC, NULL);
    perror("reboot");
    return 1;
}
