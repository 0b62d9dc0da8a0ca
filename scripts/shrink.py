# SPDX-License-Identifier: GPL-2.0-or-later
"""Delta debugging: the few things of a list that something needs (Zeller, Hildebrandt 2002)."""


def pieces(items, count):
    """The list cut into so many parts of about the same size."""
    cuts = [len(items) * i // count for i in range(count + 1)]
    return [items[a:b] for a, b in zip(cuts, cuts[1:]) if a < b]


def without(items, part):
    gone = set(part)
    return [item for item in items if item not in gone]


def shrink(items, first_that_fails):
    """A list of which no item can be left out. `first_that_fails` gets candidates, in the order of
    preference, and returns one that still fails, or None."""
    count = 2
    while len(items) > 1:
        parts = pieces(items, count)
        candidates = (parts if count > 2 or len(parts) == 2 else []) + \
            ([without(items, part) for part in parts] if len(parts) > 2 else [])
        smaller = first_that_fails(candidates)
        if smaller is not None:
            count = 2 if smaller in parts else max(count - 1, 2)
            items = smaller
        elif count >= len(items):
            break
        else:
            count = min(len(items), 2 * count)
    return items
