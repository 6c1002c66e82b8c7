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

// The address stands alone, or comes first.
HopOutcome httpFromAddress(HopLine line, Hop &hop);
HopOutcome oldHotmail(HopLine line, Hop &hop);
HopOutcome webMailUser(HopLine line, Hop &hop);
HopOutcome startsWithAddress(HopLine line, Hop &hop);
HopOutcome mdaemon(HopLine line, Hop &hop);
HopOutcome smap(HopLine line, Hop &hop);
HopOutcome addressByHost(HopLine line, Hop &hop);
HopOutcome batchSmtp(HopLine line, Hop &hop);
HopOutcome contentTechnologies(HopLine line, Hop &hop);
HopOutcome communigateAccount(HopLine line, Hop &hop);
HopOutcome addressAndHelo(HopLine line, Hop &hop);
HopOutcome nameAndAddress(HopLine line, Hop &hop);
HopOutcome addressAndRemark(HopLine line, Hop &hop);
HopOutcome addressAndClaims(HopLine line, Hop &hop);
HopOutcome obtuse(HopLine line, Hop &hop);
HopOutcome yahooLogin(HopLine line, Hop &hop);
HopOutcome originatingAddress(HopLine line, Hop &hop);
HopOutcome fetcher(HopLine line, Hop &hop);

}  // namespace portcullis::spam
