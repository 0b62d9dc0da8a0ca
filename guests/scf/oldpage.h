/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The page of versions 1 and 2, which the other side may change at any time. */
#ifndef SCF_OLDPAGE_H
#define SCF_OLDPAGE_H

#include <stdbool.h>

#include "wire.h"

struct old_layout {
    unsigned version;
    uint16_t capacity;
    unsigned desc_size, result, req_ring, rsp_ring;
};

static inline uint16_t old_read16(const uint8_t *page, unsigned offset)
{
    return *(const volatile uint16_t *)(page + offset);
}

static inline void old_write16(uint8_t *page, unsigned offset, uint16_t value)
{
    *(volatile uint16_t *)(page + offset) = value;
}

/* By magic and capacity; null: neither version is set up. */
const struct old_layout *old_layout_of(const uint8_t *page);
/* 1, 2, or 0 */
unsigned old_version(const uint8_t *page);
/* There are requests without a reply. */
bool old_has_work(const uint8_t *page);

#endif
