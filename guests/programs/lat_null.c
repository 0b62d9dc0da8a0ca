/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lat_null [CALLS [REQUEST [REPLY [stages]]]]: a call that does nothing. */
#include "latency.h"

int main(int argc, char **argv)
{
    return latency_main("lat_null", argc, argv, null_call);
}
