// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/relays/HopForms.h"

/// Forms that more than one file of readShapedForms() needs.
namespace portcullis::spam {

/// " by host", maybe with what has to follow.
bool byHost(HopLine &line, QByteArrayView &by, QByteArrayView after = " ");

// "name (HELO helo) (ident@address) by host": qmail and those that write like it.
HopOutcome qpsmtpd(HopLine line, Hop &hop);
HopOutcome zimbraLmtp(HopLine line, Hop &hop);
HopOutcome gmx(HopLine line, Hop &hop);
HopOutcome qmail(HopLine line, Hop &hop);
HopOutcome looseQmail(HopLine line, Hop &hop);
HopOutcome looseQmailWithoutHelo(HopLine line, Hop &hop);
HopOutcome qmailWithRemark(HopLine line, Hop &hop);

}  // namespace portcullis::spam
