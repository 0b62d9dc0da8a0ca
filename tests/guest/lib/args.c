/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Words like "apic=x2apic seed=5", from -fw_cfg name=opt/farbell/args, or in a
 * partition from its image.
 */
#include "lib.h"
#include "machine.h"

#define FW_CFG_SELECT   0x510
#define FW_CFG_DATA     0x511
#define FW_CFG_DIR      0x19
#define FW_CFG_NAME     56
#define ARGS_FILE       "opt/farbell/args"

static char words[512];
static bool loaded;

static uint32_t read_big_endian(int bytes)
{
    uint32_t value = 0;

    while (bytes--) {
        value = value << 8 | inb(FW_CFG_DATA);
    }
    return value;
}

static uint32_t read_file(uint16_t select, uint32_t size, char *to,
                          uint32_t room)
{
    uint32_t i;

    outw(FW_CFG_SELECT, select);
    for (i = 0; i < size && i < room; i++) {
        to[i] = inb(FW_CFG_DATA);
    }
    return i;
}

uint32_t fw_cfg_file(const char *wanted, void *to, uint32_t room)
{
    char name[FW_CFG_NAME];
    uint32_t files;

    outw(FW_CFG_SELECT, FW_CFG_DIR);
    files = read_big_endian(4);
    while (files--) {
        uint32_t size = read_big_endian(4);
        uint16_t select = read_big_endian(2);

        read_big_endian(2);
        for (int i = 0; i < FW_CFG_NAME; i++) {
            name[i] = inb(FW_CFG_DATA);
        }
        if (!strcmp(name, wanted)) {
            return read_file(select, size, to, room);
        }
    }
    return 0;
}

static void load(void)
{
    loaded = true;
    if (machine.whole) {
        fw_cfg_file(ARGS_FILE, words, sizeof(words) - 1);
    } else {
        memcpy(words, machine.args, strlen(machine.args));
    }
}

/* The last of a name counts, so that a command line can overrule a stanza. */
static const char *find(const char *name)
{
    const char *found = NULL;
    size_t n = strlen(name);

    if (!loaded) {
        load();
    }
    for (const char *word = words; *word; ) {
        if (!strncmp(word, name, n) && word[n] == '=') {
            found = word + n + 1;
        }
        while (*word && *word != ' ') {
            word++;
        }
        while (*word == ' ') {
            word++;
        }
    }
    return found;
}

bool arg_given(const char *name)
{
    return find(name);
}

uint64_t arg_number(const char *name, uint64_t fallback)
{
    const char *s = find(name);
    uint64_t value = 0;

    if (!s) {
        return fallback;
    }
    for (; *s >= '0' && *s <= '9'; s++) {
        value = value * 10 + (*s - '0');
    }
    return value;
}

size_t arg_text(const char *name, char *to, size_t room)
{
    const char *s = find(name);
    size_t n = 0;

    for (; s && s[n] && s[n] != ' ' && n + 1 < room; n++) {
        to[n] = s[n];
    }
    to[n] = 0;
    return n;
}

bool arg_is(const char *name, const char *value)
{
    const char *s = find(name);
    size_t n = strlen(value);

    return s && !strncmp(s, value, n) && (!s[n] || s[n] == ' ');
}
