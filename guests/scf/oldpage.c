/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a page of version 1 or 2 shows to who only looks. */
#include "oldpage.h"

static const struct old_layout layouts[] = {
    { 1, SCF1_CAPACITY, SCF1_DESC_SIZE, SCF1_DESC_RESULT, SCF1_REQ_RING,
      SCF1_RSP_RING },
    { 2, SCF2_CAPACITY, SCF2_DESC_SIZE, SCF2_DESC_RESULT, SCF2_REQ_RING,
      SCF2_RSP_RING },
};

const struct old_layout *old_layout_of(const uint8_t *page)
{
    uint16_t capacity = old_read16(page, SCF_META_CAPACITY);

    if (wire_word((const uint32_t *)(page + SCF_META_MAGIC)) == SCF_MAGIC) {
        for (int i = 0; i < 2; i++) {
            if (layouts[i].capacity == capacity) {
                return &layouts[i];
            }
        }
    }
    return NULL;
}

unsigned old_version(const uint8_t *page)
{
    const struct old_layout *l = old_layout_of(page);

    return l ? l->version : 0;
}

bool old_has_work(const uint8_t *page)
{
    return old_read16(page, SCF_META_REQ_INDEX) !=
           old_read16(page, SCF_META_RSP_INDEX);
}
