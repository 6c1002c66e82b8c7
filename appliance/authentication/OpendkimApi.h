// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

// libopendkim's header wants C's boolean type by both its names, which clang does not have in C++.
#include <stdbool.h>
#ifdef _Bool
#    include <opendkim/dkim.h>
#else
#    define _Bool bool
#    include <opendkim/dkim.h>
#    undef _Bool
#endif
