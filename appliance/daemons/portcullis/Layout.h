// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Paths.h"
#include "appliance/daemons/portcullis/Accounts.h"
#include "shared/base/Result.h"

namespace portcullis::daemons {

/// Creates the folders below a private root, each with the owner and mode that its users need, and an
/// empty pmg.conf. Run at every start: it repairs what a copied or restored folder lost.
///
/// As root a folder belongs to the program that writes there; what several write is of group pmg and
/// sticky, so that none can replace another's files (pmg.conf above all).
///
/// Errors: `supervisor.unwritable`; `supervisor.unreachable` if a parent folder keeps the children out.
Status prepareLayout(const Paths &paths, const Accounts &accounts);

}  // namespace portcullis::daemons
